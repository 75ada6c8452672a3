package process

import (
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// outbox is the statements of a process that others have not received yet, in order. Tasks of the
// rank send them, so a process that begins many nonblocking operations goes on meanwhile.
type outbox struct {
	mu       sync.Mutex
	queue    []*statement // not sent yet
	underWay int
	held     int64 // bytes of all
}

const (
	// maxStatements bounds the bytes of an outbox: then the process waits for those who receive.
	maxStatements = 16 << 20
	// maxUnderWay bounds the messages that the receiver may have to keep unmatched.
	maxUnderWay = 256
)

// cost is the bytes of a statement in an outbox.
func (s *statement) cost() int64 {
	return 2*smallObject + saidSize*2*int64(len(s.send)+len(s.recv))
}

// send sends a statement to a rank, after those before it.
func (o *outbox) send(p *Process, of *match.Scope, context uint64, to int32, s *statement) error {
	s.env, s.data = p.private(of, context, to, 0, s.rank), s.append(nil)
	n := s.cost()
	if err := p.end.Wait(func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.held == 0 || o.held+n <= maxStatements
	}); err != nil {
		return err
	}
	o.mu.Lock()
	o.queue, o.held = append(o.queue, s), o.held+n
	o.mu.Unlock()
	o.sendMore(p)
	return nil
}

// sendMore sends what is in the queue, as long as few statements are under way.
func (o *outbox) sendMore(p *Process) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 && o.underWay < maxUnderWay {
		s := o.queue[0]
		o.queue[0] = nil
		o.queue = o.queue[1:]
		o.underWay++
		p.end.Send(&s.req, s.env, datatype.Of(s.data), match.Standard)
		if !s.req.Then(func() { o.sent(p, s) }) {
			o.forget(s)
		}
	}
}

// sent is called once a statement was sent.
func (o *outbox) sent(p *Process, s *statement) {
	o.mu.Lock()
	o.forget(s)
	o.mu.Unlock()
	o.sendMore(p)
}

// forget takes a statement out that was sent. mu is held.
func (o *outbox) forget(s *statement) {
	o.underWay--
	o.held -= s.cost()
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.held == 0
}
