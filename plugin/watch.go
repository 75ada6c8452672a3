package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sync"
	"time"
)

// watcher follows the settings while the daemon runs, and has the policy among them take effect:
// Peers, PerPeer and QuietHours. It looks at the file once a second, for Kubo, an editor and
// ipfs-mpi config all write it.
type watcher struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

const watchEvery = time.Second

// Live are the settings that a running daemon takes.
var Live = []string{"Peers", "PerPeer", "QuietHours"}

// watch begins to follow the configuration file of the repository.
func (s *Service) watch() {
	file := s.parts.Settings
	if file == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.watcher.cancel = cancel
	var seen fileStamp // none: a change while the daemon started counts
	s.watcher.wg.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if now := stamp(file); now != seen {
				seen = now
				s.reload(file)
			}
		}
	})
}

func (w *watcher) stop() {
	if w.cancel != nil {
		w.cancel()
	}
	w.wg.Wait()
}

type fileStamp struct {
	at   time.Time
	size int64
}

// stamp tells a file that was written anew from the one before.
func stamp(file string) (s fileStamp) {
	if info, err := os.Stat(file); err == nil {
		s.at, s.size = info.ModTime(), info.Size()
	}
	return s
}

// reload reads the settings again and puts the policy in force. What is wrong changes nothing.
func (s *Service) reload(file string) {
	raw, err := savedConfig(file)
	if err != nil {
		s.parts.Log.Warn("the configuration cannot be read: the policy stays as it is", "why", err)
		return
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		s.parts.Log.Warn("the settings are wrong: the policy stays as it is", "why", err)
		return
	}
	if rules := cfg.rules(); !reflect.DeepEqual(rules, s.policy.Rules()) {
		s.policy.Set(rules)
		jobs := s.jobs.Reconsider()
		sessions := s.transport.Reconsider() + s.jobTransport.Reconsider()
		s.parts.Log.Info("the policy has changed", "allowed", len(rules.Allow), "denied", len(rules.Deny),
			"perPeer", fmt.Sprintf("%+v", cfg.PerPeer), "quietHours", len(rules.Quiet),
			"sessions ended", sessions, "jobs ended", jobs)
	}
}

// savedConfig is the settings in Kubo's configuration file, as Kubo hands them to a plugin, or
// where older versions let users write them; nil for none.
func savedConfig(file string) (any, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Plugins struct {
			Plugins struct {
				MPI struct{ Config any } `json:"mpi"`
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if doc.Plugins.Plugins.MPI.Config != nil {
		return doc.Plugins.Plugins.MPI.Config, nil
	}
	return rawConfig(file)
}
