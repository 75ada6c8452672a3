package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

// mark records for each of our pins since when it is unused. It does nothing before a store was
// read, when what is in use is not known.
func (k *reconciler) mark(p plan, now time.Time) {
	if !k.path.empty() && k.list == nil {
		return
	}
	used := make(map[mpi.CID]bool)
	for _, c := range slices.Concat(p.want, p.stopgap) {
		used[c.CID] = true
	}
	for c, r := range k.state.Pins {
		switch {
		case used[c] && !r.Unused.IsZero():
			r.Unused, k.dirty = time.Time{}, true
			if u := k.unpins[c]; u != nil && !u.busy {
				delete(k.unpins, c)
			}
		case !used[c] && r.Unused.IsZero():
			r.Unused, k.dirty = now, true
			k.cfg.Log.Info("store: no longer served", "interpreter", r.Name, "cid", c, "unpinned in", k.keepFor(r))
		}
	}
}

// dropExpired unpins what has been unused for longer than KeepUnused.
func (k *reconciler) dropExpired(now time.Time) {
	for c, r := range k.state.Pins {
		if !r.Unused.IsZero() && !now.Before(r.Unused.Add(k.keepFor(r))) {
			k.unpin(c, now)
		}
	}
}

// unpin starts a job that removes one of our pins, unless one already runs or its retry is not due.
func (k *reconciler) unpin(c mpi.CID, now time.Time) {
	u := cmp.Or(k.unpins[c], &work{})
	if w := k.works[c]; u.busy || now.Before(u.next) || w != nil && w.busy || k.jobs >= maxJobs || k.holds[c] > 0 {
		return
	}
	k.unpins[c] = u
	u.busy, u.over = true, make(chan struct{})
	k.jobs++
	// still in the store: if it is wanted again, it starts from the beginning
	if w := k.works[c]; w != nil {
		w.ready, w.fresh = false, false
	}
	k.job(func() func() {
		err := k.removePin(c)
		return func() { k.unpinned(c, err) }
	})
}

func (k *reconciler) unpinned(c mpi.CID, err error) {
	r, u := k.state.Pins[c], k.unpins[c]
	u.busy = false
	close(u.over)
	k.jobs--
	switch {
	case err == nil:
	case r.Unused.IsZero(): // wanted again in the meantime
		delete(k.unpins, c)
		return
	default:
		u.tries++
		u.next = k.cfg.now().Add(k.backoff(u.tries))
		k.logTry(u.tries, "store: unpinning failed; trying again", "interpreter", r.Name, "cid", c, "err", err)
		return
	}
	k.cfg.Log.Info("store: unpinned", "interpreter", r.Name, "cid", c)
	delete(k.state.Pins, c)
	delete(k.unpins, c)
	k.dirty = true
}

// advance starts jobs for what is wanted and due: fewest failures first, then highest rank.
func (k *reconciler) advance(p plan, now time.Time) {
	due := make([]candidate, 0, len(p.want))
	for _, c := range slices.Concat(p.want, p.stopgap) {
		if w := k.works[c.CID]; !w.busy && !now.Before(w.next) && k.unpins[c.CID] == nil {
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b candidate) int { return cmp.Compare(k.works[a.CID].tries, k.works[b.CID].tries) })
	for _, c := range due {
		w := k.works[c.CID]
		switch {
		case k.jobs >= maxJobs:
			return
		case w.busy: // two names, one CID
		case w.fresh:
			k.startPin(c, w, now)
		default:
			k.startExamine(c, w)
		}
	}
}

// verdict is the result of examine.
type verdict struct {
	size    int64 // measured; 0 if it was not
	pinned  bool
	missing bool // the content is not available: not only the pin is in doubt
	err     error
}

// startExamine starts a job that checks whether a candidate is an interpreter, is complete and
// pinned, and fetches it.
func (k *reconciler) startExamine(c candidate, w *work) {
	w.busy = true
	k.jobs++
	known := w.ready
	if r := k.state.Pins[c.CID]; r != nil && r.Size > 0 {
		known = true // it was examined before it was pinned
		w.size = r.Size
	}
	wait := k.cfg.Timeout
	if w.tries == 0 {
		wait = patience
	}
	k.job(func() func() {
		v := k.examine(c, known, wait)
		return func() { k.examined(c, w, v) }
	})
}

func (k *reconciler) examine(c candidate, known bool, wait time.Duration) verdict {
	ctx, cancel := context.WithCancel(k.life)
	defer cancel()
	pinned, err := k.isPinned(ctx, c.cid)
	if err != nil || pinned && known {
		return verdict{pinned: pinned, err: err}
	}
	d := k.session(ctx).within(wait)
	if err := d.inspect(ctx, c.cid); err != nil {
		return verdict{err: err, missing: true}
	}
	size, err := d.fetch(ctx, c.cid, k.cfg.MaxStore)
	return verdict{size: size, pinned: pinned, err: err, missing: err != nil}
}

func (k *reconciler) examined(c candidate, w *work, v verdict) {
	w.busy = false
	k.jobs--
	if v.size > 0 {
		w.size = v.size
	}
	var over *overError
	switch {
	case errors.As(v.err, &over):
		w.ready, w.size = false, over.limit+1
	case isBad(v.err):
		w.ready, w.bad = false, v.err
		k.rank()
	case v.err != nil:
		w.ready = w.ready && !v.missing
		k.failed(c, w, v.err)
	case v.pinned:
		k.isReady(w)
	default:
		w.fresh = true
	}
}

