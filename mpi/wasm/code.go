package wasm

import (
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// codeID names a module by the hash of its bytes.
type codeID [sha256.Size]byte

// code is a compiled module, linked.
type code struct {
	id   codeID
	info moduleInfo
	refs int // programs, and build while it works; guarded by Runtime.mu

	// pooled runs in the pool of handlers: nil for an MPI program, and for a module that does not
	// fit.
	pooled *linked
	// other runs without the pool. If there is pooled, it is made when the pool is first found
	// full.
	mu    sync.Mutex
	other *linked
}

// linked is a module in an engine, linked to the host's functions.
type linked struct {
	module  *native.Module
	program *native.Program
}

func (l *linked) close() {
	if l != nil {
		l.program.Close()
		l.module.Close()
	}
}

// load makes code of an image in the engine, and links it.
func load(e *native.Engine, image []byte, info *moduleInfo) (*linked, error) {
	m, err := e.Load(image)
	if err != nil {
		return nil, err
	}
	return link(e, m, info)
}

// link links a module, which it closes if it fails, to what it imports, all of which is provided
// with these types.
func link(e *native.Engine, m *native.Module, info *moduleInfo) (*linked, error) {
	system := wasi.Functions()
	var list []native.Function
	seen := map[[2]string]bool{}
	for _, imp := range info.imports {
		if key := [2]string{imp.Module, imp.Name}; seen[key] {
			continue
		} else {
			seen[key] = true
		}
		f := native.Function{Module: imp.Module, Name: imp.Name, Params: imp.Type.Params}
		if imp.Type.Results != "" {
			f.Result = imp.Type.Results[0]
		}
		if imp.Module == abi.Module {
			f.ID, _ = abi.Lookup(imp.Name)
		} else {
			for i := range system {
				if system[i].Name == imp.Name {
					f.ID = wasiID + i
				}
			}
		}
		list = append(list, f)
	}
	p, err := native.Link(e, m, list)
	if err != nil {
		m.Close()
		return nil, err
	}
	return &linked{m, p}, nil
}

// intoPool moves the code of a handler into the pool's engine, if it fits there.
func (r *Runtime) intoPool(c *code, image []byte) error {
	if c.info.mpi {
		return nil
	}
	e, err := r.engine(pooled)
	if e == nil {
		return err
	}
	if image == nil {
		if image, err = c.other.module.Serialize(); err != nil {
			return err
		}
	}
	if c.pooled, err = load(e, image, &c.info); err != nil {
		r.log.Debug("a program does not fit the pool: its instances are made on demand", "err", oneLine(err))
		return nil
	}
	c.other.close()
	c.other = nil
	return nil
}

// enterPool returns the code for an instance in the pool, if it is for the pool and that is not
// full. leavePool comes when the instance is freed.
func (r *Runtime) enterPool(c *code) *linked {
	if c.pooled == nil {
		return nil
	}
	if n := r.inPool.Add(1); n > int32(r.slots) {
		r.inPool.Add(-1)
		return nil
	}
	return c.pooled
}

func (r *Runtime) leavePool() { r.inPool.Add(-1) }

// outside returns the code for an instance outside of the pool.
func (r *Runtime) outside(c *code) (*linked, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other != nil {
		return c.other, nil
	}
	e, err := r.engine(onDemand)
	if err != nil {
		return nil, err
	}
	image, err := c.pooled.module.Serialize()
	if err != nil {
		return nil, err
	}
	c.other, err = load(e, image, &c.info)
	return c.other, err
}

// close frees what wasmtime holds of it.
func (c *code) close() {
	c.pooled.close()
	c.other.close()
}

// oneLine makes one line of an error of wasmtime, which has a paragraph for each cause.
func oneLine(err error) error { return errors.New(clip(fields(err.Error()), 500)) }
