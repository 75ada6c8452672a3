package plugin

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/pbnjay/memory"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/job"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/store"
)

// Config is the plugin's settings, found at Plugins.Plugins.mpi.Config of Kubo's configuration.
// docs/config.md documents each; config.schema.json beside this file is their JSON Schema.
type Config struct {
	Store        string              // IPFS path of the store; empty: this node serves nothing
	API          ma.Multiaddr        // where the JSON API listens
	Token        string              // bearer token of the JSON API; empty: none asked
	Hosts        []string            // further names and IPs by which clients may call the API
	Origins      []string            // web origins whose pages may use the API
	Serve        []selector.Selector // which interpreters of the store; empty: all
	Programs     Programs            // which programs may run here for peers
	Listed       []mpi.CID           // further programs, with ProgramsListed
	Allow        []peer.ID           // if not empty, only these peers are admitted
	Deny         []peer.ID           // peers that are never admitted
	PerPeer      PerPeer             // what one peer may have
	QuietHours   []policy.Hours      // when nothing of others starts
	HandlerSlots int                 // instances running at once
	RankSlots    int                 // ranks of jobs running at once
	Memory       int64               // bytes of linear memory for each instance, and each rank
	MaxMemory    int64               // bytes that a job may ask for a rank
	Timeout      time.Duration       // wall clock of each instance
	MaxMessage   int64               // bytes of Data in one message
	MaxStore     int64               // bytes of the store kept pinned; 0: no limit
	KeepUnused   time.Duration       // how long what is no longer served stays pinned
	Lockdown     Lockdown            // what workers must have given up before a program runs
	Nice         int                 // of workers
	Cores        int                 // on which all workers run; 0: all
	Notes        []string            // deprecated settings in use, as lines for the log at start
}

// Programs says which programs a node runs for its peers.
type Programs string

// The values of [Programs].
const (
	ProgramsStore Programs = "store" // those of its own store
	ProgramsAny   Programs = "any"   // any that a peer names by CID
	// those of its own store, and those that the setting lists by CID
	ProgramsListed Programs = "listed"
)

// Lockdown says what is asked of workers, the processes in which programs run.
type Lockdown string

// The values of [Lockdown].
const (
	LockdownAvailable Lockdown = "available" // what this system has
	LockdownRequired  Lockdown = "required"  // the whole: without it nothing runs
)

// DefaultConfig is the configuration of a node that sets nothing.
func DefaultConfig() Config {
	slots := 2*runtime.NumCPU() + job.DefaultRankSlots()
	return Config{
		API:          ma.StringCast("/ip4/127.0.0.1/tcp/8000"),
		Programs:     ProgramsStore,
		Lockdown:     LockdownAvailable,
		Nice:         5,
		HandlerSlots: 2 * runtime.NumCPU(),
		RankSlots:    job.DefaultRankSlots(),
		Memory:       defaultMemory(memory.TotalMemory(), slots),
		MaxMemory:    defaultMaxMemory(memory.TotalMemory()),
		Timeout:      30 * time.Second,
		MaxMessage:   4 << 20,
		MaxStore:     4 << 30,
		KeepUnused:   24 * time.Hour,
	}
}

// Where the settings are, as messages name it.
const configKey = "Plugins.Plugins.mpi.Config"

// setting is one key: what it accepts, in words for an error message, and how it is read.
type setting struct {
	accepts string
	set     func(*Config, any) error
}