// startPin pins what was fetched, once there is room for it and the state file says that the pin is
// ours.
func (k *reconciler) startPin(c candidate, w *work, now time.Time) {
	if k.state.Pins[c.CID] == nil && !k.makeRoom(w.size, now) {
		return // until a running unpin has ended
	}
	if k.state.Pins[c.CID] == nil {
		k.state.Pins[c.CID] = &record{Name: c.String(), Size: w.size}
		k.dirty = true
	}
	if k.save(); k.dirty {
		k.failed(c, w, k.notSaved)
		return
	}
	w.busy = true
	k.jobs++
	timeout := k.cfg.Timeout + time.Duration(w.size>>20)*time.Second
	k.job(func() func() {
		ctx, cancel := context.WithTimeout(k.life, timeout)
		defer cancel()
		err := k.api.Pin().Add(ctx, path.FromCid(c.cid), options.Pin.Recursive(true), options.Pin.Name(pinName(c.Interpreter)))
		return func() { k.pinned(c, w, err) }
	})
}

func (k *reconciler) pinned(c candidate, w *work, err error) {
	w.busy, w.fresh = false, false
	k.jobs--
	if err != nil {
		w.ready = false
		k.failed(c, w, fmt.Errorf("pinning: %w", err))
		return
	}
	k.isReady(w)
}

func (k *reconciler) isReady(w *work) {
	w.ready, w.fresh, w.err, w.tries = true, false, nil, 0
	w.next = k.cfg.now().Add(k.cfg.Resolve)
}

func (k *reconciler) failed(c candidate, w *work, err error) {
	w.err = err
	w.tries++
	w.next = k.cfg.now().Add(k.backoff(w.tries))
	// The first try has a short timeout, and its failure is not logged.
	k.logTry(w.tries-1, "store: cannot be had now; trying again", "interpreter", c.String(), "err", err)
}

// makeRoom reports whether size more bytes may be pinned within MaxStore. If not, it starts to
// unpin what is unused, longest unused first, except for programs that were just added.
func (k *reconciler) makeRoom(size int64, now time.Time) bool {
	if k.cfg.MaxStore == 0 {
		return true
	}
	kept := newRoom(0)
	var unused []mpi.CID
	for pin, r := range k.state.Pins {
		kept.add(pin, r.Size)
		if !r.Unused.IsZero() {
			unused = append(unused, pin)
		}
	}
	over := kept.used + size - k.cfg.MaxStore
	if over <= 0 {
		return true
	}
	slices.SortFunc(unused, func(a, b mpi.CID) int {
		return cmp.Or(k.state.Pins[a].Unused.Compare(k.state.Pins[b].Unused), strings.Compare(string(a), string(b)))
	})
	for _, pin := range k.unspared(unused, now) {
		if over <= 0 {
			break
		}
		over -= k.state.Pins[pin].Size
		k.unpin(pin, now)
	}
	return false
}

// save writes the state file if the state changed. dirty stays true if that failed.
func (k *reconciler) save() {
	if !k.dirty {
		return
	}
	err := k.state.save(k.cfg.StateFile)
	if err != nil && k.notSaved == nil {
		k.cfg.Log.Error("store: nothing more is pinned until the state file can be written", "err", err)
	}
	k.notSaved, k.dirty = err, err != nil
}

// next is when step must run again, if nothing else happens before.
func (k *reconciler) next(p plan, now time.Time) time.Time {
	var next time.Time
	at := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	at(k.resolveAt)
	for _, c := range slices.Concat(p.want, p.stopgap) {
		at(k.works[c.CID].next)
	}
	for c, r := range k.state.Pins {
		if u := k.unpins[c]; u != nil {
			at(u.next)
		} else if !r.Unused.IsZero() {
			at(r.Unused.Add(k.keepFor(r)))
			if r.Name == addedName {
				at(r.Unused.Add(addedFor)) // from then on it may be unpinned to make room
			}
		}
	}
	if k.dirty {
		at(now.Add(k.cfg.RetryMax))
	}
	return next
}

func (k *reconciler) isPinned(ctx context.Context, c cid.Cid) (bool, error) {
	ctx, cancel := k.bound(ctx, k.cfg.Timeout)
	defer cancel()
	_, pinned, err := k.api.Pin().IsPinned(ctx, path.FromCid(c), options.Pin.IsPinned.Recursive())
	if err != nil {
		return false, fmt.Errorf("asking for the pin of %s: %w", c, err)
	}
	return pinned, nil
}

// removePin removes a pin. A pin that is gone already is not an error.
func (k *reconciler) removePin(text mpi.CID) error {
	c, err := parseCID(string(text))
	if err != nil {
		return nil // readState rejected it
	}
	pinned, err := k.isPinned(k.life, c)
	if err != nil || !pinned {
		return err
	}
	ctx, cancel := k.bound(k.life, k.cfg.Timeout)
	defer cancel()
	return k.api.Pin().Rm(ctx, path.FromCid(c))
}

func sortInterpreters(list []mpi.Interpreter) {
	slices.SortFunc(list, func(a, b mpi.Interpreter) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), selector.Compare(a.Version, b.Version), strings.Compare(string(a.CID), string(b.CID)))
	})
}
