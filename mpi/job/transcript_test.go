package job

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

var rewrite = flag.Bool("rewrite", false, "write what the state machines do into testdata/*.txt")

// Each testdata/*.txt is a list of events with the actions that a state machine answers, indented
// below each. The events are for people to write, the actions for -rewrite: review the difference.
//
//	job ranks=2 timeout=1m    a new job at its origin, on the node "self"
//	host slots=2              a new part of a job whose origin is "origin", on the node "self"
//	b Reservation ranks=1     a frame of node b
//	lost b                    the session with b
//	silent b                  nothing has come from b for the last second
//	back b                    something does again
//	b breaks                  the protocol, to a host
//	wait                      until the next timer
//	later 2s                  time passes without an event
//
// and the events of origin and host under names that speak for themselves: see play.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		transcript(t, file)
	}
}

// Those of nodes that break rules, or are slow: what they say of an earlier round of offers, what a
// node says that was only asked, and a node that lets go of its slots or ranks without a reason.
func TestHostileTranscripts(t *testing.T) {
	for _, name := range []string{"origin_hostile", "origin_rounds", "origin_late_frames", "origin_reservation_expired", "host_reservation_expired"} {
		transcript(t, filepath.Join("testdata", name+".txt"))
	}
}

// transcript plays a file and compares what comes of it, or writes that.
func transcript(t *testing.T, file string) {
	t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p player
		got := p.play(t, string(text))
		switch {
		case *rewrite:
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		case got != string(text):
			t.Errorf("%s: it is now\n%s", file, difference(string(text), got))
		}
	})
}

// difference is the first lines that differ, with those before them.
func difference(old, now string) string {
	a, b := strings.Split(old, "\n"), strings.Split(now, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-4)
	return strings.Join(b[from:min(len(b), i+6)], "\n") +
		"\nbut was\n" + strings.Join(a[from:min(len(a), i+6)], "\n")
}

// player plays a transcript.
type player struct {
	now    time.Time
	start  time.Time
	origin *origin
	host   *host
	slow   bool // the recorder deals with nothing until it is told to
	owed   []recordEvent
	out    strings.Builder
}

func (p *player) play(t *testing.T, text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "    ") {
			continue
		}
		fmt.Fprintln(&p.out, line)
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(line, "#") {
			p.event(t, words[0], words[1:], line)
		}
	}
	return p.out.String()
}

func (p *player) say(format string, args ...any) { fmt.Fprintf(&p.out, "    "+format+"\n", args...) }

// event plays one line.
func (p *player) event(t *testing.T, what string, args []string, line string) {
	arg := func(i int) mpi.PeerID {
		if i < len(args) {
			return mpi.PeerID(args[i])
		}
		return ""
	}
	switch what {
	case "job":
		spec := mpi.JobSpec{File: "prog"}
		set(t, reflect.ValueOf(&spec).Elem(), args)
		p.begin(t)
		p.origin = newOrigin("self", mpi.JobID{Origin: "self"}, spec, mpi.Interpreter{Name: "prog"}, p.now)
		p.step(begun{})
	case "host":
		p.begin(t)
		n, _ := strconv.Atoi(strings.TrimPrefix(args[0], "slots="))
		admits := func(id mpi.PeerID) bool { return id != "banned" }
		p.host = newHost("self", mpi.JobID{Origin: "origin"}, n, admits, p.now)
	case "wait", "later":
		p.pass(t, what, args)
	case "candidates":
		var peers []mpi.PeerID
		for _, a := range args {
			peers = append(peers, mpi.PeerID(a))
		}
		p.step(candidates{round: p.origin.round, peers: peers})
	case "lost":
		p.step(nodeLost{arg(0), "connection reset"})
	case "silent":
		p.step(nodeSilent{arg(0), p.now.Add(-time.Second)})
	case "back":
		p.step(nodeBack{arg(0)})
	case "settled":
		p.step(settled{arg(0) == "owes"})
	case "unsent":
		e := unsent{peer: arg(0), offer: -1, reason: mpi.Unreachable, why: "no route"}
		if len(args) > 1 {
			e.offer, _ = strconv.Atoi(args[1])
		}
		p.step(e)
	case "cancel":
		p.step(quit{true, mpi.JobCause{Rank: -1, Peer: "self", Reason: mpi.Cancelled, Detail: "it was cancelled"}})
	case "node-stops":
		p.step(quit{false, mpi.JobCause{Rank: -1, Peer: "self", Reason: mpi.Stopping, Detail: nodeStopping}})
	case "give":
		n, _ := strconv.Atoi(cmp.Or(string(arg(0)), "0"))
		p.step(inputGiven{1, make([]byte, n)})
	case "give-no-more":
		p.step(inputTaken{})
	case "input-cut":
		p.step(inputCut{"standard input was cut short: connection reset"})
	case "alone":
		p.step(candidates{round: p.origin.round, peers: []mpi.PeerID{"self"}, alone: true})
	case "slow-recorder":
		p.slow = true
	case "recorder-goes-on":
		p.slow = false
		p.settle()
	case "disk-full":
		p.owed[len(p.owed)-1].fails(fmt.Errorf("no space left: %w", syscall.ENOSPC))
	case "group-ready":
		p.step(groupReady{strings.Join(args, " ")})
	case "rank-ended":
		var f frame.Exit
		set(t, reflect.ValueOf(&f).Elem(), args)
		p.step(rankEnded{f})
	case "ranks-ended":
		p.step(ranksEnded{})
	case "group-gone":
		p.step(groupGone{})
	case "rank-reads":
		n, _ := strconv.Atoi(args[0])
		p.step(inputRead{n})
	case "ranks-stand":
		var f frame.Standing
		set(t, reflect.ValueOf(&f).Elem(), args)
		p.step(stood{exec.Standing{Idle: f.Idle, Sent: f.Sent, Got: f.Got, Epoch: f.Epoch}})
	case "fault":
		p.step(faulted{strings.Join(args, " ")})
	case "shutdown":
		p.step(shutdown{})
	default:
		if p.host != nil && len(args) == 1 && args[0] == "breaks" {
			p.step(peerBroke{mpi.PeerID(what), "it breaks the protocol"})
			return
		}
		p.step(nodeEvent{mpi.PeerID(what), parse(t, args, line)})
	}
}

