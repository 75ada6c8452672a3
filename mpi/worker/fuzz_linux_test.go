package worker

import (
	"encoding/binary"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// FuzzGroup has a worker say anything of the ranks that it was given: each frame is refused, for
// which it is killed, or tells the owner what the contract of [exec.RankOwner] allows.
func FuzzGroup(f *testing.F) {
	script := func(frames ...link.Frame) (in []byte) {
		for _, x := range frames {
			b, err := link.Append(nil, x)
			if err != nil || len(b) > 1<<14 {
				continue
			}
			in = append(in, b[4])
			in = binary.LittleEndian.AppendUint16(in, uint16(len(b)-5))
			in = append(in, b[5:]...)
		}
		return in
	}
	for _, l := range lies {
		if l.kind == link.KindRanks {
			f.Add(script(l.says[:min(len(l.says), 20)]...))
		}
	}
	f.Add(script(&link.Room{Bytes: 60}, &link.Output{Rank: 0, Stream: link.StreamOut, Data: []byte("x")}, &link.File{Rank: 1, Name: "a/b", Size: 2, Data: []byte("x")},
		&link.File{Rank: 1, Name: "a/b", Size: 2, Offset: 1, Data: []byte("y")}, &link.Packets{Node: 1, Data: []byte("xyz")}, &link.Credit{Stream: link.StreamIn, Bytes: 5},
		&link.Credit{Stream: link.StreamPackets, Node: 2, Bytes: 7}, &link.Standing{Standing: exec.Standing{Idle: true}}, &link.FileOpen{File: 1, Name: "given"},
		&link.FileRead{File: 1, Length: 10}, &link.FileClose{File: 1}, &link.Room{Bytes: -60}, &link.RankEnded{Rank: 0}, &link.RankEnded{Rank: 1, Reason: "exited", Exit: 3}))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<15 {
			return
		}
		w := &Worker{out: link.NewWriter(io.Discard)}
		defer w.out.Close(ErrClosed)
		o := &strictOwner{t: t, runs: map[int]bool{0: true, 1: true}}
		g := &group{owner: o, ctx: t.Context(), files: newFileServer(), w: w, started: true, running: 2, ranks: map[int]*groupRank{0: {}, 1: {}},
			cfg:    exec.RankConfig{Nodes: []int{0, 0, 1, 2}, Count: 3, Scratch: 100},
			output: frame.OutputWindow, to: []int64{0, 1000, 1000}, from: []int64{0, 50, 70}, input: 20, looks: 1}
		o.scratch, o.input, o.from = 100, g.input, []int64{0, 50, 70}
		g.files.add(0, fstest.MapFS{"given": {Data: []byte("data")}})
		g.files.serve(w)
		for len(in) >= 3 {
			n := min(int(binary.LittleEndian.Uint16(in[1:])), len(in)-3)
			if g.frame(link.Type(in[0]), in[3:3+n]) != nil {
				break
			}
			in = in[3+n:]
		}
		g.rooms.Wait()
		g.files.close()
	})
}

// strictOwner fails the test when it is told what cannot be.
type strictOwner struct {
	t       *testing.T
	runs    map[int]bool // ranks that run
	scratch int64
	input   int64
	from    []int64
	held    int64
	faults  int
}

func (o *strictOwner) remote(node int, n int64) {
	if node < 1 || node > 2 || n <= 0 {
		o.t.Errorf("%d bytes, node %d", n, node)
	}
}

func (o *strictOwner) running(rank int) {
	if !o.runs[rank] {
		o.t.Errorf("rank %d does not run", rank)
	}
}

func (o *strictOwner) Packets(node int, data []byte) {
	o.remote(node, int64(len(data)))
	if len(data) > frame.MaxPackets {
		o.t.Errorf("%d bytes of packets", len(data))
	}
}

func (o *strictOwner) PacketCredit(node int, n int64) {
	o.remote(node, n)
	if o.from[node] -= n; o.from[node] < 0 {
		o.t.Errorf("node %d gets credit for %d bytes too many", node, -o.from[node])
	}
}

func (o *strictOwner) Output(rank int, stream byte, data []byte) {
	o.running(rank)
	if len(data) == 0 || len(data) > frame.MaxJobPart || stream != 1 && stream != 2 {
		o.t.Errorf("stream %d, %d bytes", stream, len(data))
	}
}

func (o *strictOwner) File(rank int, name string, size, offset int64, data []byte) {
	o.running(rank)
	if !fs.ValidPath(name) || size < 0 || size > o.scratch || offset < 0 || offset+int64(len(data)) > size {
		o.t.Errorf("file %q of %d bytes: %d at %d", name, size, len(data), offset)
	}
}

func (o *strictOwner) InputRead(n int) {
	if o.input -= int64(n); n <= 0 || o.input < 0 {
		o.t.Errorf("%d bytes of input were read, %d are left", n, o.input)
	}
}

func (o *strictOwner) Room(n int64) bool {
	if n > 0 && n%2 == 0 {
		return false
	}
	if o.held += n; n == 0 || n > o.scratch || o.held < 0 {
		o.t.Errorf("room for %d bytes, which makes %d", n, o.held)
	}
	return true
}

func (o *strictOwner) Stand(s exec.Standing) {
	for _, w := range s.Waits {
		if w.Rank != 0 && w.Rank != 1 {
			o.t.Errorf("rank %d waits", w.Rank)
		}
	}
}

func (o *strictOwner) Broken(node int, why string) {
	o.remote(node, 1)
	o.shown(why)
}

func (o *strictOwner) Ended(rank int, out exec.Outcome) {
	o.running(rank)
	o.runs[rank] = false
	o.shown(out.Detail)
}

func (o *strictOwner) Fault(why string, crash *exec.Crash) {
	if o.faults++; o.faults > 1 || crash != nil {
		o.t.Errorf("fault %d, %v", o.faults, crash)
	}
	o.shown(why)
}

func (o *strictOwner) shown(text string) {
	if mpi.Printable(text, false) != text {
		o.t.Errorf("%q is not printable", text)
	}
}
