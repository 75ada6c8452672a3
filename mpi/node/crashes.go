package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// crashes counts the crashes of workers by the program that they ran. programs.mu guards it.
type crashes map[mpi.CID]int

const (
	maxCrashes = 3    // from so many on a program is set aside
	maxCrashed = 1024 // programs that are counted; of more, some that crashed least are forgotten
)

// add counts a crash, and returns how many there were.
func (c crashes) add(cid mpi.CID) int {
	if c[cid] == 0 && len(c) >= maxCrashed {
		least := cid
		for id, n := range c {
			if least == cid || n < c[least] {
				least = id
			}
		}
		delete(c, least)
	}
	c[cid]++
	return c[cid]
}

// aside says why a program is set aside; empty if it is not.
func (c crashes) aside(cid mpi.CID) string {
	if c[cid] < maxCrashes {
		return ""
	}
	return fmt.Sprintf("set aside: it crashed its worker %s; the node's owner can clear it (ipfs-mpi clear)", times(c[cid]))
}

func times(n int) string {
	if n == maxCrashes {
		return "three times"
	}
	return fmt.Sprintf("%d times", n)
}

// crashLines bounds what the crashes of strangers' programs write to the log.
func crashLines() *backoff.Lines { return &backoff.Lines{Most: 30, Every: time.Minute} }

// Crashed says that a program crashed the process in which it was compiled or ran, for a job or a
// message of an origin; that is empty if it was for none. A program that does so three times is set
// aside: it is not served, and its ranks are refused, until [Node.Clear].
func (n *Node) Crashed(cid mpi.CID, origin mpi.PeerID, crash *exec.Crash) {
	n.totals.crashed.Add(1)
	ps := &n.programs
	ps.mu.Lock()
	count := ps.crashes.add(cid)
	if count == maxCrashes && !ps.shut {
		ps.advertise()
	}
	ps.mu.Unlock()
	if write, omitted := n.crashLines.Next(); write {
		n.log.Warn("a program crashed its worker", "cid", cid, "origin", origin, "cause", crash.Cause, "times", count,
			"set aside", count >= maxCrashes, "said", crash.Said, "lines omitted", omitted)
	}
}

// Clear forgets the crashes of a program, so that it is served again: one of the store whose
// compilation or init.wasm crashed is prepared again. It is false if there were none.
func (n *Node) Clear(cid mpi.CID) bool {
	if c, err := n.cfg.Store.ParseCID(string(cid)); err == nil { // in any spelling
		cid = c
	}
	ps := &n.programs
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.crashes[cid] == 0 {
		return false
	}
	delete(ps.crashes, cid)
	var crash *exec.Crash
	if p := ps.all[cid]; p != nil && !ps.shut && p.state == mpi.Failing && errors.As(p.err, &crash) {
		ps.retire(p)
		again := ps.add(cid)
		again.names = p.names
		again.own()
	}
	if !ps.shut {
		ps.advertise()
	}
	return true
}
