package store

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

const maxJobs = 8 // interpreters fetched or pinned at once

// reconciler makes what is fetched, pinned and served agree with the store's directory. It owns the
// last listing, the pins and the state file. Its fields belong to the goroutine in run; jobs beside
// it return functions through done, which run calls.
type reconciler struct {
	*Store
	path   storePath
	update func([]mpi.Interpreter)
	done   chan func()

	state state
	dirty bool // state is not saved

	list       *listing    // nil until a store was listed
	candidates []candidate // of list, selected by Serve
	ranks      []candidate // candidates that are not known to be bad, in order of rank
	unselected []mpi.Skipped
	resolving  bool
	resolveAt  time.Time // zero: never again
	resolveErr error
	resolveBad int // failed tries in a row

	works    map[mpi.CID]*work // by CID of a candidate
	unpins   map[mpi.CID]*work // by CID in state.Pins
	holds    map[mpi.CID]int   // number of Adds that use each CID: it must not be unpinned
	jobs     int               // running, for works and unpins
	served   []mpi.Interpreter
	told     map[string]bool // skipped paths that were logged
	notSaved error
}

// work is the progress with one CID.
type work struct {
	busy  bool          // a job runs for it
	over  chan struct{} // closed when that job, an unpin, has ended
	ready bool          // fetched and pinned
	fresh bool          // fetched and valid, not yet pinned by us
	bad   error         // why it can never be served
	err   error         // of the last try
	tries int           // failed tries in a row
	next  time.Time     // time of the next try
	size  int64         // measured, or a lower bound; 0 if unknown
}

// newReconciler starts with what was served when the last run ended, if the path is the same. It is
// pinned, so it can be served without network.
func newReconciler(s *Store, p storePath, st state, update func([]mpi.Interpreter)) *reconciler {
	k := &reconciler{Store: s, path: p, state: st, update: update, done: make(chan func()), resolveAt: s.cfg.now(),
		works: make(map[mpi.CID]*work), unpins: make(map[mpi.CID]*work), holds: make(map[mpi.CID]int), told: make(map[string]bool)}
	if p.empty() || st.Path != p.text {
		return k
	}
	for text, r := range st.Pins {
		name, version, _ := strings.Cut(r.Name, "/")
		i := mpi.Interpreter{Name: name, Version: version, CID: text}
		c, err := parseCID(string(text))
		if _, bad := selector.ValidVersion(version); err == nil && bad == nil && mpi.ValidName(name) && r.Unused.IsZero() && k.selected(i) {
			k.candidates = append(k.candidates, candidate{i, c, r.Size})
			k.works[text] = &work{}
		}
	}
	k.rank()
	return k
}

