package rendezvous

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// probe exchanges hellos with one peer.
func (s *Service) probe(p probe) {
	ctx, cancel := context.WithTimeout(s.asking, s.cfg.Timing.Probe)
	defer cancel()
	s.mu.Lock()
	l := s.link(p.to.Peer)
	s.mu.Unlock()
	theirs, err := s.cfg.Exchanger.Exchange(ctx, p.to, s.address(p.mine, l.local))
	if err != nil {
		s.log.Debug("no hello from peer", "peer", p.to.Peer, "error", err)
		s.update(func(v *view, now time.Time) { v.failed(now, p.ticket, class(err)) })
		return
	}
	theirs = clean(theirs)
	s.update(func(v *view, now time.Time) { v.answered(now, p.ticket, theirs, s.link(p.to.Peer)) })
}

func class(err error) trouble {
	switch {
	case errors.Is(err, frame.ErrHandshake):
		return spoiled
	case errors.Is(err, frame.ErrUnreachable):
		return absent
	case errors.Is(err, frame.ErrRefused), errors.Is(err, frame.ErrVersion):
		return hostile
	default:
		return unsure
	}
}

// lookup searches the network for a pool's members.
func (s *Service) lookup(program mpi.CID) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timing.Lookup)
	defer cancel()
	limit := s.view.lim.found
	found, err := s.cfg.Discovery.FindPeers(ctx, Namespace(program), discovery.Limit(limit))
	n := 0
	for err == nil && n < limit {
		var info peer.AddrInfo
		open := false
		select {
		case info, open = <-found:
		case <-ctx.Done(): // what has come so far is what there is
		}
		if !open {
			break
		}
		n++
		a := listed(info)
		s.update(func(v *view, now time.Time) { v.found(now, program, a) })
	}
	s.log.Debug("looked up pool", "namespace", Namespace(program), "found", n, "error", err)
	s.update(func(v *view, now time.Time) { v.looked(now, program, err == nil) })
}

// advertising takes at most this long; a provide on the public DHT may take a minute.
const advertising = 2 * time.Minute

// advertise tells the network that this node is in a pool.
func (s *Service) advertise(program mpi.CID) {
	ctx, cancel := context.WithTimeout(s.ctx, advertising)
	defer cancel()
	ttl, err := s.cfg.Discovery.Advertise(ctx, Namespace(program))
	if err == nil && ttl <= 0 {
		ttl = s.cfg.Timing.BackoffMax // it promises nothing
	}
	if err != nil {
		ttl = 0
	}
	s.log.Debug("advertised pool", "namespace", Namespace(program), "ttl", ttl, "error", err)
	s.update(func(v *view, now time.Time) { v.advertised(now, program, ttl) })
}

// Goodbyes: how many are sent at once, the time for all of them, and the time that hellos in
// progress get to end before.
const (
	goodbyes   = 32
	farewell   = 3 * time.Second
	lastHellos = 250 * time.Millisecond
)

// Close says goodbye to the peers in view, those connected first, and waits for all that
// the service started, until ctx ends. Calls after the first wait for its end.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed != nil {
		closed := s.closed
		s.mu.Unlock()
		select {
		case <-closed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.closed = make(chan struct{})
	was := s.state
	s.state = stopped
	peers := s.view.memberIDs()
	s.mu.Unlock()
	s.cancel()
	if was != running {
		s.hush()
		close(s.closed)
		return nil
	}
	quiet := make(chan struct{})
	go func() { // joined by whoever reads closed; Discovery may take longer than ctx
		defer close(s.closed)
		s.owners.Wait()
		// A hello that is broken off may still be read after the goodbye: better to let it end.
		late := time.AfterFunc(lastHellos, s.hush)
		s.probes.Wait()
		late.Stop()
		s.hush()
		close(quiet)
		s.tasks.Wait()
	}()
	// A goodbye comes after the last hello, or it is void.
	select {
	case <-quiet:
		s.goodbye(ctx, peers)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) goodbye(ctx context.Context, peers []mpi.PeerID) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	queue := make(chan mpi.PeerID, len(peers))
	for _, id := range peers {
		queue <- id
	}
	close(queue)
	var senders sync.WaitGroup
	for range min(goodbyes, len(peers)) {
		senders.Go(func() {
			for id := range queue {
				if ctx.Err() != nil {
					return
				}
				_, err := s.cfg.Exchanger.Exchange(ctx, frame.PeerAddrs{Peer: id}, frame.Hello{Agent: s.cfg.Agent, Leaving: true})
				if err != nil {
					s.log.Debug("goodbye did not arrive", "peer", id, "error", err)
				}
			}
		})
	}
	senders.Wait()
}
