//go:build unix

package guests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// served is a tree that a daemon in this process serves over a socket.
func served(t *testing.T, from fs.FS) (*tree, *daemon) {
	ours, theirs := net.Pipe()
	d := &daemon{t: t, out: link.NewWriter(ours), tree: from, open: map[uint32]string{}}
	files := &files{out: link.NewWriter(theirs)}
	d.wg.Go(func() { d.out.Run() })
	d.wg.Go(func() { files.out.Run() })
	d.wg.Go(func() {
		for in := link.NewReader(ours); ; {
			typ, payload, err := in.Next()
			if err != nil {
				return
			}
			f, err := link.ParseAny(typ, payload)
			if err != nil {
				t.Error(err)
			}
			d.wg.Go(func() { d.file(f) })
		}
	})
	d.wg.Go(func() {
		for in := link.NewReader(theirs); ; {
			typ, payload, err := in.Next()
			if err != nil {
				return
			}
			if err := files.answer(typ, payload); err != nil {
				t.Error(err)
			}
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		ours.Close()
		theirs.Close()
		d.out.Close(nil)
		files.out.Close(nil)
		d.wg.Wait()
	})
	return &tree{files: files, ctx: ctx}, d
}

func someFiles() fstest.MapFS {
	big := make([]byte, 3*link.MaxRange+5)
	for i := range big {
		big[i] = byte(i * i >> 7)
	}
	m := fstest.MapFS{"big": {Data: big}, "empty": {}, "dir/sub/x": {Data: []byte("x")}}
	for i := range 2*link.MaxEntries + 3 {
		m[fmt.Sprintf("many/%04d", i)] = &fstest.MapFile{Data: []byte{byte(i)}}
	}
	return m
}

// TestFS holds what fs.FS asks of a file system.
func TestFS(t *testing.T) {
	tree, _ := served(t, someFiles())
	if err := fstest.TestFS(tree, "big", "empty", "dir/sub/x", "many/0000", "many/0514"); err != nil {
		t.Error(err)
	}
	tree.files.mu.Lock()
	defer tree.files.mu.Unlock()
	if n := len(tree.files.open); n > 0 {
		t.Errorf("%d files are open here", n)
	}
}

// TestReadAt reads at random places, in pieces of all sizes, and from one end to the other.
func TestReadAt(t *testing.T) {
	from := someFiles()
	big := from["big"].Data
	tree, _ := served(t, from)
	f, err := tree.Open("big")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		off, p := r.IntN(len(big)+10), make([]byte, 1+r.IntN(1<<(1+r.IntN(18))))
		n, err := f.(io.ReaderAt).ReadAt(p, int64(off))
		want := big[min(off, len(big)):min(off+len(p), len(big))]
		if !bytes.Equal(p[:n], want) || (err == io.EOF) != (n < len(p)) {
			t.Fatalf("%d bytes at %d: %d, %v", len(p), off, n, err)
		}
	}
	if all, err := io.ReadAll(f); err != nil || !bytes.Equal(all, big) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

// TestFileErrors holds that a guest is told the kind of error.
func TestFileErrors(t *testing.T) {
	tree, d := served(t, someFiles())
	if _, err := tree.Open("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := tree.Open("../big"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	f, err := tree.Open("big")
	if err != nil {
		t.Fatal(err)
	}
	d.onRead(func() error { return errors.New("no block") })
	if n, err := f.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Error(n, err)
	}
	f.Close()
	if _, err := f.Read(make([]byte, 10)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// readWAT copies the file "big" to standard output.
const readWAT = `(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 100) "big")
  (func $check (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
  (func (export "_start")
    (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3) (i32.const 0)
      (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 16)))
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 4096))
      (call $check (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (call $check (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (br $more))))))`

// TestHandlerFiles has a guest read a file of the daemon's, one that is not there, and one that
// does not come: it is ended while it waits, and the worker goes on.
func TestHandlerFiles(t *testing.T) {
	d := handle(t, readWAT, 1)
	from := someFiles()
	d.tree = from
	big := string(from["big"].Data)
	d.message(link.Message{Unit: 1, Files: true}, "")
	if r := d.result(); r.out != big {
		t.Errorf("%d bytes, %+v", len(r.out), r.Ended)
	}
	d.message(link.Message{Unit: 2}, "")
	if r := d.result(); r.Reason != string(mpi.Exited) {
		t.Errorf("without files: %+v", r.Ended)
	}
	held, reached := make(chan struct{}), make(chan struct{}, 1)
	defer close(held)
	d.onRead(func() error { reached <- struct{}{}; <-held; return nil })
	d.message(link.Message{Unit: 3, Files: true}, "")
	<-reached
	d.send(&link.Cancel{Unit: 3})
	if r := d.result(); r.Reason != string(mpi.Cancelled) {
		t.Errorf("%+v", r.Ended)
	}
	d.message(link.Message{Unit: 4, Files: true, Timeout: 50 * time.Millisecond}, "")
	if r := d.result(); r.Reason != string(mpi.TimedOut) {
		t.Errorf("%+v", r.Ended)
	}
	d.onRead(nil)
	d.message(link.Message{Unit: 5, Files: true}, "")
	if r := d.result(); r.out != big {
		t.Errorf("%d bytes, %+v", len(r.out), r.Ended)
	}
}
