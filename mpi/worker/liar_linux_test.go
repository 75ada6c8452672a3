package worker

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// liarMode begins the mode of a worker that says what no worker says; the number of the lie
// follows.
const liarMode = "liar:"

// lie is what a worker says that a guest has taken over: to a compiler after the module, to a
// handler after the message, to ranks after Start, or after Group if it is early.
type lie struct {
	kind  link.Kind
	early bool
	says  []link.Frame
	want  string // in the words that follow
}

// lies are said in a group of ranks 0 and 1 on node 0, and rank 2 on node 1 of 3, with 100 bytes of
// files a rank; and to a message with 10 bytes of output, of unit 1.
var lies = []lie{
	{link.KindCompile, false, []link.Frame{&link.Compiled{Size: 0}}, "compiled code of 0 bytes"},
	{link.KindCompile, false, []link.Frame{&link.Compiled{Size: 2 << 30}}, "compiled code of 2147483648 bytes"},
	{link.KindCompile, false, []link.Frame{&link.Code{Data: []byte("x")}}, "Code, which no compiler says now"},
	{link.KindCompile, false, []link.Frame{&link.Compiled{Size: 3}, &link.Compiled{Size: 3}}, "Compiled, which no compiler says now"},
	{link.KindCompile, false, []link.Frame{&link.Compiled{Size: 3}, &link.Code{Data: []byte("1234")}}, "4 bytes of code, 3 were to come"},
	{link.KindCompile, false, []link.Frame{&link.Compiled{Size: 3}, &link.Code{}}, "0 bytes of code, 3 were to come"},
	{link.KindCompile, false, []link.Frame{&link.Compiled{Failure: "a\x1b[2Jb"}}, "a?[2Jb"},

	{link.KindHandler, false, []link.Frame{&link.MessageOut{Unit: 2, Data: []byte("x")}}, "unit 2, which does not run"},
	{link.KindHandler, false, []link.Frame{&link.MessageOut{Unit: 1, Data: []byte("0123456789")}, &link.MessageOut{Unit: 1, Data: []byte("x")}},
		"1 bytes of output after 10 of 10"},
	{link.KindHandler, false, []link.Frame{&link.MessageOut{Unit: 1}}, "0 bytes of output"},
	{link.KindHandler, false, []link.Frame{&link.Ended{Unit: 1, Reason: "well"}}, `the reason "well"`},
	{link.KindHandler, false, []link.Frame{&link.Ended{Unit: 1, Reason: "aborted"}}, `the reason "aborted"`},
	{link.KindHandler, false, []link.Frame{&link.Ended{Unit: 3}}, "unit 3, which does not run"},
	{link.KindHandler, false, []link.Frame{&link.RankEnded{}}, "RankEnded, which no handler says"},
	{link.KindHandler, false, []link.Frame{&link.Placed{}}, "Placed, which no handler says"},
	{link.KindHandler, false, []link.Frame{&link.ProfileData{Last: true}}, "a profile that nobody asked for"},
	{link.KindHandler, false, many(maxLines+1, &link.Line{Unit: 1}), "more than 300 lines"},
	{link.KindHandler, false, []link.Frame{&link.FileOpen{File: 1, Unit: 1, Name: "a"}, &link.FileOpen{File: 1, Unit: 1, Name: "a"}},
		"file 1 is opened twice"},
	{link.KindHandler, false, []link.Frame{&link.FileOpen{File: 1, Unit: 1, Name: "wait"}, &link.FileRead{File: 1}},
		"file 1 is asked for twice at a time"},
	{link.KindHandler, false, opens(), "more than 2048 files are opened at once"},

	{link.KindRanks, false, []link.Frame{&link.Output{Rank: 2, Stream: link.StreamOut, Data: []byte("x")}}, "rank 2, which is not here"},
	{link.KindRanks, true, []link.Frame{&link.Output{Rank: 0, Stream: link.StreamOut, Data: []byte("x")}}, "rank 0, which does not run"},
	{link.KindRanks, false, []link.Frame{&link.Output{Rank: 0, Stream: link.StreamOut}}, "output of no bytes"},
	{link.KindRanks, false, many(5, &link.Output{Rank: 0, Stream: link.StreamErr, Data: make([]byte, link.MaxData)}),
		"65536 bytes of output, "},
	{link.KindRanks, false, []link.Frame{&link.RankEnded{Rank: 0}, &link.RankEnded{Rank: 0}}, "rank 0, which does not run"},
	{link.KindRanks, false, []link.Frame{&link.RankEnded{Rank: 0}, &link.Output{Rank: 0, Stream: link.StreamOut, Data: []byte("x")}},
		"rank 0, which does not run"},
	{link.KindRanks, true, []link.Frame{&link.RankEnded{Rank: 0}}, "rank 0, which does not run"},
	{link.KindRanks, false, []link.Frame{&link.RankEnded{Rank: 1, Reason: "lost"}}, `the reason "lost"`},
	{link.KindRanks, false, []link.Frame{&link.Packets{Node: 0, Data: []byte("x")}}, "packets to node 0 of 3"},
	{link.KindRanks, false, []link.Frame{&link.Packets{Node: 3, Data: []byte("x")}}, "packets to node 3 of 3"},
	{link.KindRanks, false, []link.Frame{&link.Packets{Node: 1}}, "0 bytes of packets to node 1 of 3"},
	{link.KindRanks, false, many(int(frame.PacketWindow(3)/frame.MaxPackets)+2, &link.Packets{Node: 1, Data: make([]byte, frame.MaxPackets)}),
		"263168 bytes of packets to node 1, without credit"},
	{link.KindRanks, false, []link.Frame{&link.SharedPackets{Node: 0, Bytes: 1}}, "1 bytes of packets to node 0 of 3"},
	{link.KindRanks, false, []link.Frame{&link.SharedPackets{Node: 1}}, "0 bytes of packets to node 1 of 3"},
	{link.KindRanks, false, many(int(frame.PacketWindow(3)/link.MaxShared)+2, &link.SharedPackets{Node: 1, Bytes: link.MaxShared}),
		"67584 bytes of packets to node 1, without credit"},
	{link.KindRanks, false, []link.Frame{&link.Credit{Stream: link.StreamIn, Bytes: 1}}, "1 bytes of input were read, 1 too many"},
	{link.KindRanks, false, []link.Frame{&link.Credit{Stream: link.StreamPackets, Node: 1, Bytes: 1}},
		"1 bytes of packets of node 1 were dealt with, 1 too many"},
	{link.KindRanks, false, []link.Frame{&link.Credit{Stream: link.StreamPackets, Node: 3, Bytes: 1}}, "credit for stream 3 of node 3"},
	{link.KindRanks, false, []link.Frame{&link.Credit{Stream: link.StreamOut, Bytes: 1}}, "credit for stream 1 of node 0"},
	{link.KindRanks, false, []link.Frame{&link.Room{Bytes: 0}}, "room for 0 bytes"},
	{link.KindRanks, true, []link.Frame{&link.Room{Bytes: 1}}, "room for 1 bytes"},
	{link.KindRanks, false, []link.Frame{&link.Room{Bytes: 101}}, "room for 101 bytes"},
	{link.KindRanks, false, []link.Frame{&link.Room{Bytes: -1}}, "room: -1, and 0 are held"},
	{link.KindRanks, false, []link.Frame{&link.Room{Bytes: -1 << 63}}, "room: -9223372036854775808, and 0 are held"},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "../a", Size: 1, Data: []byte("x")}}, `a file "../a"`},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: strings.Repeat("n", frame.MaxJobFile+1), Size: 1, Data: []byte("x")}}, `a file "nnn`},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "a", Size: 101, Data: []byte("x")}}, `a file "a" of 101 bytes`},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "a", Size: 1, Data: []byte("xy")}}, `bytes 0 to 2 of 1 of the file "a"`},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "a", Size: 3, Offset: 1, Data: []byte("xy")}}, "bytes 1 to 3 of 3"},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "a", Size: 3}}, "bytes 0 to 0 of 3"},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 0, Name: "a", Size: 3, Data: []byte("xy")},
		&link.File{Rank: 0, Name: "b", Size: 3, Data: []byte("xy")}}, `after 2 of 3 of "a"`},
	{link.KindRanks, false, []link.Frame{&link.File{Rank: 2, Name: "a"}}, "rank 2, which is not here"},
	{link.KindRanks, false, []link.Frame{&link.Broken{Node: 0}}, "node 0 of 3 breaks the protocol"},
	{link.KindRanks, false, many(2, &link.Fault{Why: "x"}), "a second fault"},
	{link.KindRanks, true, []link.Frame{&link.Ended{}}, "Ended, which no ranks say"},
	{link.KindRanks, true, []link.Frame{&link.RanksFailed{Ranks: []uint32{0}}}, "RanksFailed, which only the daemon sends"},
	{link.KindRanks, true, []link.Frame{&link.Placed{}}, "Placed, which no ranks say"},
}

