//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// start runs ipfs-mpi and reports what it wrote, how it ended, and whether Kubo was initialised in
// the process.
func start(t *testing.T, exe string, args ...string) (out, errs string, code int, kubo bool) {
	t.Helper()
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1", "IPFS_PATH="+t.TempDir())
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(e.String()) {
		switch {
		case !strings.HasPrefix(line, "init "):
			errs += line
		case strings.HasPrefix(line, "init github.com/ipfs/kubo/"):
			kubo = true
		}
	}
	return o.String(), errs, cmd.ProcessState.ExitCode(), kubo
}

// Commands that need no Kubo do not wait for its packages to be initialised, whatever the
// executable is called, and are otherwise what the whole executable would run.
func TestStart(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("programs start from memory on Linux only")
	}
	linked := filepath.Join(t.TempDir(), "another name")
	if err := os.Symlink(loader, linked); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		exe       string
		args      []string
		kubo      bool
		code      int
		out, errs string // parts of what it writes
	}{
		{loader, []string{"version"}, false, 0, "ipfs-mpi ", ""},
		{linked, []string{"version"}, false, 0, "ipfs-mpi ", ""},
		{loader, nil, false, 0, "Usage:", ""},
		{loader, []string{"help", "daemon"}, false, 0, "Kubo's own daemon", ""},
		{loader, []string{"--api", "127.0.0.1:1", "ps"}, false, 1, "", "127.0.0.1:1"},
		{loader, []string{"run", "", "a b", "\xff"}, false, 2, "", "ipfs-mpi run: "},
		{loader, []string{"cc", "--show", "a b.c"}, false, 0, "a b.c", ""},
		{loader, []string{"nonsense"}, false, 2, "", "nonsense"},
		{loader, []string{"__complete", "lo"}, false, 0, "logs", ""},
		{loader, []string{"__complete", "ipfs", "vers"}, true, 0, "version", ""},
		{loader, []string{"ipfs", "version"}, true, 0, "ipfs version", ""},
		{loader, []string{"daemon", "--help"}, true, 0, "ipfs daemon", ""},
		{loader, []string{"cluster", "-n", "0"}, true, 2, "", "-n 0"},
	} {
		out, errs, code, kubo := start(t, x.exe, x.args...)
		if kubo != x.kubo || code != x.code || !strings.Contains(out, x.out) || !strings.Contains(errs, x.errs) {
			t.Errorf("%s %q: Kubo initialised: %v; exit code %d\n%s%s", filepath.Base(x.exe), x.args, kubo, code, out, errs)
		}
	}
}

// Where the small executable cannot be written, the whole one does the work itself.
func TestStartWithoutRoom(t *testing.T) {
	out, errs, code, _ := start(t, "/bin/sh", "-c", `ulimit -f 100; exec "$0" version`, loader)
	if code != 0 || !strings.Contains(out, "ipfs-mpi ") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
