// Package wat has programs in WebAssembly's text form that several packages' tests run.
package wat

// Cat copies standard input to standard output, and says "done" on standard error.
const Cat = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 40) "done\n")
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (br $more))))
    (i32.store (i32.const 0) (i32.const 40))
    (i32.store (i32.const 4) (i32.const 5))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 12)))))`

// Spin never ends by itself.
const Spin = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`

// Ranks adds up the numbers of its four ranks a hundred times, exchanges a megabyte with the
// rank two further, and says "ok". Rank 0 copies its input to its output first; rank 1 writes a
// file.
const Ranks = `(module
  (import "env" "MPI_Init" (func $init (param i32 i32) (result i32)))
  (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
  (import "env" "MPI_Allreduce" (func $allreduce (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "MPI_Sendrecv" (func $sendrecv (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "MPI_Finalize" (func $finalize (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 40) (data (i32.const 100) "ok\n") (data (i32.const 110) "out")
  (func $check (param i32) (if (local.get 0) (then (unreachable))))
  (func $say (param $fd i32) (param $at i32) (param $n i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $n))
    (call $check (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 12))))
  (func (export "_start") (local $rank i32) (local $i i32)
    (call $check (call $init (i32.const 0) (i32.const 0)))
    (call $check (call $rank (i32.const 0x101) (i32.const 16)))
    (local.set $rank (i32.load (i32.const 16)))
    (loop $again
      (i32.store (i32.const 20) (local.get $rank))
      (call $check (call $allreduce (i32.const 20) (i32.const 24) (i32.const 1) (i32.const 0x209) (i32.const 0x21) (i32.const 0x101)))
      (call $check (i32.ne (i32.load (i32.const 24)) (i32.const 6)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
    (memory.fill (i32.const 65536) (local.get $rank) (i32.const 1048576))
    (call $check (call $sendrecv
      (i32.const 65536) (i32.const 262144) (i32.const 0x209) (i32.xor (local.get $rank) (i32.const 2)) (i32.const 1)
      (i32.const 1310720) (i32.const 262144) (i32.const 0x209) (i32.xor (local.get $rank) (i32.const 2)) (i32.const 1)
      (i32.const 0x101) (i32.const 0)))
    (call $check (i32.ne (i32.load8_u (i32.const 2359295)) (i32.xor (local.get $rank) (i32.const 2))))
    (if (i32.eqz (local.get $rank)) (then
      (loop $more
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 4096))
        (call $check (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (i32.load (i32.const 8)) (then
          (call $say (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))
          (br $more))))))
    (if (i32.eq (local.get $rank) (i32.const 1)) (then
      (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 3) (i32.const 1)
        (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 28)))
      (call $say (i32.load (i32.const 28)) (i32.const 65536) (i32.const 100000))))
    (call $say (i32.const 1) (i32.const 100) (i32.const 3))
    (call $check (call $finalize))))`

// Wait has rank 0 wait for a message that nobody sends, and the others compute for ever.
const Wait = `(module
  (import "env" "MPI_Init" (func $init (param i32 i32) (result i32)))
  (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
  (import "env" "MPI_Recv" (func $recv (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $init (i32.const 0) (i32.const 0)))
    (drop (call $rank (i32.const 0x101) (i32.const 16)))
    (if (i32.eqz (i32.load (i32.const 16))) (then
      (drop (call $recv (i32.const 64) (i32.const 1) (i32.const 0x209) (i32.const 1) (i32.const 1) (i32.const 0x101) (i32.const 0)))))
    (loop $l (br $l))))`
