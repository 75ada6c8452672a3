package p2p

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxDialled bounds the addresses that a session remembers.
const maxDialled = 8

// remember notes where the session's connection goes. mu is held.
func (o *outbound) remember(c network.Conn) {
	o.where = c.RemoteMultiaddr()
	if c.Stat().Direction != network.DirOutbound {
		return
	}
	for _, a := range o.dialled {
		if a.Equal(o.where) {
			return
		}
	}
	if len(o.dialled) == maxDialled {
		o.dialled = o.dialled[1:]
	}
	o.dialled = append(o.dialled, o.where)
}

// trusts reports whether a refusal at an address means that the peer's process is gone: the
// session has been connected to it, or it is announced by the peer on the IP address of the lost
// connection, in a private network or on this machine. The router of a NAT may refuse any other.
func (o *outbound) trusts(addr ma.Multiaddr) bool {
	if _, err := addr.ValueForProtocol(ma.P_TCP); err != nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.dialled {
		if a.Equal(addr) {
			return true
		}
	}
	if o.where == nil {
		return false
	}
	was, err := manet.ToIP(o.where)
	if err != nil {
		return false
	}
	is, err := manet.ToIP(addr)
	return err == nil && (was.Equal(is) && private(is) || was.IsLoopback() && is.IsLoopback())
}

func private(ip net.IP) bool { return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() }

// graves counts refusals. One may be the moment before a listener is there again.
type graves struct {
	n     int
	first time.Duration
}

const (
	goneTries = 3
	goneAfter = 500 * time.Millisecond
)

// refused counts one, at a time since a search began, and reports whether they are enough.
func (g *graves) refused(at time.Duration) bool {
	if g.n++; g.n == 1 {
		g.first = at
	}
	return g.n >= goneTries && at-g.first >= goneAfter
}

// refusedBy are the addresses that refused a dial.
func refusedBy(err error) (addrs []ma.Multiaddr) {
	var dial *swarm.DialError
	if errors.As(err, &dial) {
		for _, e := range dial.DialErrors {
			if errors.Is(e.Cause, syscall.ECONNREFUSED) {
				addrs = append(addrs, e.Address)
			}
		}
	}
	return addrs
}

// transient reports whether an attempt failed because the network was away, as far as one can tell.
func transient(err error) bool {
	if timedOutOn(err) {
		return true
	}
	var dial *swarm.DialError
	if !errors.As(err, &dial) {
		return false
	}
	for _, e := range dial.DialErrors {
		if timedOutOn(e.Cause) || errors.Is(e.Cause, syscall.EHOSTUNREACH) || errors.Is(e.Cause, syscall.ENETUNREACH) {
			return true
		}
	}
	return false
}
