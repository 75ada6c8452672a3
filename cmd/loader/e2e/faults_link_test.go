//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/test/netlab"
)

// badLink is the link of must hold 3.
var badLink = netlab.Link{
	Loss: 0.05, Delay: 100 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 10_000_000,
}

// Must hold 3: with 5 % loss, 100 ± 50 ms and 10 Mbit/s everything finishes, and no timeout fires
// that should not.
func TestFaultsBadLink(t *testing.T) {
	l := newFaultLab(t, 4, labOptions{serve: []string{"echo", "ring", "pi", "sort", "heat"}, settings: map[string]any{"HandlerSlots": 1}})
	l.net.SetAll(badLink)
	l.rounds(t, of(4000, 400), of(4, 1), func(context.Context, int) {}, func(_ int, b *burst) {
		failures, _ := b.check(t, l)
		for _, f := range failures {
			t.Errorf("%s to %s: %s: %s", l.name(string(f.From)), l.name(string(f.To)), f.Reason, f.Detail)
		}
	}, func() {})
	specs := []mpi.JobSpec{
		{File: "ring", Args: []string{"3"}},
		{File: "pi", Args: []string{"100000"}},
		{File: "sort", Args: []string{"20000"}},
		{File: "heat", Args: []string{"64", "100"}},
	}
	for _, spec := range specs[:of(len(specs), 2)] {
		spec.Ranks, spec.WaitSlots = 8, patience
		for _, n := range l.nodes {
			spec.Peers = append(spec.Peers, mpi.PeerID(n.Peer))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		j, _, err := l.follow(ctx, l.nodes[0].node, spec, func(mpi.JobEvent) {})
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", spec.File, err)
		}
		if j.State != mpi.JobDone || j.Exit != 0 {
			t.Errorf("%s: %s, exit %d, %s", spec.File, j.State, j.Exit, l.told(j.Cause))
		}
		t.Logf("%s took %v", spec.File, j.Ended.Sub(j.Started))
	}
}

// Must hold 3, throughput: messages, there and back, take at most 1/0.8 of the time that as many
// bytes take on a raw libp2p stream over the same connection. They are sent in turns.
func TestFaultsThroughput(t *testing.T) {
	if !wholeFaults {
		t.Skip("make faults runs it: on a link like this it takes minutes to tell")
	}
	for _, transport := range []string{"tcp", "quic"} {
		t.Run(transport, func(t *testing.T) { throughput(t, transport) })
	}
}

func throughput(t *testing.T, transport string) {
	l := newFaultLab(t, 2, labOptions{exe: benched, serve: []string{"echo"}, only: transport})
	from, to := l.nodes[0], l.nodes[1]
	bench, err := from.on.Forward(strings.TrimSpace(readFile(t, filepath.Join(from.Repo, "mpi", "bench"))))
	if err != nil {
		t.Fatal(err)
	}
	c := api.NewClient(from.API, "")
	defer c.Close()
	const size, turns, each = 64 << 10, 10, 4
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	message := func() time.Duration {
		begun := time.Now()
		r := mpi.Request{File: "echo", Expected: 1, Timeout: 10 * time.Minute,
			Messages: []mpi.Message{{To: mpi.PeerID(to.Peer), Data: make([]byte, size)}}}
		if res, err := c.Send(ctx, r); err != nil || len(res.Messages) != 1 || len(res.Messages[0].Data) != size {
			t.Fatalf("a message: %v", err)
		}
		return time.Since(begun)
	}
	raw := func() (list []time.Duration) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet,
			fmt.Sprintf("http://%s/echo?peer=%s&size=%d&n=%d", bench, to.Peer, size, each), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	message() // the session is there, and the program compiled
	l.net.SetAll(badLink)
	var ours, raws time.Duration
	for turn := range turns {
		var a, b time.Duration
		for _, d := range raw() {
			a += d
		}
		for range each {
			b += message()
		}
		t.Logf("turn %d: raw %v, messages %v", turn, a, b)
		raws, ours = raws+a, ours+b
	}
	ratio := raws.Seconds() / ours.Seconds()
	rate := func(d time.Duration) float64 { return 2 * 8 * size * turns * each / d.Seconds() / 1e6 }
	t.Logf("raw %.2f Mbit/s, messages %.2f Mbit/s, ratio %.2f", rate(raws), rate(ours), ratio)
	if ratio < 0.8 {
		t.Errorf("messages have %.2f of the throughput of a raw stream, want 0.8", ratio)
	}
}