// begin makes room for a new machine; the one before must have come to its end.
func (p *player) begin(t *testing.T) {
	if p.origin != nil && p.origin.phase != over || p.host != nil && p.host.phase != left {
		t.Errorf("a scenario does not end:\n%s", p.out.String())
	}
	*p = player{out: p.out}
	p.start = time.Unix(1e9, 0)
	p.now = p.start
}

// pass lets time pass, until the next timer or for a while.
func (p *player) pass(t *testing.T, what string, args []string) {
	var next time.Time
	if p.origin != nil {
		next = p.origin.wake()
	} else {
		next = p.host.wake()
	}
	if what == "later" {
		d, err := time.ParseDuration(args[0])
		if err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(d)
		return
	}
	if next.IsZero() {
		t.Fatalf("no timer:\n%s", p.out.String())
	}
	p.now = next
	p.say("at %v", p.now.Sub(p.start))
	p.step(tick{})
}

// step gives an event to the machine, and shows the actions and a change of the phase.
func (p *player) step(e any) {
	if p.host != nil {
		before := p.host.phase
		p.show(p.host.step(p.now, e.(hostEvent)))
		if p.host.phase != before {
			p.say("%v → %v", before, p.host.phase)
		}
		return
	}
	before := p.origin.phase
	p.show(p.origin.step(p.now, e.(originEvent)))
	if p.origin.phase != before {
		p.say("%v → %v", before, p.origin.phase)
	}
	p.settle()
}

// settle is the recorder: it deals with what it has.
func (p *player) settle() {
	for !p.slow && len(p.owed) > 0 {
		e := p.owed[0]
		p.owed = p.owed[1:]
		p.step(e)
	}
}

func (p *player) show(actions []action) {
	for _, a := range actions {
		switch a := a.(type) {
		case post:
			p.say("to %s: %s", a.to, format(a.f))
		case search:
			p.say("search")
		case happen:
			p.owed = append(p.owed, recordEvent{})
			p.say("event %s", strings.Join(fields(reflect.ValueOf(a.e)), " "))
		case output:
			n, rank := 0, 0
			switch f := a.f.(type) {
			case frame.Output:
				n, rank = len(f.Data), int(f.Rank)
			case frame.FileChunk:
				n, rank = len(f.Data), int(f.Rank)
			}
			p.owed = append(p.owed, recordEvent{from: a.from, n: n, rank: rank})
			p.say("record %s", format(a.f))
		case inputSent:
			p.say("input sent: %v", a.ok)
		case finish:
			r := p.origin.record
			p.say("finish: %s", r.State)
			if r.Cause != nil {
				p.say("cause: %s", strings.Join(fields(reflect.ValueOf(*r.Cause)), " "))
			}
			for i, x := range r.Ranks {
				if x.Failed != nil {
					p.say("rank %d failed: %s: %s", i, x.Failed.Reason, x.Failed.Detail)
				}
			}
		default:
			p.say("%s", strings.TrimSpace(reflect.TypeOf(a).Name()+" "+strings.Join(fields(reflect.ValueOf(a)), " ")))
		}
	}
}

