package guests

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
)

// place readies the worker for what it is for, locks it down and says so. A worker that fails ends.
func (s *server) place(p *link.Place) {
	placed := &link.Placed{}
	job, err := s.ready(p)
	if err == nil {
		placed.Missing, err = s.lock(p)
	}
	if err != nil {
		placed.Failure = clip(err.Error(), link.MaxText)
		s.out.SendNow(placed)
		s.fail(err)
		return
	}
	s.job.Store(&job)
	s.out.SendNow(placed)
}

// ready does what needs files, before the lock-down.
func (s *server) ready(p *link.Place) (work, error) {
	s.limit = p.Memory
	if p.Cores > 0 {
		runtime.GOMAXPROCS(int(p.Cores))
	}
	switch p.Kind {
	case link.KindCompile:
		if p.Module > exec.MaxModule {
			return nil, fmt.Errorf("the module has %d bytes: at most %d are accepted", p.Module, exec.MaxModule)
		}
		return &compilation{s: s, size: p.Module, runtime: wasm.New(wasm.Config{})}, nil
	case link.KindHandler:
		program, err := wasm.New(wasm.Config{HandlerSlots: int(p.Slots)}).Load(p.Code)
		if err != nil {
			return nil, err
		}
		if program.MPI() {
			return nil, errors.New("it is an MPI program, not a handler")
		}
		h := &handler{s: s, program: program, units: map[uint32]*unit{}}
		h.memory.set(p.Memory, int(p.Slots))
		return h, nil
	case link.KindRanks:
		program, err := wasm.New(wasm.Config{}).Load(p.Code)
		if err != nil {
			return nil, err
		}
		m, ok := program.(exec.MPIProgram)
		if !ok || !m.MPI() {
			return nil, errors.New("it is a handler, not an MPI program")
		}
		return newGroup(s, m), nil
	}
	return nil, fmt.Errorf("a worker of the unknown kind %d", p.Kind)
}

// lock locks the process down and tells what the system lacks for that.
func (s *server) lock(p *link.Place) (missing string, err error) {
	report, err := s.cfg.Lock(lockdown.Config{Memory: p.Memory, Nice: int(p.Nice), Demand: p.Demand})
	if err != nil {
		return "", err
	}
	if report.Has(lockdown.Seccomp) {
		s.profiler.arm()
	}
	var list []string
	for _, m := range report.Missing {
		list = append(list, fmt.Sprintf("%s (%s)", m.Measure, m.Why))
	}
	return clip(strings.Join(list, "; "), link.MaxReport), nil
}
