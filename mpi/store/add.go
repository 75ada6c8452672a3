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

// addedName is the pin name of programs that a user added. It has no slash, so no interpreter's pin
// has the same name.
const addedName = "program"

// Limits of programs that a user added. A job may be about to start one, so the configuration
// cannot lower them.
const (
	// minimum time that such a program stays pinned after it was added or opened last
	addedFor = time.Hour
	// number of such programs, the latest, that are not unpinned early to make room
	spared = 16
)

// Add implements [mpi.Store]. The program is pinned like an interpreter that is no longer served:
// for Config.KeepUnused, but at least for addedFor, counted from when it was added or opened last.
// If MaxStore is exceeded only the last few, spared, stay that long.
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

// hold pins what was added through the reconciler. It does nothing if the store was not started.
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

// holdOff prevents that c is unpinned until letOff. The channel is closed when an unpin that
// already runs has ended; it is nil if none runs.
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

// claim records that a pin is ours, before the pin is made, and unused from now on. A pin that
// somebody else made stays theirs. claim does not wait for room: the blocks are on disk already,
// and without the pin the garbage collector would take them. The caller has made sure that no unpin
// of c runs.
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
		delete(k.unpins, c) // an unpin that failed
	}
	k.dirty = true
	k.save()
	return k.notSaved
}

// opened renews the time that an added program is kept, since a job is about to start it.
func (s *Store) opened(c cid.Cid) {
	s.mu.Lock()
	k := s.reconciler
	s.mu.Unlock()
	if k == nil {
		return
	}
	s.enter(func() {
		var added *record // a copy, made in the reconciler's goroutine
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

// keepFor is how long a pin is kept after its last use.
func (k *reconciler) keepFor(r *record) time.Duration {
	if r.Name == addedName {
		return max(k.cfg.KeepUnused, addedFor)
	}
	return k.cfg.KeepUnused
}

// unspared returns unused, which is ordered by time of last use, without the added programs that
// must not be unpinned early.
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
