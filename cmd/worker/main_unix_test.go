//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// build builds the real executable.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestWorker(t *testing.T) {
	path := build(t)
	t.Run("by hand", func(t *testing.T) { byHand(t, path) })
	t.Run("compile and run", func(t *testing.T) { compileAndRun(t, path) })
}

// byHand holds that it says what it is to a person who starts it.
func byHand(t *testing.T, path string) {
	for _, args := range [][]string{nil, {"--help"}} {
		var out bytes.Buffer
		cmd := exec.Command(path, args...)
		cmd.Stderr = &out
		if err := cmd.Run(); err == nil || out.String() != what+"\n" {
			t.Errorf("%q: %v, %q", args, err, out.String())
		}
	}
}

// compileAndRun has two workers compile a module and run a message.
func compileAndRun(t *testing.T, path string) {
	module := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b")
	file := compile(t, path, module)
	h := start(t, path)
	h.send(&link.Place{Kind: link.KindHandler, Slots: 2, Memory: 1 << 30, Code: file})
	h.placed()
	h.send(&link.Message{Unit: 5, Memory: 1 << 20, Timeout: time.Minute})
	if f, ok := h.next().(*link.Ended); !ok || f.Unit != 5 || f.Reason != "" {
		t.Errorf("%#v", f)
	}
	h.send(&link.Stop{})
	if err := h.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// compile has a worker compile a module, and returns the file of its code.
func compile(t testing.TB, path string, module []byte) string {
	t.Helper()
	c := start(t, path)
	c.send(&link.Place{Kind: link.KindCompile, Module: int64(len(module)), Memory: 2 << 30})
	c.placed()
	c.send(&link.Module{Last: true, Data: module})
	done, ok := c.next().(*link.Compiled)
	if !ok || done.Failure != "" || done.MPI {
		t.Fatalf("%#v", done)
	}
	var code []byte
	for int64(len(code)) < done.Size {
		code = append(code, c.next().(*link.Code).Data...)
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	conn net.Conn
	in   *link.Reader
}

func start(t testing.TB, path string) *process {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	ours.Close()
	p := &process{t, &exec.Cmd{Path: path, Env: []string{}, Dir: "/", ExtraFiles: []*os.File{theirs}}, conn, link.NewReader(conn)}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(p.end)
	conn.SetDeadline(time.Now().Add(time.Minute))
	if f, ok := p.next().(*link.Ready); !ok || f.Version != link.Version {
		t.Fatalf("first %#v", f)
	}
	return p
}

// end kills it. It is idempotent.
func (p *process) end() {
	p.conn.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func (p *process) send(f link.Frame) {
	p.t.Helper()
	b, err := link.Append(nil, f)
	if err == nil {
		_, err = p.conn.Write(b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) next() link.Frame {
	p.t.Helper()
	typ, payload, err := p.in.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := link.ParseAny(typ, bytes.Clone(payload))
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

func (p *process) placed() {
	p.t.Helper()
	if f, ok := p.next().(*link.Placed); !ok || f.Failure != "" {
		p.t.Fatalf("%#v", f)
	}
}