var settings = map[string]setting{
	"Store": {
		"an IPFS path: /ipfs/CID, /ipns/NAME or a CID; or an empty string for a node that serves nothing",
		func(c *Config, v any) (err error) {
			if c.Store, err = text(v); err == nil && c.Store != "" {
				err = store.CheckPath(c.Store)
			}
			return err
		},
	},
	"API": {
		"a TCP multiaddr such as /ip4/127.0.0.1/tcp/8000; port 0 takes a free one",
		func(c *Config, v any) error {
			s, err := text(v)
			if err != nil {
				return err
			}
			c.API, err = ParseAPI(s)
			return err
		},
	},
	"Token": {
		"a string, which clients then send as \"Authorization: Bearer …\"; empty for none",
		func(c *Config, v any) (err error) { c.Token, err = text(v); return err },
	},
	"Hosts": {
		`a list of host names and IP addresses without a port, such as ["node.example.org"], by which clients may call the API`,
		func(c *Config, v any) (err error) { c.Hosts, err = each(v, checkHost); return err },
	},
	"Origins": {
		`a list of web origins, such as ["https://example.org", "http://localhost:3000"], whose pages may use the API`,
		func(c *Config, v any) (err error) { c.Origins, err = each(v, checkOrigin); return err },
	},
	"Serve": {
		`a list of names with semver ranges such as ["echo", "relay/1", "wordcount/^1.2"]; empty for the whole store`,
		func(c *Config, v any) error {
			list, err := texts(v)
			c.Serve = nil
			for _, s := range list {
				sel, err := selector.Parse(s)
				if err != nil {
					return err
				}
				c.Serve = append(c.Serve, sel)
			}
			return err
		},
	},
	"Programs": {
		`"store" to run only programs of the node's own store, "any", or a list of CIDs to run these besides`,
		setPrograms,
	},
	"Peers": {
		`an object {"Allow": […], "Deny": […]} of lists of peer IDs; with a non-empty Allow only those are talked to`,
		setPeers,
	},
	"PerPeer": {
		`an object {"RankSlots": n, "HandlerSlots": n, "Messages": n}; each is 0 for no limit`,
		setPerPeer,
	},
	"QuietHours": {
		`a list of times of the day on this machine's clock, such as ["22:00-07:00"]`,
		setQuietHours,
	},
	"HandlerSlots": {
		"a whole number from 1 to 4096",
		func(c *Config, v any) error {
			n, err := whole(v, 1, 4096)
			c.HandlerSlots = int(n)
			return err
		},
	},
	"Nice": {
		"a whole number from 0 to 19",
		func(c *Config, v any) error {
			n, err := whole(v, 0, 19)
			c.Nice = int(n)
			return err
		},
	},
	"Cores": {
		"a whole number from 0 to 4096; 0 for all cores",
		func(c *Config, v any) error {
			n, err := whole(v, 0, 4096)
			c.Cores = int(n)
			return err
		},
	},
	"RankSlots": {
		"a whole number from 1 to 4096",
		func(c *Config, v any) error {
			n, err := whole(v, 1, 4096)
			c.RankSlots = int(n)
			return err
		},
	},
	"Lockdown": {
		`"available" for what this system has to lock down the processes in which programs run, or "required" to run nothing where some of it is missing`,
		func(c *Config, v any) error {
			s, err := text(v)
			if c.Lockdown = Lockdown(s); err == nil && c.Lockdown != LockdownAvailable && c.Lockdown != LockdownRequired {
				err = fmt.Errorf("neither of the two")
			}
			return err
		},
	},
	"Memory": {
		`a size from 64KiB to 4GiB, such as "256MiB"`,
		func(c *Config, v any) (err error) { c.Memory, err = size(v, 64<<10, 4<<30); return err },
	},
	"MaxMemory": {
		`a size from 64KiB to 4GiB, at least Memory, such as "2GiB"`,
		func(c *Config, v any) (err error) { c.MaxMemory, err = size(v, 64<<10, 4<<30); return err },
	},
	"Timeout": {
		`a duration from 1ms to 24h, such as "30s"`,
		func(c *Config, v any) (err error) {
			c.Timeout, err = duration(v, time.Millisecond, 24*time.Hour)
			return err
		},
	},
	"MaxMessage": {
		`a size from 1KiB to 64MiB, such as "4MiB"`,
		func(c *Config, v any) (err error) { c.MaxMessage, err = size(v, 1<<10, 64<<20); return err },
	},
	"MaxStore": {
		`a size, such as "4GiB"; 0 for no limit`,
		func(c *Config, v any) (err error) { c.MaxStore, err = size(v, 0, math.MaxInt64); return err },
	},
	"KeepUnused": {
		`a duration, such as "24h"; "0s" to unpin at once`,
		func(c *Config, v any) (err error) {
			c.KeepUnused, err = duration(v, 0, math.MaxInt64)
			return err
		},
	},
}

