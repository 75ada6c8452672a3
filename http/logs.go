package http

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// LogOptions select a part of a job's output.
type LogOptions struct {
	Follow bool   // until the job's end
	Tag    bool   // "[rank] " before each line
	Rank   int    // of this rank alone, or -1 for all
	Stream string // "stdout" or "stderr" alone, or empty for both
}

// Wants reports whether the event is of the selected output.
func (o LogOptions) Wants(e mpi.JobEvent) bool {
	switch e.Type {
	case "stdout", "stderr":
		return (o.Rank < 0 || e.Rank == o.Rank) && (o.Stream == "" || string(e.Type) == o.Stream)
	}
	return e.Type == "exit" || e.Type == "rank-failed" || e.Type == "end"
}

func (o LogOptions) query() string {
	q := url.Values{}
	for name, v := range map[string]bool{"follow": o.Follow, "tag": o.Tag} {
		if v {
			q.Set(name, "1")
		}
	}
	if o.Rank >= 0 {
		q.Set("rank", strconv.Itoa(o.Rank))
	}
	if o.Stream != "" {
		q.Set("stream", o.Stream)
	}
	return q.Encode()
}

func logOptions(q url.Values) (LogOptions, error) {
	o := LogOptions{Rank: -1, Stream: q.Get("stream")}
	var err error
	if o.Follow, err = flag(q, "follow"); err != nil {
		return o, err
	}
	if o.Tag, err = flag(q, "tag"); err != nil {
		return o, err
	}
	if v := q.Get("rank"); v != "" {
		if o.Rank, err = strconv.Atoi(v); err != nil || o.Rank < 0 {
			return o, mpi.Errorf(mpi.CodeInvalid, "rank is %q: it must be a rank of the job, from 0", clip(v))
		}
	}
	if o.Stream != "" && o.Stream != "stdout" && o.Stream != "stderr" {
		return o, mpi.Errorf(mpi.CodeInvalid, "stream is %q: it must be stdout or stderr", clip(o.Stream))
	}
	return o, nil
}

// errEnough ends a stream of events early.
var errEnough = errors.New("enough")

// v1JobLogs sends the output of a job as text.
func (s *Server) v1JobLogs(w http.ResponseWriter, r *http.Request) error {
	o, err := logOptions(r.URL.Query())
	if err != nil {
		return err
	}
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	if o.Rank >= job.Spec.Ranks {
		return mpi.Errorf(mpi.CodeInvalid, "rank is %d: the job has ranks 0 to %d", o.Rank, job.Spec.Ranks-1)
	}
	st := s.stream(w, r, "text/plain; charset=utf-8", "")
	defer st.close()
	st.begin()
	if st.head || !o.Follow && job.Events == 0 {
		st.end(nil)
		return nil
	}
	lines := &Lines{Tag: o.Tag}
	held := share{of: s.room}
	defer held.set(0)
	var buf []byte
	err = s.node.JobEvents(st.ctx, job.ID, 0, func(e mpi.JobEvent) error {
		buf = buf[:0]
		if e.Missed > 0 {
			buf = fmt.Appendf(buf, "[%d events before this are not kept any more]\n", e.Missed)
		}
		if o.Wants(e) {
			buf = lines.Append(buf, e)
			if !held.set(2 * int64(lines.size)) { // lines grow by doubling
				buf = lines.Flush(buf)
				held.set(0)
			}
		}
		if len(buf) > 0 {
			if _, err := st.Write(buf); err != nil {
				return err
			}
		}
		if !o.Follow && e.Seq >= job.Events {
			return errEnough
		}
		return nil
	})
	if err == nil || errors.Is(err, errEnough) {
		_, err = st.Write(lines.Flush(nil))
	}
	st.end(err)
	return nil
}
