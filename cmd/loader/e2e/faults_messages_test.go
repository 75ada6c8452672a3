//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// burst is a request of messages from one node to all others in turns, with the fate of each.
type burst struct {
	from     *faultNode
	messages []mpi.Message
	err      error // of the request: no node answered, or it has failures
	result   mpi.Result
}

// newBurst numbers its messages for each receiver.
func (l *faultLab) newBurst(from, size int) *burst {
	b := &burst{from: l.nodes[from]}
	for i := range size {
		to := l.nodes[(from+1+i%(len(l.nodes)-1))%len(l.nodes)]
		b.messages = append(b.messages, mpi.Message{To: mpi.PeerID(to.Peer), Data: []byte(fmt.Sprintf("%06d", i))})
	}
	return b
}

func (b *burst) send(ctx context.Context, timeout time.Duration) {
	c := api.NewClient(b.from.API, "")
	defer c.Close()
	b.result, b.err = c.Send(ctx, mpi.Request{File: "echo", Pid: 1, Messages: b.messages, Expected: len(b.messages), Timeout: timeout})
}

// check expects that every message was answered once or named once, and never both. It returns the
// failures, and how many messages were answered.
func (b *burst) check(t *testing.T, l *faultLab) (failures []mpi.Failure, answered int) {
	t.Helper()
	if p := (*api.Problem)(nil); b.err != nil && !errors.As(b.err, &p) {
		t.Errorf("%s does not answer: %v", l.name(b.from.Peer), b.err)
		return nil, 0
	}
	fates := map[string]int{}
	last := map[mpi.PeerID]string{}
	for _, m := range b.result.Messages {
		answered++
		fates[string(m.From)+string(m.Data)]++
		if string(m.Data) <= last[m.From] {
			t.Errorf("%s to %s: the answer of message %s came after that of %s", l.name(b.from.Peer), l.name(string(m.From)), m.Data, last[m.From])
		}
		last[m.From] = string(m.Data)
	}
	for _, f := range b.result.Failures {
		if f.Index < 0 || f.Index >= len(b.messages) {
			t.Errorf("a failure that names no message of the request: %+v", f)
			continue
		}
		m := b.messages[f.Index]
		fates[string(m.To)+string(m.Data)] += 1000
	}
	for i, m := range b.messages {
		switch fate := fates[string(m.To)+string(m.Data)]; fate {
		case 1, 1000:
		default:
			t.Errorf("%s to %s: message %d was answered %d times and named %d times (error: %v)",
				l.name(b.from.Peer), l.name(string(m.To)), i, fate%1000, fate/1000, b.err)
		}
	}
	return b.result.Failures, answered
}

// rounds sends so many messages in rounds, from every node to every other. fault does the harm of
// a round while its messages are under way, and undoes it.
func (l *faultLab) rounds(t *testing.T, messages, rounds int, fault func(ctx context.Context, round int),
	check func(round int, b *burst), after func()) {
	t.Helper()
	const timeout = 5 * time.Minute
	each := messages / rounds / len(l.nodes)
	for round := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), timeout+patience)
		var wg sync.WaitGroup
		// Half of the messages are under way when the fault begins, the others are sent within it.
		var bursts []*burst
		for from := range l.nodes {
			for half := range 2 {
				b := l.newBurst(from, each/2+half*(each%2))
				bursts = append(bursts, b)
				wg.Go(func() {
					pause(ctx, time.Duration(half*300)*time.Millisecond)
					b.send(ctx, timeout)
				})
			}
		}
		begun := time.Now()
		fault(ctx, round)
		undone := time.Since(begun)
		wg.Wait()
		t.Logf("round %d: the fault was over after %v, the messages after %v", round, undone, time.Since(begun))
		cancel()
		for _, b := range bursts {
			check(round, b)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
		after()
	}
}

