//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/test/netlab"
)

// fault is harm that is done to a lab for a time, and undone.
type fault struct {
	name string
	do   func(ctx context.Context)
}

// cutPair is a cut of the link between two nodes that a job runs on.
func (l *faultLab) cutPair(i, j int, long time.Duration) fault {
	return fault{fmt.Sprintf("nodes %d and %d are cut from each other for %v", i+1, j+1, long), func(ctx context.Context) {
		l.net.Cut(l.nodes[i].on, l.nodes[j].on)
		pause(ctx, long)
		l.net.Heal(l.nodes[i].on, l.nodes[j].on)
	}}
}

// cutNode is a cut of all links of a node.
func (l *faultLab) cutNode(i int, long time.Duration) fault {
	return fault{fmt.Sprintf("node %d is cut from all for %v", i+1, long), func(ctx context.Context) {
		l.nodes[i].on.Cut()
		pause(ctx, long)
		l.nodes[i].on.Heal()
	}}
}

// stopNode is a node whose daemon is stopped, as one that sleeps.
func (l *faultLab) stopNode(t *testing.T, i int, long time.Duration) fault {
	return fault{fmt.Sprintf("node %d is stopped for %v", i+1, long), func(ctx context.Context) {
		l.nodes[i].signal(t, syscall.SIGSTOP)
		pause(ctx, long)
		l.nodes[i].signal(t, syscall.SIGCONT)
	}}
}

// moveNode is a node whose address changes.
func (l *faultLab) moveNode(t *testing.T, i int) fault {
	return fault{fmt.Sprintf("node %d gets another address", i+1), func(context.Context) {
		on := l.nodes[i].on
		addr := netip.AddrFrom4([4]byte{10, 99, 0, byte(100 + i)})
		if on.Addr() == addr {
			addr = netip.AddrFrom4([4]byte{10, 99, 0, byte(200 + i)})
		}
		if err := on.SetAddr(addr); err != nil {
			t.Error(err)
		}
	}}
}

// heat is what a run of the program heat left, without what depends on the time it took.
type heat struct{ output, picture string }

// heatLab is a lab for jobs of heat, with 8 ranks on all four nodes. It is safe for one goroutine.
type heatLab struct {
	*faultLab
	perSecond float64 // steps, as measured
}

func newHeatLab(t *testing.T) *heatLab {
	t.Helper()
	l := &heatLab{faultLab: newFaultLab(t, 4, labOptions{serve: []string{"heat"}})}
	const steps = 300
	j, _ := l.run(t, steps, l.plain(), nil)
	l.perSecond = steps / max(j.Ended.Sub(j.Started).Seconds(), 0.01)
	return l
}

// through runs heat until it has come through all faults, and expects that it ends as it does on
// one node without any. The job has to be long enough: it is run again with more steps if it ended
// before the last fault had.
func (l *heatLab) through(t *testing.T, atLeast time.Duration, faults []fault) {
	t.Helper()
	for steps := int(l.perSecond * atLeast.Seconds()); ; steps *= 2 {
		_, got := l.run(t, steps, l.plain(), faults)
		if t.Failed() {
			return
		}
		if got == (heat{}) {
			t.Logf("%d steps were over before the faults were", steps)
			continue
		}
		if _, want := l.run(t, steps, l.plain()[:1], nil); got != want {
			t.Errorf("with faults:\n%s\nwithout:\n%s\nthe pictures are the same: %t", got.output, want.output, got.picture == want.picture)
		}
		return
	}
}

