package pluginfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// tryTimeout bounds the trial. A cold disk takes seconds to read both files.
const tryTimeout = 60 * time.Second

// Target is where the plugin goes in a repository.
func Target(repo string) string { return filepath.Join(Dir(repo), "mpi.so") }

// Try has host load plugin, by running "ipfs version" in an empty repository that has nothing but
// the plugin. The error is what the host says.
func Try(ctx context.Context, host, plugin File) error {
	repo, err := os.MkdirTemp("", "ipfs-mpi-try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(repo)
	if _, err := Copy(plugin, repo); err != nil {
		return err
	}
	exe, err := filepath.Abs(host.Path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	args := []string{"version"}
	if host.Info != nil && host.Info.Path == loaderPackage {
		args = []string{"ipfs", "version"} // in ipfs-mpi, Kubo's commands are below a word
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "IPFS_PATH="+repo, "IPFS_TELEMETRY=off")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errors.New("  " + strings.ReplaceAll(strings.TrimSpace(said.String()), repo, "…") + "\n  (" + err.Error() + ")")
	}
	return nil
}

// Copy puts the plugin where Kubo looks, with its execute bit, and returns its path. A file that is
// there is replaced in one step: an ipfs that starts meanwhile sees the old one or the new one.
func Copy(plugin File, repo string) (path string, err error) {
	path = Target(repo)
	if err := os.MkdirAll(Dir(repo), 0o755); err != nil {
		return "", err
	}
	from, err := os.Open(plugin.Path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	// Without an execute bit Kubo passes it over.
	err = atomicfile.WriteFrom(path, 0o755, func(w io.Writer) error {
		if _, err := io.Copy(w, from); err != nil {
			return fmt.Errorf("copying %s: %w", plugin.Path, err)
		}
		return nil
	})
	return path, err
}
