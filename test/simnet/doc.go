// Package simnet is a network of libp2p hosts within one process, for tests on virtual time. All of
// it runs within the bubble of a test of package testing/synctest, so a test of hours takes as long
// as its computations.
//
//	synctest.Test(t, func(t *testing.T) {
//		net := simnet.New(seed)
//		a, b := net.Host(), net.Host()
//		… transports over a and b …
//		net.Cut(a, b)
//		time.Sleep(3 * time.Second) // virtual
//		net.Heal(a, b)
//		a.Close(); b.Close()
//	})
//
// A [Host] has real multistream negotiation and a real peerstore. Connections, streams and their
// deadlines are this package's. Nothing is encrypted.
//
// # What the network does
//
// Bytes of one connection arrive in order. Each write arrives after a delay that the seed gives.
// Between two hosts that are cut nothing arrives, and a dial gets no answer. When the cut is
// healed, a dial works at once. A connection that was there before is stalled for longer, for up to
// as long again as the cut was: the next retransmission of TCP is that far away. A host that is
// killed resets its connections, and its address refuses dials, as the kernel does for a process
// that has ended.
//
// # Seeds
//
// All that is random is drawn from the seed. No two arrivals fall on the same instant but by
// chance, so goroutines that one arrival wakes come to rest before the next. What these goroutines
// do at one instant is Go's to order: a seed repeats a run but for that.
package simnet
