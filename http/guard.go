package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// guard refuses requests that the node's user did not send. A loopback address is no protection:
// any web page that the user opens can send requests to it, as itself (cross-site requests), or
// with a name of its own that resolves to the address (DNS rebinding).
type guard struct {
	hosts   map[string]bool // lower case, without port or brackets
	origins map[string]bool // lower case
	secret  [sha256.Size]byte
	secured bool
	tickets tickets
	guesses guesses
}

func newGuard(cfg Config) *guard {
	g := &guard{hosts: map[string]bool{"localhost": true}, origins: map[string]bool{}}
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil && host != "" {
		g.hosts[canonicalHost(host)] = true
	}
	for _, h := range cfg.AllowedHosts {
		g.hosts[canonicalHost(h)] = true
	}
	for _, o := range cfg.AllowedOrigins {
		g.origins[strings.ToLower(strings.TrimSuffix(o, "/"))] = true
	}
	g.secret, g.secured = sha256.Sum256([]byte(cfg.Token)), cfg.Token != ""
	g.tickets = newTickets()
	return g
}

// canonicalHost strips a port, brackets and the root's dot.
func canonicalHost(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// knows reports whether a Host header means this API. An IP address is allowed if it is the
// connection's own: DNS rebinding sends a name, never an address.
func (g *guard) knows(hostport string, local net.Addr) bool {
	if _, port, err := net.SplitHostPort(hostport); err == nil && strings.Trim(port, "0123456789") != "" {
		return false // no port that a client would send
	}
	host := canonicalHost(hostport)
	if g.hosts[host] {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if ip.IsLoopback() {
		return true
	}
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.AddrPort().Addr().Unmap() == ip
}

func (g *guard) allows(origin string) bool { return g.origins[strings.ToLower(origin)] }

// origin checks the headers Host, Origin and Sec-Fetch-Site.
func (g *guard) origin(w http.ResponseWriter, r *http.Request) error {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !g.knows(r.Host, local) {
		return mpi.Errorf(codeForbidden, "host %q is not this API's: use localhost, or the address that it listens at, or name it in the setting Hosts", r.Host)
	}
	origins, site := r.Header.Values("Origin"), r.Header.Get("Sec-Fetch-Site")
	if len(origins) == 1 && g.allows(origins[0]) {
		w.Header().Set("Access-Control-Allow-Origin", origins[0])
		w.Header().Add("Vary", "Origin")
		return nil
	}
	if len(origins) > 0 {
		return mpi.Errorf(codeForbidden, "a web page of %q may not use this API: the setting Origins names those that may", strings.Join(origins, ", "))
	}
	if site != "" && site != "none" && site != "same-origin" {
		return mpi.Errorf(codeForbidden, "a web page of another origin may not use this API (Sec-Fetch-Site: %s)", site)
	}
	return nil
}

// preflight reports whether the request is a CORS preflight (the Fetch standard).
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

func (g *guard) answerPreflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "DELETE, GET, HEAD, POST")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Expected, File, Grace, Last-Event-ID, List, Timeout")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// token checks the bearer token in constant time, or a ticket. An address that guesses is refused.
func (g *guard) token(w http.ResponseWriter, r *http.Request) error {
	if !g.secured {
		return nil
	}
	if err := g.guesses.check(r.RemoteAddr); err != nil {
		return err
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(given)))
	if subtle.ConstantTimeCompare(sum[:], g.secret[:]) == 1 && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	if r.Header.Get("Authorization") != "" {
		g.guesses.wrong(r.RemoteAddr)
	}
	ok, err := g.tickets.admit(r)
	if ok {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="ipfs-mpi"`)
	if err != nil {
		return err
	}
	return mpi.Errorf(codeUnauthorized, "send the API's token in the header Authorization: Bearer <token>; ipfs-mpi takes it from the environment, as IPFS_MPI_TOKEN")
}
