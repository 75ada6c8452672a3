package worker

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"golang.org/x/sys/unix"
)

// childName begins the name of a worker that is this test's executable; its mode follows.
// daemonName begins that of a daemon, whose worker's mode follows.
const (
	childName  = "worker-test:"
	daemonName = "daemon-test:"
)

func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(os.Args[0], childName); ok {
		child(mode)
	}
	if mode, ok := strings.CutPrefix(os.Args[0], daemonName); ok {
		daemon(mode)
	}
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// child is a worker. It echoes Packets, and ends when it is stopped, or as its mode says.
func child(mode string) {
	abortEnds()
	conn, err := net.FileConn(os.NewFile(workerSocket, "socket"))
	if err != nil {
		os.Exit(20)
	}
	out := link.NewWriter(conn)
	written := make(chan struct{})
	go func() { out.Run(); close(written) }()
	ready := &link.Ready{Version: link.Version}
	switch mode {
	case "old":
		ready.Version++
	case "early":
		out.SendNow(&link.Pong{})
	case "heir": // holds a worker's socket after it
		time.Sleep(30 * time.Second)
		os.Exit(0)
	case "mute": // never ready
		select {}
	case "exit":
		os.Exit(3)
	}
	out.SendNow(ready)
	for in := link.NewReader(conn); ; {
		t, payload, err := in.Next()
		if err != nil && mode == "stubborn" {
			select {}
		}
		if err != nil {
			out.Close(nil)
			<-written
			unix.Exit(0) // os.Exit of the race detector waits a second
		}
		f, err := link.ParseAny(t, payload)
		if err != nil {
			os.Exit(21)
		}
		if strings.HasPrefix(mode, liarMode) {
			liar(mode, out, f)
			continue
		}
		if rest, ok := strings.CutPrefix(mode, endMode); ok {
			ender(rest, conn, out, f)
			continue
		}
		switch f := f.(type) {
		case *link.Packets:
			out.SendNow(f)
		case *link.Ping:
			if mode != "silent" {
				out.SendNow(&link.Pong{Number: f.Number})
			}
		case *link.Stop:
			out.SendNow(&link.Ended{Unit: 1})
		case *link.Place:
			place(mode, conn)
		}
	}
}

// abortEnds gives signals their default action, as cmd/worker does.
func abortEnds() {
	var action struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	for _, sig := range []syscall.Signal{unix.SIGABRT, unix.SIGSEGV, unix.SIGTERM} {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
	}
}

// held is memory that a child keeps.
var held [][]byte

// place does what a mode does when the daemon wants something of it.
func place(mode string, conn net.Conn) {
	switch mode {
	case "grow", "grow and abort":
		for range 32 {
			more := make([]byte, 16<<20)
			for i := 0; i < len(more); i += 4096 {
				more[i] = 1
			}
			held = append(held, more)
		}
		if mode != "grow" {
			unix.Kill(os.Getpid(), syscall.SIGABRT)
		}
		select {}
	case "abort":
		unix.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	case "fault", "killed", "terminated", "stopped":
		unix.Kill(os.Getpid(), map[string]syscall.Signal{"fault": syscall.SIGSEGV, "killed": syscall.SIGKILL,
			"terminated": syscall.SIGTERM, "stopped": syscall.SIGSTOP}[mode])
		select {}
	case "panic":
		fmt.Fprintln(os.Stderr, "\x1b[31mbefore it")
		go panic("the cause")
		select {}
	case "threads":
		for range 400 {
			go func() { runtime.LockOSThread(); select {} }()
		}
		select {}
	case "flood":
		for line := []byte(strings.Repeat("x", 1023) + "\n"); ; {
			unix.Write(2, line)
		}
	case "exit later":
		os.Exit(3)
	case "leave an heir":
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			os.Exit(26)
		}
		_, err = os.StartProcess("/proc/self/exe", []string{childName + "heir"}, &os.ProcAttr{
			Files: []*os.File{null, null, null, os.NewFile(workerSocket, "socket")},
		})
		if err != nil {
			os.Exit(27)
		}
		b, _ := link.Append(nil, &link.Ended{Unit: 7})
		conn.Write(b)
		unix.Exit(0)
	case "leave":
		os.Exit(0)
	case "unplug":
		conn.Close()
		unix.Close(workerSocket)
		select {}
	case "babble":
		conn.Write([]byte{1, 0, 0, 0, 0xff})
	case "too long":
		conn.Write([]byte{0xff, 0xff, 0xff, 0xff, byte(link.TypePackets)})
	case "foreign":
		b, _ := link.Append(nil, &link.Input{})
		conn.Write(b)
	case "describe":
		describe(conn)
	}
}

// describe says what the process was given, as Placed.
func describe(conn net.Conn) {
	var said []string
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		os.Exit(22)
	}
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(to, "anon_inode:") || strings.HasPrefix(to, "/proc/") || strings.HasPrefix(to, "/sys/fs/cgroup/") {
			continue // what the Go runtime opened, and the directory
		}
		if to, _, _ = strings.Cut(to, "["); to == "socket:" && e.Name() != "3" {
			continue // the net package's copy
		}
		said = append(said, e.Name()+" "+to)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		os.Exit(23)
	}
	dir, err := os.Getwd()
	if err != nil {
		os.Exit(24)
	}
	text := fmt.Sprintf("%s; env %d; args %d; dir %s; leader %v", strings.Join(said, ", "), len(os.Environ()), len(os.Args),
		dir, sid == os.Getpid())
	b, err := link.Append(nil, &link.Placed{Failure: text})
	if err != nil {
		os.Exit(25)
	}
	conn.Write(b)
}

// daemon starts a worker, says its ID and waits to be killed.
func daemon(mode string) {
	self, err := os.Executable()
	if err != nil {
		os.Exit(30)
	}
	s := New(Config{Executable: At(self), Name: childName + mode})
	s.Start()
	w, err := s.Get(context.Background(), func(link.Type, []byte) error { return nil })
	if err != nil {
		os.Exit(31)
	}
	fmt.Println(w.Pid())
	select {}
}
