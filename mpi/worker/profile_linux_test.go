package worker

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
	"golang.org/x/sys/unix"
)

// words is what is in a profile, unpacked: the names of functions are in it as text.
func words(t *testing.T, profile []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// find returns the workers of a kind.
func find(r *Runtime, kind mpi.WorkerKind) (list []mpi.WorkerStatus) {
	for _, w := range r.Workers().Workers {
		if w.Kind == kind {
			list = append(list, w)
		}
	}
	return list
}

// codeOf is the class of an error.
func codeOf(err error) mpi.Code {
	var e *mpi.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// cpuTime is the CPU time that a process has used as a user, in hundredths of a second.
func cpuTime(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))[12])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestProfiles: a worker that is locked down and busy gives each profile, while its guest runs.
func TestProfiles(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Spin)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { p.Run(ctx, message("")) })
	defer run.Wait()
	defer cancel()
	w := running(t, p)
	// It computes, and does not come back to Go until its end.
	for busy := cpuTime(t, w.Pid()) + 5; cpuTime(t, w.Pid()) < busy; {
		time.Sleep(time.Millisecond)
	}
	if missing, known := r.Missing(); !known || strings.Contains(missing, "seccomp") {
		t.Skip("without seccomp guests that run already are not in profiles: ", missing)
	}
	list := find(r, mpi.WorkerHandler)
	if len(list) != 1 || list[0].Program != "run" || list[0].Job != "" || list[0].Limit < 1<<20 || list[0].Since.IsZero() {
		t.Fatalf("%+v", list)
	}
	id := list[0].ID
	for _, x := range []struct {
		profile mpi.WorkerProfile
		want    []string
	}{
		// where it calls the guest
		{mpi.ProfileCPU, []string{"nanoseconds", "runtime.cgocall", "native.(*Instance).run"}},
		{mpi.ProfileHeap, []string{"inuse_space", "guests"}},
		{mpi.ProfileGoroutine, []string{"goroutine", "guests.Serve"}},
	} {
		data, err := r.Profile(t.Context(), id, x.profile, time.Second)
		if err != nil {
			t.Fatalf("%s: %v", x.profile, err)
		}
		text := words(t, data)
		for _, want := range x.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in it", x.profile, want)
			}
		}
	}
}

// TestProfileEnds: one profile is taken at a time, which ends with its context and with the worker.
func TestProfileEnds(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Spin)
	run, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(run, message("")) })
	defer wg.Wait()
	defer stop()
	w := running(t, p)
	begin := func() (context.CancelFunc, <-chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := r.Profile(ctx, w.id, mpi.ProfileCPU, time.Minute)
			ended <- err
		}()
		for {
			w.mu.Lock()
			taken := w.profile != nil
			w.mu.Unlock()
			if taken {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if _, err := r.Profile(t.Context(), w.id, mpi.ProfileHeap, 0); codeOf(err) != mpi.CodeBusy {
			t.Errorf("a second profile: %v", err)
		}
		return cancel, ended
	}
	for range 3 {
		cancel, ended := begin()
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Fatal(err)
		}
		for {
			if _, err := r.Profile(t.Context(), w.id, mpi.ProfileGoroutine, 0); err == nil {
				break
			} else if codeOf(err) != mpi.CodeBusy {
				t.Fatal(err)
			}
		}
	}
	cancel, ended := begin()
	defer cancel()
	w.Kill("the test wants it")
	if err := <-ended; codeOf(err) != mpi.CodeFailed {
		t.Error(err)
	}
	<-w.Done()
	for _, x := range []struct {
		id      uint64
		profile mpi.WorkerProfile
		d       time.Duration
		want    mpi.Code
	}{
		{w.id, "block", time.Second, mpi.CodeNotFound},
		{w.id, mpi.ProfileCPU, time.Second, mpi.CodeNotFound},
		{w.id, mpi.ProfileCPU, 0, mpi.CodeInvalid},
		{w.id, mpi.ProfileCPU, mpi.MaxProfileTime + 1, mpi.CodeInvalid},
	} {
		if _, err := r.Profile(t.Context(), x.id, x.profile, x.d); codeOf(err) != x.want {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

// TestProfileOfIdle: also a worker that has nothing to do gives its profile.
func TestProfileOfIdle(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	list := find(r, mpi.WorkerIdle)
	for ; len(list) == 0; list = find(r, mpi.WorkerIdle) {
		time.Sleep(time.Millisecond)
	}
	data, err := r.Profile(t.Context(), list[0].ID, mpi.ProfileGoroutine, 0)
	if err != nil || !strings.Contains(words(t, data), "guests.Serve") {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	_, err = r.Profile(t.Context(), list[0].ID, mpi.ProfileCPU, time.Second)
	if err == nil || !strings.Contains(err.Error(), "an idle worker has no profile of the CPU") {
		t.Error(err)
	}
}

// TestProfileLies: what no worker says of a profile is refused before it is kept.
func TestProfileLies(t *testing.T) {
	part := &link.ProfileData{Data: make([]byte, link.MaxData)}
	for _, x := range []struct {
		says []link.Frame
		want string
	}{
		{[]link.Frame{&link.ProfileData{}}, "a part of a profile without data"},
		{[]link.Frame{&link.ProfileData{Failure: "x", Data: []byte("x")}}, "a part of a profile without data"},
		{[]link.Frame{&link.ProfileData{Last: true}, part}, "a profile that nobody asked for"},
		{many(link.MaxProfile/link.MaxData+1, part), "a profile of more than 16777216 bytes"},
	} {
		w := &Worker{profile: &profile{done: make(chan struct{})}}
		var err error
		for _, f := range x.says {
			b, e := link.Append(nil, f)
			if e != nil || err != nil {
				t.Fatal(e, err)
			}
			err = w.profileData(b[5:])
		}
		if err == nil || err.Error() != x.want {
			t.Errorf("%v, want %s", err, x.want)
		}
	}
}

// TestWorkers: the list has what runs and what it is for, and counts those that crashed.
func TestWorkers(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Wait)
	o := newOwner(t, 0, 2)
	o.ready(t.Context(), p, rankConfig(make([]int, 2), 0, 1))
	o.group.Start()
	list := find(r, mpi.WorkerRanks)
	w := o.group.(*group).w
	if len(list) != 1 || list[0].Job != "job" || list[0].Program != "run" || list[0].Pid != w.Pid() || list[0].Limit < 1<<20 {
		t.Fatalf("%+v", list)
	}
	if all := r.Workers(); all.Crashed != 0 || all.Started < 2 {
		t.Errorf("%+v", all)
	}
	o.close()
	q := compile(t, r, wat.Spin)
	ran := make(chan exec.Outcome, 1)
	go func() { ran <- q.Run(t.Context(), message("")) }()
	w = running(t, q)
	unix.Kill(w.Pid(), unix.SIGABRT) // what is from outside is not counted
	<-ran
	<-w.Done()
	for r.Workers().Crashed == 0 { // it is counted after Done
		time.Sleep(time.Millisecond)
	}
	all := r.Workers()
	if all.Crashed != 1 || len(find(r, mpi.WorkerRanks))+len(find(r, mpi.WorkerHandler)) > 0 {
		t.Errorf("%+v", all)
	}
	if r.Close(); len(r.Workers().Workers) > 0 || r.Workers().Crashed != 1 {
		t.Errorf("%+v", r.Workers())
	}
}
