package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// AsideSuffix ends the names of files that were set aside. Where there is one of that name already
// a number follows. They are the user's to look at and to remove; nothing here ever does.
const AsideSuffix = ".damaged"

// DamagedError says that a file is there and cannot be used, and where it is now.
type DamagedError struct {
	Name  string
	Aside string // its new name; empty if it could not be renamed
	Err   error  // what is wrong with it
}

func (e *DamagedError) Error() string {
	if e.Aside == "" {
		return fmt.Sprintf("%s cannot be used: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s cannot be used, and is set aside as %s: %v", e.Name, filepath.Base(e.Aside), e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Load reads a file of at most limit bytes and has parse take its content. A file that is not there
// is an error that wraps [fs.ErrNotExist]. One that cannot be read, is too large, is no regular
// file, or that parse refuses, is set aside whole: the error is a [*DamagedError].
func Load(name string, limit int64, parse func([]byte) error) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := read(name, limit)
	if err == nil {
		err = parse(data)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) { // a link that leads nowhere is there
		err = errors.New("it is a symbolic link to what is not there")
	}
	return damaged(name, err)
}

func damaged(name string, err error) *DamagedError {
	aside, failed := SetAside(name)
	return &DamagedError{Name: name, Aside: aside, Err: errors.Join(err, failed)}
}

// read reads a regular file. It does not wait for one that is none, such as a pipe.
func read(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is no file, and has mode %v", info.Mode())
	case info.Size() > limit:
		return nil, fmt.Errorf("it has %d bytes, over %d", info.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has over %d bytes", limit)
	}
	return data, err
}

// SetAside renames a file or directory to its name with [AsideSuffix], and returns the new name.
// It replaces nothing. The directory has one owner, which does nothing else meanwhile.
func SetAside(name string) (aside string, err error) {
	aside = name + AsideSuffix
	for i := 2; exists(aside); i++ {
		aside = fmt.Sprintf("%s%s.%d", name, AsideSuffix, i)
	}
	if err := os.Rename(name, aside); err != nil {
		return "", err
	}
	return aside, Sync(filepath.Dir(name))
}

func exists(name string) bool {
	_, err := os.Lstat(name) // which may fail for other reasons too: Rename says which
	return err == nil
}

// MakeDir makes a directory that only this user can read, and its parents. What is in its place and
// is no directory is set aside: then the error is a [*DamagedError], and the directory is there
// nevertheless if Aside says that it could be.
func MakeDir(name string) error {
	err := os.MkdirAll(name, 0o700)
	info, gone := os.Stat(name)
	if err == nil || gone == nil && info.IsDir() || !exists(name) {
		return err
	}
	wrong := damaged(name, errors.New("it is no directory"))
	if wrong.Aside != "" {
		wrong.Err = errors.Join(wrong.Err, os.MkdirAll(name, 0o700))
	}
	return wrong
}

// IsFull reports whether something was not written because the disk, or the user's quota on it, is
// full.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Sync makes the content of a file durable, or the names in a directory. Not every file system can
// sync a directory; the content is safe without it.
func Sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
