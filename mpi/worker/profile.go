package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

var _ mpi.Workers = (*Runtime)(nil)

// profile is one that a worker takes. Its fields are guarded by the worker's mutex until done is
// closed.
type profile struct {
	data    []byte
	size    int  // bytes that came, also those that nobody waited for
	dropped bool // nobody waits for it any more
	err     error
	done    chan struct{} // closed when all has come
}

var profileKinds = map[mpi.WorkerProfile]link.ProfileKind{
	mpi.ProfileCPU: link.ProfileCPU, mpi.ProfileHeap: link.ProfileHeap, mpi.ProfileGoroutine: link.ProfileGoroutine,
}

// profilePatience is how long a worker may take beyond the time of the profile.
const profilePatience = 10 * time.Second

// Profile implements [mpi.Workers].
func (r *Runtime) Profile(ctx context.Context, id uint64, p mpi.WorkerProfile, d time.Duration) ([]byte, error) {
	kind, ok := profileKinds[p]
	switch {
	case !ok:
		return nil, mpi.Errorf(mpi.CodeNotFound, "there is no profile %q: cpu, heap or goroutine", p)
	case kind != link.ProfileCPU:
		d = 0
	case d <= 0 || d > mpi.MaxProfileTime:
		return nil, mpi.Errorf(mpi.CodeInvalid, "a profile of %v: at most %v", d, mpi.MaxProfileTime)
	}
	w := r.set.worker(id)
	if w == nil {
		return nil, mpi.Errorf(mpi.CodeNotFound, "there is no worker %d: it may have ended", id)
	}
	late := mpi.Errorf(mpi.CodeTimeout, "worker %d did not give its profile within %v", id, d+profilePatience)
	ctx, cancel := context.WithTimeoutCause(ctx, d+profilePatience, late)
	defer cancel()
	return w.takeProfile(ctx, &link.Profile{Kind: kind, Time: d})
}

// takeProfile has the process take a profile. When ctx ends, so does the profile.
func (w *Worker) takeProfile(ctx context.Context, f *link.Profile) ([]byte, error) {
	p := &profile{done: make(chan struct{})}
	w.mu.Lock()
	if w.profile != nil {
		w.mu.Unlock()
		return nil, mpi.Errorf(mpi.CodeBusy, "a profile of worker %d is taken already", w.id)
	}
	w.profile = p
	w.mu.Unlock()
	if err := w.Send(ctx, f); err != nil {
		w.mu.Lock()
		w.profile = nil
		w.mu.Unlock()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, w.noProfile()
	}
	select {
	case <-p.done:
		return p.data, p.err
	case <-w.done:
		select {
		case <-p.done:
			return p.data, p.err
		default:
			return nil, w.noProfile()
		}
	case <-ctx.Done():
		w.mu.Lock()
		p.dropped, p.data = true, nil
		w.mu.Unlock()
		w.SendNow(&link.Profile{Kind: link.ProfileStop})
		return nil, context.Cause(ctx)
	}
}

// noProfile is the error for a worker that has ended, or is about to.
func (w *Worker) noProfile() error {
	return mpi.Errorf(mpi.CodeFailed, "worker %d ended before it gave its profile", w.id)
}

// profileData handles a part of a profile.
func (w *Worker) profileData(payload []byte) error {
	var f link.ProfileData
	if err := link.Parse(payload, &f); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.profile
	switch {
	case p == nil:
		return errors.New("a profile that nobody asked for")
	case len(f.Data) == 0 && !f.Last, f.Failure != "" && !f.Last:
		return errors.New("a part of a profile without data")
	case p.size+len(f.Data) > link.MaxProfile:
		return fmt.Errorf("a profile of more than %d bytes", link.MaxProfile)
	}
	p.size += len(f.Data)
	if !p.dropped {
		p.data = append(p.data, f.Data...)
	}
	if f.Last {
		if f.Failure != "" {
			p.data, p.err = nil, mpi.Errorf(mpi.CodeInternal, "worker %d: %s", w.id, printable(f.Failure))
		}
		w.profile = nil
		close(p.done)
	}
	return nil
}
