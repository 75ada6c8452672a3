// Package atomicfile replaces files in one step: after a crash or a loss of power there is the old
// content or the new one, never a part. A reader never sees a part either. [Load] reads such files,
// and sets aside those that it cannot use.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Suffix ends the names of temporary files, which are beside the file that they will replace. A
// crash can leave one behind: who keeps many files in a directory removes those that are old.
const Suffix = ".tmp"

// Write replaces the file with data. The mode is perm whatever the process's umask is. The
// directory must exist. Of writes at the same time the last one stays, whole.
func Write(name string, data []byte, perm fs.FileMode) error {
	return WriteFrom(name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFrom is Write with the content that write writes. If write fails, the file stays as it was.
func WriteFrom(name string, perm fs.FileMode, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+Suffix) // mode 0600
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync() // or the new name may come to the disk before the content
	}
	// Sync may take seconds. Until it is done nobody else can read the temporary file, or start it:
	// Kubo loads whatever is executable in its plugin directory.
	if err == nil {
		err = f.Chmod(perm)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return Sync(filepath.Dir(name))
}
