package p2p

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// A node of 2.2.0 and one of 2.1.0 talk, whoever begins. What came with 2.2.0 fails where it would
// be sent, and the session goes on.
func TestMinorVersions(t *testing.T) {
	old := ForJobs(Config{})
	old.Protocol, old.Older = JobProtocol21, nil
	for name, identified := range map[string]bool{"that knows the other": true, "that does not": false} {
		t.Run("of a node "+name, func(t *testing.T) {
			x, y := pair(t, ForJobs(Config{}), old)
			if identified { // libp2p has said what it speaks
				if err := x.h.Connect(t.Context(), peer.AddrInfo{ID: y.h.ID(), Addrs: y.h.Addrs()}); err != nil {
					t.Fatal(err)
				}
			}
			job := mpi.JobID{Origin: x.Self(), Nonce: [16]byte{1}}
			offer := frame.Offer{Job: job, Program: program, Name: "heat", Ranks: 2}
			survives := offer
			survives.FT = true
			failed := make(chan error, 1)
			x.Post(y.Self(), offer, func(err error) { t.Error(err) })
			x.Post(y.Self(), survives, func(err error) { failed <- err })
			x.Post(y.Self(), frame.RanksFailed{Job: job}, func(err error) {
				if !errors.Is(err, frame.ErrVersion) {
					t.Error(err)
				}
			})
			x.Post(y.Self(), frame.Stop{Job: job}, func(err error) { t.Error(err) })
			if err := <-failed; !errors.Is(err, frame.ErrVersion) {
				t.Errorf("an offer that it does not know: %v", err)
			}
			if f := y.frame(t); f != frame.Frame(offer) {
				t.Errorf("%+v", f)
			}
			if f := y.frame(t); f != frame.Frame(frame.Stop{Job: job}) {
				t.Errorf("%+v", f)
			}
			y.Post(x.Self(), frame.Stopped{Job: job}, func(err error) { t.Error(err) })
			if f := x.frame(t); f != frame.Frame(frame.Stopped{Job: job}) {
				t.Errorf("%+v", f)
			}
		})
	}
	x, y := jobPair(t)
	f := frame.Offer{Job: mpi.JobID{Origin: x.Self(), Nonce: [16]byte{1}}, Program: program, Name: "heat", FT: true}
	x.Post(y.Self(), f, func(err error) { t.Error(err) })
	if got := y.frame(t); got != frame.Frame(f) {
		t.Errorf("%+v", got)
	}
}

// A node of a later minor version serves the earlier ones too: it talks with this one, whoever
// begins. So does this one with a node of an earlier one.
func TestLaterMinorVersions(t *testing.T) {
	later := Config{Protocol: "/ipfs-mpi/session/1.2.0", Older: []protocol.ID{SessionProtocol, SessionProtocol10}}
	x, y := pair(t, Config{}, later)
	y.mustSend(t, x, deliver(y, 1, 10))
	if f, ok := x.frame(t).(frame.Deliver); !ok || f.ID != 1 {
		t.Errorf("%+v", f)
	}
	x.mustSend(t, y, deliver(x, 2, 10))
	if f, ok := y.frame(t).(frame.Deliver); !ok || f.ID != 2 {
		t.Errorf("%+v", f)
	}
}

// An answer to a node of 1.0.0 does not say which message it ends.
func TestAnswersOfVersions(t *testing.T) {
	x, y := pair(t, Config{}, Config{Protocol: SessionProtocol10})
	z := newNode(t, Config{})
	know(x.h, z.h)
	answer := deliver(x, 1, 10)
	answer.Answer, answer.Ends = true, 1<<60
	for to, ends := range map[*node]uint64{y: 0, z: 1 << 60} {
		want := answer
		want.Ends = ends
		x.mustSend(t, to, answer)
		if f := to.frame(t); !reflect.DeepEqual(f, frame.Frame(want)) {
			t.Errorf("got %+v, want %+v", f, want)
		}
	}
}

// Nodes of different major versions do not talk. Who sends hears why, with both versions.
func TestMajorVersions(t *testing.T) {
	for name, configs := range map[string][2]Config{
		"session": {{}, {Protocol: "/ipfs-mpi/session/2.0.0"}},
		"job":     {ForJobs(Config{}), {Protocol: "/ipfs-mpi/job/3.0.0"}},
	} {
		for _, identified := range []bool{false, true} {
			x, y := pair(t, configs[0], configs[1])
			if identified {
				if err := x.h.Connect(t.Context(), peer.AddrInfo{ID: y.h.ID(), Addrs: y.h.Addrs()}); err != nil {
					t.Fatal(err)
				}
			}
			for from, to := range map[*node]*node{x: y, y: x} {
				var f frame.Frame = deliver(from, 1, 10)
				if name == "job" {
					f = frame.Stop{Job: mpi.JobID{Origin: from.Self()}}
				}
				_, err := from.Send(t.Context(), to.Self(), f)
				theirs, ours := string(to.cfg.Protocol), string(from.cfg.Protocol)
				if !errors.Is(err, frame.ErrVersion) || frame.ReasonOf(err) != mpi.OtherVersion ||
					!strings.Contains(err.Error(), theirs) || !strings.Contains(err.Error(), ours) {
					t.Errorf("%s, identified %v: %v", name, identified, err)
				}
			}
		}
	}
}
