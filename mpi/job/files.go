package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// file is one file that a rank wrote: in memory, or on disk where records are.
type file struct {
	mpi.JobFile
	got  int64
	mem  []byte
	disk string
}

// create makes room for the i-th file of a job.
func (k *recordStore) create(id string, i int, f mpi.JobFile) (*file, error) {
	if k.dir == "" {
		return &file{JobFile: f}, nil
	}
	if err := os.MkdirAll(k.files(id), 0o700); err != nil {
		return nil, err
	}
	x := &file{JobFile: f, disk: k.path(id, i)}
	if err := os.WriteFile(x.disk, nil, 0o600); err != nil {
		return nil, err
	}
	line, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	return x, appendTo(filepath.Join(k.files(id), fileIndex), append(line, '\n'), os.O_CREATE)
}

// fileIndex names the files of a job until its record does: a JSON line for each, in order. It is
// what a node that died during the job finds them by.
const fileIndex = "index"

// found are the files of a job that ran when the node died, as far as they were written. What the
// index does not name is removed.
func (k *recordStore) found(id string) (list []*file) {
	if k.dir == "" {
		return nil
	}
	dir := k.files(id)
	if f, err := os.Open(filepath.Join(dir, fileIndex)); err == nil {
		defer f.Close()
		in := json.NewDecoder(io.LimitReader(f, maxRecord))
		for len(list) < maxFileCount {
			x := &file{disk: k.path(id, len(list))}
			if in.Decode(&x.JobFile) != nil || !fs.ValidPath(x.Name) {
				break
			}
			st, err := os.Lstat(x.disk)
			if err != nil || !st.Mode().IsRegular() {
				break
			}
			x.got = st.Size()
			list = append(list, x)
		}
	}
	there, _ := os.ReadDir(dir)
	for _, e := range there {
		i, err := strconv.Atoi(e.Name())
		if e.Name() != fileIndex && (err != nil || i < 0 || i >= len(list)) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	return list
}

func (k *recordStore) path(id string, i int) string {
	return filepath.Join(k.files(id), strconv.Itoa(i))
}

// add appends to the file.
func (f *file) add(data []byte) error {
	f.got += int64(len(data))
	if f.disk == "" {
		f.mem = append(f.mem, data...)
		return nil
	}
	return appendTo(f.disk, data, 0)
}

func appendTo(name string, data []byte, flags int) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|flags, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, out.Close())
}

func (f *file) open() (io.ReadCloser, error) {
	if f.disk == "" {
		return io.NopCloser(bytes.NewReader(f.mem)), nil
	}
	info, err := os.Stat(f.disk)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // a pipe would be waited for
		return nil, fmt.Errorf("%s is no file: %w", f.disk, fs.ErrNotExist)
	}
	return os.Open(f.disk)
}

// keep makes the files durable, before a record says that they are there.
func (k *recordStore) keep(id string, files []*file) error {
	if k.dir == "" || len(files) == 0 {
		return nil
	}
	for _, f := range files {
		if err := atomicfile.Sync(f.disk); err != nil {
			return err
		}
	}
	return atomicfile.Sync(k.files(id))
}

// write takes a part of a file that a rank wrote.
func (r *recorder) write(w frame.FileChunk) error {
	rank := int(w.Rank)
	i := slices.IndexFunc(r.files, func(f *file) bool { return f.Rank == rank && f.Name == w.Name })
	if i < 0 {
		switch {
		case !fs.ValidPath(w.Name) || w.Name == "." || w.Offset != 0:
			return fmt.Errorf("a part of a file %q at %d, which has no beginning", w.Name, w.Offset)
		case len(r.files) == maxFileCount:
			return fmt.Errorf("its ranks wrote more than %d files", maxFileCount)
		}
		f, err := r.j.svc.records.create(r.j.name, len(r.files), mpi.JobFile{Name: w.Name, Rank: rank, Size: w.Size})
		if err != nil {
			return fmt.Errorf("its files cannot be kept: %w", err)
		}
		i = len(r.files)
		r.files = append(r.files, f)
	}
	f := r.files[i]
	if w.Offset != f.got || w.Size != f.Size || f.got+int64(len(w.Data)) > f.Size {
		return fmt.Errorf("a part of a file %q that is out of place", w.Name)
	}
	if r.stored += int64(len(w.Data)); r.stored > maxJobFiles {
		return fmt.Errorf("its ranks wrote files of more than %d MiB", maxJobFiles>>20)
	}
	return f.add(w.Data)
}

// nameFiles lists files, by names that differ. Where several ranks wrote one of the same name, each
// is in a directory of its rank. If a rank wrote a file of such a name, as "rank-1/x" or "rank-1",
// the directories of ranks have a longer name: "rank-1-", or with more dashes.
func nameFiles(files []*file) (list []mpi.JobFile) {
	count := map[string]int{}
	tops := map[string]bool{}
	for _, f := range files {
		count[f.Name]++
		top, _, _ := strings.Cut(f.Name, "/")
		tops[top] = true
	}
	end := ""
	for taken := true; taken; {
		taken = slices.ContainsFunc(files, func(f *file) bool {
			return count[f.Name] > 1 && tops[fmt.Sprintf("rank-%d%s", f.Rank, end)]
		})
		if taken {
			end += "-"
		}
	}
	for _, f := range files {
		if count[f.Name] > 1 {
			f.Name = fmt.Sprintf("rank-%d%s/%s", f.Rank, end, f.Name)
		}
		f.Size = f.got // less than announced if the file is not whole
		list = append(list, f.JobFile)
	}
	return list
}

// openFile opens a file once the job has ended.
func (j *job) openFile(name string) (io.ReadCloser, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.copy().State.Ended() {
		return nil, mpi.Errorf(mpi.CodeBusy, "job %s has not ended: its files are there when it has", j.name)
	}
	var names []string
	for _, f := range j.files {
		if f.Name == name {
			r, err := f.open()
			if errors.Is(err, fs.ErrNotExist) {
				return nil, mpi.Errorf(mpi.CodeNotFound, "file %q of job %s is not kept any more", name, j.name)
			}
			return r, err
		}
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return nil, mpi.Errorf(mpi.CodeNotFound, "job %s wrote no files", j.name)
	}
	return nil, mpi.Errorf(mpi.CodeNotFound, "job %s wrote no file %q: it wrote %s", j.name, name, strings.Join(names[:min(len(names), 16)], ", "))
}
