package job

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"maps"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// StartJob implements [mpi.Jobs].
func (svc *Service) StartJob(ctx context.Context, spec mpi.JobSpec) (*mpi.Job, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	spec.Peers = slices.Clone(spec.Peers)
	for i, p := range spec.Peers {
		id, err := svc.cfg.Transport.ParsePeer(string(p))
		if err != nil {
			return nil, mpi.Errorf(mpi.CodeInvalid, "peers[%d]: %v", i, err)
		}
		if slices.Contains(spec.Peers[:i], id) {
			return nil, mpi.Errorf(mpi.CodeInvalid, "peers[%d] is %s, which is named twice", i, id)
		}
		spec.Peers[i] = id
	}
	if svc.stopping() {
		return nil, errStopping
	}
	program, err := svc.cfg.Programs.Resolve(ctx, spec.File)
	if err != nil {
		return nil, err
	}
	if program.Version == "" && spec.Name != "" {
		program.Name = spec.Name
	}
	if svc.cfg.Programs.IsHandler(program.CID) {
		return nil, mpi.Errorf(mpi.CodeInvalid, "%s is no MPI program: it is a handler of messages, to send to with ipfs-mpi send", programName(program))
	}
	j, err := svc.begin(spec, program)
	if err != nil {
		return nil, err
	}
	return j.snapshot(), nil
}

func (svc *Service) stopping() bool {
	svc.mu.RLock()
	defer svc.mu.RUnlock()
	return svc.shut
}

var errStopping = mpi.Errorf(mpi.CodeStopping, nodeStopping)

// begin makes a job and lets it run.
func (svc *Service) begin(spec mpi.JobSpec, program mpi.Interpreter) (*job, error) {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	switch {
	case svc.shut:
		return nil, errStopping
	case len(svc.mine) >= maxOpenJobs:
		return nil, mpi.Errorf(mpi.CodeBusy, "%d jobs of this node have not ended: wait for one, or end one", len(svc.mine))
	}
	id := mpi.NewRequestID(svc.self)
	for svc.all[shortID(id)] != nil || svc.records.has(shortID(id)) {
		id = mpi.NewRequestID(svc.self)
	}
	j := newJob(svc, id, spec, program)
	svc.mine[id.Nonce] = j
	svc.all[j.name] = j
	svc.wg.Go(j.run)
	return j, nil
}

func shortID(id mpi.JobID) string { return hex.EncodeToString(id.Nonce[:4]) }

// forgetOld drops ended jobs beyond the bounds, those that ended first, and returns them. The job
// that ended last stays. The caller has the mutex.
func (svc *Service) forgetOld() (old []*job) {
	var ended []*job
	for _, j := range svc.all {
		if j.ended() {
			ended = append(ended, j)
		}
	}
	slices.SortFunc(ended, func(a, b *job) int { return cmp.Compare(b.ending, a.ending) })
	var size int64
	for i, j := range ended {
		if size += j.keptBytes(); i > 0 && (i >= maxKept || size > maxKeptBytes) {
			delete(svc.all, j.name)
			old = append(old, j)
		}
	}
	return old
}

// ended takes a job out of those that run.
func (svc *Service) ended(j *job) {
	svc.mu.Lock()
	delete(svc.mine, j.id.Nonce)
	svc.endings++
	j.ending = svc.endings
	close(j.over)
	old := svc.forgetOld()
	svc.mu.Unlock()
	for _, j := range old { // without the mutex, which packets wait for
		svc.records.remove(j.name)
	}
}

func (svc *Service) find(id string) (*job, error) {
	svc.mu.RLock()
	defer svc.mu.RUnlock()
	if j := svc.all[id]; j != nil {
		return j, nil
	}
	return nil, mpi.Errorf(mpi.CodeNotFound, "there is no job %q of this node, or its record is not kept any more", id)
}

// Jobs implements [mpi.Jobs].
func (svc *Service) Jobs() []*mpi.Job {
	svc.mu.RLock()
	list := slices.Collect(maps.Values(svc.all))
	svc.mu.RUnlock()
	slices.SortFunc(list, func(a, b *job) int { return b.created.Compare(a.created) })
	out := make([]*mpi.Job, len(list))
	for i, j := range list {
		out[i] = j.snapshot()
	}
	return out
}

// Job implements [mpi.Jobs].
func (svc *Service) Job(id string) (*mpi.Job, error) {
	j, err := svc.find(id)
	if err != nil {
		return nil, err
	}
	return j.snapshot(), nil
}

// CancelJob implements [mpi.Jobs].
func (svc *Service) CancelJob(ctx context.Context, id string) (*mpi.Job, error) {
	j, err := svc.find(id)
	if err != nil {
		return nil, err
	}
	j.quit(true, mpi.Cancelled, "it was cancelled")
	select {
	case <-j.over:
		return j.snapshot(), nil
	case <-ctx.Done():
		return nil, mpi.Errorf(mpi.CodeTimeout, "job %s is being cancelled, and has not ended yet: %v", id, ctx.Err())
	}
}

// JobEvents implements [mpi.Jobs].
func (svc *Service) JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) error {
	j, err := svc.find(id)
	if err != nil {
		return err
	}
	return j.events.follow(ctx, after, each)
}

// JobFile implements [mpi.Jobs].
func (svc *Service) JobFile(id, name string) (io.ReadCloser, error) {
	j, err := svc.find(id)
	if err != nil {
		return nil, err
	}
	return j.openFile(name)
}

// AddProgram implements [mpi.Jobs].
func (svc *Service) AddProgram(ctx context.Context, wasm []byte) (mpi.CID, error) {
	if svc.stopping() {
		return "", errStopping
	}
	return svc.cfg.Store.Add(ctx, wasm)
}
