//go:build unix

package link

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// echoName is argument 0 of this test's executable when it is the process that echoes.
const echoName = "link-echo"

func TestMain(m *testing.M) {
	if os.Args[0] == echoName {
		echo()
		return
	}
	os.Exit(m.Run())
}

func echo() {
	conn, err := net.FileConn(os.NewFile(3, "socket"))
	if err != nil {
		panic(err)
	}
	w := NewWriter(conn)
	go w.Run()
	in := NewReader(conn)
	var p Packets
	for {
		_, payload, err := in.Next()
		if err != nil {
			return
		}
		if err := Parse(payload, &p); err != nil {
			panic(err)
		}
		if err := w.SendNow(&p); err != nil {
			return
		}
	}
}

// dial starts a process that echoes and returns its socket.
func dial(t testing.TB) net.Conn {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: []string{echoName}, ExtraFiles: []*os.File{theirs}, Stderr: os.Stderr}
	conn, err := net.FileConn(ours)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
	})
	return conn
}

// BenchmarkEcho sends packets to another process and back. flight is how many are under way.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{8, 1 << 10, 64 << 10} {
		for _, flight := range []int{1, 64} {
			b.Run(fmt.Sprintf("size=%d/flight=%d", size, flight), func(b *testing.B) {
				conn := dial(b)
				w := NewWriter(conn)
				ran := make(chan error, 1)
				go func() { ran <- w.Run() }()
				in := NewReader(conn)
				p, q := Packets{Data: make([]byte, size)}, Packets{}
				b.SetBytes(int64(size))
				sent := 0
				for got := 0; got < b.N; got++ {
					for ; sent < b.N && sent < got+flight; sent++ {
						if err := w.SendNow(&p); err != nil {
							b.Fatal(err)
						}
					}
					_, payload, err := in.Next()
					if err == nil {
						err = Parse(payload, &q)
					}
					if err != nil || len(q.Data) != size {
						b.Fatal(err, len(q.Data))
					}
				}
				w.Close(nil)
				<-ran
			})
		}
	}
}
