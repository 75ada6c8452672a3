package http

import (
	"net/http"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const hostedPath = "/v1/hosted"

// hosted are the jobs of other origins here, with what their processes take.
func (s *Server) hosted() mpi.HostedJobs {
	list := s.node.Hosted()
	list.Jobs = filled(list.Jobs)
	workers := s.node.Workers().Workers
	for i := range list.Jobs {
		job := &list.Jobs[i]
		for _, w := range workers {
			// Two origins may have given their jobs one ID. The names of their programs may be cut.
			if w.Kind == mpi.WorkerRanks && w.Job == job.Job && (job.Memory == 0 || w.Program == job.Name) {
				job.CPU, job.Memory = w.CPU, w.Memory
			}
		}
	}
	return list
}

func (s *Server) v1Hosted(w http.ResponseWriter, _ *http.Request) error {
	list := s.hosted()
	n := int64(64)
	for _, job := range list.Jobs {
		n += 512 + int64(len(job.Name)) + 8*int64(len(job.Ranks))
	}
	return s.writeCharged(w, list, n)
}

// v1HostedDelete ends what a job of another origin has here, and answers when nothing of it is
// left.
func (s *Server) v1HostedDelete(w http.ResponseWriter, r *http.Request) error {
	p, err := headerParams(r.Header)
	if err != nil {
		return err
	}
	ctx, cancel := within(r.Context(), p.timeout)
	defer cancel()
	if err := s.node.EndHosted(ctx, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// hostedCounts are those of /v1/node.
func (s *Server) hostedCounts() mpi.NodeHosted {
	list := s.node.Hosted()
	n := mpi.NodeHosted{Jobs: len(list.Jobs), Started: list.Started}
	for _, job := range list.Jobs {
		n.Ranks += len(job.Ranks)
	}
	return n
}
