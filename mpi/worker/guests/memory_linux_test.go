package guests

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// TestMemoryOfProcess has guests take more than their process may have, though each may have it by
// itself: memory.grow answers -1, and the worker goes on.
func TestMemoryOfProcess(t *testing.T) {
	if underRace {
		t.Skip("RLIMIT_DATA and the race detector do not go together")
	}
	d := start(t, "")
	d.place(&link.Place{Kind: link.KindHandler, Slots: 2, Memory: 512 << 20, Code: build(t, assemble(t, growWAT))})
	for i := range uint32(3) {
		d.message(link.Message{Unit: i, Memory: 4 << 30}, "")
		r := d.result()
		if r.Reason != string(mpi.OutOfMemory) || !strings.Contains(r.Detail, "exit code 9") || r.Memory < 100<<20 || r.Memory > 512<<20 {
			t.Errorf("%+v", r.Ended)
		}
	}
	for i := range uint32(2) { // both at once
		d.message(link.Message{Unit: 10 + i, Memory: 4 << 30}, "")
	}
	for range 2 {
		if r := d.result(); r.Reason != string(mpi.OutOfMemory) {
			t.Errorf("%+v", r.Ended)
		}
	}
}

// TestMemoryOfRanks is the same for ranks.
func TestMemoryOfRanks(t *testing.T) {
	if underRace {
		t.Skip("RLIMIT_DATA and the race detector do not go together")
	}
	d := start(t, "")
	program := strings.Replace(growWAT, "(module", `(module (import "env" "MPI_Init" (func (param i32 i32) (result i32)))`, 1)
	d.place(&link.Place{Kind: link.KindRanks, Memory: 640 << 20, Code: build(t, assemble(t, program))})
	d.send(&link.Group{Nodes: make([]uint32, 4), Count: 1, Slots: 4, Memory: 4 << 30, Args: []string{"run"}}, &link.Start{})
	for range 4 {
		f, ok := d.next().(*link.RankEnded)
		if !ok || f.Reason == "" || f.Memory < 32<<20 {
			t.Fatalf("%+v", f)
		}
	}
}

// TestManyUnits runs 10,000 messages, among them some that trap, run out of time and fill memory.
// The process is not larger after them than after the first 1,000.
func TestManyUnits(t *testing.T) {
	if underRace {
		t.Skip("the race detector keeps notes of all memory that was ever used")
	}
	d := handle(t, manyWAT, 4)
	run := func(from, to uint32) {
		t.Helper()
		sent, ended := from, from
		for ; ended < to; ended++ {
			for ; sent < to && sent < ended+16; sent++ {
				// The first byte says what to do.
				d.message(link.Message{Unit: sent, Memory: 2 << 20, Timeout: patience}, string(rune('0'+sent%4))+strings.Repeat("x", int(sent%1000)))
			}
			r := d.result()
			if want := [...]mpi.Reason{"", mpi.Trapped, mpi.OutOfMemory, ""}[r.Unit%4]; r.Reason != string(want) {
				t.Fatalf("unit %d: %+v", r.Unit, r.Ended)
			}
		}
	}
	run(0, 1000)
	before := d.resident()
	run(1000, 10000)
	const slack = 8 << 20
	if after := d.resident(); after > before+slack {
		t.Errorf("%d bytes resident after 1,000 units, %d after 10,000", before, after)
	} else {
		t.Logf("%d bytes resident after 1,000 units, %d after 10,000", before, after)
	}
	if n := d.descriptors(); n > 16 {
		t.Errorf("%d descriptors are open", n)
	}
}

// resident is the worker's anonymous memory, in bytes.
func (d *daemon) resident() int64 {
	d.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/status")
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("RssAnon:"))
	fields := bytes.Fields(rest)
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		d.t.Fatal(err)
	}
	return n << 10
}

func (d *daemon) descriptors() int {
	list, err := os.ReadDir("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/fd")
	if err != nil {
		d.t.Skip(err) // not root's: the process cannot be looked at
	}
	return len(list)
}
