package http

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const workersPath = "/v1/workers"

// defaultProfile is the time of a profile of the CPU that is asked for without one.
const defaultProfile = 30 * time.Second

func (s *Server) v1Workers(w http.ResponseWriter, _ *http.Request) error {
	list := s.node.Workers()
	list.Workers = filled(list.Workers)
	return s.writeJSON(w, list)
}

// v1WorkerProfile sends a profile of a worker. The memory that one may take is charged before it is
// taken.
func (s *Server) v1WorkerProfile(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return mpi.Errorf(mpi.CodeNotFound, "there is no worker %q: its ID is a number", clip(r.PathValue("id")))
	}
	kind := mpi.WorkerProfile(r.PathValue("profile"))
	switch kind {
	case mpi.ProfileCPU, mpi.ProfileHeap, mpi.ProfileGoroutine:
	default:
		return mpi.Errorf(mpi.CodeNotFound, "there is no profile %q: it must be cpu, heap or goroutine", clip(string(kind)))
	}
	d := defaultProfile
	if v := r.URL.Query().Get("seconds"); v != "" {
		n, err := strconv.Atoi(v)
		if d = time.Duration(n) * time.Second; err != nil || n < 1 || n > int(mpi.MaxProfileTime/time.Second) {
			return mpi.Errorf(mpi.CodeInvalid, "seconds is %q: it must be from 1 to %d", clip(v), mpi.MaxProfileTime/time.Second)
		}
	}
	sh := share{of: s.room}
	if !sh.set(2 * mpi.MaxProfile) { // it grows by doubling
		return errRoom()
	}
	defer sh.set(0)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	// Close does not wait for it.
	defer context.AfterFunc(s.streams, func() { cancel(errStopping) })()
	data, err := s.node.Profile(ctx, id, kind, d)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		return mpi.Errorf(mpi.CodeStopping, "the node is shutting down: the profile was cut short")
	}
	if err != nil {
		return err
	}
	s.write(w, http.StatusOK, "application/octet-stream", data)
	return nil
}
