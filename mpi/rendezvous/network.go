package rendezvous

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func (s *Service) subscribe() (event.Subscription, error) {
	return s.cfg.Host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(256), eventbus.Name("ipfs-mpi/rendezvous"))
}

// follow brings the host's events into the view, after the connections that there are
// already. Events say where to look: what is true is read from the host.
func (s *Service) follow(sub event.Subscription) {
	defer sub.Close()
	for _, id := range s.cfg.Host.Network().Peers() {
		s.observe(id, false)
	}
	for {
		select {
		case <-s.ctx.Done():
			return
		case e, ok := <-sub.Out():
			if !ok {
				return
			}
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				s.observe(e.Peer, false)
			case event.EvtPeerProtocolsUpdated:
				s.observe(e.Peer, slices.Contains(e.Removed, s.protocol))
			case event.EvtPeerConnectednessChanged:
				s.observe(e.Peer, false)
			}
		}
	}
}

// observe brings the state of one peer into the view. dropped says that it announced to
// speak our protocol no more, which is a goodbye.
func (s *Service) observe(id peer.ID, dropped bool) {
	name := mpi.PeerID(id.String())
	s.compare(id)
	s.update(func(v *view, now time.Time) {
		net := s.cfg.Host.Network()
		v.linked(len(net.Peers()))
		speaks, err := s.cfg.Host.Peerstore().SupportsProtocols(id, s.protocol)
		switch up := net.Connectedness(id) != network.NotConnected; {
		case !up:
			v.disconnected(now, name)
		case err == nil && len(speaks) > 0:
			v.speaking(now, name)
		case dropped:
			v.left(now, name)
		}
	})
}

// link tells how a peer is reached now. Under s.mu: a disconnection after it is an
// event that the view gets after it.
func (s *Service) link(name mpi.PeerID) link {
	id, err := peer.Decode(string(name))
	if err != nil {
		return link{}
	}
	var l link
	for _, c := range s.cfg.Host.Network().ConnsToPeer(id) {
		l.up = true
		l.local = l.local || !manet.IsPublicAddr(c.RemoteMultiaddr())
		l.group = group(c.RemoteMultiaddr())
	}
	return l
}

