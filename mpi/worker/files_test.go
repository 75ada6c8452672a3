package worker

import (
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// waiting is a file system in which an open waits until done is closed.
type waiting struct{ done <-chan struct{} }

func (w waiting) Open(name string) (fs.File, error) {
	<-w.done
	return nil, fs.ErrNotExist
}

func opened(t *testing.T, files fs.FS, name string) *openFile {
	t.Helper()
	f := &openFile{number: 7, fs: files, name: name}
	if a := f.opened().(*link.FileOpened); a.Error != link.FileOK {
		t.Fatalf("%s: %+v", name, a)
	}
	return f
}

func TestFileAnswers(t *testing.T) {
	files := fstest.MapFS{"d/f": {Data: []byte("0123456789")}}
	for name, want := range map[string]link.FileError{
		"d/f": link.FileOK, "d": link.FileOK, ".": link.FileOK, "x": link.FileMissing, "../x": link.FileNotAllowed, "/d": link.FileNotAllowed,
	} {
		f := &openFile{number: 7, fs: files, name: name}
		if a := f.opened().(*link.FileOpened); a.Error != want || a.File != 7 || a.Dir != (want == 0 && name != "d/f") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := (&openFile{name: "d"}).opened().(*link.FileOpened); a.Error != link.FileNotAllowed {
		t.Errorf("a unit without files: %+v", a)
	}
	if a := (&openFile{fs: files, name: "d", many: true}).opened().(*link.FileOpened); a.Error != link.FileTooMany {
		t.Errorf("one too many: %+v", a)
	}
	f := opened(t, files, "d/f")
	for _, c := range []struct {
		offset int64
		length uint32
		want   string
	}{{0, 4, "0123"}, {8, 4, "89"}, {10, 4, ""}, {1 << 40, 4, ""}, {3, 0, ""}} {
		a := f.data(&link.FileRead{File: 7, Offset: c.offset, Length: c.length}).(*link.FileData)
		if c.offset <= 10 && (a.Error != 0 || string(a.Data) != c.want) {
			t.Errorf("%d from %d: %q, %d", c.length, c.offset, a.Data, a.Error)
		}
	}
}

// TestListing reads a directory in parts: from where the last one ended, within it, and again from
// the beginning.
func TestListing(t *testing.T) {
	files := fstest.MapFS{}
	var all []link.Entry
	for i := range 600 {
		name := fmt.Sprintf("f%03d", i)
		files["d/"+name] = &fstest.MapFile{}
		all = append(all, link.Entry{Name: name})
	}
	files["d/"+strings.Repeat("x", 256)] = &fstest.MapFile{} // a frame does not take it
	f := opened(t, files, "d")
	for range 2 {
		var got []link.Entry
		for end := false; !end; {
			a := f.names(&link.FileRead{File: 7, Offset: int64(len(got)), Length: link.MaxEntries}).(*link.FileNames)
			if a.Error != 0 {
				t.Fatalf("from %d: %+v", len(got), a.Error)
			}
			list := a.Entries
			if end = a.End; !end && len(list) > 200 {
				list = list[:200] // the worker wanted no more
			}
			got = append(got, list...)
		}
		if !reflect.DeepEqual(got, all) {
			t.Errorf("%d entries", len(got))
		}
	}
	for _, offset := range []int64{100, 601, 1 << 60} {
		if a := f.names(&link.FileRead{Offset: offset, Length: 1}).(*link.FileNames); a.Error != link.FileNotAllowed {
			t.Errorf("from %d: %+v", offset, a)
		}
	}
}
