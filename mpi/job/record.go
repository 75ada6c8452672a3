package job

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// save writes a record in one step.
func (k *recordStore) save(r kept) {
	if k.dir == "" {
		return
	}
	r.Format = keptFormat
	err := k.write(r)
	if err != nil {
		k.log.Warn("the record of a job is not kept", "job", r.Job.ID, "err", err)
	}
}

func (k *recordStore) write(r kept) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(k.dir, r.Job.ID+".json")
	if r.Job.State.Ended() {
		return atomicfile.Write(name, data, 0o600)
	}
	// Without the wait for the disk: after a loss of power nothing of a running job is worth it.
	tmp := name + atomicfile.Suffix
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, name)
}

// remove forgets a job.
func (k *recordStore) remove(id string) {
	if k.dir == "" {
		return
	}
	for _, err := range []error{os.Remove(filepath.Join(k.dir, id+".json")), os.RemoveAll(k.files(id))} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.log.Warn("the record of a job cannot be removed", "job", id, "err", err)
		}
	}
}

func (k *recordStore) files(id string) string { return filepath.Join(k.dir, id+".files") }

// load reads all records, in the order in which their jobs ended, and clears away what was left
// half done. A record that cannot be read, as one of a later version, stays with its files.
func (k *recordStore) load() []kept {
	if k.dir == "" {
		return nil
	}
	list, err := os.ReadDir(k.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.log.Warn("the records of jobs cannot be read", "dir", k.dir, "err", err)
		}
		return nil
	}
	var out []kept
	known := map[string]bool{}
	for _, e := range list {
		id, isRecord := strings.CutSuffix(e.Name(), ".json")
		if !isRecord {
			continue
		}
		r, err := k.read(id)
		if err != nil {
			k.log.Warn("the record of a job cannot be read: it is left as it is", "job", id, "err", err)
			known[id] = true
			continue
		}
		known[id] = true
		out = append(out, r)
	}
	for _, e := range list {
		if id, ok := strings.CutSuffix(e.Name(), ".files"); ok && !known[id] {
			k.remove(id)
		} else if strings.HasSuffix(e.Name(), atomicfile.Suffix) {
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

// has reports whether there is a record of a job, also one that cannot be read.
func (k *recordStore) has(id string) bool {
	if k.dir == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(k.dir, id+".json"))
	return err == nil
}

func (k *recordStore) read(id string) (kept, error) {
	f, err := os.Open(filepath.Join(k.dir, id+".json"))
	if err != nil {
		return kept{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return kept{}, err
	}
	var r kept
	switch {
	case len(data) > maxRecord:
		return kept{}, fmt.Errorf("it is over %d bytes", maxRecord)
	case json.Unmarshal(data, &r) != nil:
		return kept{}, errors.New("it is not what this node writes")
	case r.Format != keptFormat || r.Job.ID != id:
		return kept{}, fmt.Errorf("it has format %d and is of job %q: format %d is known", r.Format, r.Job.ID, keptFormat)
	}
	return r, nil
}
