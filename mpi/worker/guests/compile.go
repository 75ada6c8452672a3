package guests

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// compilation is the work of a worker that compiles one module. It belongs to the reader until the
// module is there.
type compilation struct {
	s       *server
	runtime *wasm.Runtime
	size    int64 // of the module
	module  []byte
	whole   bool
}

func (c *compilation) frame(t link.Type, payload []byte) error {
	if t != link.TypeModule || c.whole {
		return unexpected(t)
	}
	var f link.Module
	if err := link.Parse(payload, &f); err != nil {
		return err
	}
	if c.module == nil {
		c.module = make([]byte, 0, c.size)
	}
	if int64(len(c.module)+len(f.Data)) > c.size {
		return fmt.Errorf("guests: a module of more than the %d bytes that were said", c.size)
	}
	c.module = append(c.module, f.Data...)
	c.whole = f.Last
	switch {
	case !c.whole:
		return nil
	case int64(len(c.module)) < c.size:
		return fmt.Errorf("guests: a module of %d bytes, and %d were said", len(c.module), c.size)
	}
	c.s.guests.Go(c.run)
	return nil
}

// run compiles and answers. It cannot be interrupted: the process ends without it.
func (c *compilation) run() {
	code, mpi, err := c.runtime.Translate(c.s.ctx, c.module)
	done := &link.Compiled{MPI: mpi, Size: int64(len(code))}
	if err != nil {
		done = &link.Compiled{Failure: clip(err.Error(), link.MaxText)}
	}
	if c.s.cfg.ended != nil {
		c.s.cfg.ended(c.s.out)
	}
	c.s.out.SendNow(done)
	for len(code) > 0 {
		n := min(len(code), link.MaxData)
		if c.s.out.Send(c.s.ctx, &link.Code{Data: code[:n]}) != nil {
			return // the worker ends
		}
		code = code[n:]
	}
}

func (c *compilation) stop() {}
