package http

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// APIFile is the file in the repository with the multiaddr of the API, while the node runs.
const APIFile = "mpi/api"

// Discover returns the API's URL: that of api, a URL, host:port or multiaddr; or, if api is empty,
// the one in the [APIFile] of the repository. An empty repo means $IPFS_PATH, or ~/.ipfs.
func Discover(api, repo string) (string, error) {
	if api != "" {
		return ParseAPI(api)
	}
	repo, err := repository(repo)
	if err != nil {
		return "", err
	}
	name := filepath.Join(repo, filepath.FromSlash(APIFile))
	text, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		if why := absence(repo); why != "" {
			return "", fmt.Errorf("http: the mpi plugin does not run in the daemon on %s: %s", repo, why)
		}
		if withoutPlugin(repo) {
			return "", fmt.Errorf("http: the daemon that runs on %s has no mpi plugin: install it (ipfs-mpi install) and start it again, or run ipfs-mpi daemon in its place", repo)
		}
		return "", fmt.Errorf("http: no node with the mpi plugin runs on %s (there is no %s): start its daemon, or give the API's address", repo, name)
	}
	if err != nil {
		return "", fmt.Errorf("http: find the API: %w", err)
	}
	u, err := ParseAPI(text)
	if err != nil {
		return "", fmt.Errorf("%w (from %s)", err, name)
	}
	return u, nil
}

// withoutPlugin reports whether a Kubo daemon runs on a repository: it writes where its own API is,
// and answers there.
func withoutPlugin(repo string) bool {
	text, err := readSmall(filepath.Join(repo, "api"))
	if err != nil {
		return false
	}
	api, err := ParseAPI(text)
	if err != nil {
		return false
	}
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(api, "http://"), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// repository is the one that is given, or else $IPFS_PATH, or ~/.ipfs.
func repository(given string) (string, error) {
	if repo := cmp.Or(given, os.Getenv("IPFS_PATH")); repo != "" {
		return repo, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("http: no repository to find the API in: %w: give the API's address, or set IPFS_PATH", err)
	}
	return filepath.Join(home, ".ipfs"), nil
}

// readSmall is the text of a small file, without white space around it.
func readSmall(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4<<10))
	return strings.TrimSpace(string(text)), err
}

// ParseAPI makes a URL of an API's address: a URL, host:port, or a multiaddr of TCP such as
// /ip4/127.0.0.1/tcp/8000, /dns/example.org/tcp/443/https.
func ParseAPI(s string) (string, error) {
	bad := func(why string) error {
		return fmt.Errorf("http: API address %q: %s: use a URL such as http://127.0.0.1:8000, or a multiaddr such as /ip4/127.0.0.1/tcp/8000", clip(s), why)
	}
	switch {
	case strings.HasPrefix(s, "/"):
		u, why := parseMultiaddr(strings.Split(strings.Trim(s, "/"), "/"))
		if why != "" {
			return "", bad(why)
		}
		return u, nil
	case !strings.Contains(s, "://"):
		host, port, err := net.SplitHostPort(s)
		if err != nil || !validPort(port) {
			return "", bad("it is not host:port")
		}
		return urlOf("http", host, port), nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", bad("it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", bad("its scheme is not http")
	case u.Host == "" || u.Hostname() == "" || u.Port() != "" && !validPort(u.Port()):
		return "", bad("it names no host and port")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", bad("it holds more than scheme, host and path")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func parseMultiaddr(part []string) (u, why string) {
	if len(part) < 4 || part[2] != "tcp" {
		return "", "it is not an address and a TCP port"
	}
	host, port := part[1], part[3]
	ip, err := netip.ParseAddr(host)
	switch part[0] {
	case "ip4":
		if err != nil || !ip.Is4() {
			return "", "its ip4 is not an IPv4 address"
		}
	case "ip6":
		if err != nil || !ip.Is6() {
			return "", "its ip6 is not an IPv6 address"
		}
	case "dns", "dns4", "dns6":
		if host == "" || strings.ContainsAny(host, ":@?#[]% ") {
			return "", "its dns is not a name"
		}
	default:
		return "", "it begins with neither ip4, ip6 nor dns"
	}
	if !validPort(port) {
		return "", "its tcp is not a port"
	}
	switch strings.Join(part[4:], "/") {
	case "", "http":
		return urlOf("http", host, port), ""
	case "https", "tls/http":
		return urlOf("https", host, port), ""
	}
	return "", "it goes on after the TCP port with something that is not http"
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// urlOf makes a URL that can be dialed: all addresses become the loopback.
func urlOf(scheme, host, port string) string {
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.Unmap() == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		host = "::1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
