package p2p

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// ErrNoProtocol means that a peer is there and does not speak ipfs-mpi in any version.
var ErrNoProtocol = errors.New("peer does not speak ipfs-mpi")

// stream is a libp2p stream with the memory that is reserved for it and a reader of its frames.
type stream struct {
	network.Stream
	frames *wire.Reader
	base   int // reserved for as long as the stream lives

	mu       sync.Mutex
	held     int // reserved beyond base, for one frame
	released bool
}

// adopt puts a stream under our service and reserves memory for it. It owns s on failure.
func adopt(s network.Stream, memory int) (*stream, error) {
	err := s.Scope().SetService(ServiceName)
	if err == nil {
		err = s.Scope().ReserveMemory(memory, network.ReservationPriorityAlways)
	}
	if err != nil {
		s.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, fmt.Errorf("libp2p's resource manager has no room for a stream: %w", err)
	}
	return &stream{Stream: s, base: memory}, nil
}

// hold reserves memory for a frame that needs n bytes in all.
func (s *stream) hold(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released || n <= s.held {
		return nil
	}
	if err := s.Scope().ReserveMemory(n-s.held, network.ReservationPriorityHigh); err != nil {
		return err
	}
	s.held = n
	return nil
}

// drop gives back what hold reserved.
func (s *stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.released && s.held > 0 {
		s.Scope().ReleaseMemory(s.held)
	}
	s.held = 0
}

// release gives all back, once. Whoever made the stream calls it last.
func (s *stream) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.released {
		s.released = true
		s.Scope().ReleaseMemory(s.base + s.held)
	}
}

// ask writes a frame and reads the answer. A peer that refuses may stop reading before it has all
// of a frame, so its answer counts even when the write failed.
func (s *stream) ask(frame []byte) (wire.Type, []byte, error) {
	_, werr := s.Write(frame)
	typ, payload, err := s.frames.Next()
	if err != nil && werr != nil {
		err = werr
	}
	return typ, payload, err
}

// handshakeError means that a stream was there and broke before the peer's answer.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "no answer from the peer: " + e.err.Error() }
func (e *handshakeError) Unwrap() []error {
	return []error{frame.ErrUnreachable, e.err}
}

// unanswered is the error of a stream on which an error came instead of an answer. A protocol that
// the peer spoke before is negotiated with the first read only.
func (t *Transport) unanswered(s *stream, err error) error {
	switch {
	case errors.Is(err, msmux.ErrNotSupported[protocol.ID]{}):
		return t.notSpoken(s.Conn().RemotePeer(), s.Protocol())
	case errors.Is(err, wire.ErrMalformed):
		return violation("%w", err)
	}
	return &handshakeError{err}
}

// notSpoken tells a peer of another version from one that does not speak ipfs-mpi at all, by
// what it said of itself when it connected.
func (t *Transport) notSpoken(p peer.ID, proto protocol.ID) error {
	family := string(proto[:strings.LastIndexByte(string(proto), '/')+1])
	newest := protocol.ID("") // of theirs
	for _, k := range t.identified(p) {
		if strings.HasPrefix(string(k), family) && k != proto {
			newest = max(newest, k)
		}
	}
	if newest != "" {
		return told("%w: it speaks %s, and this node %s", frame.ErrVersion, newest, proto)
	}
	return told("%w: no %s", ErrNoProtocol, proto)
}

// deadline is when something begun now has to be over: after d, or when ctx says.
func deadline(ctx context.Context, d time.Duration) time.Time {
	at := time.Now().Add(d)
	if end, ok := ctx.Deadline(); ok && end.Before(at) {
		return end
	}
	return at
}
