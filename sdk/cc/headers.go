package cc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs-mpi/ipfs-mpi/sdk"
)

// Headers writes the files of package sdk to the user's cache, where a compiler can read them, and
// returns the directory. Each version of this program has its own. release must be called when the
// compiler is done.
func Headers() (dir string, release func(), err error) {
	if cache := cacheDir(); cache != "" {
		sum, err := headersSum()
		if err != nil {
			return "", nil, err
		}
		dir = filepath.Join(cache, "sdk-"+sum)
		if intact(dir) || cacheHeaders(dir) == nil {
			return dir, func() {}, nil
		}
	}
	// No home, or one that cannot be written, as builders of packages have: a temporary directory,
	// since other users could write to a shared one.
	temp, err := os.MkdirTemp("", "ipfs-mpi-sdk-")
	if err != nil {
		return "", nil, fmt.Errorf("no place for mpi.h: %w", err)
	}
	return temp, func() { os.RemoveAll(temp) }, os.CopyFS(temp, sdk.Headers)
}

// cacheDir is where the files of this package are in the user's cache; empty if there is none.
func cacheDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "ipfs-mpi")
}

// cacheHeaders makes the directory atomically.
func cacheHeaders(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".sdk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	whole := filepath.Join(temp, "sdk")
	if err := os.CopyFS(whole, sdk.Headers); err != nil {
		return err
	}
	return install(whole, dir, temp, func() bool { return intact(dir) })
}

func headersSum() (string, error) {
	sum := sha256.New()
	err := eachHeader(func(path string, text []byte) error {
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

// intact reports whether a directory has all files with their content.
func intact(dir string) bool {
	return eachHeader(func(path string, text []byte) error {
		if is, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path))); err != nil || !bytes.Equal(is, text) {
			return fs.ErrNotExist
		}
		return nil
	}) == nil
}

func eachHeader(do func(path string, text []byte) error) error {
	return fs.WalkDir(sdk.Headers, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sdk.Headers.ReadFile(path)
		if err != nil {
			return err
		}
		return do(path, text)
	})
}
