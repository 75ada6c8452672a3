package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Service is the jobs of one node: the origin of those that began here ([job]), the host of those
// that run here ([hosted]). A job that began here and runs here is both, and the two talk as if
// they were on different nodes. New makes it, Start starts it, Close stops it.
type Service struct {
	cfg     Config
	self    mpi.PeerID
	log     *slog.Logger
	started time.Time      // set by Start
	wg      sync.WaitGroup // every goroutine of the service

	slots   slots
	records recordStore
	load    load      // of the ranks of all jobs
	files   fileQuota // of what they write

	strangers atomic.Uint64 // jobs of other origins whose ranks were started

	mu      sync.RWMutex             // guards the rest
	parts   map[[16]byte]*hosted     // by frame.JobKey
	mine    map[[16]byte]*job        // began here and have not ended, by the nonce of their ID
	all     map[string]*job          // mine, and those whose record is kept, by Job.ID
	endings uint64                   // jobs that have ended
	silent  map[mpi.PeerID]time.Time // peers that say nothing, and since when
	backoff backoff
	shut    bool

	closeOnce sync.Once
	closeErr  error
}

var (
	_ mpi.Jobs    = (*Service)(nil)
	_ mpi.Hosting = (*Service)(nil)
)

// New makes a service. It starts nothing.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Admit == nil {
		cfg.Admit = func(mpi.PeerID) bool { return true }
	}
	if cfg.RankSlots == 0 {
		cfg.RankSlots = DefaultRankSlots()
	}
	return &Service{
		cfg: cfg, self: cfg.Transport.Self(), log: cfg.Log,
		slots:   slots{total: cfg.RankSlots},
		records: recordStore{dir: cfg.Dir, log: cfg.Log},
		parts:   map[[16]byte]*hosted{}, mine: map[[16]byte]*job{}, all: map[string]*job{}, backoff: backoff{},
		silent: map[mpi.PeerID]time.Time{},
	}
}

// Start reads the records that were kept and takes frames of jobs.
func (svc *Service) Start() error {
	svc.started = time.Now()
	for _, k := range svc.records.load() {
		j := recalled(svc, k)
		svc.endings++
		j.ending = svc.endings
		svc.all[j.name] = j
	}
	for _, j := range svc.forgetOld() {
		svc.records.remove(j.name)
	}
	return svc.cfg.Transport.Start(receiver{svc})
}

// Close ends all jobs and parts within ctx, and joins every goroutine: origins of what runs here
// are told, then own jobs end on all their nodes, then sessions close. It may be called twice.
func (svc *Service) Close(ctx context.Context) error {
	svc.closeOnce.Do(func() { svc.closeErr = svc.close(ctx) })
	return svc.closeErr
}

// nodeStopping is why jobs and parts end with their node, for clients and for origins.
const nodeStopping = "the node is stopping"

// close does what Close says.
func (svc *Service) close(ctx context.Context) error {
	svc.mu.Lock()
	svc.shut = true
	mine, parts := slices.Collect(maps.Values(svc.mine)), slices.Collect(maps.Values(svc.parts))
	svc.mu.Unlock()
	for _, j := range mine {
		j.quit(false, mpi.Stopping, nodeStopping)
	}
	for _, p := range parts { // so that the origins hear of it from us, and first
		if p.id.Origin != svc.self {
			p.inbox.put(shutdown{})
		}
	}
	await := func(over <-chan struct{}) {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	for _, j := range mine {
		await(j.over)
	}
	for _, p := range parts {
		p.inbox.put(shutdown{})
	}
	for _, p := range parts {
		await(p.over)
	}
	errs := []error{svc.cfg.Transport.Close(ctx)}
	joined := make(chan struct{})
	go func() { // joined below, unless ctx ends first: a program may still be compiling
		svc.wg.Wait()
		close(joined)
	}()
	select {
	case <-joined:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("a part of a job has not ended: %w", ctx.Err()))
	}
	return errors.Join(errs...)
}