func (k *reconciler) run() {
	for {
		next := k.step(k.cfg.now())
		wait := time.Hour
		if !next.IsZero() {
			wait = max(0, next.Sub(k.cfg.now()))
		}
		timer := time.NewTimer(wait)
		select {
		case f := <-k.done:
			f()
		case <-timer.C:
		case <-k.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// job runs f in a goroutine that Close waits for. The function that f returns runs in the
// reconciler's goroutine.
func (k *reconciler) job(f func() func()) {
	k.enter(func() {
		k.post(f())
	})
}

// post runs f in the reconciler's goroutine.
func (k *reconciler) post(f func()) {
	select {
	case k.done <- f:
	case <-k.life.Done():
	}
}

// call runs f in the reconciler's goroutine and waits for it. It returns false if the store is
// closed; f may have run or not.
func (k *reconciler) call(f func()) bool {
	ran := make(chan struct{})
	k.post(func() {
		f()
		close(ran)
	})
	select {
	case <-ran:
		return true
	case <-k.life.Done():
		return false
	}
}

// step does all that can be done now, and returns when it has to run again.
func (k *reconciler) step(now time.Time) time.Time {
	k.startResolve(now)
	p := makePlan(k.ranks, k.cfg.MaxStore, k.size, k.here)
	k.mark(p, now)
	k.dropExpired(now)
	k.makeRoom(0, now)
	k.advance(p, now)
	k.save()
	k.publish(p)
	return k.next(p, now)
}

// size is the best known size of a candidate.
func (k *reconciler) size(c candidate) int64 {
	if w := k.works[c.CID]; w != nil && w.size > 0 {
		return w.size
	}
	return c.size
}

func (k *reconciler) here(c mpi.CID) bool {
	w := k.works[c]
	return w != nil && (w.ready || w.fresh)
}

// backoff is the wait after a number of failures in a row.
func (k *reconciler) backoff(tries int) time.Duration {
	return backoff.Policy{First: k.cfg.RetryMin, Max: k.cfg.RetryMax}.After(tries)
}

// startResolve starts a job that resolves and lists the path, if that is due.
func (k *reconciler) startResolve(now time.Time) {
	if k.path.empty() || k.resolving || k.resolveAt.IsZero() || now.Before(k.resolveAt) {
		return
	}
	k.resolving = true
	have := k.list
	k.job(func() func() {
		l, err := k.look(have)
		return func() { k.resolved(l, err) }
	})
}

// look resolves the path and lists the directory. It returns the last listing, have, if nothing
// changed.
func (k *reconciler) look(have *listing) (*listing, error) {
	root, err := k.resolve(k.life, k.path)
	if err != nil {
		return have, err
	}
	if have != nil && have.root == canonical(root) && len(have.unreadable) == 0 {
		return have, nil
	}
	l, err := k.Store.list(k.life, root, func(l *listing) { k.post(func() { k.adopt(l) }) })
	return cmp.Or(l, have), err
}

// resolved takes the result of look.
func (k *reconciler) resolved(l *listing, err error) {
	k.resolving, k.resolveErr = false, err
	now := k.cfg.now()
	if l != nil && l != k.list {
		k.adopt(l)
	}
	if err == nil && l != nil {
		for _, name := range slices.Sorted(maps.Keys(l.unreadable)) {
			err = l.unreadable[name]
			k.resolveErr = &nameError{name, err}
			break
		}
	}
	switch {
	case err != nil:
		k.resolveBad++
		k.resolveAt = now.Add(k.backoff(k.resolveBad))
		k.logTry(k.resolveBad, "store: not all of the store could be read; trying again", "path", k.path.text, "err", k.resolveErr)
	case k.path.mutable():
		k.resolveBad, k.resolveAt = 0, now.Add(k.cfg.Resolve)
	default:
		k.resolveBad, k.resolveAt = 0, time.Time{}
	}
}

// logTry logs the first failure in a row as a warning, and further ones for debugging.
func (k *reconciler) logTry(tries int, msg string, args ...any) {
	level := slog.LevelDebug
	if tries == 1 {
		level = slog.LevelWarn
	}
	k.cfg.Log.Log(k.life, level, msg, args...)
}

// nameError says which name of the store could not be listed.
type nameError struct {
	name string
	err  error
}

func (e *nameError) Error() string { return "store: reading " + e.name + ": " + e.err.Error() }
func (e *nameError) Unwrap() error { return e.err }

// adopt makes l the current listing.
func (k *reconciler) adopt(l *listing) {
	if k.list == nil || k.list.root != l.root {
		k.cfg.Log.Info("store: read", "path", k.path.text, "root", l.root, "interpreters", len(l.found))
	}
	// A name that cannot be listed now keeps its candidates.
	for _, c := range k.candidates {
		if _, ok := l.unreadable[c.Name]; ok {
			l.found = append(l.found, c)
		}
	}
	var mine []candidate
	k.unselected = nil
	for _, c := range l.found {
		if k.selected(c.Interpreter) {
			mine = append(mine, c)
		} else {
			k.unselected = appendSkipped(k.unselected, c.String(), "not selected by Serve")
		}
	}
	works := make(map[mpi.CID]*work)
	for c, w := range k.works {
		if w.busy { // until its job has ended
			works[c] = w
		}
	}
	for _, c := range mine {
		works[c.CID] = cmp.Or(k.works[c.CID], works[c.CID], &work{})
	}
	k.list, k.candidates, k.works = l, mine, works
	k.rank()
	if k.state.Path != k.path.text || k.state.Root != l.root {
		k.state.Path, k.state.Root, k.dirty = k.path.text, l.root, true
	}
}

// rank sorts the candidates that are not known to be bad.
func (k *reconciler) rank() {
	k.ranks = ranked(slices.DeleteFunc(slices.Clone(k.candidates), func(c candidate) bool { return k.works[c.CID].bad != nil }))
}

func (k *reconciler) selected(i mpi.Interpreter) bool {
	for _, sel := range k.cfg.Serve {
		if sel.Match(i) {
			return true
		}
	}
	return len(k.cfg.Serve) == 0
}

// publish sets the status, and calls update if the set of served interpreters changed.
func (k *reconciler) publish(p plan) {
	if k.life.Err() != nil {
		return
	}
	served := make([]mpi.Interpreter, 0, len(p.want))
	bytes := newRoom(0)
	for _, c := range slices.Concat(p.want, p.stopgap) {
		if w := k.works[c.CID]; w != nil && w.ready {
			served = append(served, c.Interpreter)
			bytes.add(c.CID, w.size)
		}
	}
	for c, r := range k.state.Pins {
		bytes.add(c, r.Size)
	}
	sortInterpreters(served)
	st := mpi.StoreStatus{Path: k.path.text, Loading: k.loading(p), Skipped: k.skips(p), Serves: served, Bytes: bytes.used}
	switch {
	case k.list != nil:
		st.Root = k.list.root
	case k.state.Path == k.path.text:
		st.Root = k.state.Root
	}
	if err := cmp.Or(k.resolveErr, k.notSaved); err != nil {
		st.Error = err.Error()
	}
	k.setStatus(st)
	if !slices.Equal(served, k.served) {
		k.served = served
		k.update(slices.Clone(served))
	}
}

// loading reports whether the store has not been read yet, or something in it is being fetched for
// the first time.
func (k *reconciler) loading(p plan) bool {
	if k.list == nil {
		return !k.path.empty() && k.resolveErr == nil
	}
	return slices.ContainsFunc(p.want, func(c candidate) bool {
		w := k.works[c.CID]
		return w == nil || !w.ready && w.bad == nil && w.err == nil
	})
}

// skips lists all that is not served, with the reason. Each path is logged once.
func (k *reconciler) skips(p plan) []mpi.Skipped {
	out := slices.Clone(p.skipped)
	if k.list != nil {
		out = append(out, k.list.skipped...)
	}
	for _, c := range k.candidates {
		if w := k.works[c.CID]; w.bad != nil {
			out = append(out, mpi.Skipped{Path: c.String(), Why: w.bad.Error()})
		}
	}
	told := make(map[string]bool, len(out))
	for _, sk := range out {
		if told[sk.Path] = true; !k.told[sk.Path] {
			k.cfg.Log.Warn("store: not served", "path", sk.Path, "why", sk.Why)
		}
	}
	k.told = told
	for _, c := range k.ranks {
		if w := k.works[c.CID]; !w.ready && w.err != nil { // already logged, by failed
			out = append(out, mpi.Skipped{Path: c.String(), Why: "cannot be had now, trying again: " + w.err.Error()})
		}
	}
	out = append(out, k.unselected...) // not logged: the owner wants it so
	slices.SortStableFunc(out, func(a, b mpi.Skipped) int { return cmp.Compare(a.Path, b.Path) })
	if len(out) > maxSkipped+1 {
		out = appendSkipped(out[:maxSkipped:maxSkipped], "", "")
	}
	return out
}
