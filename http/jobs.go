package http

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const jobsPath = "/v1/jobs"

// Jobs is what GET /v1/jobs answers.
type Jobs struct {
	Jobs []*mpi.Job `json:"jobs"`
}

// jobRequest is the body of POST /v1/jobs, in JSON or CBOR: an [mpi.JobSpec].
type jobRequest struct {
	File          string       `json:"file"`
	Name          string       `json:"name,omitempty"`
	Ranks         int          `json:"ranks"`
	Args          []string     `json:"args,omitempty"`
	Env           []string     `json:"env,omitempty"`
	MapBy         mpi.MapBy    `json:"mapBy,omitempty"`
	Peers         []mpi.PeerID `json:"peers,omitempty"`
	Timeout       timeout      `json:"timeout,omitempty"`
	WaitSlots     timeout      `json:"waitSlots,omitempty"`
	Grace         timeout      `json:"grace,omitempty"`
	Memory        int64        `json:"memory,omitempty"`
	Stdin         bool         `json:"stdin,omitempty"`
	Follow        bool         `json:"follow,omitempty"`
	AllowDeadlock bool         `json:"allowDeadlock,omitempty"`
	Check         bool         `json:"check,omitempty"`
	FT            bool         `json:"ft,omitempty"`
	Spares        int          `json:"spares,omitempty"`
}

func (*jobRequest) words() ([]string, string) {
	return []string{"file", "ranks"}, "elements in a list"
}

func (r *jobRequest) spec() (mpi.JobSpec, error) {
	spec := mpi.JobSpec{File: r.File, Name: r.Name, Ranks: r.Ranks, Args: r.Args, Env: r.Env, MapBy: r.MapBy, Peers: r.Peers, Memory: r.Memory, Stdin: r.Stdin, Follow: r.Follow,
		AllowDeadlock: r.AllowDeadlock, CheckCalls: r.Check, FT: r.FT, Spares: r.Spares}
	for _, t := range []struct {
		name string
		from timeout
		to   *time.Duration
	}{{"timeout", r.Timeout, &spec.Timeout}, {"waitSlots", r.WaitSlots, &spec.WaitSlots}, {"grace", r.Grace, &spec.Grace}} {
		if t.from == "" {
			continue
		}
		var err error
		if *t.to, err = mpi.ParseSpan(string(t.from)); err != nil {
			return spec, mpi.Errorf(mpi.CodeInvalid, "%s is %v", t.name, err)
		}
	}
	return spec, spec.Check()
}

func (s *Server) v1JobsPost(w http.ResponseWriter, r *http.Request) error {
	in, err := requestCodec(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	sh := share{of: s.room}
	defer sh.set(0)
	var spec mpi.JobSpec
	err = s.body(w, r, &sh, costJob, func(b []byte) (int64, error) {
		var req jobRequest
		if err := in.decode(b, &req); err != nil {
			return 0, err
		}
		spec, err = req.spec()
		return int64(2 * len(b)), err
	})
	if err != nil {
		return err
	}
	job, err := s.node.StartJob(r.Context(), spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", jobsPath+"/"+url.PathEscape(job.ID))
	return s.writeJob(w, http.StatusCreated, job)
}

func (s *Server) writeJob(w http.ResponseWriter, status int, job *mpi.Job) error {
	body, err := json.Marshal(job)
	if err != nil {
		return err
	}
	s.write(w, status, mediaJSON, append(body, '\n'))
	return nil
}

// v1JobsGet lists the jobs without the fields that can be long. The query can ask for those in some
// states, and for the newest alone.
func (s *Server) v1JobsGet(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	states, err := jobStates(query["state"])
	if err != nil {
		return err
	}
	limit := math.MaxInt
	if query.Has("limit") {
		if limit, err = strconv.Atoi(query.Get("limit")); err != nil || limit < 1 {
			return mpi.Errorf(mpi.CodeInvalid, "limit is %q: it must be a whole number from 1, the jobs to list at most", clip(query.Get("limit")))
		}
	}
	list := filled([]*mpi.Job(nil))
	for _, job := range s.node.Jobs() {
		if len(list) == limit {
			break
		}
		if len(states) > 0 && !slices.Contains(states, job.State) {
			continue
		}
		short := *job
		short.Ranks, short.Files, short.Spec.Args, short.Spec.Env, short.Spec.Peers = nil, nil, nil, nil, nil
		list = append(list, &short)
	}
	return s.writeJSON(w, Jobs{list})
}

// jobStates reads the query state, which may be there several times and may name several states
// with commas between.
func jobStates(values []string) (states []mpi.JobState, err error) {
	for _, name := range strings.Split(strings.Join(values, ","), ",") {
		state := mpi.JobState(name)
		switch {
		case name == "":
		case slices.Contains(mpi.JobStates, state):
			states = append(states, state)
		default:
			return nil, mpi.Errorf(mpi.CodeInvalid, "state is %q: it must be of %v", clip(name), mpi.JobStates)
		}
	}
	return states, nil
}

func (s *Server) v1JobGet(w http.ResponseWriter, r *http.Request) error {
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.writeJob(w, http.StatusOK, job)
}

// v1JobDelete ends a job, and answers when it has ended.
func (s *Server) v1JobDelete(w http.ResponseWriter, r *http.Request) error {
	p, err := headerParams(r.Header)
	if err != nil {
		return err
	}
	ctx, cancel := within(r.Context(), p.timeout)
	defer cancel()
	job, err := s.node.CancelJob(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.writeJob(w, http.StatusOK, job)
}
