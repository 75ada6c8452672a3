package plugin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// PerPeer is what one peer may have of the node, at most.
type PerPeer struct {
	RankSlots    int // of its jobs; 0 for all
	HandlerSlots int // of its messages; 0 for all
	Messages     int // a second; 0 for no limit
}

func setPerPeer(c *Config, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("not an object")
	}
	c.PerPeer = PerPeer{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var n int64
		var err error
		switch key {
		case "RankSlots":
			n, err = whole(m[key], 0, 4096)
			c.PerPeer.RankSlots = int(n)
		case "HandlerSlots":
			n, err = whole(m[key], 0, 4096)
			c.PerPeer.HandlerSlots = int(n)
		case "Messages":
			n, err = whole(m[key], 0, 1e6)
			c.PerPeer.Messages = int(n)
		default:
			return fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func setQuietHours(c *Config, v any) error {
	list, err := texts(v)
	c.QuietHours = nil
	for _, s := range list {
		h, err := policy.ParseHours(s)
		if err != nil {
			return err
		}
		c.QuietHours = append(c.QuietHours, h)
	}
	return err
}

// rules are the policy that the settings are.
func (c *Config) rules() policy.Rules {
	return policy.Rules{
		Allow: peerIDs(c.Allow), Deny: peerIDs(c.Deny), Quiet: c.QuietHours,
		RankSlots: c.PerPeer.RankSlots, HandlerSlots: c.PerPeer.HandlerSlots,
		Messages: float64(c.PerPeer.Messages),
	}
}

func peerIDs(ids []peer.ID) []mpi.PeerID {
	list := make([]mpi.PeerID, len(ids))
	for i, id := range ids {
		list[i] = mpi.PeerID(id.String())
	}
	return list
}
