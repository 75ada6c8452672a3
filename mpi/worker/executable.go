package worker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// Executable is a worker's program, ready to be started.
type Executable struct {
	path string
	file *os.File // a memfd; nil for none
	temp bool     // path is a file of ours
	sum  [sha256.Size]byte
}

// At is the program in a file that is there already.
func At(path string) *Executable { return &Executable{path: path} }

// Load makes a program of the bytes of an executable. They are kept in memory where the system can
// start a program from there, else in a new file in dir that only this user can read, write or
// start.
func Load(image io.Reader, dir string) (*Executable, error) {
	sum := sha256.New()
	image = io.TeeReader(image, sum)
	file, path, err := inMemory(image)
	e := &Executable{path: path, file: file}
	if errors.Is(err, errNoMemory) {
		e, err = inFile(image, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("worker: the executable: %w", err)
	}
	e.sum = [sha256.Size]byte(sum.Sum(nil))
	return e, nil
}

// errNoMemory is the error of inMemory where the system starts no program from memory. Nothing was
// read.
var errNoMemory = errors.New("this system starts no program from memory")

// Sum is the SHA-256 of the program.
func (e *Executable) Sum() ([sha256.Size]byte, error) {
	if e.file != nil || e.temp {
		return e.sum, nil
	}
	f, err := os.Open(e.path)
	if err != nil {
		return e.sum, fmt.Errorf("worker: the executable: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return e.sum, fmt.Errorf("worker: the executable: %w", err)
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// above is a number from which a child may be given descriptors. os.StartProcess moves descriptors
// of the child to the numbers after the largest that it is given, and one of those must not be that
// of the program.
func (e *Executable) above() int {
	if e.file == nil {
		return 0
	}
	return int(e.file.Fd()) + 1
}

// inFile writes a file of mode 0700. It is complete before it has the mode to be started.
func inFile(image io.Reader, dir string) (*Executable, error) {
	f, err := os.CreateTemp(dir, "worker-*.exe") // Windows starts only .exe
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, image)
	if err == nil {
		err = f.Chmod(0o700)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	return &Executable{path: f.Name(), temp: true}, nil
}

// Close frees what Load took. Workers that were started go on.
func (e *Executable) Close() error {
	switch {
	case e.file != nil:
		return e.file.Close()
	case e.temp:
		return os.Remove(e.path)
	}
	return nil
}
