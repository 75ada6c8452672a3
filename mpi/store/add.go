package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// addedName is what pins of programs that were added are called. No interpreter is called so: their names have a slash.
const addedName = "program"

// What a job may be about to start with is kept, whatever the configuration says.
const (
	addedFor = time.Hour // after a program was added or opened last
	spared   = 16        // of such programs, the last ones, do not make room for others in that time
)

// Add implements [mpi.Store]. What it adds is pinned like what is no longer served, from when it was added or opened last, for addedFor at
// least; without room for such programs, the last few of them, spared, are.
func (s *Store) Add(ctx context.Context, wasm []byte) (mpi.CID, error) {
	if int64(len(wasm)) > s.cfg.MaxProgram {
		return "", mpi.Errorf(mpi.CodeTooLarge, "the program has %s: at most %s are taken", sizeText(int64(len(wasm))), sizeText(s.cfg.MaxProgram))
	}
	if s.life.Err() != nil {
		return "", errClosed
	}
	bounded, cancel := s.bound(ctx, s.cfg.Timeout+time.Duration(len(wasm)>>20)*time.Second)
	defer cancel()
	dir := files.NewMapDirectory(map[string]files.Node{runFile: files.NewBytesFile(wasm)})
	p, err := s.api.Unixfs().Add(bounded, dir, options.Unixfs.CidVersion(1), options.Unixfs.RawLeaves(true), options.Unixfs.Pin(false, ""))
	if err != nil {
		return "", fmt.Errorf("store: adding a program of %d bytes: %w", len(wasm), err)
	}
	c := p.RootCid()
	if err := s.hold(bounded, c, int64(len(wasm))); err != nil {
		return "", fmt.Errorf("store: keeping %s: %w", c, err)
	}
	return canonical(c), nil
}

// hold has the reconciler pin what was added. A store that was not started does not.
func (s *Store) hold(ctx context.Context, c cid.Cid, size int64) error {
	s.mu.Lock()
	k := s.reconciler
	s.mu.Unlock()
	if k == nil {
		return nil
	}
	id := canonical(c)
	var unpinned <-chan struct{}
	if !k.call(func() { unpinned = k.holdOff(id) }) {
		return errClosed
	}
	defer k.post(func() { k.letOff(id) })
	if unpinned != nil {
		select {
		case <-unpinned:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	pinned, err := k.isPinned(ctx, c)
	if err != nil {
		return err
	}
	if !k.call(func() { err = k.claim(id, size, pinned) }) {
		return errClosed
	}
	if err != nil || pinned {
		return err
	}
	return s.api.Pin().Add(ctx, path.FromCid(c), options.Pin.Recursive(true), options.Pin.Name("ipfs-mpi "+addedName))
}

// holdOff has no unpin of c begin until letOff. If one is under way, what it returns is closed at its end.
func (k *reconciler) holdOff(c mpi.CID) <-chan struct{} {
	k.holds[c]++
	if u := k.unpins[c]; u != nil && u.busy {
		return u.over
	}
	return nil
}

func (k *reconciler) letOff(c mpi.CID) {
	if k.holds[c]--; k.holds[c] == 0 {
		delete(k.holds, c)
	}
}

// claim notes that a pin is ours, before it is made, and not in use from now on; one that somebody else made is left to them. Without room
// it waits for none: the blocks are there, and only the garbage collector takes them. No unpin of c is under way.
func (k *reconciler) claim(c mpi.CID, size int64, pinned bool) error {
	now := k.cfg.now()
	r := k.state.Pins[c]
	switch {
	case r == nil && pinned:
		return nil
	case r == nil:
		k.makeRoom(size, now)
		k.state.Pins[c] = &record{Name: addedName, Size: size, Unused: now}
	case !r.Unused.IsZero():
		r.Unused = now
		delete(k.unpins, c) // one that failed
	}
	k.dirty = true
	k.save()
	return k.notSaved
}

// opened keeps a program that was added for longer: a job starts with it.
func (s *Store) opened(c cid.Cid) {
	s.mu.Lock()
	k := s.reconciler
	s.mu.Unlock()
	if k == nil {
		return
	}
	s.enter(func() {
		var added *record // a copy
		known := k.call(func() {
			if r := k.state.Pins[canonical(c)]; r != nil && r.Name == addedName && !r.Unused.IsZero() {
				added = new(*r)
			}
		})
		if !known || added == nil {
			return
		}
		ctx, cancel := s.bound(s.life, s.cfg.Timeout)
		defer cancel()
		if err := s.hold(ctx, c, added.Size); err != nil && s.life.Err() == nil {
			s.cfg.Log.Warn("store: a program that was added and is used may not be kept", "cid", c, "err", err)
		}
	})
}

// keepFor is how long a pin outlives its use.
func (k *reconciler) keepFor(r *record) time.Duration {
	if r.Name == addedName {
		return max(k.cfg.KeepUnused, addedFor)
	}
	return k.cfg.KeepUnused
}

// unspared leaves out of unused, in the order of since when they are, the programs that do not make room for others.
func (k *reconciler) unspared(unused []mpi.CID, now time.Time) []mpi.CID {
	spare := spared
	var list []mpi.CID
	for _, c := range slices.Backward(unused) {
		if r := k.state.Pins[c]; spare > 0 && r.Name == addedName && now.Before(r.Unused.Add(addedFor)) {
			spare--
			continue
		}
		list = append(list, c)
	}
	slices.Reverse(list)
	return list
}
