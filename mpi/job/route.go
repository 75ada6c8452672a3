package job

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// post sends a frame to a node, which may be this one. It does not block. The caller holds no lock.
// failed, if not nil, is called if the frame will never be sent.
func (svc *Service) post(to mpi.PeerID, f frame.JobFrame, failed func(error)) {
	if to == svc.self {
		switch x := f.(type) { // nothing of f is kept: see frame.JobTransport
		case frame.Output:
			x.Data = bytes.Clone(x.Data)
			f = x
		case frame.Input:
			x.Data = bytes.Clone(x.Data)
			f = x
		case frame.FileChunk:
			x.Data = bytes.Clone(x.Data)
			f = x
		}
		svc.receive(to, f)
		return
	}
	if failed == nil {
		failed = func(error) {}
	}
	svc.cfg.Transport.Post(to, f, failed)
}

// watch makes sure that the silence of a node is noticed soon, until stop is called, and calls
// silent if the node is silent already.
func (svc *Service) watch(p mpi.PeerID, grace time.Duration, silent func(nodeSilent)) (stop func()) {
	if p == svc.self {
		return func() {}
	}
	stop = svc.cfg.Transport.Watch(p, grace)
	svc.mu.RLock() // so that a nodeBack comes after it
	defer svc.mu.RUnlock()
	if since, ok := svc.silent[p]; ok {
		silent(nodeSilent{p, since})
	}
	return stop
}

// receiver takes the frames of jobs.
type receiver struct{ svc *Service }

// Receive implements [frame.Receiver].
func (r receiver) Receive(from mpi.PeerID, f frame.Frame) {
	switch f := f.(type) {
	case frame.Packets:
		if p := r.part(f.Job); p != nil {
			p.packets(from, f.Data)
		}
	case frame.PacketsCredit:
		if p := r.part(f.Job); p != nil {
			p.packetsCredit(from, f.Bytes)
		}
	case frame.JobFrame:
		r.svc.receive(from, f)
	}
}

func (r receiver) part(key [16]byte) *hosted {
	r.svc.mu.RLock()
	defer r.svc.mu.RUnlock()
	return r.svc.parts[key]
}

// Silent implements [frame.SilenceReceiver].
func (r receiver) Silent(peer mpi.PeerID, since time.Time, why string) {
	svc := r.svc
	svc.log.Debug("a peer of jobs says nothing", "peer", peer, "since", since, "why", why)
	svc.mu.Lock()
	svc.silent[peer] = since
	svc.mu.Unlock()
	r.tell(nodeSilent{peer, since})
}

// Heard implements [frame.SilenceReceiver].
func (r receiver) Heard(peer mpi.PeerID) {
	r.svc.mu.Lock()
	delete(r.svc.silent, peer)
	r.svc.mu.Unlock()
	r.tell(nodeBack{peer})
}

// tell gives an event to all origins and hosts.
func (r receiver) tell(e interface {
	originEvent
	hostEvent
}) {
	svc := r.svc
	svc.mu.RLock()
	parts, mine := slices.Collect(maps.Values(svc.parts)), slices.Collect(maps.Values(svc.mine))
	svc.mu.RUnlock()
	for _, p := range parts {
		p.inbox.put(e)
	}
	for _, j := range mine {
		j.inbox.put(e)
	}
}

// Lost implements [frame.Receiver].
func (r receiver) Lost(peer mpi.PeerID, session uint64, why error) {
	svc := r.svc
	svc.log.Debug("session for jobs lost", "peer", peer, "session", session, "why", why)
	svc.mu.Lock()
	delete(svc.silent, peer)
	svc.mu.Unlock()
	r.tell(nodeLost{peer, why.Error()})
	if !svc.stopping() {
		svc.cfg.Pools.Suspect(peer)
	}
}

// receive gives a frame to the origin or host that it is for. It drops a frame that from may not
// send.
func (svc *Service) receive(from mpi.PeerID, f frame.JobFrame) {
	switch f := f.(type) {
	case frame.Reservation, frame.Prepared, frame.Output, frame.FileChunk, frame.InputCredit, frame.Standing, frame.Silence, frame.Exit,
		frame.Failed, frame.Stopped, frame.PeerLost:
		svc.mu.RLock()
		j := svc.mine[f.Of().Nonce]
		svc.mu.RUnlock()
		if j != nil && f.Of().Origin == svc.self {
			j.receive(from, printable(f))
		}
	case frame.Offer:
		if f.Job.Origin == from {
			svc.post(from, svc.offered(from, f), nil)
		}
	default:
		if f.Of().Origin != from {
			return
		}
		svc.mu.RLock()
		p := svc.parts[frame.JobKey(f.Of())]
		svc.mu.RUnlock()
		if p == nil || !p.receive(from, f) {
			svc.unknown(from, f)
		}
	}
}

// unknown answers a frame of an origin for a job of which nothing is left here.
func (svc *Service) unknown(from mpi.PeerID, f frame.JobFrame) {
	switch f.(type) {
	case frame.Stop:
		svc.post(from, frame.Stopped{Job: f.Of()}, nil)
	case frame.Place, frame.Start:
		svc.post(from, frame.Failed{Job: f.Of(), Rank: -1, Reason: mpi.NoSlots,
			Detail: "the node has not kept its slots so long"}, nil)
	}
}

// printable is what a node says with its texts, of which sentences are made, safe to show.
func printable(f frame.JobFrame) frame.JobFrame {
	clean := func(why *mpi.Reason, detail *string) {
		*why, *detail = mpi.Reason(mpi.Printable(string(*why), false)), mpi.Printable(*detail, false)
	}
	switch x := f.(type) {
	case frame.Reservation:
		clean(&x.Reason, &x.Detail)
		return x
	case frame.Exit:
		clean(&x.Reason, &x.Detail)
		return x
	case frame.Failed:
		clean(&x.Reason, &x.Detail)
		return x
	case frame.PeerLost:
		x.Detail = mpi.Printable(x.Detail, false)
		return x
	}
	return f
}