// Must hold 1, first part: messages over four daemons while links are cut and healed, each for
// less than the grace. Each is answered once, those of a pair in order, and none fails.
func TestFaultsMessagesCut(t *testing.T) {
	// One message at a time at each node: answers are in the order in which messages are handled.
	l := newFaultLab(t, 4, labOptions{serve: []string{"echo"}, settings: map[string]any{"HandlerSlots": 1}})
	random := rand.New(rand.NewPCG(faultSeed(t), 1))
	messages, cuts := of(100_000, 3000), of(100, 6)
	answered := 0
	l.rounds(t, messages, cuts, func(ctx context.Context, round int) {
		pause(ctx, time.Duration(random.IntN(200))*time.Millisecond)
		i := random.IntN(4)
		a, b := l.nodes[i].on, l.nodes[(i+1+random.IntN(3))%4].on
		// Each sixth one is nearly as long as the grace, in the whole set.
		long := time.Duration(random.IntN(of(2700, 1200))+300) * time.Millisecond
		if wholeFaults && round%6 == 5 {
			long = time.Duration(10+random.IntN(10)) * time.Second
		}
		switch round % 3 {
		case 0:
			l.net.Cut(a, b)
			pause(ctx, long)
			l.net.Heal(a, b)
		case 1:
			l.net.CutOneWay(a, b)
			pause(ctx, long)
			l.net.HealOneWay(a, b)
		case 2:
			a.Cut()
			pause(ctx, long)
			a.Heal()
		}
	}, func(round int, b *burst) {
		failures, n := b.check(t, l)
		for _, f := range failures {
			t.Errorf("round %d: %s to %s: %s: %s", round, l.name(string(f.From)), l.name(string(f.To)), f.Reason, f.Detail)
		}
		answered += n
	}, func() {})
	t.Logf("%d messages answered, %d cuts", answered, cuts)
}

// Must hold 1, second part: with cuts longer than the grace, and kills, each message is answered
// once or named once, with the true reason.
func TestFaultsMessagesNamed(t *testing.T) {
	if !wholeFaults {
		t.Skip("make faults runs it: a cut has to be longer than the grace")
	}
	l := newFaultLab(t, 4, labOptions{serve: []string{"echo"}, settings: map[string]any{"HandlerSlots": 1}})
	random := rand.New(rand.NewPCG(faultSeed(t), 2))
	why := map[string]int{}
	var victim *faultNode
	killed := false
	l.rounds(t, 20_000, 20, func(ctx context.Context, round int) {
		pause(ctx, time.Duration(random.IntN(500))*time.Millisecond)
		victim, killed = l.nodes[random.IntN(4)], round%2 == 0
		if killed {
			victim.signal(t, syscall.SIGKILL)
			return
		}
		victim.on.Cut()
		pause(ctx, 45*time.Second)
		victim.on.Heal()
	}, func(round int, b *burst) {
		if killed && b.from == victim {
			return // there is nobody to tell anything
		}
		failures, _ := b.check(t, l)
		for _, f := range failures {
			if f.To != mpi.PeerID(victim.Peer) && b.from != victim {
				t.Errorf("round %d: %s to %s failed, which was well: %s: %s", round, l.name(string(f.From)), l.name(string(f.To)), f.Reason, f.Detail)
			}
			if f.Reason != mpi.Lost && f.Reason != mpi.Unreachable {
				t.Errorf("round %d: the reason is %s: %s", round, f.Reason, f.Detail)
			}
			detail := f.Detail
			for i, n := range l.nodes {
				detail = strings.ReplaceAll(detail, n.Peer, fmt.Sprintf("node %d", i+1))
			}
			why[map[bool]string{true: "killed: ", false: "cut: "}[killed]+string(f.Reason)+": "+detail]++
		}
	}, func() {
		if killed {
			l.revive(t, victim, "echo")
		}
		l.known(t, "echo")
	})
	for _, line := range slices.Sorted(maps.Keys(why)) {
		t.Logf("%d × %s", why[line], line)
	}
}
