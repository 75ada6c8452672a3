//go:build unix

package guests

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// said is what the ranks of one node said.
type said struct {
	out   map[uint32]string
	files map[string][]byte
	ended map[uint32]*link.RankEnded
	read  int64 // of standard input
	rooms int64 // bytes asked for, less those given back
}

// follow plays the daemon of one node until n ranks have ended: it passes packets on to the other
// one, and gives credit for output at once.
func (d *daemon) follow(n int, self uint32, other *daemon) said {
	s := said{out: map[uint32]string{}, files: map[string][]byte{}, ended: map[uint32]*link.RankEnded{}}
	for len(s.ended) < n {
		switch f := d.next().(type) {
		case *link.Packets:
			other.send(&link.Packets{Node: self, Data: f.Data})
		case *link.Credit:
			if f.Stream == link.StreamIn {
				s.read += f.Bytes
				continue
			}
			other.send(&link.Credit{Stream: link.StreamPackets, Node: self, Bytes: f.Bytes})
		case *link.Output:
			s.out[f.Rank] += string(f.Data)
			d.send(&link.Credit{Stream: link.StreamOut, Bytes: int64(len(f.Data)) + frame.OutputCost})
		case *link.File:
			s.files[f.Name] = append(s.files[f.Name], f.Data...)
			d.send(&link.Credit{Stream: link.StreamOut, Bytes: int64(len(f.Data)) + frame.OutputCost})
		case *link.Room:
			if s.rooms += f.Bytes; f.Bytes > 0 {
				d.send(&link.RoomAnswer{Yes: true})
			}
		case *link.RankEnded:
			s.ended[f.Rank] = f
		default:
			d.t.Errorf("node %d: %#v", self, f)
			return s
		}
	}
	return s
}

// TestRanks runs four ranks in two workers, as on two nodes.
func TestRanks(t *testing.T) {
	code := build(t, assemble(t, wat.Ranks))
	nodes := []*daemon{start(t, ""), start(t, "")}
	for i, d := range nodes {
		d.place(&link.Place{Kind: link.KindRanks, Memory: limit(2 << 30), Code: code, Nice: 1, Cores: 2})
		d.send(&link.Group{Job: "j", Nodes: []uint32{0, 0, 1, 1}, Self: uint32(i), Count: 2, Slots: 4, Memory: 16 << 20,
			Scratch: 1 << 20, Stdin: true, Host: "here", Args: []string{"run"}})
	}
	for _, d := range nodes {
		d.send(&link.Load{Others: 3}, &link.Start{})
	}
	input := strings.Repeat("0123456789", 10000)
	nodes[0].send(&link.Input{Data: []byte(input[:60000])}, &link.Input{Data: []byte(input[60000:])}, &link.Input{})
	far := make(chan said, 1)
	go func() { far <- nodes[1].follow(2, 1, nodes[0]) }()
	near := nodes[0].follow(2, 0, nodes[1])
	for _, s := range []said{near, <-far} {
		for r, e := range s.ended {
			want := "ok\n"
			if r == 0 {
				want = input + want
			}
			if e.Reason != "" || s.out[r] != want || e.Memory != 40<<16 || e.Elapsed <= 0 {
				t.Errorf("rank %d: %+v, %d bytes of output", r, e, len(s.out[r]))
			}
		}
	}
	if !bytes.Equal(near.files["out"], bytes.Repeat([]byte{1}, 100000)) || near.rooms != 0 || near.read != int64(len(input)) {
		t.Errorf("a file of %d bytes, room %d, %d bytes of input read", len(near.files["out"]), near.rooms, near.read)
	}
	for _, d := range nodes {
		d.send(&link.Stop{})
		if s := d.exit(); s.ExitCode() != 0 {
			t.Error(s)
		}
	}
}

// TestRanksStop stops ranks of which one waits and the others compute.
func TestRanksStop(t *testing.T) {
	d := start(t, "")
	d.place(&link.Place{Kind: link.KindRanks, Memory: limit(2 << 30), Code: build(t, assemble(t, wat.Wait))})
	d.send(&link.Group{Nodes: make([]uint32, 4), Count: 1, Slots: 4, Memory: 1 << 20, Args: []string{"run"}}, &link.Start{})
	d.send(&link.Ping{})
	<-d.pongs
	begin := time.Now()
	d.send(&link.Stop{})
	for range 4 {
		if f, ok := d.next().(*link.RankEnded); !ok || f.Reason != string(mpi.Cancelled) {
			t.Errorf("%+v", f)
		}
	}
	if s := d.exit(); s.ExitCode() != 0 {
		t.Error(s)
	}
	t.Log("ended after", time.Since(begin))
}

// TestRanksGarbage sends to ranks what no daemon says.
func TestRanksGarbage(t *testing.T) {
	code := build(t, assemble(t, wat.Wait))
	group := &link.Group{Nodes: []uint32{0, 1}, Count: 2, Slots: 4, Memory: 1 << 20, Args: []string{"run"}}
	for name, bad := range map[string][]link.Frame{
		"Start before Group":   {&link.Start{}},
		"packets before Group": {&link.Packets{Node: 1}},
		"two Groups":           {group, group},
		"no rank here":         {&link.Group{Nodes: []uint32{1}, Count: 2, Args: []string{"run"}}},
		"a node too many":      {&link.Group{Nodes: []uint32{0, 7}, Count: 2, Args: []string{"run"}}},
		"packets of itself":    {group, &link.Packets{Node: 0}},
		"packets of nobody":    {group, &link.Packets{Node: 2}},
		"credit of nobody":     {group, &link.Credit{Stream: link.StreamPackets, Node: 1 << 20}},
		"credit for input":     {group, &link.Credit{Stream: link.StreamIn}},
		"an answer to nothing": {group, &link.RoomAnswer{Yes: true}},
		"no such rank failed":  {group, &link.RanksFailed{Ranks: []uint32{0, 2}}},
		"failed before Group":  {&link.RanksFailed{}},
		"two Starts":           {group, &link.Start{}, &link.Start{}},
		"a message":            {group, &link.Message{}},
	} {
		d := start(t, "")
		d.place(&link.Place{Kind: link.KindRanks, Code: code})
		d.send(bad...)
		if s := d.exit(); s.ExitCode() != 1 {
			t.Errorf("%s: %v", name, s)
		}
	}
}