// frames are those that nodes say, by name.
var frames = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, f := range []frame.JobFrame{
		frame.Offer{}, frame.Reservation{}, frame.Place{}, frame.Prepared{}, frame.Start{}, frame.Output{},
		frame.OutputCredit{}, frame.Input{}, frame.InputCredit{}, frame.FileChunk{}, frame.Exit{},
		frame.Failed{}, frame.Stop{}, frame.Stopped{}, frame.Look{}, frame.Standing{}, frame.PeerLost{}, frame.RanksFailed{},
		frame.Keep{}, frame.Replace{}, frame.Grace{}, frame.Silence{},
	} {
		all[reflect.TypeOf(f).Name()] = reflect.TypeOf(f)
	}
	return all
}()

// parse reads a frame: its name and its fields.
func parse(t *testing.T, args []string, line string) frame.JobFrame {
	if len(args) == 0 || frames[args[0]] == nil {
		t.Fatalf("%q is no event; the frames are %v", line, slices.Sorted(maps.Keys(frames)))
	}
	v := reflect.New(frames[args[0]]).Elem()
	set(t, v, args[1:])
	return v.Interface().(frame.JobFrame)
}

// set sets fields of a struct: "name=value", lists with commas, data as a number of bytes.
func set(t *testing.T, v reflect.Value, args []string) {
	for _, a := range args {
		name, text, _ := strings.Cut(a, "=")
		f := v.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
		if !f.IsValid() {
			t.Fatalf("%s has no field %q", v.Type(), name)
		}
		n, _ := strconv.ParseInt(text, 10, 64)
		switch x := f.Addr().Interface().(type) {
		case *time.Duration:
			*x, _ = time.ParseDuration(text)
		case *[]byte:
			*x = bytes.Repeat([]byte("x"), int(n))
		case *[]mpi.PeerID:
			for id := range strings.SplitSeq(text, ",") {
				*x = append(*x, mpi.PeerID(id))
			}
		case *[]uint32:
			for s := range strings.SplitSeq(text, ",") {
				n, _ := strconv.Atoi(s)
				*x = append(*x, uint32(n))
			}
		case *[]string:
			*x = strings.Split(text, ",")
		case *[]frame.RankWait: // rank:peer, in MPI_Recv with tag 5
			for s := range strings.SplitSeq(text, ",") {
				var w frame.RankWait
				w.Call = "MPI_Recv"
				m := mpi.WaitMessage{Tag: 5}
				fmt.Sscanf(s, "%d:%d", &w.Rank, &m.Rank)
				w.Messages = []mpi.WaitMessage{m}
				*x = append(*x, w)
			}
		case *bool:
			*x = text == "true"
		default:
			switch {
			case f.Kind() == reflect.String:
				f.SetString(text)
			case f.CanInt():
				f.SetInt(n)
			default:
				f.SetUint(uint64(n))
			}
		}
	}
}

func format(f frame.JobFrame) string {
	return strings.Join(append([]string{reflect.TypeOf(f).Name()}, fields(reflect.ValueOf(f))...), " ")
}

// fields are those of a struct that say something.
func fields(v reflect.Value) (list []string) {
	for i := range v.NumField() {
		name, f := strings.ToLower(v.Type().Field(i).Name), v.Field(i)
		switch {
		case f.Type() == reflect.TypeFor[mpi.JobID]() || f.Type() == reflect.TypeFor[mpi.CID]() || f.IsZero() && name != "rank":
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Uint8:
			list = append(list, fmt.Sprintf("%s=%d", name, f.Len()))
		case f.Kind() == reflect.String && strings.Contains(f.String(), " "):
			list = append(list, fmt.Sprintf("%s=%q", name, f))
		case f.Kind() == reflect.Pointer:
			list = append(list, name)
		default:
			list = append(list, fmt.Sprintf("%s=%v", name, f))
		}
	}
	return list
}
