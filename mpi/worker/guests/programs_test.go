package guests

// Programs in text form.

const (
	// growWAT grows its memory page by page, touching each, until it is refused, and exits with
	// code
	// 9. It traps if it came to 1 GiB.
	growWAT = `(module
	  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
	  (memory (export "memory") 1)
	  (func (export "_start") (local $page i32)
	    (loop $l
	      (local.set $page (memory.grow (i32.const 16)))
	      (if (i32.eq (local.get $page) (i32.const -1)) (then (call $exit (i32.const 9))))
	      (if (i32.gt_u (local.get $page) (i32.const 16384)) (then (unreachable)))
	      (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 1) (i32.const 1048576))
	      (br $l))))`
)

// exitWAT is an MPI program that does nothing.
const exitWAT = `(module (import "env" "MPI_Init" (func (param i32 i32) (result i32)))
  (memory (export "memory") 1) (func (export "_start")))`

// manyWAT does what the first byte of its input says: 0 copies the rest to its output, 1 traps, 2
// grows its memory to the end and traps, 3 writes to standard error.
const manyWAT = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $do i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (local.set $do (i32.load8_u (i32.const 1024)))
    (if (i32.eq (local.get $do) (i32.const 49)) (then (unreachable)))
    (if (i32.eq (local.get $do) (i32.const 50)) (then
      (loop $l
        (memory.fill (i32.shl (i32.sub (memory.size) (i32.const 1)) (i32.const 16)) (i32.const 1) (i32.const 65536))
        (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (unreachable)))
    (if (i32.eq (local.get $do) (i32.const 51)) (then
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 12)))
      (return)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))))`
