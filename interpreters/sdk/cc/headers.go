package cc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs-mpi/ipfs-mpi/interpreters/sdk"
)

// Headers puts the headers of package sdk where a compiler can read them, in the user's cache, and returns the directory.
// Those of another version of this program have a directory of their own.
func Headers() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.New()
	err = fs.WalkDir(sdk.Headers, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sdk.Headers.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "ipfs-mpi", "sdk-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if exists(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("no place for mpi.h: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".sdk-")
	if err != nil {
		return "", fmt.Errorf("no place for mpi.h: %w", err)
	}
	defer os.RemoveAll(temp)
	whole := filepath.Join(temp, "sdk")
	if err := os.CopyFS(whole, sdk.Headers); err != nil {
		return "", err
	}
	if err := os.Rename(whole, dir); err != nil && !exists(dir) { // somebody else may have been faster
		return "", err
	}
	return dir, nil
}
