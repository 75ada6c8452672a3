package guests

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"
)

// place locks the worker down, readies it for what it is for and says so. A worker that fails ends.
func (s *server) place(p *link.Place) {
	placed := &link.Placed{}
	job, missing, err := s.ready(p)
	if err != nil {
		placed.Failure = clip(err.Error(), link.MaxText)
		s.out.SendNow(placed)
		s.fail(err)
		return
	}
	placed.Missing = missing
	s.job.Store(&job)
	s.out.SendNow(placed)
}

// ready opens what is in files, locks the process down, and only then looks at code: the compiler
// that made it may have been taken over by what it compiled.
func (s *server) ready(p *link.Place) (job work, missing string, err error) {
	s.limit = p.Memory
	var code *os.File
	if p.Kind != link.KindCompile {
		if code, err = os.Open(p.Code); err != nil {
			return nil, "", err
		}
		defer code.Close()
	}
	if missing, err = s.lock(p); err != nil {
		return nil, "", err
	}
	if s.cfg.locked != nil {
		s.cfg.locked(s.out)
	}
	job, err = s.load(p, code)
	return job, missing, err
}

// load makes what the worker is for, of code if there is any.
func (s *server) load(p *link.Place, code *os.File) (work, error) {
	switch p.Kind {
	case link.KindCompile:
		if p.Module > exec.MaxModule {
			return nil, fmt.Errorf("the module has %d bytes: at most %d are accepted", p.Module, exec.MaxModule)
		}
		return &compilation{s: s, size: p.Module, runtime: wasm.New(wasm.Config{})}, nil
	case link.KindHandler:
		program, err := wasm.New(wasm.Config{HandlerSlots: int(p.Slots)}).LoadFile(code)
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
		program, err := wasm.New(wasm.Config{}).LoadFile(code)
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
	if p.Cores > 0 {
		runtime.GOMAXPROCS(int(p.Cores))
	}
	report, err := s.cfg.Lock(lockdown.Config{Stderr: s.cfg.Stderr, Memory: p.Memory, Nice: int(p.Nice), Cores: int(p.Cores), Demand: p.Demand})
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
