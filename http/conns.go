package http

import (
	"container/list"
	"context"
	"net"
	"sync"
)

// conns are the open connections. Those that have no request at work, because they are idle, slow,
// or refused, are in a line, the longest so first: when there are too many connections the first of
// the line is closed. So whoever holds connections without the token keeps nobody out.
type conns struct {
	mu   sync.Mutex // guards the rest
	open int
	idle list.List // of net.Conn
	at   map[net.Conn]*list.Element
}

// add adds a connection. With it there may be more than most: then it returns the one to close.
func (s *conns) add(c net.Conn, most int) (old net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[net.Conn]*list.Element{}
	}
	s.open++
	s.at[c] = s.idle.PushBack(c)
	if s.open <= most {
		return nil
	}
	old = s.idle.Front().Value.(net.Conn)
	s.drop(old)
	return old
}

// remove takes out a connection that is closed.
func (s *conns) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
}

func (s *conns) drop(c net.Conn) {
	if e, ok := s.at[c]; ok {
		if e != nil {
			s.idle.Remove(e)
		}
		delete(s.at, c)
		s.open--
	}
}

// works says that a connection has a request at work, or has none any more.
func (s *conns) works(c net.Conn, works bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.at[c]
	switch {
	case !ok:
	case works && e != nil:
		s.idle.Remove(e)
		s.at[c] = nil
	case !works && e == nil:
		s.at[c] = s.idle.PushBack(c)
	}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

func connOf(ctx context.Context) net.Conn {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	return c
}
