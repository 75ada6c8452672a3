//go:build unix

package guests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// patience is how long a test waits for what has to come.
const patience = time.Minute

// daemon is the daemon's side of one worker, for tests. It serves files itself.
type daemon struct {
	t      testing.TB
	conn   *net.UnixConn
	out    *link.Writer
	cmd    *osexec.Cmd
	ended  chan struct{} // closed when the process has ended
	frames chan link.Frame
	pongs  chan uint64
	tree   fs.FS // what files are read from

	mu    sync.Mutex
	open  map[uint32]string
	reads func() error // before each read of a file; nil for nothing
	wg    sync.WaitGroup
}

// start starts a worker, which the test ends.
func start(t testing.TB, mode string) *daemon {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer theirs.Close()
	defer ours.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, conn: c.(*net.UnixConn), ended: make(chan struct{}), frames: make(chan link.Frame, 1<<16),
		pongs: make(chan uint64, 1<<10), open: map[uint32]string{}}
	d.cmd = &osexec.Cmd{Path: exe, Args: []string{childName + mode}, Env: []string{}, Dir: "/",
		Stderr: os.Stderr, ExtraFiles: []*os.File{theirs}}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.out = link.NewWriter(d.conn)
	d.wg.Go(func() { d.out.Run() })
	d.wg.Go(d.read)
	go func() {
		d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.ended
		d.out.Close(nil)
		d.conn.Close()
		d.wg.Wait()
	})
	if f, ok := d.next().(*link.Ready); !ok || f.Version != link.Version {
		t.Fatalf("first %#v", f)
	}
	return d
}

// read sorts what the worker says.
func (d *daemon) read() {
	defer close(d.frames)
	for in := link.NewReader(d.conn); ; {
		t, payload, err := in.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				d.t.Errorf("the worker's socket: %v", err)
			}
			return
		}
		f, err := link.ParseAny(t, bytes.Clone(payload))
		if err != nil {
			d.t.Errorf("the worker says: %v", err)
			return
		}
		switch f := f.(type) {
		case *link.Pong:
			d.pongs <- f.Number
		case *link.FileOpen, *link.FileRead, *link.FileClose:
			d.wg.Go(func() { d.file(f) })
		default:
			d.frames <- f
		}
	}
}

// next is the next frame that is neither Pong nor of a file; nil at the socket's end.
func (d *daemon) next() link.Frame {
	d.t.Helper()
	select {
	case f := <-d.frames:
		return f
	case <-time.After(patience):
		d.t.Fatal("the worker says nothing")
		return nil
	}
}

func (d *daemon) send(list ...link.Frame) {
	d.t.Helper()
	for _, f := range list {
		if err := d.out.Send(context.Background(), f); err != nil {
			d.t.Fatalf("send %s: %v", f.Type(), err)
		}
	}
}

// place places the worker. A failure is the test's.
func (d *daemon) place(p *link.Place) {
	d.t.Helper()
	d.send(p)
	if f, ok := d.next().(*link.Placed); !ok || f.Failure != "" {
		d.t.Fatalf("%#v", f)
	}
}

// exit waits for the process's end.
func (d *daemon) exit() *os.ProcessState {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatal("the worker does not end")
	}
	return d.cmd.ProcessState
}

// onRead sets what is called before each read of a file. Its error is the read's.
func (d *daemon) onRead(f func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads = f
}

