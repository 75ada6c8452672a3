package plugin

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/embedded"
)

// newRuntime is what runs programs: workers, of which it starts none. A build without the worker
// runs no program, and says so.
func (s *Service) newRuntime() (exec.Runtime, error) {
	image, err := embedded.Open()
	if errors.Is(err, embedded.ErrMissing) {
		s.parts.Log.Warn("no program can run", "why", err)
		return noRuntime{err}, nil
	}
	if err != nil {
		return nil, err
	}
	defer image.Close()
	if err := s.ownDir(); err != nil {
		return nil, err
	}
	if s.program, err = worker.Load(image, s.dir); err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // what it took to read the image, some 10 MiB
	s.runtime = worker.NewRuntime(worker.RuntimeConfig{
		Workers: worker.Config{Executable: s.program}, CacheDir: filepath.Join(s.dir, "cache"),
		HandlerSlots: s.cfg.HandlerSlots, Demand: s.cfg.Lockdown == LockdownRequired, Nice: s.cfg.Nice, Cores: s.cfg.Cores, Log: s.parts.Log,
	})
	return s.runtime, nil
}

// lockdown says how workers are locked down.
func (s *Service) lockdown() mpi.NodeWorkers {
	if s.runtime == nil {
		return mpi.NodeWorkers{Lockdown: "unknown", Missing: embedded.ErrMissing.Error()}
	}
	switch missing, known := s.runtime.Missing(); {
	case !known:
		return mpi.NodeWorkers{Lockdown: "unknown"}
	case missing != "":
		return mpi.NodeWorkers{Lockdown: "partial", Missing: missing}
	}
	return mpi.NodeWorkers{Lockdown: "whole"}
}

// processes are the workers, under a name that is no method's.
type processes interface{ mpi.Workers }

// workers are those of the runtime.
func (s *Service) workers() processes {
	if s.runtime == nil {
		return noWorkers{}
	}
	return s.runtime
}

// noWorkers are those of a build without the worker.
type noWorkers struct{}

// Workers implements [mpi.Workers].
func (noWorkers) Workers() (l mpi.WorkerList) { return }

// Profile implements [mpi.Workers].
func (noWorkers) Profile(_ context.Context, id uint64, _ mpi.WorkerProfile, _ time.Duration) ([]byte, error) {
	return nil, mpi.Errorf(mpi.CodeNotFound, "there is no worker %d: %v", id, embedded.ErrMissing)
}

// noRuntime is the runtime of a build without the worker.
type noRuntime struct{ err error }

// Compile implements [exec.Runtime].
func (r noRuntime) Compile(context.Context, []byte) (exec.Program, error) { return nil, r.err }

// Close implements [exec.Runtime].
func (noRuntime) Close() error { return nil }
