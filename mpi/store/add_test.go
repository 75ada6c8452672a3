package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	ipath "github.com/ipfs/boxo/path"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// keeps reports whether the reconciler, after it looked at its pins, leaves the pin of c alone.
func (r *run) keeps(c mpi.CID) bool {
	r.t.Helper()
	kept := make(chan bool, 1)
	r.reconciler.post(func() { kept <- r.reconciler.state.Pins[c] != nil && r.reconciler.unpins[c] == nil })
	return <-kept
}

// A program that was added is kept long enough for a job to start, even if KeepUnused is 0.
func TestAddedIsHeld(t *testing.T) {
	_, api := newNode(t, false)
	clock := time.Unix(1_000_000, 0).UTC()
	cfg := Config{StateFile: filepath.Join(t.TempDir(), "store.json"), now: func() time.Time { return clock }}
	r := start(t, api, cfg)
	c, err := r.Add(t.Context(), []byte("\x00asm"))
	must(t, err)
	later := func(d time.Duration) {
		r.stop()
		clock = clock.Add(d)
		r = start(t, api, cfg)
	}
	later(addedFor - 1)
	if !r.keeps(c) {
		t.Error("it is not held")
	}
	_, err = r.Open(t.Context(), c)
	must(t, err)
	r.until("an hour more", func(mpi.StoreStatus) bool {
		data, err := os.ReadFile(cfg.StateFile)
		if err != nil {
			return false
		}
		st, err := parseState(data)
		return err == nil && st.Pins[c].Unused.Equal(clock)
	})
	later(addedFor - 1)
	if !r.keeps(c) {
		t.Error("opened, it is not held longer")
	}
	r.pins(api, addedName)
	later(1)
	r.pins(api)
}

// It is not unpinned at once when MaxStore is exceeded either; but such programs do not fill the
// disk.
func TestAddedIsHeldWithoutRoom(t *testing.T) {
	_, api := newNode(t, false)
	var clock atomic.Int64
	cfg := Config{StateFile: filepath.Join(t.TempDir(), "store.json"), KeepUnused: 24 * time.Hour, MaxStore: 1,
		now: func() time.Time { return time.Unix(clock.Load(), 0) }}
	r := start(t, api, cfg)
	var added []mpi.CID
	for i := range spared + 1 {
		clock.Add(1)
		c, err := r.Add(t.Context(), fmt.Append(nil, i, " is a program"))
		must(t, err)
		added = append(added, c)
	}
	r.pins(api, slices.Repeat([]string{addedName}, spared)...)
	for _, c := range added[1:] {
		if !r.keeps(c) {
			t.Error("one is not held that was added later than others")
		}
	}
	r.stop()
	clock.Add(int64(addedFor / time.Second))
	r = start(t, api, cfg)
	r.pins(api)
}

// A program that its user had pinned stays the user's.
func TestAddedAndPinnedByItsUser(t *testing.T) {
	_, api := newNode(t, false)
	r := start(t, api, Config{})
	wasm := []byte("\x00asm")
	theirs := addNode(t, api, dirTree(map[string]string{runFile: string(wasm)}), options.Unixfs.CidVersion(1), options.Unixfs.RawLeaves(true))
	must(t, api.Pin().Add(t.Context(), ipath.FromCid(theirs), options.Pin.Name("mine")))
	c, err := r.Add(t.Context(), wasm)
	if err != nil || c != canonical(theirs) {
		t.Fatalf("added as %s, %v; their pin is of %s", c, err, theirs)
	}
	if r.keeps(c) || !slices.Equal(pinNames(t, api), []string{"mine"}) {
		t.Errorf("their pin is taken for ours; there are %q", pinNames(t, api))
	}
}

// slowRm is a node whose pins are removed only once the test allows it.
type slowRm struct {
	iface.CoreAPI
	asked chan struct{} // receives each pin that is to be removed
	let   chan struct{} // closed to allow it
}

func (a slowRm) Pin() iface.PinAPI { return slowPins{a.CoreAPI.Pin(), a} }

type slowPins struct {
	iface.PinAPI
	node slowRm
}

func (p slowPins) Rm(ctx context.Context, what ipath.Path, opts ...options.PinRmOption) error {
	p.node.asked <- struct{}{}
	<-p.node.let
	return p.PinAPI.Rm(ctx, what, opts...)
}

// held waits until a program is being added, or is no longer.
func (r *run) held(c mpi.CID, want bool) {
	r.t.Helper()
	for late, is := time.Now().Add(deadline), !want; is != want; runtime.Gosched() {
		if !r.reconciler.call(func() { is = r.reconciler.holds[c] > 0 }) || time.Now().After(late) {
			r.t.Fatalf("that it is being added does not become %t", want)
		}
	}
}

// A program that is added or opened while its pin is being removed is pinned again.
func TestAddedWhileUnpinned(t *testing.T) {
	wasm := []byte("\x00asm")
	for name, use := range map[string]func(r *run, c mpi.CID) error{
		"added":  func(r *run, _ mpi.CID) error { _, err := r.Add(r.t.Context(), wasm); return err },
		"opened": func(r *run, c mpi.CID) error { _, err := r.Open(r.t.Context(), c); return err },
	} {
		t.Run(name, func(t *testing.T) {
			_, api := newNode(t, false)
			slow := slowRm{api, make(chan struct{}, 1), make(chan struct{})}
			var clock atomic.Int64
			r := start(t, slow, Config{now: func() time.Time { return time.Unix(clock.Load(), 0) }})
			c, err := r.Add(t.Context(), wasm)
			must(t, err)
			clock.Add(int64(addedFor / time.Second))
			r.reconciler.post(func() {}) // so that it looks at the clock
			<-slow.asked
			used := make(chan error, 1)
			go func() { used <- use(r, c) }()
			r.held(c, true)
			close(slow.let)
			must(t, <-used)
			r.held(c, false)
			if theirs, err := parseCID(string(c)); err != nil || !isPinned(t, api, theirs) || !r.keeps(c) {
				t.Errorf("it is not pinned, or not ours (%v); there are %q", err, pinNames(t, api))
			}
		})
	}
}
