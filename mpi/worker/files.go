package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// maxReaders is how many files are read at a time for one worker. A read may have to wait for other
// nodes.
const maxReaders = 16

// fileServer reads the files of one worker's units. What the worker asks for is queued by the
// goroutine that reads from it, and read by others, of which there are as many as there is to do.
type fileServer struct {
	mu      sync.Mutex
	w       *Worker // nil before serve
	closed  bool
	units   map[uint32]fs.FS
	open    map[uint32]*openFile
	queue   []*openFile // with a request that nobody looks after
	readers int
	wg      sync.WaitGroup
}

// openFile is a file that a worker has open, or asks for. While it has a request its fields are of
// whoever answers.
type openFile struct {
	number uint32
	unit   uint32
	fs     fs.FS // nil for a unit that has no files
	name   string
	many   bool // it is one too many

	// Guarded by fileServer.mu:

	request link.Frame // *link.FileOpen or *link.FileRead; nil for none
	dropped bool       // to be closed after the request

	file fs.File // nil before it is open
	dir  *listing
}

func newFileServer() *fileServer {
	return &fileServer{units: map[uint32]fs.FS{}, open: map[uint32]*openFile{}}
}

// serve begins to answer, to w.
func (s *fileServer) serve(w *Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

// add gives a unit files.
func (s *fileServer) add(unit uint32, files fs.FS) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units[unit] = files
}

// remove takes the files of a unit away, and closes those that are open.
func (s *fileServer) remove(unit uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.units, unit)
	for _, f := range s.open {
		if f.unit == unit {
			s.drop(f)
		}
	}
}

// close closes all files and returns once nothing reads any more.
func (s *fileServer) close() {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.open {
		s.drop(f)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// drop closes a file, now or after its request. The caller holds mu.
func (s *fileServer) drop(f *openFile) {
	f.dropped = true
	if f.request == nil {
		s.forget(f)
	}
}

func (s *fileServer) forget(f *openFile) {
	delete(s.open, f.number)
	if f.file != nil {
		f.file.Close()
	}
}

// request queues what a worker asks for. The error is for what no worker asks.
func (s *fileServer) request(t link.Type, payload []byte) error {
	parsed, err := link.ParseAny(t, payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return fmt.Errorf("%s before it was asked anything", t)
	}
	switch r := parsed.(type) {
	case *link.FileOpen:
		switch {
		case s.open[r.File] != nil:
			return fmt.Errorf("file %d is opened twice", r.File)
		case len(s.open) >= 2*link.MaxFiles:
			return fmt.Errorf("more than %d files are opened at once", 2*link.MaxFiles)
		}
		f := &openFile{number: r.File, unit: r.Unit, fs: s.units[r.Unit], name: r.Name, many: len(s.open) >= link.MaxFiles}
		s.open[r.File] = f
		s.push(f, r)
	case *link.FileRead:
		f := s.open[r.File]
		switch {
		case f == nil || f.dropped: // its unit may have ended meanwhile
			f = &openFile{number: r.File, dropped: true}
			if s.open[r.File] != nil || len(s.open) >= 2*link.MaxFiles {
				return nil
			}
			s.open[r.File] = f
			s.push(f, r)
		case f.request != nil:
			return fmt.Errorf("file %d is asked for twice at a time", r.File)
		default:
			s.push(f, r)
		}
	case *link.FileClose:
		if f := s.open[r.File]; f != nil {
			s.drop(f)
		}
	}
	return nil
}

// push queues a request, and starts a reader if that is needed. The caller holds mu.
func (s *fileServer) push(f *openFile, request link.Frame) {
	f.request = request
	s.queue = append(s.queue, f)
	if s.readers < maxReaders && !s.closed {
		s.readers++
		s.wg.Go(s.read)
	}
}

// read answers requests until there are none.
func (s *fileServer) read() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.closed {
			s.readers--
			for _, f := range s.queue { // closed
				f.request = nil
				s.forget(f)
			}
			s.queue = nil
			s.mu.Unlock()
			return
		}
		f := s.queue[0]
		s.queue = s.queue[1:]
		request, w := f.request, s.w
		s.mu.Unlock()

		answer := f.answer(request)

		s.mu.Lock()
		f.request = nil
		if f.file == nil || f.dropped || s.closed {
			s.forget(f)
		}
		s.mu.Unlock()
		w.Send(context.Background(), answer) // fails when the worker has ended
	}
}

func (f *openFile) answer(request link.Frame) link.Frame {
	switch r := request.(type) {
	case *link.FileOpen:
		return f.opened()
	case *link.FileRead:
		switch {
		case f.file == nil:
			return &link.FileData{File: f.number, Error: link.FileNotAllowed}
		case f.dir != nil:
			return f.names(r)
		}
		return f.data(r)
	}
	return nil // not reached
}

func (f *openFile) opened() link.Frame {
	answer := &link.FileOpened{File: f.number}
	switch {
	case f.many:
		answer.Error = link.FileTooMany
		return answer
	case f.fs == nil || !fs.ValidPath(f.name):
		answer.Error = link.FileNotAllowed
		return answer
	}
	file, err := f.fs.Open(f.name)
	var info fs.FileInfo
	if err == nil {
		if info, err = file.Stat(); err != nil {
			file.Close()
		}
	}
	if err != nil {
		answer.Error = fileError(err)
		return answer
	}
	f.file = file
	answer.Dir, answer.Size = info.IsDir(), max(info.Size(), 0)
	if t := info.ModTime(); !t.IsZero() {
		answer.ModTime = t.UnixNano()
	}
	if answer.Dir {
		f.dir = &listing{}
	}
	return answer
}

// data reads a range of a file.
func (f *openFile) data(r *link.FileRead) link.Frame {
	answer := &link.FileData{File: f.number}
	buf := make([]byte, r.Length)
	n, err := readAt(f.file, buf, r.Offset)
	answer.Data = buf[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		answer.Data, answer.Error = nil, fileError(err)
	}
	return answer
}

func readAt(f fs.File, buf []byte, offset int64) (int, error) {
	if at, ok := f.(io.ReaderAt); ok {
		return at.ReadAt(buf, offset)
	}
	seeker, ok := f.(io.Seeker)
	if !ok {
		return 0, errors.New("the file cannot be read from an offset")
	}
	if _, err := seeker.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(f, buf)
}

// fileError is what an error of a file system is to a worker.
func fileError(err error) link.FileError {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return link.FileMissing
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrInvalid):
		return link.FileNotAllowed
	}
	return link.FileUnavailable
}
