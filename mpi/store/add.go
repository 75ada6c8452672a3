package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// addedName is what pins of programs that were added are called, for people.
const addedName = "program"

// Add implements [mpi.Store]. What it adds is pinned like what is no longer served: until it was not added again for KeepUnused, or room
// is needed.
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

// hold has the keeper pin what was added. A store that was not started, or keeps nothing that is not in use, does not.
func (s *Store) hold(ctx context.Context, c cid.Cid, size int64) error {
	s.mu.Lock()
	k := s.keeper
	s.mu.Unlock()
	if k == nil || s.cfg.KeepUnused == 0 {
		return nil
	}
	claimed := make(chan error, 1)
	k.post(func() { claimed <- k.claim(canonical(c), size) })
	select {
	case err := <-claimed:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	pinned, err := k.isPinned(ctx, c)
	if err != nil || pinned {
		return err
	}
	return s.api.Pin().Add(ctx, path.FromCid(c), options.Pin.Recursive(true), options.Pin.Name("ipfs-mpi "+addedName))
}

// claim notes that a pin is ours, before it is made, and not in use from now on. Without room it waits for none: the blocks are there, and
// only the garbage collector takes them.
func (k *keeper) claim(c mpi.CID, size int64) error {
	now := k.cfg.now()
	r := k.state.Pins[c]
	switch {
	case r == nil:
		k.makeRoom(size, now)
		k.state.Pins[c] = &record{Name: addedName, Size: size, Unused: now}
	case !r.Unused.IsZero():
		r.Unused = now
	}
	k.dirty = true
	k.save()
	return k.notSaved
}
