package job

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// This file is what the node's owner sees of jobs of other origins.

// maxShownName is how many bytes of a program's name are shown: the origin chose it.
const maxShownName = 100

// hostedStates are the phases of a host as the owner is told them; there are no ranks in others.
var hostedStates = map[hostPhase]mpi.HostedState{
	preparing: mpi.HostedPreparing, ready: mpi.HostedReady, executing: mpi.HostedRunning, waiting: mpi.HostedEnded, closing: mpi.HostedEnded,
}

// show makes what the owner sees of the part that of the machine's phase. Only run calls it.
func (p *hosted) show() {
	state := hostedStates[p.machine.phase]
	if p.id.Origin == p.svc.self || state == "" {
		return
	}
	next := mpi.HostedJob{
		ID: hex.EncodeToString(p.key[:8]), Job: shortID(p.id), Origin: p.id.Origin, Program: p.offer.Program, State: state, Since: time.Now(),
	}
	if last := p.shown.Load(); last != nil {
		next = *last
		next.State = state
	} else {
		next.Ranks = slices.Clone(p.machine.local)
		if args := p.machine.place.Args; len(args) > 0 {
			next.Name = strings.ToValidUTF8(args[0][:min(len(args[0]), maxShownName)], "?")
		}
	}
	p.shown.Store(&next)
	if state == mpi.HostedRunning {
		p.svc.strangers.Add(1)
		p.svc.log.Info("ranks of another node's job started", "job", next.Job, "id", next.ID, "origin", next.Origin,
			"program", next.Name, "cid", next.Program, "ranks", len(next.Ranks))
	}
}

// tellEnd logs the end of a part whose start was.
func (p *hosted) tellEnd() {
	if x := p.shown.Load(); x != nil && x.State != mpi.HostedPreparing && x.State != mpi.HostedReady {
		p.svc.log.Info("ranks of another node's job ended", "job", x.Job, "id", x.ID, "origin", x.Origin,
			"program", x.Name, "ranks", len(x.Ranks), "after", time.Since(x.Since).Round(time.Millisecond), "why", p.why)
	}
}

// Hosted implements [mpi.Hosting].
func (svc *Service) Hosted() mpi.HostedJobs {
	svc.mu.RLock()
	defer svc.mu.RUnlock()
	list := mpi.HostedJobs{Started: svc.strangers.Load()}
	for _, p := range svc.parts {
		if x := p.shown.Load(); x != nil {
			list.Jobs = append(list.Jobs, *x)
		}
	}
	slices.SortFunc(list.Jobs, func(a, b mpi.HostedJob) int { return cmp.Or(b.Since.Compare(a.Since), strings.Compare(a.ID, b.ID)) })
	return list
}

// EndHosted implements [mpi.Hosting].
func (svc *Service) EndHosted(ctx context.Context, id string) error {
	svc.mu.RLock()
	var p *hosted
	for _, x := range svc.parts {
		if shown := x.shown.Load(); shown != nil && shown.ID == id {
			p = x
		}
	}
	svc.mu.RUnlock()
	if p == nil {
		return mpi.Errorf(mpi.CodeNotFound, "no job of another node has the ID %q here", id[:min(len(id), 40)])
	}
	p.inbox.put(evicted{})
	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
		return mpi.Errorf(mpi.CodeTimeout, "job %s has not ended here yet", id)
	}
}