// file answers a request for a file.
func (d *daemon) file(f link.Frame) {
	if read, ok := f.(*link.FileRead); ok {
		d.mu.Lock()
		reads := d.reads
		d.mu.Unlock()
		if reads != nil && reads() != nil {
			d.out.SendNow(&link.FileData{File: read.File, Error: link.FileUnavailable})
			return
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch f := f.(type) {
	case *link.FileOpen:
		info, err := fs.Stat(d.tree, f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			d.out.SendNow(&link.FileOpened{File: f.File, Error: link.FileMissing})
		case err != nil:
			d.out.SendNow(&link.FileOpened{File: f.File, Error: link.FileUnavailable})
		default:
			d.open[f.File] = f.Name
			d.out.SendNow(&link.FileOpened{File: f.File, Dir: info.IsDir(), Size: info.Size(), ModTime: 1e18})
		}
	case *link.FileRead:
		if _, ok := d.open[f.File]; !ok {
			return // closed meanwhile
		}
		if list, err := fs.ReadDir(d.tree, d.open[f.File]); err == nil {
			names := &link.FileNames{File: f.File}
			for _, e := range list[f.Offset:min(int(f.Offset)+int(f.Length), len(list))] {
				names.Entries = append(names.Entries, link.Entry{Dir: e.IsDir(), Name: e.Name()})
			}
			names.End = int(f.Offset)+len(names.Entries) == len(list)
			d.out.SendNow(names)
			return
		}
		data, err := fs.ReadFile(d.tree, d.open[f.File])
		if err != nil {
			d.t.Errorf("a read of %q: %v", d.open[f.File], err)
		}
		from := min(int(f.Offset), len(data))
		d.out.SendNow(&link.FileData{File: f.File, Data: data[from:min(from+int(f.Length), len(data))]})
	case *link.FileClose:
		delete(d.open, f.File)
	}
}

func assemble(t testing.TB, wat string) []byte {
	t.Helper()
	bin, err := wasmtime.Wat2Wasm(wat)
	if err != nil {
		t.Fatalf("Wat2Wasm: %v\n%s", err, wat)
	}
	return bin
}

// build has a worker compile a module, and returns the path of its code.
func build(t testing.TB, wasm []byte) string {
	t.Helper()
	d := start(t, "")
	d.place(&link.Place{Kind: link.KindCompile, Module: int64(len(wasm)), Memory: limit(2 << 30)})
	d.module(wasm)
	code, done := d.code()
	if done.Failure != "" {
		t.Fatal(done.Failure)
	}
	path := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(path, code, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// module sends a module to be compiled.
func (d *daemon) module(wasm []byte) {
	d.t.Helper()
	for {
		n := min(len(wasm), link.MaxData)
		d.send(&link.Module{Last: n == len(wasm), Data: wasm[:n]})
		if wasm = wasm[n:]; len(wasm) == 0 {
			return
		}
	}
}

// code is how a compilation ends.
func (d *daemon) code() (code []byte, done *link.Compiled) {
	d.t.Helper()
	f := d.next()
	done, ok := f.(*link.Compiled)
	if !ok {
		d.t.Fatalf("%#v", f)
	}
	for int64(len(code)) < done.Size {
		f := d.next()
		part, ok := f.(*link.Code)
		if !ok {
			d.t.Fatalf("%#v", f)
		}
		code = append(code, part.Data...)
	}
	return code, done
}

// message starts a unit.
func (d *daemon) message(m link.Message, input string) {
	d.t.Helper()
	m.Size = int64(len(input))
	if m.Memory == 0 {
		m.Memory = 16 << 20
	}
	if m.Output == 0 {
		m.Output = 1 << 20
	}
	if m.Timeout == 0 {
		m.Timeout = time.Hour
	}
	d.send(&m)
	for len(input) > 0 {
		n := min(len(input), link.MaxData)
		d.send(&link.MessageIn{Unit: m.Unit, Data: []byte(input[:n])})
		input = input[n:]
	}
}

// result is what a unit said.
type result struct {
	out   string
	lines []string
	*link.Ended
}

// result waits for the end of a unit, of which there is one at a time.
func (d *daemon) result() (r result) {
	d.t.Helper()
	for {
		switch f := d.next().(type) {
		case *link.MessageOut:
			r.out += string(f.Data)
		case *link.Line:
			r.lines = append(r.lines, string(f.Text))
		case *link.Ended:
			r.Ended = f
			r.out += string(f.Data)
			return r
		default:
			d.t.Fatalf("%#v", f)
		}
	}
}

// limit is a limit of a process's memory, which the race detector does not take.
func limit(n int64) int64 {
	if underRace {
		return 0
	}
	return n
}
