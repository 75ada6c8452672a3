package rendezvous

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// FuzzView has bytes play the network against a small view, and checks after each event
// that the view holds together, and at the end that it comes to rest.
func FuzzView(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x10\x11\x12\x20\x30\x40\x41\x42\x50\x60\x70\x80\x90\xa0\xb0"))
	f.Add([]byte("\x91\x92\x93\x94\x01\x02\x03\x04\x05\x06\x07\x08\x09\x20\x21\x22\x23\x24\x25\x0a\x0b\x0c\x0d\x0e\x0f"))
	f.Add(slices.Repeat([]byte("\x61\x72\x13\xa1\x24\x85\x36\xb2\x47\x58\x99\x0a\x1b\x2c\x3d\xc1\xd2"), 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 2000 {
			return
		}
		b := newBench(t, discovering, func(v *view) {
			v.lim.peers, v.lim.candidates, v.lim.probes, v.lim.bytes = 5, 4, 2, 4000
			v.lim.sourceHint, v.lim.allHints = 6, 12
		})
		var rounds []<-chan struct{}
		for i, c := range script {
			b.now = b.now.Add(time.Duration(i%7) * 37 * time.Millisecond)
			rounds = b.event(c>>4, c&15, rounds)
			b.run()
		}
		for range 50 { // everything ends well or badly: no round and no lane stays taken
			b.pass(b.v.t.Refresh)
			for _, p := range b.void {
				b.v.answered(b.now, p.ticket, serving(pool1), up)
			}
			b.void = nil
			for id, p := range b.open {
				delete(b.open, id)
				b.v.failed(b.now, p.ticket, absent)
			}
		}
		for _, done := range rounds {
			if !over(done) {
				t.Fatal("a round never ends")
			}
		}
		if n := b.v.lanes[0].busy + b.v.lanes[1].busy - len(b.open) - len(b.void); n != 0 {
			t.Fatalf("%d probes are counted and not under way", n)
		}
	})
}

// event plays one event on one of sixteen peers.
func (b *bench) event(kind, who byte, rounds []<-chan struct{}) []<-chan struct{} {
	id := mpi.PeerID(fmt.Sprintf("p%d", who))
	program := mpi.CID(fmt.Sprintf("bafy%d", who%4))
	hello := serving(program, pool1)
	for _, p := range peers(int(who), "h") {
		hello.Members = append(hello.Members, frame.Members{Program: program, Peers: []frame.PeerAddrs{p, {Peer: id}}})
	}
	if b.open[id].ticket.gen == 0 { // then whoever is asked takes its part
		for other := range b.open {
			id = max(id, other)
		}
	}
	p, asked := b.open[id]
	switch kind {
	case 0:
		b.v.greeted(b.now, id, hello, up)
	case 1:
		b.v.greeted(b.now, id, hello, link{})
	case 2, 3, 4:
		if asked {
			delete(b.open, id)
			b.v.answered(b.now, p.ticket, hello, link{up: kind != 4})
		}
	case 5, 6, 7:
		if asked {
			delete(b.open, id)
			b.v.failed(b.now, p.ticket, trouble(kind-5))
		}
	case 8:
		b.v.disconnected(b.now, id)
	case 9:
		b.v.speaking(b.now, id)
	case 10:
		b.v.greeted(b.now, id, frame.Hello{Leaving: true}, up)
	case 11:
		b.v.suspect(b.now, id)
	case 12:
		rounds = append(rounds, b.v.refresh(b.now, []mpi.CID{general, program}[who%2]))
	case 13:
		b.v.serve(b.now, echo([]mpi.CID{pool1, program}[:who%3]...))
	case 14:
		b.v.found(b.now, program, frame.PeerAddrs{Peer: id})
	case 15:
		b.now = b.now.Add(time.Duration(who) * time.Minute)
		for _, l := range b.lookups {
			b.v.looked(b.now, l, who%2 == 0)
		}
		for _, a := range b.adverts {
			b.v.advertised(b.now, a, time.Duration(who)*time.Hour)
		}
		b.lookups, b.adverts = nil, nil
	}
	return rounds
}
