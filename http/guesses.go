package http

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	// An address beyond this machine may send so many wrong tokens at once, and one more each
	// guessEvery. Then all of its requests are refused for a while, those with the right token too:
	// whoever guesses learns nothing.
	maxGuesses = 30
	guessEvery = 2 * time.Second
	// maxGuessers is how many networks are remembered.
	maxGuessers = 4096
)

// guesses are wrong tokens, by the network that they came from: an address of IPv4, 64 bits of
// IPv6. Those of this machine are not counted. Its users share an address, and one could shut out
// the others; a token that cannot be guessed is what holds there.
type guesses struct {
	mu   sync.Mutex // guards the rest
	from map[netip.Prefix]*rate.Limiter
}

// guesser is where a request comes from; false for this machine.
func guesser(remote string) (netip.Prefix, bool) {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, false
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	return p, err == nil && !ip.IsLoopback()
}

// check refuses a network that has sent too many wrong tokens.
func (g *guesses) check(remote string) error {
	p, counts := guesser(remote)
	if !counts {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.from[p]; l != nil && l.Tokens() < 1 {
		return mpi.Errorf(codeGuesses, "%s has sent too many wrong tokens: wait a minute", p.Addr())
	}
	return nil
}

// wrong counts a wrong token.
func (g *guesses) wrong(remote string) {
	p, counts := guesser(remote)
	if !counts {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.from == nil {
		g.from = map[netip.Prefix]*rate.Limiter{}
	}
	l := g.from[p]
	if l == nil {
		if len(g.from) >= maxGuessers {
			g.forget()
		}
		l = rate.NewLimiter(rate.Every(guessEvery), maxGuesses)
		g.from[p] = l
	}
	l.Allow()
}

// forget makes room: networks that have done nothing for a minute go, and if there are none, all.
// Whoever has so many networks can guess from each.
func (g *guesses) forget() {
	for p, l := range g.from {
		if l.Tokens() >= maxGuesses {
			delete(g.from, p)
		}
	}
	if len(g.from) >= maxGuessers {
		clear(g.from)
	}
}
