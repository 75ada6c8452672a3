package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestLazyDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		defer stop()
		for _, waits := range []bool{false, true} {
			c := &lazyDeadline{Context: parent, at: time.Now().Add(time.Second)}
			if err := c.Err(); err != nil {
				t.Fatal(err)
			}
			if waits {
				<-c.Done()
			} else {
				time.Sleep(time.Second)
			}
			if err := c.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after the deadline: %v", err)
			}
			c.cancel()
		}
		late := &lazyDeadline{Context: parent, at: time.Now().Add(time.Hour)}
		armed := &lazyDeadline{Context: parent, at: time.Now().Add(time.Hour)}
		done := armed.Done()
		stop()
		<-done
		for _, c := range []*lazyDeadline{late, armed} {
			if err := c.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("after the parent's end: %v", err)
			}
			c.cancel()
		}
	})
}

// Each task is accepted when its delay is over, and none after close.
func TestAcceptsAreInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a accepts
		var tasks []*task
		for range 3 {
			x := &task{over: true} // accept sends nothing for it, and notes that it was called
			tasks = append(tasks, x)
			a.add(x)
			time.Sleep(acceptDelay / 2)
		}
		synctest.Wait()
		for i, want := range []bool{true, true, false} { // 1.5 delays after the first
			if got := said(tasks[i]); got != want {
				t.Errorf("task %d: accepted is %v", i, got)
			}
		}
		time.Sleep(acceptDelay)
		synctest.Wait()
		if !said(tasks[2]) {
			t.Error("the last task was not accepted")
		}
		last := &task{over: true}
		a.add(last)
		a.close()
		time.Sleep(2 * acceptDelay)
		synctest.Wait()
		if said(last) {
			t.Error("a task was accepted after close")
		}
	})
}

func said(t *task) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// What a File means is remembered only as long as the store stays as it is.
func TestResolveFollowsTheStore(t *testing.T) {
	n := start(t, 1)[0]
	id := cidOf("guest")
	for _, version := range []string{"1.0.0", "1.1.0", "1.0.5"} {
		want := mpi.Interpreter{Name: "guest", Version: version, CID: id}
		n.programs.update([]mpi.Interpreter{want})
		for _, file := range []string{"guest", "guest/1", string(id), "guest"} {
			if got, err := n.Resolve(t.Context(), file); err != nil || got != want {
				t.Errorf("%s: got %v, %v; want %v", file, got, err, want)
			}
		}
	}
	_, old, _ := n.programs.recall("guest")
	n.programs.update(nil)
	n.programs.remember("guest", mpi.Interpreter{Name: "guest"}, old)
	if _, _, ok := n.programs.recall("guest"); ok {
		t.Error("what was looked up in the store before is remembered")
	}
}
