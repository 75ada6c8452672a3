package worker

import (
	"io"
	"io/fs"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// listing is where a worker is in a directory. Entries are numbered as they are read, without those
// whose names a frame does not take.
type listing struct {
	last  []link.Entry // the last ones that were read
	first int64        // number of the first of them
	end   bool         // none follows
}

// maxEntryName is how many bytes the name of an entry has at most.
const maxEntryName = 255

// names returns entries from a number that is within the last answer or follows it. From 0 the
// directory is read again.
func (f *openFile) names(r *link.FileRead) link.Frame {
	answer := &link.FileNames{File: f.number}
	d := f.dir
	if r.Offset == 0 && d.first > 0 {
		again, err := f.fs.Open(f.name)
		if err != nil {
			answer.Error = fileError(err)
			return answer
		}
		f.file.Close()
		f.file, *d = again, listing{}
	}
	next := d.first + int64(len(d.last))
	switch {
	case r.Offset < d.first || r.Offset > next:
		answer.Error = link.FileNotAllowed
		return answer
	case r.Offset == next && !d.end:
		if err := d.read(f.file, int(min(r.Length, link.MaxEntries))); err != nil {
			answer.Error = fileError(err)
			return answer
		}
	}
	answer.Entries = d.last[r.Offset-d.first:]
	answer.End = d.end
	if n := int(min(max(r.Length, 1), link.MaxEntries)); len(answer.Entries) > n {
		answer.Entries, answer.End = answer.Entries[:n], false
	}
	return answer
}

// read reads at least one of the next entries, and at most n, or finds the end.
func (d *listing) read(file fs.File, n int) error {
	dir, ok := file.(fs.ReadDirFile)
	if !ok {
		return fs.ErrInvalid
	}
	d.first += int64(len(d.last))
	d.last = nil
	for len(d.last) == 0 && !d.end {
		list, err := dir.ReadDir(max(n, 1))
		if err != nil && err != io.EOF {
			return err
		}
		d.end = err == io.EOF || len(list) == 0
		for _, e := range list {
			if name := e.Name(); name != "" && len(name) <= maxEntryName {
				d.last = append(d.last, link.Entry{Dir: e.IsDir(), Name: name})
			}
		}
	}
	return nil
}
