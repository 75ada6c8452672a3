package p2p

import (
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

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