func many(n int, f link.Frame) (list []link.Frame) {
	for range n {
		list = append(list, f)
	}
	return list
}

// opens open more files than there may be. The first ones wait.
func opens() (list []link.Frame) {
	for i := range uint32(2*link.MaxFiles + 1 + maxReaders) {
		list = append(list, &link.FileOpen{File: i, Unit: 1, Name: "wait"})
	}
	return list
}

// liar is how a worker of that mode answers a frame of the daemon's.
func liar(mode string, out *link.Writer, f link.Frame) {
	number, _ := strconv.Atoi(strings.TrimPrefix(mode, liarMode))
	l := lies[number]
	said := false
	switch f := f.(type) {
	case *link.Place:
		out.SendNow(&link.Placed{})
	case *link.Module:
		if said = l.kind == link.KindCompile; !said { // the others are true until later
			out.SendNow(&link.Compiled{MPI: l.kind == link.KindRanks, Size: 4})
			out.SendNow(&link.Code{Data: []byte("code")})
		}
	case *link.Message:
		said = l.kind == link.KindHandler
	case *link.Group:
		said = l.early
	case *link.Start:
		said = !l.early
	case *link.Ping:
		out.SendNow(&link.Pong{Number: f.Number})
	}
	if said {
		for _, f := range l.says {
			out.SendNow(f)
		}
	}
}

