package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

const (
	helloBuffer = 4 << 10
	helloMemory = helloBuffer + 64<<10

	// maxGreetings bounds the hellos that are answered at the same time, maxPeerGreetings those of
	// one peer.
	maxGreetings     = 64
	maxPeerGreetings = 2
)

// Exchange implements [frame.Exchanger]. It dials the peer if need be, at the given addresses too,
// as far as they are valid; libp2p forgets those after some minutes unless it gets to know the
// peer. A peer that does not speak the protocol in any version is [ErrNoProtocol].
func (t *Transport) Exchange(ctx context.Context, to frame.PeerAddrs, mine frame.Hello) (frame.Hello, error) {
	theirs, err := t.exchange(ctx, to, mine)
	if err != nil {
		return frame.Hello{}, fmt.Errorf("p2p: hello to %s: %w", to.Peer, err)
	}
	return theirs, nil
}

func (t *Transport) exchange(ctx context.Context, to frame.PeerAddrs, mine frame.Hello) (frame.Hello, error) {
	var none frame.Hello
	if !t.enter() {
		return none, errStopping
	}
	defer t.wg.Done()
	if err := t.canon.checkHello(mine); err != nil {
		return none, err
	}
	hello, err := wire.AppendHello(nil, mine)
	if err != nil {
		return none, err
	}
	id, err := peer.Decode(string(to.Peer))
	switch {
	case err != nil:
		return none, fmt.Errorf("%w: not a peer ID: %w", frame.ErrUnreachable, err)
	case id == t.host.ID():
		return none, fmt.Errorf("%w: it is this node itself", frame.ErrUnreachable)
	case !t.cfg.Admit(mpi.PeerID(id.String())):
		return none, fmt.Errorf("%w: this node's own policy does not admit it", frame.ErrRefused)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline(ctx, t.cfg.HelloTimeout))
	defer cancel()
	stopped := context.AfterFunc(t.ctx, cancel)
	defer stopped()

	if addrs := usable(id, to.Addrs); len(addrs) > 0 {
		t.host.Peerstore().AddAddrs(id, addrs, peerstore.TempAddrTTL)
	}
	s, err := t.newStream(ctx, id, PoolProtocol, helloMemory)
	for try := 0; errors.Is(err, frame.ErrHandshake) && try < 2; try++ {
		t.pause(ctx)
		s, err = t.newStream(ctx, id, PoolProtocol, helloMemory)
	}
	if err != nil {
		return none, err
	}
	defer s.release()
	theirs, err := t.greet(ctx, s, hello, mine.Leaving)
	if err != nil {
		s.Reset()
		return none, err
	}
	s.Close()
	return theirs, nil
}

// usable are those of a peer's addresses that can be dialled, at most [frame.MaxAddrs].
func usable(id peer.ID, texts []string) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, s := range texts {
		if len(out) == frame.MaxAddrs || len(s) > frame.MaxAddrLen {
			continue
		}
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		bare, named := peer.SplitAddr(addr)
		if bare == nil || named != "" && named != id {
			continue
		}
		out = append(out, bare)
	}
	return out
}

// greet says hello on s and reads the answer. A goodbye has none: the peer hangs up when it has it.
func (t *Transport) greet(ctx context.Context, s *stream, hello []byte, leaving bool) (frame.Hello, error) {
	var none frame.Hello
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	end, _ := ctx.Deadline()
	s.SetDeadline(end)
	s.frames = wire.NewReader(s, helloBuffer, frame.MaxHello)
	s.frames.Hold = s.hold

	_, werr := s.Write(hello)
	if werr == nil {
		werr = s.CloseWrite()
	}
	typ, payload, err := s.frames.Next()
	switch {
	case err == io.EOF && leaving && werr == nil:
		return none, nil
	case err == io.EOF:
		return none, errors.New("the peer hung up without an answer")
	case err != nil:
		if ctx.Err() != nil {
			err = ctx.Err()
		} else if werr != nil {
			err = werr
		}
		return none, t.unanswered(s, err)
	}
	switch typ {
	case wire.TypeReject:
		r, err := wire.ParseReject(payload)
		if err != nil {
			return none, violation("%w", err)
		}
		return none, rejected(r.Code)
	case wire.TypeHello:
		theirs, err := wire.ParseHello(payload)
		if err == nil {
			err = t.canon.checkHello(theirs)
		}
		if err != nil {
			return none, violation("%w", err)
		}
		return theirs, nil
	}
	return none, violation("%s is no answer to Hello", typ)
}

// greetings counts the hellos that are being answered.
type greetings struct {
	mu    sync.Mutex
	all   int
	peers map[peer.ID]int
}

func (g *greetings) enter(p peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= maxGreetings || g.peers[p] >= maxPeerGreetings {
		return false
	}
	if g.peers == nil {
		g.peers = make(map[peer.ID]int)
	}
	g.all++
	g.peers[p]++
	return true
}

func (g *greetings) leave(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.peers[p]--; g.peers[p] == 0 {
		delete(g.peers, p)
	}
}

// handlePool answers one hello.
func (t *Transport) handlePool(ns network.Stream) {
	if !t.enter() {
		ns.ResetWithError(network.StreamShutdown)
		return
	}
	defer t.wg.Done()
	id := ns.Conn().RemotePeer()
	if !t.greetings.enter(id) {
		t.cfg.Policy.Refuse(mpi.RefusedHellos)
		ns.ResetWithError(network.StreamRateLimited)
		return
	}
	defer t.greetings.leave(id)
	s, err := adopt(ns, helloMemory)
	if err != nil {
		t.cfg.Log.Debug("hello not taken", "peer", id, "why", err)
		return
	}
	defer s.release()
	stop := context.AfterFunc(t.ctx, func() { s.Reset() })
	defer stop()
	s.SetDeadline(time.Now().Add(t.cfg.HelloTimeout))
	s.frames = wire.NewReader(s, helloBuffer, frame.MaxHello)
	s.frames.Hold = s.hold
	if err := t.answer(s, mpi.PeerID(id.String())); err != nil {
		t.cfg.Log.Debug("hello not answered", "peer", id, "why", err)
		s.Reset()
		return
	}
	s.Close()
}

func (t *Transport) answer(s *stream, from mpi.PeerID) error {
	if !t.cfg.Admit(from) {
		t.cfg.Policy.Refuse(mpi.RefusedDenied)
		if _, err := s.Write(wire.AppendReject(nil, wire.Reject{Code: wire.RejectRefused})); err != nil {
			return err
		}
		// What the peer still writes has to go somewhere, or it will not get to read.
		if err := s.CloseWrite(); err != nil {
			return err
		}
		_, err := io.CopyN(io.Discard, s, frame.MaxHello+16)
		if err == io.EOF {
			err = nil
		}
		return err
	}
	typ, payload, err := s.frames.Next()
	if err != nil {
		return err
	}
	if typ != wire.TypeHello {
		return violation("%s is no way to begin", typ)
	}
	theirs, err := wire.ParseHello(payload)
	if err == nil {
		err = t.canon.checkHello(theirs)
	}
	if err != nil {
		return violation("%w", err)
	}
	t.mu.RLock()
	greeter := t.greeter
	t.mu.RUnlock()
	mine, ok := greeter.Greet(from, theirs)
	if !ok || theirs.Leaving {
		return nil
	}
	if err := t.canon.checkHello(mine); err != nil {
		return err
	}
	hello, err := wire.AppendHello(nil, mine)
	if err != nil {
		return err
	}
	_, err = s.Write(hello)
	return err
}