// run runs heat with 8 ranks on some nodes, and does the faults once it computes. What it returns
// is empty if the job ended, well, before the last of them.
func (l *heatLab) run(t *testing.T, steps int, nodes []*node, faults []fault) (j *mpi.Job, h heat) {
	t.Helper()
	spec := mpi.JobSpec{File: "heat", Ranks: 8, Args: []string{"64", strconv.Itoa(steps)}, WaitSlots: patience}
	for _, n := range nodes {
		spec.Peers = append(spec.Peers, mpi.PeerID(n.Peer))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	done, ended := 0, atomic.Bool{}
	var computes, harmed = make(chan struct{}), make(chan struct{})
	running, stop := context.WithCancel(ctx)
	go func() { // joined by harmed
		defer close(harmed)
		select {
		case <-computes:
		case <-running.Done():
		}
		for _, f := range faults {
			pause(running, 500*time.Millisecond) // the job gets on
			if ended.Load() {
				return
			}
			t.Log(f.name)
			f.do(ctx)
			done++
		}
	}()
	began := false
	j, out, err := l.follow(ctx, nodes[0], spec, func(e mpi.JobEvent) {
		switch {
		case e.Type == mpi.EventStdout && !began:
			began = true
			close(computes)
		case e.Type == mpi.EventEnd:
			// After this no fault is done that the job would not have seen.
			ended.Store(true)
		}
	})
	stop()
	<-harmed
	if err != nil {
		t.Fatalf("heat: %v", err)
	}
	if j.State != mpi.JobDone || j.Exit != 0 {
		t.Errorf("heat with %d steps after %d of %d faults: %s, exit %d, %s", steps, done, len(faults), j.State, j.Exit, l.told(j.Cause))
		return j, h
	}
	if done < len(faults) {
		return j, h
	}
	h.output = out
	for _, f := range j.Files {
		h.picture += f.Name + "\n" + string(get(t, nodes[0].API+"/v1/jobs/"+j.ID+"/files/"+f.Name))
	}
	return j, h
}

// told is a cause with the names of nodes.
func (l *faultLab) told(cause *mpi.JobCause) string {
	text := fmt.Sprintf("cause %+v", cause)
	for i, n := range l.nodes {
		text = strings.ReplaceAll(text, n.Peer, fmt.Sprintf("node %d", i+1))
	}
	return text
}

// follow runs a job to its end.
func (l *faultLab) follow(ctx context.Context, n *node, spec mpi.JobSpec, each func(mpi.JobEvent)) (*mpi.Job, string, error) {
	c := api.NewClient(n.API, "")
	defer c.Close()
	spec.Follow = true
	j, err := c.StartJob(ctx, spec)
	if err != nil {
		return nil, "", err
	}
	var out strings.Builder
	err = c.JobEvents(ctx, j.ID, 0, func(e mpi.JobEvent) error {
		if e.Type == mpi.EventStdout {
			out.WriteString(e.Text)
		}
		each(e)
		return nil
	})
	record, err2 := c.Job(context.WithoutCancel(ctx), j.ID)
	return record, out.String(), errors.Join(err, err2)
}

// Must hold 2, first part: heat with 8 ranks on four nodes comes through ten cuts of 5 s, a node
// that is stopped for 20 s and one whose address changes, and ends with the same bytes as without.
func TestFaultsHeat(t *testing.T) {
	l := newHeatLab(t)
	random := rand.New(rand.NewPCG(faultSeed(t), 3))
	var faults []fault
	for range of(10, 1) {
		i := random.IntN(4)
		if random.IntN(2) == 0 {
			faults = append(faults, l.cutNode(i, time.Duration(of(5, 2))*time.Second))
		} else {
			faults = append(faults, l.cutPair(i, (i+1+random.IntN(3))%4, time.Duration(of(5, 2))*time.Second))
		}
	}
	if wholeFaults {
		faults = append(faults, l.stopNode(t, 1+random.IntN(3), 20*time.Second))
	}
	faults = append(faults, l.moveNode(t, 1+random.IntN(3)))
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	l.through(t, time.Duration(of(30, 5))*time.Second, faults)
}

// Must hold 2, second part: cuts of 0.3 to 3 s in steps of 0.1 s, ten of each.
func TestFaultsCutLengths(t *testing.T) {
	l := newHeatLab(t)
	random := rand.New(rand.NewPCG(faultSeed(t), 4))
	step := time.Duration(of(100, 900)) * time.Millisecond
	for long := 300 * time.Millisecond; long <= 3*time.Second; long += step {
		t.Run(long.String(), func(t *testing.T) {
			var faults []fault
			for i := range of(10, 1) {
				from := random.IntN(4)
				if i%2 == 0 {
					faults = append(faults, l.cutPair(from, (from+1+random.IntN(3))%4, long))
				} else {
					faults = append(faults, l.cutNode(from, long))
				}
			}
			l.through(t, time.Duration(of(10, 3))*time.Second, faults)
		})
	}
}

// The wall clocks of nodes jump, forth and back, while a job runs on them: it ends as without.
// Timers and deadlines go by the monotonic clock. Half an hour back is less than what TLS
// certificates of libp2p allow for.
func TestFaultsClocks(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("clocks can be set on amd64 only")
	}
	l := newHeatLab(t)
	var faults []fault
	for _, ahead := range []time.Duration{time.Hour, -30 * time.Minute, 24 * time.Hour, 0} {
		for i, n := range l.nodes {
			faults = append(faults, fault{fmt.Sprintf("the clock of node %d is %v ahead", i+1, ahead), func(context.Context) {
				if err := netlab.JumpClock(n.proc.cmd.Process.Pid, ahead); err != nil {
					t.Error(err)
				}
			}})
		}
	}
	l.through(t, 10*time.Second, faults)
}
