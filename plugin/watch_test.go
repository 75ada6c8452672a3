package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/job"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// A change of Peers in Kubo's configuration file ends the sessions with those who are denied, and
// is in the log; a file that is damaged meanwhile changes nothing.
func TestPolicyFollowsTheConfiguration(t *testing.T) {
	newHost := func() host.Host {
		h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h
	}
	ours, theirs := newHost(), newHost()
	ours.Peerstore().AddAddrs(theirs.ID(), theirs.Addrs(), peerstore.PermanentAddrTTL)
	theirs.Peerstore().AddAddrs(ours.ID(), ours.Addrs(), peerstore.PermanentAddrTTL)

	var log logText
	logger := slog.New(slog.NewTextHandler(&log, nil))
	s := &Service{parts: Parts{Log: logger, Settings: filepath.Join(t.TempDir(), "config")}}
	write := func(text string) {
		t.Helper()
		next := s.parts.Settings + ".next"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, s.parts.Settings); err != nil {
			t.Fatal(err)
		}
	}
	set := func(settings map[string]any) {
		t.Helper()
		b, err := json.Marshal(map[string]any{"Plugins": map[string]any{"Plugins": map[string]any{"mpi": map[string]any{"Config": settings}}}})
		if err != nil {
			t.Fatal(err)
		}
		write(string(b))
	}
	set(map[string]any{})
	defaults := DefaultConfig()
	s.policy = policy.New(nameOf(ours.ID()), defaults.rules())
	s.transport = p2p.New(ours, p2p.Config{Admit: s.policy.Admit, Policy: s.policy})
	s.jobTransport = p2p.New(ours, p2p.ForJobs(p2p.Config{Admit: s.policy.Admit, Policy: s.policy}))
	s.jobs = job.New(job.Config{Transport: s.jobTransport, Admit: s.policy.Admit, Policy: s.policy, Dir: t.TempDir(), Log: logger})
	other := p2p.New(theirs, p2p.Config{})
	here, there := &sessions{}, &sessions{}
	for _, start := range []error{s.transport.Start(here), other.Start(there)} {
		if start != nil {
			t.Fatal(start)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.transport.Close(ctx)
		other.Close(ctx)
	})
	s.watch()
	t.Cleanup(s.watcher.stop)

	send := func(from *p2p.Transport, to peer.ID) error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := from.Send(ctx, nameOf(to), frame.Accept{ID: 1})
		return err
	}
	for _, err := range []error{send(s.transport, theirs.ID()), send(other, ours.ID())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both have heard the other", func() bool { return here.heard() && there.heard() })

	denied := map[string]any{"Peers": map[string]any{"Deny": []string{theirs.ID().String()}}}
	set(denied)
	eventually(t, "the sessions have ended, both ways", func() bool {
		return here.lostWith("policy") && there.lostWith("policy")
	})
	if err := send(other, ours.ID()); err == nil || !strings.Contains(err.Error(), "refuse") {
		t.Errorf("the denied peer is told %v", err)
	}
	if err := send(s.transport, theirs.ID()); err == nil {
		t.Error("a denied peer is sent to")
	}
	if n := s.policy.Refused()[mpi.RefusedDenied]; n == 0 {
		t.Error("the refusal is not counted")
	}
	eventually(t, "the log says so", func() bool {
		return log.has("the policy has changed", "denied=1")
	})

	write(`{"Plugins": `)
	eventually(t, "the damaged file is in the log", func() bool { return log.has("the policy stays as it is") })
	if s.policy.Admit(nameOf(theirs.ID())) {
		t.Error("a damaged file admits the denied")
	}
	set(map[string]any{"RankSlots": 3})
	eventually(t, "the peer is admitted again", func() bool { return s.policy.Admit(nameOf(theirs.ID())) })
	if err := send(other, ours.ID()); err != nil {
		t.Errorf("admitted again: %v", err)
	}
}

func nameOf(id peer.ID) mpi.PeerID { return mpi.PeerID(id.String()) }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// sessions notes what a transport reports.
type sessions struct {
	mu     sync.Mutex
	frames int
	lost   []string
}

func (r *sessions) Receive(mpi.PeerID, frame.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames++
}

func (r *sessions) Lost(_ mpi.PeerID, _ uint64, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, why.Error())
}

func (r *sessions) heard() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames > 0
}

func (r *sessions) lostWith(why string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.lost, func(s string) bool { return strings.Contains(s, why) })
}

// logText is a log that may be read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logText) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(parts, func(s string) bool { return !strings.Contains(l.b.String(), s) })
}
