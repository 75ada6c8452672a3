package http

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// v1JobEvents streams a job's events as server-sent events (the HTML standard, section 9.2).
func (s *Server) v1JobEvents(w http.ResponseWriter, r *http.Request) error {
	after, err := resumeAfter(r)
	if err != nil {
		return err
	}
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	waits := job.Spec.Follow && s.patient.add(job.ID)
	if waits {
		defer s.patient.remove(job.ID)
	}
	st := s.stream(w, r, "text/event-stream", ": \n\n")
	defer st.close()
	st.waits = waits
	if !job.State.Ended() {
		st.begin()
	}
	if st.head {
		st.begin()
		st.end(nil)
		return nil
	}
	buf := make([]byte, 0, 512)
	err = s.node.JobEvents(st.ctx, job.ID, after, func(e mpi.JobEvent) error {
		if buf, err = appendEvent(buf[:0], e); err != nil {
			return err
		}
		_, err := st.Write(buf)
		return err
	})
	return st.finish(err)
}

// patient are the jobs of which one client may take as long as it wants for the events: the client
// that started the job, which comes first. The others have WriteTimeout, so that those who stopped
// reading do not fill the node.
type patient struct {
	mu   sync.Mutex
	jobs map[string]bool
}

// add is false for a job that has such a client.
func (p *patient) add(job string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.jobs[job] {
		return false
	}
	if p.jobs == nil {
		p.jobs = map[string]bool{}
	}
	p.jobs[job] = true
	return true
}

func (p *patient) remove(job string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, job)
}

// finish ends a stream that may not have begun. An error becomes the answer only if it has not.
func (st *stream) finish(err error) error {
	switch {
	case st.began:
		st.end(err)
		return nil
	case err == nil && st.ctx.Err() == nil:
		// There are no events and will be none. With this status an EventSource does not reconnect.
		st.w.Header().Del("Content-Type")
		st.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

func appendEvent(dst []byte, e mpi.JobEvent) ([]byte, error) {
	doc, err := e.MarshalJSON()
	if err != nil {
		return dst, err
	}
	dst = append(dst, "id: "...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, "\nevent: "...)
	dst = append(dst, e.Type...)
	dst = append(dst, "\ndata: "...)
	dst = append(dst, doc...)
	return append(dst, "\n\n"...), nil
}

// resumeAfter returns the sequence number after which the client wants events: the header
// Last-Event-ID, which an EventSource sends when it reconnects, else the query's.
func resumeAfter(r *http.Request) (uint64, error) {
	v, ok, err := one(r.Header, "Last-Event-ID")
	if err != nil {
		return 0, err
	}
	name := "Last-Event-ID"
	if !ok || v == "" {
		if v, name = r.URL.Query().Get("after"), "after"; v == "" {
			return 0, nil
		}
	}
	after, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, mpi.Errorf(mpi.CodeInvalid, "%s is %q: it must be the number of an event, from 0", name, clip(v))
	}
	return after, nil
}
