package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs/kubo/client/rpc"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const connectTimeout = 30 * time.Second // for one node to reach all others

// connect connects every node to every other.
func (c *Cluster) connect(ctx context.Context) error {
	infos := make([]peer.AddrInfo, len(c.nodes))
	err := each(ctx, c.nodes, func(ctx context.Context, n *node) (err error) {
		infos[n.index-1], err = n.addrInfo(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, c.nodes, func(ctx context.Context, n *node) error {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		api, err := n.rpc()
		if err != nil {
			return err
		}
		for i, to := range infos[:n.index-1] { // the later of two connects them
			if err := api.Swarm().Connect(ctx, to); err != nil {
				return fmt.Errorf("connecting node %d to node %d: %w", n.index, i+1, err)
			}
		}
		return nil
	})
}

func (n *node) rpc() (*rpc.HttpApi, error) {
	addr, err := ma.NewMultiaddr(n.RPC)
	if err != nil {
		return nil, fmt.Errorf("node %d: its RPC address %s: %w", n.index, n.RPC, err)
	}
	return rpc.NewApi(addr)
}

// addrInfo asks the node where it listens.
func (n *node) addrInfo(ctx context.Context) (peer.AddrInfo, error) {
	fail := func(err error) (peer.AddrInfo, error) {
		return peer.AddrInfo{}, fmt.Errorf("node %d: asking where it listens: %w", n.index, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	api, err := n.rpc()
	if err != nil {
		return fail(err)
	}
	id, err := peer.Decode(n.Peer)
	if err != nil {
		return fail(err)
	}
	addrs, err := api.Swarm().LocalAddrs(ctx)
	if err != nil {
		return fail(err)
	}
	return peer.AddrInfo{ID: id, Addrs: addrs}, nil
}
