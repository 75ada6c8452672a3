package cluster

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipfs/kubo/config"
	serialize "github.com/ipfs/kubo/config/serialize"
	"github.com/ipfs/kubo/core/coreiface/options"
)

// kuboShutdown is how long Kubo gives its own clean stop before it gives up.
const kuboShutdown = stopTimeout - 2*time.Second

// init makes the node's repository.
func (c *Cluster) init(ctx context.Context, n *node, store string) error {
	conf, err := isolated()
	if err != nil {
		return fmt.Errorf("node %d: %w", n.index, err)
	}
	n.conf, n.Peer = conf, conf.Identity.PeerID
	c.plug(n, store)
	file := n.Repo + ".json" // it holds the private key: WriteConfigFile makes it 0600
	if err := serialize.WriteConfigFile(file, conf); err != nil {
		return err
	}
	defer os.Remove(file)
	if _, err = c.ipfs(ctx, n, "init", "--empty-repo", file); err != nil {
		return err
	}
	return c.shareCache(n)
}

// shareCache lets the node keep compiled programs where all nodes do. Compiling takes seconds for
// each program, and the plugin's cache is made to be shared.
func (c *Cluster) shareCache(n *node) error {
	if c.cfg.Cache == "" {
		return nil
	}
	dir := filepath.Join(n.Repo, "mpi") // of the plugin (plugin.NewService)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// code in it is trusted: nobody else's to write
	if err := os.MkdirAll(c.cfg.Cache, 0o700); err != nil {
		return err
	}
	return os.Symlink(c.cfg.Cache, filepath.Join(dir, "cache"))
}

// configure changes the store of a node whose repository is there already and which does not run.
func (c *Cluster) configure(n *node, store string) error {
	c.plug(n, store)
	return serialize.WriteConfigFile(filepath.Join(n.Repo, config.DefaultConfigFile), n.conf)
}

// plug puts the plugin's settings into the node's configuration.
func (c *Cluster) plug(n *node, store string) {
	settings := map[string]any{"API": "/ip4/127.0.0.1/tcp/0", "Programs": "any"}
	if store != "" {
		settings["Store"] = store
	}
	maps.Copy(settings, c.cfg.Settings)
	n.conf.Plugins.Plugins = map[string]config.Plugin{
		"mpi":       {Config: settings},
		"telemetry": {Disabled: true},
	}
}

// isolated is the configuration of a node that listens on loopback, on free ports, and talks to no
// one of its own accord.
func isolated() (*config.Config, error) {
	id, err := config.CreateIdentity(io.Discard, []options.KeyGenerateOption{options.Key.Type(options.Ed25519Key)})
	if err != nil {
		return nil, err
	}
	conf, err := config.InitWithIdentity(id)
	if err != nil {
		return nil, err
	}
	// No bootstrap, mDNS, AutoTLS, AutoConf, port mapping, delegated routers or publishers;
	// loopback, port 0.
	if err := config.Profiles["test"].Transform(conf); err != nil {
		return nil, err
	}
	conf.Addresses.Gateway = config.Strings{}
	conf.Routing.Type = config.NewOptionalString("dht") // not "auto", which asks HTTP routers
	conf.HTTPRetrieval.Enabled = config.False
	conf.AutoNAT.ServiceMode = config.AutoNATServiceDisabled
	conf.Swarm.EnableHolePunching = config.False
	conf.Swarm.RelayClient.Enabled = config.False
	conf.Swarm.RelayService.Enabled = config.False
	conf.Version.SwarmCheckEnabled = config.False
	conf.Internal.ShutdownTimeout = config.NewOptionalDuration(kuboShutdown)
	return conf, nil
}

// add puts the store into the first node, which does not run yet, and returns its path.
func (c *Cluster) add(ctx context.Context) (string, error) {
	dir, err := filepath.Abs(c.cfg.Store)
	if err != nil {
		return "", err
	}
	out, err := c.ipfs(ctx, c.nodes[0], "add", "-r", "-Q", "--cid-version=1", dir)
	if err != nil {
		return "", err
	}
	return "/ipfs/" + strings.TrimSpace(out), nil
}
