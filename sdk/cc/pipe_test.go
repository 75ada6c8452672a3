//go:build unix

package cc_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// A program that is linked into a pipe is not read from it.
func TestOutputIsPipe(t *testing.T) {
	if code, said := compile(t, map[string]string{"prog.c": "int main(void) { return 0; }\n"}, "-c", "prog.c"); code != 0 {
		t.Fatal(said)
	}
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	done, read := make(chan string, 1), make(chan []byte, 1)
	go func() {
		f, err := os.Open("pipe")
		if err != nil {
			read <- nil
			return
		}
		defer f.Close()
		b, _ := io.ReadAll(f)
		read <- b
	}()
	go func() {
		var said strings.Builder
		code, err := cc.Run(t.Context(), []string{"-o", "pipe", "prog.o"}, false, cc.Streams{Out: &said, Err: &said})
		if code != 0 || err != nil {
			said.WriteString(" failed")
		}
		done <- said.String()
	}()
	select {
	case said := <-done:
		if b := <-read; said != "" || !strings.HasPrefix(string(b), "\x00asm") {
			t.Errorf("%d bytes; %s", len(b), said)
		}
	case <-time.After(time.Minute):
		t.Fatal("the compiler waits")
	}
}
