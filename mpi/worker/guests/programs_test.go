package guests

// Programs in text form.

const (
	// catWAT copies standard input to standard output, and says "done" on standard error.
	catWAT = `(module
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

	spinWAT = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`

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
