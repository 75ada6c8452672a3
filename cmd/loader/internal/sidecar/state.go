package sidecar

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// state is an open state directory, which no other sidecar can open meanwhile.
type state struct {
	key  crypto.PrivKey
	lock *os.File
}

func openState(dir string, log *slog.Logger) (*state, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	// The lock is on the open file: it goes with the process, and a file left behind locks nothing.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another sidecar runs with the state directory %s, and two cannot have one identity: give this one its own with -state DIR (%w)", dir, err)
	}
	key, err := identity(filepath.Join(dir, "identity.key"), log)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &state{key, lock}, nil
}

func (s *state) close() { s.lock.Close() }

// identity reads the private key in a file, or makes one. A file that holds none is set aside.
func identity(file string, log *slog.Logger) (key crypto.PrivKey, err error) {
	err = atomicfile.Load(file, maxKey, func(b []byte) (err error) {
		key, err = crypto.UnmarshalPrivateKey(b)
		return err
	})
	if err == nil {
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		log.Error("the sidecar's private key: it gets a new identity", "err", err)
	}
	key, _, err = crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	b, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	// A half-written key would look like a broken identity.
	return key, atomicfile.Write(file, b, 0o600)
}

// maxKey is the size of the largest file with a private key. It is in libp2p's own format, which
// has the key's type, and so needs no format of ours.
const maxKey = 16 << 10