// group is the network of a public address that its owner easily has more addresses of: 24 bits of
// IPv4, 48 of IPv6. A private address stands for itself.
func group(addr ma.Multiaddr) string {
	ip, err := manet.ToIP(addr)
	if err != nil {
		return ""
	}
	a, _ := netip.AddrFromSlice(ip)
	a = a.Unmap()
	bits := a.BitLen()
	if manet.IsPublicAddr(addr) {
		bits = map[bool]int{true: 24, false: 48}[a.Is4()]
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// address fills in where the members of a hello were last seen, and leaves out those of
// which that is not known or does not fit. A peer that is not local is told public
// addresses only.
func (s *Service) address(h frame.Hello, local bool) frame.Hello {
	room := s.view.lim.toldBytes
	var members []frame.Members
	for _, m := range h.Members {
		var peers []frame.PeerAddrs
		for _, a := range m.Peers {
			id, err := peer.Decode(string(a.Peer))
			if err != nil {
				continue
			}
			a.Addrs = texts(id, s.cfg.Host.Peerstore().Addrs(id), local)
			size := 0
			for _, t := range a.Addrs {
				size += len(t)
			}
			if size > 0 && size <= room {
				room -= size
				peers = append(peers, a)
			}
		}
		if len(peers) > 0 {
			members = append(members, frame.Members{Program: m.Program, Peers: peers})
		}
	}
	h.Members = members
	return h
}

// listed is what a lookup found, as the view keeps it. Discovery chose the addresses, and
// they are not filtered: a network of our own may be all private.
func listed(info peer.AddrInfo) frame.PeerAddrs {
	return frame.PeerAddrs{Peer: mpi.PeerID(info.ID.String()), Addrs: texts(info.ID, info.Addrs, true)}
}

// vet checks a hint: a peer ID in its canonical text, and of the addresses those that are sound and
// may be dialled on the word of a peer that is local or not (see texts). Without any it is no hint:
// nobody can have us search the network for made-up peers.
func vet(a frame.PeerAddrs, local bool) (frame.PeerAddrs, bool) {
	if len(a.Peer) > maxID {
		return frame.PeerAddrs{}, false
	}
	id, err := peer.Decode(string(a.Peer))
	if err != nil || id.String() != string(a.Peer) {
		return frame.PeerAddrs{}, false
	}
	var addrs []ma.Multiaddr
	for _, t := range a.Addrs[:min(len(a.Addrs), frame.MaxAddrs)] {
		if len(t) > frame.MaxAddrLen {
			continue
		}
		if m, err := ma.NewMultiaddr(t); err == nil {
			addrs = append(addrs, m)
		}
	}
	sound := texts(id, addrs, local)
	return frame.PeerAddrs{Peer: a.Peer, Addrs: sound}, len(sound) > 0
}

// texts writes up to [frame.MaxAddrs] addresses of a peer without its ID at the end. If local is
// false these are public IP addresses only: whoever owns a name can have it resolve to a private
// address, at the moment at which it is dialled.
func texts(id peer.ID, addrs []ma.Multiaddr, local bool) []string {
	var list []string
	for _, m := range addrs {
		if len(list) == frame.MaxAddrs {
			break
		}
		m, of := peer.SplitAddr(m)
		if m == nil || of != "" && of != id || !local && !public(m) {
			continue
		}
		if t := m.String(); len(t) <= frame.MaxAddrLen {
			list = append(list, t)
		}
	}
	return list
}

// localNAT64 are the addresses by which a network's own NAT64 may reach its private IPv4 addresses
// (RFC 8215). Package manet takes them for public.
var localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")

// public says whether an address is a public IP address, and has no name that is looked up before
// it is dialled.
func public(m ma.Multiaddr) bool {
	for _, c := range m {
		switch c.Code() {
		case ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_DNSADDR:
			return false
		}
	}
	ip, err := manet.ToIP(m)
	if err != nil {
		return false
	}
	a, ok := netip.AddrFromSlice(ip)
	return ok && !localNAT64.Contains(a) && manet.IsPublicAddr(m)
}

// Bounds on the texts of a hello that mpi does not name.
const (
	maxAgent = 128
	maxCID   = 128
	maxID    = 128
)

// clean cuts a peer's hello to its limits and drops what is not well formed. The result
// shares nothing with it that anyone may change.
func clean(h frame.Hello) frame.Hello {
	h.Agent = strings.ToValidUTF8(h.Agent[:min(len(h.Agent), maxAgent)], "")
	h.Agent = strings.Map(printable, h.Agent)
	var serves []mpi.Interpreter
	for _, i := range h.Serves[:min(len(h.Serves), mpi.MaxServes)] {
		if mpi.ValidName(i.Name) && validVersion(i.Version) && validCID(i.CID) {
			serves = append(serves, i)
		}
	}
	var wants []mpi.CID
	for _, w := range h.Wants[:min(len(h.Wants), frame.MaxWants)] {
		if validCID(w) {
			wants = append(wants, w)
		}
	}
	var members []frame.Members
	for _, m := range h.Members[:min(len(h.Members), frame.MaxPools)] {
		if validCID(m.Program) {
			m.Peers = m.Peers[:min(len(m.Peers), frame.MaxPoolMembers)]
			members = append(members, m)
		}
	}
	h.Serves, h.Wants, h.Members = serves, wants, members
	return h
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// validVersion admits what a semantic version is made of; package store reads it closer.
func validVersion(s string) bool {
	ok := len(s) > 0 && len(s) <= mpi.MaxVersionLen
	for i := range len(s) {
		c := s[i]
		ok = ok && (alphanumeric(c) || c == '.' || c == '-' || c == '+')
	}
	return ok
}

// validCID admits what a CID in canonical text is made of.
func validCID(c mpi.CID) bool {
	ok := len(c) > 0 && len(c) <= maxCID
	for i := range len(c) {
		ok = ok && alphanumeric(c[i])
	}
	return ok
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