// TestLies: a worker that says what no worker says is killed, and what it ran fails with the cause.
func TestLies(t *testing.T) {
	for i, l := range lies {
		t.Run(strconv.Itoa(i)+" "+l.want, func(t *testing.T) {
			r := newRuntime(t, RuntimeConfig{Workers: Config{Executable: At(self(t)), Name: childName + liarMode + strconv.Itoa(i)}})
			p, err := r.Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00"))
			var got string
			switch {
			case l.kind == link.KindCompile:
				got = err.Error()
			case err != nil:
				t.Fatal(err)
			case l.kind == link.KindHandler:
				x := message("")
				x.Output, x.Files = 10, waiting{t.Context().Done()}
				got = lost(t, p.Run(t.Context(), x))
			default:
				got = lostRanks(t, p, l.early)
			}
			if !strings.Contains(got, l.want) {
				t.Errorf("%q, want %q", got, l.want)
			}
		})
	}
}

func lost(t *testing.T, out exec.Outcome) string {
	if out.Reason != mpi.Internal || out.Crash == nil || len(out.Stdout) > 0 {
		t.Errorf("%+v", out)
	}
	return out.Detail
}

// lostRanks runs ranks until the worker is killed, and returns its cause.
func lostRanks(t *testing.T, p exec.Program, early bool) string {
	o := newOwner(t, 0, 2)
	o.others = []*owner{o, newOwner(t, 1, 0), newOwner(t, 2, 0)}
	for _, other := range o.others[1:] {
		other.group = nowhere{}
	}
	cfg := rankConfig([]int{0, 0, 1}, 0, 3)
	cfg.Scratch = 100
	o.ready(t.Context(), p, cfg)
	g := o.group.(*group)
	o.group = nowhere{} // output brings no credit
	if early {
		<-o.faults
	}
	g.Start()
	<-o.over
	o.group = g
	o.close()
	return lost(t, o.ended[1])
}

// nowhere is a group that takes what comes.
type nowhere struct{}

func (nowhere) Start()                  {}
func (nowhere) Packets(int, []byte)     {}
func (nowhere) PacketCredit(int, int64) {}
func (nowhere) OutputCredit(int64)      {}
func (nowhere) Look()                   {}
func (nowhere) FailRanks([]int, string) {}
func (nowhere) Input([]byte)            {}
func (nowhere) Load(int)                {}
func (nowhere) Close() error            { return nil }
