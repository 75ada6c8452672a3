package worker

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// TestEndWithHeir: a process that the worker started and that holds its socket does not keep the
// worker from ending, nor what the worker said from being heard.
func TestEndWithHeir(t *testing.T) {
	heard := make(chan link.Type, 8)
	s := newSet(t, "leave an heir", Config{})
	w := get(t, s, func(t link.Type, _ []byte) error { heard <- t; return nil })
	send(t, w, &link.Place{Kind: link.KindRanks})
	select {
	case <-w.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("it has not ended")
	}
	select {
	case got := <-heard:
		if got != link.TypeEnded {
			t.Errorf("it said %v", got)
		}
	default:
		t.Error("its last frame was not handled")
	}
}

// TestGetBeforeStart: there is no worker to wait for.
func TestGetBeforeStart(t *testing.T) {
	s := New(Config{Executable: At(self(t))})
	defer s.Close()
	if _, err := s.Get(t.Context(), nil); err != ErrClosed {
		t.Errorf("Get: %v", err)
	}
}

// TestChildDescriptors: none of those that starting a worker takes is that of its program.
func TestChildDescriptors(t *testing.T) {
	image, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Load(bytes.NewReader(image), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.file == nil {
		t.Skip("no program is started from memory here")
	}
	conn, theirs, err := pair(e.above())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer theirs.Close()
	if theirs.Fd() <= e.file.Fd() {
		t.Errorf("the child's socket is %d, its program %d", theirs.Fd(), e.file.Fd())
	}
}
