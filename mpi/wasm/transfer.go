package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// Translate makes code of a module, for [Runtime.Load] in this process or another one. It refuses
// what [Runtime.Compile] refuses, and keeps nothing. mpi reports whether it is an MPI program. ctx
// matters until the compilation starts, which cannot be interrupted.
func (r *Runtime) Translate(ctx context.Context, wasm []byte) (code []byte, mpi bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if err := exec.CheckModule(wasm, r.cfg.MaxModule); err != nil {
		return nil, false, err
	}
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic while compiling", "panic", p)
			code, err = nil, errors.New("wasm: compile: a fault in the engine")
		}
	}()
	code, mpi, err = r.image(wasm)
	if err != nil {
		return nil, false, fmt.Errorf("wasm: compile: %w", err)
	}
	return code, mpi, nil
}

func (r *Runtime) image(wasm []byte) (code []byte, mpi bool, err error) {
	wasm, info, err := r.inspect(wasm)
	if err != nil {
		return nil, false, err
	}
	e, err := r.engine(info.engine())
	if err != nil {
		return nil, false, err
	}
	m, err := r.translate(e, wasm)
	if err != nil {
		return nil, false, err
	}
	defer m.Close()
	image, err := m.Serialize()
	if err != nil {
		return nil, false, oneLine(err)
	}
	code, err = appendInfo(image, &info)
	return code, info.mpi, err
}

// engine is what compiles the module.
func (i *moduleInfo) engine() engineKind {
	if i.mpi {
		return ranks
	}
	return onDemand
}

// Load is [Runtime.LoadFile] of the file of a name.
func (r *Runtime) Load(path string) (exec.Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("wasm: load: %w", err)
	}
	defer f.Close()
	return r.LoadFile(f)
}

// LoadFile readies a program of the code that [Runtime.Translate] made, which is all of a file. It
// maps the file, which the caller may close after it, and on Linux opens none. The file must not
// change while it is used. Who made it can make this process do anything: it has to be trusted, or
// the process locked down. Code that another build made, or a host of another kind, is an error.
func (r *Runtime) LoadFile(f *os.File) (exec.Program, error) {
	c, err := r.loadFile(f)
	if err != nil {
		return nil, fmt.Errorf("wasm: load %s: %w", f.Name(), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.close()
		return nil, errClosed
	}
	if there := r.codes[c.id]; there != nil {
		c.close()
		c = there
	} else {
		r.codes[c.id] = c
	}
	c.refs++
	return r.hold(c), nil
}

func (r *Runtime) loadFile(f *os.File) (c *code, err error) {
	c = &code{}
	if c.id, c.info, err = readInfo(f); err != nil {
		return nil, err
	}
	if !c.info.mpi {
		e, err := r.engine(pooled)
		if err != nil {
			return nil, err
		}
		if e != nil {
			if c.pooled, err = mapFile(e, f, &c.info); err == nil {
				return c, nil
			}
			r.log.Debug("a program does not fit the pool: its instances are made on demand", "err", oneLine(err))
		}
	}
	e, err := r.engine(c.info.engine())
	if err != nil {
		return nil, err
	}
	if c.other, err = mapFile(e, f, &c.info); err != nil {
		return nil, oneLine(err)
	}
	return c, nil
}

// mapFile is load for a file.
func mapFile(e *native.Engine, f *os.File, info *moduleInfo) (*linked, error) {
	m, err := e.LoadFile(f)
	if err != nil {
		return nil, err
	}
	return link(e, m, info)
}
