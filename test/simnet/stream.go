package simnet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// stream is one end of a stream.
type stream struct {
	conn    *conn
	in, out *pipe
	dir     network.Direction
	opened  time.Time
	name    string
	other   *stream

	mu    sync.Mutex // guards the fields below
	proto protocol.ID
}

var _ network.Stream = (*stream)(nil)

// NewStream implements [network.Conn].
func (c *conn) NewStream(ctx context.Context) (network.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	there, back := newPipe(c.out, c.in), newPipe(c.in, c.out)
	s := &stream{conn: c, in: back, out: there, dir: network.DirOutbound, opened: time.Now()}
	o := &stream{conn: c.other, in: there, out: back, dir: network.DirInbound, opened: time.Now(), other: s}
	s.other = o
	there.told, back.told = s.wrote, o.wrote
	if !c.add(s) {
		return nil, network.ErrReset
	}
	o.name = s.name
	c.out.put(func() {
		if c.other.add(o) {
			c.host.net.wg.Go(func() { c.other.host.handle(o) })
		}
	})
	return s, nil
}

// wrote tells the network's owner of what is written.
func (s *stream) wrote(b []byte) {
	if f := s.conn.host.net.Wrote; f != nil {
		f(s, b)
	}
}

func (s *stream) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *stream) Write(b []byte) (int, error) { return s.out.Write(b) }

func (s *stream) CloseWrite() error {
	s.out.end()
	return nil
}

func (s *stream) CloseRead() error {
	s.in.change(func() {
		if s.in.readErr == nil {
			s.in.readErr = network.ErrReset
		}
		s.in.buf = nil
	})
	return nil
}

// Close implements [network.Stream]: what was written still arrives.
func (s *stream) Close() error {
	s.CloseWrite()
	s.CloseRead()
	s.free()
	return nil
}

func (s *stream) Reset() error { return s.ResetWithError(0) }

// ResetWithError implements [network.Stream].
func (s *stream) ResetWithError(code network.StreamErrorCode) error {
	s.broken(&network.StreamError{ErrorCode: code})
	s.conn.out.put(func() { s.other.broken(&network.StreamError{ErrorCode: code, Remote: true}) })
	s.free()
	return nil
}

// broken ends this end.
func (s *stream) broken(err error) {
	s.in.change(func() {
		if s.in.readErr == nil {
			s.in.readErr = err
		}
		s.in.buf = nil
	})
	s.out.change(func() {
		if s.out.writeErr == nil {
			s.out.writeErr = err
		}
	})
}

// free forgets the stream: nothing waits for it any more.
func (s *stream) free() {
	s.in.setLimit(&s.in.read, time.Time{})
	s.out.setLimit(&s.out.write, time.Time{})
	s.conn.remove(s)
}

func (s *stream) SetReadDeadline(at time.Time) error {
	s.in.setLimit(&s.in.read, at)
	return nil
}

func (s *stream) SetWriteDeadline(at time.Time) error {
	s.out.setLimit(&s.out.write, at)
	return nil
}

func (s *stream) SetDeadline(at time.Time) error {
	s.SetReadDeadline(at)
	return s.SetWriteDeadline(at)
}

func (s *stream) ID() string                 { return s.name }
func (s *stream) Conn() network.Conn         { return s.conn }
func (s *stream) Scope() network.StreamScope { return &network.NullScope{} }
func (s *stream) Stat() network.Stats        { return network.Stats{Direction: s.dir, Opened: s.opened} }

func (s *stream) Protocol() protocol.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proto
}

func (s *stream) SetProtocol(id protocol.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proto = id
	return nil
}

func (s *stream) String() string { return fmt.Sprintf("stream %s of %s", s.name, s.conn.ID()) }
