package process

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// What a program leaves at MPI_Finalize that it had to complete (MPI 5.0, 11.2.2): messages that
// have come and were not received, and requests that are active. Requests that were freed may be
// left, and so may inactive persistent ones.

// maxLeftover is how many messages, and how many requests, are described on a line.
const maxLeftover = 4

// leftover is what is left of one kind.
type leftover struct {
	n    int
	list []string
}

func (l *leftover) add(describe func() string) {
	if l.n++; l.n <= maxLeftover {
		l.list = append(l.list, describe())
	}
}

// say writes one line, if anything is left.
func (l *leftover) say(p *Process, what, how string) {
	if l.n == 0 {
		return
	}
	if l.n > 1 {
		what += "s"
	}
	more := ""
	if n := l.n - len(l.list); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	fmt.Fprintf(p.cfg.Stderr, "ipfs-mpi: rank %d ended with %d %s %s: %s%s\n", p.rank, l.n, what, how, strings.Join(l.list, "; "), more)
}

// sayLeftover names on standard error what the program leaves, in two lines at most.
func (p *Process) sayLeftover() {
	if p.cfg.Stderr == nil {
		return
	}
	var messages, requests leftover
	comms := map[uint64]*Comm{p.world.context: p.world, p.self.context: p.self}
	for _, c := range p.handles.comms.items {
		if c != nil {
			comms[c.context] = c
		}
	}
	p.end.Unreceived(func(m match.Unreceived) {
		// Messages of other contexts are the library's own, or of communicators that were freed.
		if c := comms[m.Context]; c != nil {
			messages.add(func() string {
				return fmt.Sprintf("from rank %d, tag %d, %d bytes on %s", m.Source, m.Tag, m.Size, c)
			})
		}
	})
	for _, r := range p.handles.requests.items {
		if r != nil && r.active && !r.needsFailed() {
			requests.add(func() string { return describeRequest(r) })
		}
	}
	messages.say(p, "message", "never received")
	requests.say(p, "request", "never completed")
}

// needsFailed reports whether a request is of a message that ended because a process has failed.
func (r *request) needsFailed() bool {
	var m *message
	switch op := r.op.(type) {
	case *message:
		m = op
	case *posted:
		m = &op.message
	default:
		return false
	}
	var failed *match.RankError
	return m.Done() && errors.As(m.Err, &failed)
}

func describeRequest(r *request) string {
	text := "an operation"
	var m match.WaitingMessage
	switch op := r.op.(type) {
	case *message:
		m = op.Message()
	case *posted:
		m = op.Message()
	default:
		if r.on != nil {
			text += " on " + r.on.String()
		}
		return text
	}
	switch {
	case m.Send:
		text = fmt.Sprintf("a send to rank %d", m.Peer)
	case m.Peer < 0:
		text = "a receive from any rank"
	default:
		text = fmt.Sprintf("a receive from rank %d", m.Peer)
	}
	if m.Tag >= 0 {
		text += fmt.Sprintf(", tag %d", m.Tag)
	}
	if r.on != nil {
		text += " on " + r.on.String()
	}
	return text
}