// renamed are the old names of keys, which go on working.
var renamed = map[string]string{"Slots": "HandlerSlots", "Ranks": "RankSlots"}

// ParseConfig reads the settings from what Kubo hands to a plugin: JSON, unmarshalled into any; nil
// for none. It is strict: an unknown key or a bad value is an error that names the key, the value
// and what is accepted. The error has all of them, one a line.
func ParseConfig(raw any) (Config, error) {
	c := DefaultConfig()
	if raw == nil {
		return c, nil
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return c, fmt.Errorf("%s is %s: it must be an object with the keys %s", configKey, show(raw), knownKeys())
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := key
		if now, ok := renamed[key]; ok {
			if _, both := m[now]; both {
				errs = append(errs, fmt.Errorf("%s.%s is the old name of %s, which is set too: remove it with: ipfs-mpi config unset %s", configKey, key, now, key))
				continue
			}
			c.Notes = append(c.Notes, fmt.Sprintf("%s.%s is called %s now; the old name goes on working", configKey, key, now))
			name = now
		}
		s, ok := settings[name]
		if !ok {
			errs = append(errs, fmt.Errorf("%s.%s: unknown key%s; the keys are %s (remove it with: ipfs-mpi config unset %s)",
				configKey, key, didYouMean(key), knownKeys(), key))
			continue
		}
		if err := s.set(&c, m[key]); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s is %s: %w; it must be %s", configKey, key, show(m[key]), err, s.accepts))
		}
	}
	if _, set := m["MaxMemory"]; !set {
		c.MaxMemory = max(c.MaxMemory, c.Memory)
	}
	errs = append(errs, c.check()...)
	for i, err := range errs { // which have what somebody wrote
		errs[i] = errors.New(mpi.Printable(err.Error(), true))
	}
	return c, errors.Join(errs...)
}

// check returns what is wrong with settings that are right one by one.
func (c *Config) check() (errs []error) {
	if c.API != nil && manet.IsIPUnspecified(c.API) && c.Token == "" {
		errs = append(errs, fmt.Errorf("%s.API is %s, which is every address of this machine, and there is no Token: whoever reaches it could run programs here; "+
			"set one that clients then send (ipfs-mpi config set Token SECRET), or listen on this machine only (ipfs-mpi config unset API)", configKey, c.API))
	}
	if c.MaxMemory < c.Memory {
		errs = append(errs, fmt.Errorf("%s.MaxMemory is %s, below Memory, which is %s: raise it, or leave it out",
			configKey, sizeText(c.MaxMemory), sizeText(c.Memory)))
	}
	return errs
}

// Keys are the names of the settings.
func Keys() []string { return slices.Sorted(maps.Keys(settings)) }

//go:embed config.schema.json
var schemaText []byte

// Defaults are the values, as in JSON, of settings that are absent.
func Defaults() map[string]any {
	var doc struct {
		Properties map[string]struct{ Default any }
	}
	if err := json.Unmarshal(schemaText, &doc); err != nil {
		panic(err) // it is part of the program
	}
	values := make(map[string]any)
	for _, key := range Keys() {
		values[key] = doc.Properties[key].Default
	}
	c := DefaultConfig()
	values["HandlerSlots"], values["RankSlots"] = c.HandlerSlots, c.RankSlots
	values["Memory"], values["MaxMemory"] = sizeText(c.Memory), sizeText(c.MaxMemory)
	return values
}

func knownKeys() string { return strings.Join(slices.Sorted(maps.Keys(settings)), ", ") }

func didYouMean(key string) string {
	for old, now := range renamed {
		if strings.EqualFold(old, key) {
			return fmt.Sprintf(" (did you mean %s?)", now)
		}
	}
	for known := range settings {
		if strings.EqualFold(known, key) {
			return fmt.Sprintf(" (did you mean %s?)", known)
		}
	}
	return ""
}
