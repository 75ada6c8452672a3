package job

import "sync"

// fileQuota bounds the bytes of the files that all ranks of a node have written and that are still
// in memory.
type fileQuota struct {
	mu   sync.Mutex
	used int64
}

// jobQuota is what one job has of a fileQuota, whose mutex guards it. No job may have all of it,
// and jobs of other nodes leave a quarter of it to the jobs of this node.
type jobQuota struct {
	of   *fileQuota
	own  bool // the job is this node's
	held int64
	// its ranks are gone; a program may still be in a call after its rank was ended
	ended bool
}

// take asks for n bytes more, or gives back -n.
func (job *jobQuota) take(n int64) bool {
	all := job.of
	all.mu.Lock()
	defer all.mu.Unlock()
	most := int64(maxFiles)
	if !job.own {
		most -= maxFiles / 4
	}
	if job.ended || n > 0 && (n > maxJobQuota-job.held || n > most-all.used) || n < -job.held {
		return false
	}
	job.held += n
	all.used += n
	return true
}

// end gives back all that is left.
func (job *jobQuota) end() {
	all := job.of
	all.mu.Lock()
	defer all.mu.Unlock()
	all.used -= job.held
	job.held, job.ended = 0, true
}
