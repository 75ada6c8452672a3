package job

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// Bounds on the records of jobs that have ended.
const (
	maxKept      = 256       // jobs
	maxKeptBytes = 512 << 20 // bytes of their files and events
	maxRecord    = 16 << 20  // bytes of one record on disk
)

// kept is the record of a job on disk, ID.json. Its files are in the directory ID.files, named by
// their index in Job.Files.
type kept struct {
	Format int            `json:"format"`
	Job    mpi.Job        `json:"job"`
	Events []mpi.JobEvent `json:"events,omitempty"` // the last ones, once it has ended
}

const keptFormat = 1

// recordStore keeps the records of jobs in a directory; if dir is empty it keeps none.
type recordStore struct {
	dir string
	log *slog.Logger
}

// save writes a record in one step, so that it outlives a loss of power.
func (k *recordStore) save(r kept) error {
	if k.dir == "" {
		return nil
	}
	r.Format = keptFormat
	err := k.write(r)
	if err != nil {
		k.log.Warn("the record of a job is not kept", "job", r.Job.ID, "dir", k.dir, "err", err)
	}
	return err
}

func (k *recordStore) write(r kept) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(k.dir, r.Job.ID+recordSuffix), data, 0o600)
}

// What is in the directory: ID.json, ID.files, and what ends in atomicfile.Suffix, which goes at
// the next start. ID.gone.tmp says that ID.files goes too.
const (
	recordSuffix = ".json"
	filesSuffix  = ".files"
	goneSuffix   = ".gone" + atomicfile.Suffix
)

// remove forgets a job.
func (k *recordStore) remove(id string) {
	if k.dir == "" {
		return
	}
	gone := filepath.Join(k.dir, id+goneSuffix)
	for _, err := range []error{
		os.Rename(filepath.Join(k.dir, id+recordSuffix), gone), os.RemoveAll(k.files(id)), os.Remove(gone),
	} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.log.Warn("the record of a job cannot be removed", "job", id, "err", err)
		}
	}
}

func (k *recordStore) files(id string) string { return filepath.Join(k.dir, id+filesSuffix) }

// load reads all records, in the order in which their jobs ended, and clears away what was left
// half done. A record that cannot be used, as one of a later version, is set aside with its files.
// So are files without a record.
func (k *recordStore) load() []kept {
	if k.dir == "" {
		return nil
	}
	if err := atomicfile.MakeDir(k.dir); err != nil {
		k.log.Warn("the records of jobs", "dir", k.dir, "err", err)
	}
	list, err := os.ReadDir(k.dir)
	if err != nil {
		k.log.Warn("the records of jobs cannot be read", "dir", k.dir, "err", err)
		return nil
	}
	var out []kept
	known, gone := map[string]bool{}, map[string]bool{}
	for _, e := range list {
		if id, ok := strings.CutSuffix(e.Name(), goneSuffix); ok {
			gone[id] = true
		}
		id, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok {
			continue
		}
		r, err := k.read(id)
		if err != nil {
			k.log.Warn("the record of a job cannot be used", "job", id, "err", err)
			continue
		}
		known[id] = true
		out = append(out, r)
	}
	for _, e := range list {
		id, ok := strings.CutSuffix(e.Name(), filesSuffix)
		switch {
		case ok && known[id]:
		case ok && gone[id]:
			k.remove(id)
		case ok:
			aside, err := atomicfile.SetAside(filepath.Join(k.dir, e.Name()))
			k.log.Warn("files of a job without a record are set aside", "job", id, "aside", aside, "err", err)
		}
	}
	for _, e := range list { // after the files, whose going they say
		if strings.HasSuffix(e.Name(), atomicfile.Suffix) {
			_ = os.Remove(filepath.Join(k.dir, e.Name()))
		}
	}
	slices.SortFunc(out, func(a, b kept) int {
		switch ended := a.Job.State.Ended(); {
		case ended == b.Job.State.Ended():
			return cmp.Or(a.Job.Ended.Compare(b.Job.Ended), cmp.Compare(a.Job.ID, b.Job.ID))
		case ended:
			return -1
		}
		return 1 // it ended when the node did
	})
	return out
}

// has reports whether there is a record of a job.
func (k *recordStore) has(id string) bool {
	if k.dir == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(k.dir, id+recordSuffix))
	return err == nil
}

// read reads a record, or sets it aside.
func (k *recordStore) read(id string) (r kept, err error) {
	err = atomicfile.Load(filepath.Join(k.dir, id+recordSuffix), maxRecord, func(data []byte) error {
		// First the format: what else a later version has may be of other types.
		var head struct {
			Format int `json:"format"`
		}
		if err := json.Unmarshal(data, &head); err != nil {
			return fmt.Errorf("it is not what this node writes: %w", err)
		}
		if head.Format != keptFormat {
			return fmt.Errorf("it has format %d: format %d is known", head.Format, keptFormat)
		}
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("it is not what this node writes: %w", err)
		}
		return r.check(id)
	})
	return r, err
}

// check looks at what the rest of the node relies on.
func (r *kept) check(id string) error {
	switch j := &r.Job; {
	case j.ID != id:
		return fmt.Errorf("it is of job %q", j.ID)
	case j.State == "":
		return errors.New("it does not say how far the job has come")
	case len(j.Files) > maxFileCount:
		return fmt.Errorf("it has %d files", len(j.Files))
	}
	for _, f := range r.Job.Files {
		if !fs.ValidPath(f.Name) || f.Size < 0 {
			return fmt.Errorf("it has a file %q of %d bytes", f.Name, f.Size)
		}
	}
	return nil
}
