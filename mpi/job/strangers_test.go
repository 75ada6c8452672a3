package job

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The owner of a node sees what jobs of others run on it, and can end one; the origin is told who
// did, and the log has the start and the end.
func TestOwnerEndsHostedJob(t *testing.T) {
	logs := make([]lockedBuffer, 2)
	nodes := startJobs(t, 2, failing, func(i int, c *setup) { c.Log = slog.New(slog.NewTextHandler(&logs[i], nil)) })
	j := started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 4})
	if own := nodes[0].Hosted(); len(own.Jobs) != 0 || own.Started != 0 {
		t.Errorf("the origin hosts its own job: %+v", own)
	}
	list := nodes[1].Hosted()
	if len(list.Jobs) != 1 || list.Started != 1 {
		t.Fatalf("%+v", list)
	}
	x := list.Jobs[0]
	if x.Job != j.ID || x.Origin != nodes[0].Self() || len(x.Ranks) != 2 || x.State != mpi.HostedRunning || !strings.HasPrefix(x.Name, "wait") || x.Program == "" {
		t.Errorf("%+v", x)
	}
	var e *mpi.Error
	if err := nodes[1].EndHosted(t.Context(), x.ID[:8]); !errors.As(err, &e) || e.Code != mpi.CodeNotFound {
		t.Errorf("by a part of its ID: %v", err)
	}
	if err := nodes[1].EndHosted(t.Context(), x.ID); err != nil {
		t.Fatal(err)
	}
	if left := nodes[1].Hosted(); len(left.Jobs) != 0 || left.Started != 1 {
		t.Errorf("after its end: %+v", left)
	}
	idle(t, nodes...)
	got, err := nodes[0].Job(j.ID)
	if err != nil || got.State != mpi.JobFailed || got.Cause.Peer != nodes[1].Self() || !strings.Contains(got.Cause.Detail, "the owner of the node ended it") {
		t.Errorf("at its origin it is %+v, %v", got, err)
	}
	for _, want := range []string{
		`msg="ranks of another node's job started" job=` + j.ID + ` id=` + x.ID + ` origin=` + string(x.Origin) + ` program=wait`,
		`msg="ranks of another node's job ended" job=` + j.ID,
		`why="the owner of the node ended it"`,
	} {
		if !strings.Contains(logs[1].String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, logs[1].String())
		}
	}
	if strings.Contains(logs[0].String(), "another node's job") {
		t.Errorf("the origin's log has it as another's:\n%s", logs[0].String())
	}
}
