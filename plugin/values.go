package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/store"
)

// show is a value as JSON, cut to fit a line.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	if len(b) > 80 {
		b = append(b[:77], "..."...)
	}
	return string(b)
}

// ParseAPI reads the address of the JSON API.
func ParseAPI(s string) (ma.Multiaddr, error) {
	addr, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, err
	}
	if n, _, err := manet.DialArgs(addr); err != nil || !strings.HasPrefix(n, "tcp") {
		return nil, fmt.Errorf("not an address to listen at with TCP")
	}
	return addr, nil
}

func setPrograms(c *Config, v any) error {
	c.Listed = nil
	if s, ok := v.(string); ok {
		c.Programs = Programs(s)
		if c.Programs == ProgramsStore || c.Programs == ProgramsAny {
			return nil
		}
	}
	list, err := texts(v)
	if err != nil || v == nil {
		return fmt.Errorf("neither a choice nor a list of CIDs")
	}
	c.Programs = ProgramsListed
	for _, s := range list {
		id, err := store.ParseCID(s)
		if err != nil {
			return fmt.Errorf("%q is neither a choice nor a CID", s)
		}
		c.Listed = append(c.Listed, id)
	}
	return nil
}

func setPeers(c *Config, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("not an object")
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list, err := texts(m[key])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		var ids []peer.ID
		for _, s := range list {
			id, err := peer.Decode(s)
			if err != nil {
				return fmt.Errorf("%s: %q is not a peer ID", key, s)
			}
			ids = append(ids, id)
		}
		switch key {
		case "Allow":
			c.Allow = ids
		case "Deny":
			c.Deny = ids
		default:
			return fmt.Errorf("unknown key %q", key)
		}
	}
	return nil
}

func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("not a string")
	}
	return s, nil
}

// texts takes a lone string for a list of one, since that is what "ipfs config KEY VALUE" writes.
func texts(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		list := make([]string, len(v))
		for i := range v {
			s, err := text(v[i])
			if err != nil {
				return nil, fmt.Errorf("item %d is %w", i, err)
			}
			list[i] = s
		}
		return list, nil
	}
	return nil, fmt.Errorf("not a list of strings")
}

// each takes a list of strings, and checks each.
func each(v any, check func(string) error) ([]string, error) {
	list, err := texts(v)
	for i := 0; i < len(list) && err == nil; i++ {
		err = check(list[i])
	}
	if len(list) == 0 {
		return nil, err
	}
	return list, err
}

func checkHost(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	if s == "" || len(s) > 253 || strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return fmt.Errorf("%q is neither a host name nor an IP address", s)
	}
	return nil
}

func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.TrimSuffix(s, "/") != u.Scheme+"://"+u.Host {
		return fmt.Errorf("%q is not a scheme and a host, with a port if it is not the usual one", s)
	}
	// Browsers never send one like these: it would allow nothing.
	if strings.Contains(u.Host, "*") {
		return fmt.Errorf("%q has a *: each origin is named by itself", s)
	}
	if usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]; u.Port() != "" && u.Port() == usual {
		return fmt.Errorf("%q has the usual port of its scheme: leave the port out", s)
	}
	return nil
}

// whole takes a number, or one in a string, since that is what "ipfs config KEY VALUE" writes.
func whole(v any, least, most int64) (int64, error) {
	var n int64
	switch v := v.(type) {
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return 0, fmt.Errorf("not a whole number")
		}
		n = int64(v)
	case string:
		var err error
		if n, err = strconv.ParseInt(v, 10, 64); err != nil {
			return 0, fmt.Errorf("not a whole number")
		}
	default:
		return 0, fmt.Errorf("not a whole number")
	}
	return n, within(n, least, most)
}

func size(v any, least, most int64) (int64, error) {
	s, ok := v.(string)
	if !ok {
		return whole(v, least, most)
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("not a size")
	}
	return int64(n), within(int64(n), least, most)
}

func duration(v any, least, most time.Duration) (time.Duration, error) {
	s, ok := v.(string)
	if !ok {
		return 0, fmt.Errorf("not a string with a duration")
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("not a duration")
	}
	return d, within(d, least, most)
}

func within[T int64 | time.Duration](v, least, most T) error {
	if v < least || v > most {
		return fmt.Errorf("out of range")
	}
	return nil
}
