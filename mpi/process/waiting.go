package process

import "github.com/ipfs-mpi/ipfs-mpi/mpi/match"

// waits is what a call waits for, if not a collective operation. At most one field is set.
type waits struct {
	one   operation
	all   []*request // nil for those that are null or inactive
	probe *match.Envelope
}

// describeWait says what the call under way waits for. It runs on the rank's goroutine.
func (p *Process) describeWait(x *match.Waiting) {
	c := p.in
	if c == nil {
		return
	}
	x.Call = c.f.Name
	on := c.on
	switch {
	case c.waits.one != nil:
		describeOperation(x, c.waits.one)
	case c.waits.probe != nil:
		x.Messages = append(x.Messages, c.waits.probe.Message())
	}
	for _, r := range c.waits.all {
		if r != nil && r.active && len(x.Messages) < match.MaxWaiting {
			describeOperation(x, r.op)
			if on == nil {
				on = r.on
			}
		}
	}
	if on != nil {
		x.Comm = on.String()
	}
}

// describeOperation adds the messages of an operation that are not complete.
func describeOperation(x *match.Waiting, op operation) {
	switch op := op.(type) {
	case *message:
		if !op.done() {
			x.Messages = append(x.Messages, op.Message())
		}
	case *posted:
		describeOperation(x, &op.message)
	case *duplex:
		describeOperation(x, &op.in)
		describeOperation(x, &op.out)
	}
}
