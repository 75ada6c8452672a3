package worker

import (
	"io/fs"
)

// waiting is a file system in which an open waits until done is closed.
type waiting struct{ done <-chan struct{} }

func (w waiting) Open(name string) (fs.File, error) {
	<-w.done
	return nil, fs.ErrNotExist
}
