package worker

import (
	"cmp"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// use is what a worker is for.
type use struct {
	kind    link.Kind // 0 while it is idle
	program string    // its name or CID; empty for a compilation
	job     string    // of ranks
	since   time.Time
}

// kindNames are the kinds of workers as the API calls them.
var kindNames = map[link.Kind]mpi.WorkerKind{
	0: mpi.WorkerIdle, link.KindRanks: mpi.WorkerRanks, link.KindHandler: mpi.WorkerHandler, link.KindCompile: mpi.WorkerCompile,
}

// maxName is how many bytes of a program's name are kept: a node may have been given any.
const maxName = 256

// name is what a message calls its program.
func name(x *exec.Exec) string {
	if len(x.Args) == 0 {
		return ""
	}
	return x.Args[0]
}

// Workers implements [mpi.Workers].
func (r *Runtime) Workers() mpi.WorkerList {
	s := r.set
	s.mu.Lock()
	defer s.mu.Unlock()
	l := mpi.WorkerList{Started: s.begun, Crashed: s.crashed}
	for w := range s.all {
		if !w.hasEnded() {
			l.Workers = append(l.Workers, w.status())
		}
	}
	slices.SortFunc(l.Workers, func(a, b mpi.WorkerStatus) int { return cmp.Compare(a.ID, b.ID) })
	return l
}

func (w *Worker) status() mpi.WorkerStatus {
	u := w.use.Load()
	return mpi.WorkerStatus{ID: w.id, Pid: w.Pid(), Kind: kindNames[u.kind], Program: printable(clip(u.program, maxName)),
		Job: printable(u.job), Since: u.since, Memory: w.Memory(), CPU: time.Duration(w.cpu.Load()).Seconds(), Limit: w.limit.Load()}
}

// worker finds a worker that has not ended, nil for none.
func (s *Set) worker(id uint64) *Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.all {
		if w.id == id && !w.hasEnded() {
			return w
		}
	}
	return nil
}
