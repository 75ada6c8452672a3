package http

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// absenceFile says why a daemon that runs has no API. The daemon keeps it locked: one that is not
// is of a daemon that has ended.
const absenceFile = "mpi/absent"

// TellAbsence has [Discover] say why the daemon of a repository has no API, until end is called or
// the process ends.
func TellAbsence(repo, why string) (end func(), err error) {
	name := filepath.Join(repo, filepath.FromSlash(absenceFile))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("http: tell why there is no API: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err == nil {
		lock(f)
		_, err = f.WriteString(why + "\n")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("http: tell why there is no API: %w", err), f.Close())
	}
	return func() {
		os.Remove(name)
		f.Close()
	}, nil
}

// absence is why the daemon of a repository has no API; empty if no daemon says so.
func absence(repo string) string {
	f, err := os.Open(filepath.Join(repo, filepath.FromSlash(absenceFile)))
	if err != nil {
		return ""
	}
	defer f.Close()
	if !locked(f) {
		return ""
	}
	why, err := readSmall(f.Name())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return why
}
