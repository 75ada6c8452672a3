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
}

// rankQuota is what one rank has of its job's quota. It is guarded too: a program may still be in a
// call after its rank was ended.
type rankQuota struct {
	of    *jobQuota
	held  int64
	ended bool
}

// take asks for n bytes more, or gives back -n.
func (r *rankQuota) take(n int64) bool {
	job, all := r.of, r.of.of
	all.mu.Lock()
	defer all.mu.Unlock()
	most := int64(maxFiles)
	if !job.own {
		most -= maxFiles / 4
	}
	if r.ended || n > 0 && (n > maxJobQuota-job.held || n > most-all.used) {
		return false
	}
	r.add(n)
	return true
}

func (r *rankQuota) add(n int64) {
	r.held += n
	r.of.held += n
	r.of.of.used += n
}

// end gives back all that is left.
func (r *rankQuota) end() {
	all := r.of.of
	all.mu.Lock()
	defer all.mu.Unlock()
	r.add(-r.held)
	r.ended = true
}
