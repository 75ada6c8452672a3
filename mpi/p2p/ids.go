package p2p

import (
	"fmt"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// ParsePeer implements [frame.Transport].
func (t *Transport) ParsePeer(s string) (mpi.PeerID, error) {
	if t.canon.has(s) && s[0] != 'b' {
		return mpi.PeerID(s), nil
	}
	id, err := parsePeer(s)
	if err == nil && string(id) == s {
		t.canon.add(s)
	}
	return id, err
}

func parsePeer(s string) (mpi.PeerID, error) {
	const want = `a peer ID such as 12D3Koo…, or a multiaddr that ends in /p2p/ and one`
	if strings.HasPrefix(s, "/") {
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			return "", fmt.Errorf("p2p: %q is not %s: %w", cut(s), want, err)
		}
		if _, id := peer.SplitAddr(addr); id != "" {
			return mpi.PeerID(id.String()), nil
		}
		return "", fmt.Errorf("p2p: %q is not %s", cut(s), want)
	}
	id, err := peer.Decode(s)
	if err != nil {
		return "", fmt.Errorf("p2p: %q is not %s: %w", cut(s), want, err)
	}
	return mpi.PeerID(id.String()), nil
}

func cut(s string) string { return s[:min(len(s), 160)] }

// canon caches which texts are canonical IDs, as frames name the same few again and again. It is
// emptied when it is full.
type canon struct {
	mu    sync.RWMutex
	known map[string]struct{}
}

const maxCanon = 1024

func (c *canon) has(s string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.known[s]
	return ok
}

func (c *canon) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCanon {
		c.known = make(map[string]struct{})
	}
	c.known[strings.Clone(s)] = struct{}{}
}

// peer and cid texts cannot be mistaken for each other: a CID of version 1 in base32 starts with
// 'b', a peer ID with '1' or 'Q'.

func (c *canon) checkPeer(p mpi.PeerID) error {
	s := string(p)
	if c.has(s) && s[0] != 'b' {
		return nil
	}
	id, err := peer.Decode(s)
	if err != nil {
		return fmt.Errorf("p2p: %q is not a peer ID: %w", cut(s), err)
	}
	if id.String() != s {
		return fmt.Errorf("p2p: peer ID %q is not in its canonical form, %s", cut(s), id)
	}
	c.add(s)
	return nil
}

func (c *canon) checkCID(id mpi.CID) error {
	s := string(id)
	if c.has(s) && s[0] == 'b' {
		return nil
	}
	k, err := cid.Decode(s)
	if err != nil {
		return fmt.Errorf("p2p: %q is not a CID: %w", cut(s), err)
	}
	if k.Version() != 1 || k.String() != s {
		return fmt.Errorf("p2p: CID %q is not in its canonical form, version 1 in base32", cut(s))
	}
	c.add(s)
	return nil
}

// checkFrame checks the IDs that a frame names.
func (c *canon) checkFrame(f frame.Frame) error {
	switch f := f.(type) {
	case frame.Deliver:
		if err := c.checkPeer(f.Request.Origin); err != nil {
			return err
		}
		return c.checkCID(f.Program)
	case frame.Cancel:
		return c.checkPeer(f.Request.Origin)
	}
	return c.checkJob(f)
}

// checkJob checks the IDs that a frame of a job names. Packets name none.
func (c *canon) checkJob(f frame.Frame) error {
	j, ok := f.(frame.JobFrame)
	if !ok {
		return nil
	}
	if err := c.checkPeer(j.Of().Origin); err != nil {
		return err
	}
	switch f := f.(type) {
	case frame.Offer:
		return c.checkCID(f.Program)
	case frame.Place:
		for _, p := range f.Nodes {
			if err := c.checkPeer(p); err != nil {
				return err
			}
		}
	case frame.Replace:
		return c.checkPeer(f.Peer)
	case frame.PeerLost:
		return c.checkPeer(f.Peer)
	case frame.Failed:
		if f.Peer != "" {
			return c.checkPeer(f.Peer)
		}
	}
	return nil
}

// checkHello checks the IDs that a hello names. Addresses are checked when they are used.
func (c *canon) checkHello(h frame.Hello) error {
	for _, i := range h.Serves {
		if err := c.checkCID(i.CID); err != nil {
			return err
		}
	}
	for _, m := range h.Members {
		if err := c.checkCID(m.Program); err != nil {
			return err
		}
		for _, p := range m.Peers {
			if err := c.checkPeer(p.Peer); err != nil {
				return err
			}
		}
	}
	for _, id := range h.Wants {
		if err := c.checkCID(id); err != nil {
			return err
		}
	}
	return nil
}
