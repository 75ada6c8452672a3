package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

const (
	maxNames      = 4096    // entries at the top of a store
	maxVersions   = 4096    // entries of one name
	maxCandidates = 16384   // name/version pairs of a store
	maxListed     = 1 << 16 // entries of all names of a store
	// bytes of the blocks of a listing, each once: maxCandidates and the directories around them
	maxListing = 16 << 20
)

// candidate is a name/version directory of the store. Its content has not been checked.
type candidate struct {
	mpi.Interpreter
	cid  cid.Cid // version 1
	size int64   // of the whole tree, as its directory claims
}

// listing is what was found in one store directory.
type listing struct {
	root       mpi.CID
	found      []candidate
	skipped    []mpi.Skipped
	unreadable map[string]error // names that could not be listed this time
	entries    int              // of all names
}

// list lists a store directory. An error means that nothing at all is known. If part of it takes
// long, interim is called with what was found so far.
func (s *Store) list(ctx context.Context, root cid.Cid, interim func(*listing)) (*listing, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := s.session(ctx)
	d.budget = newBudget("the store's listing", maxListing)
	names, err := d.readDir(ctx, root, maxNames)
	if err != nil {
		return nil, fmt.Errorf("store: reading the store's directory: %w", err)
	}
	d.workers = listWorkers
	looks := make([]look, len(names))
	for i, e := range names {
		looks[i].entry = e
	}
	if missing := d.within(patience).lookInto(ctx, looks); missing > 0 && patience < d.timeout {
		interim(newListing(root, looks))
		d.lookInto(ctx, looks)
	}
	return newListing(root, looks), nil
}

// patience is the timeout of the first try for a block while others are still to be tried.
const patience = 2 * time.Second

// look is the listing of one name of a store.
type look struct {
	entry
	versions []entry
	err      error
	done     bool // nothing is left to be read
}

// lookInto lists the names that are not done, and returns how many are still not done. Names that
// are the same directory are one listing.
func (d dag) lookInto(ctx context.Context, looks []look) (missing int) {
	same := map[cid.Cid][]*look{}
	var cids []cid.Cid
	for i := range looks {
		if l := &looks[i]; !l.done && mpi.ValidName(l.name) {
			if same[l.cid] == nil {
				cids = append(cids, l.cid)
			}
			same[l.cid] = append(same[l.cid], l)
		}
	}
	d.each(ctx, cids, func(i int, n ipld.Node, err error) {
		var versions []entry
		if err == nil {
			versions, err = d.listDir(ctx, n, maxVersions)
		}
		for _, l := range same[cids[i]] {
			l.versions, l.err, l.done = versions, err, err == nil || isBad(err)
			if !l.done {
				missing++
			}
		}
	})
	return missing
}

func newListing(root cid.Cid, looks []look) *listing {
	l := &listing{root: canonical(root), unreadable: make(map[string]error)}
	for _, name := range looks {
		switch {
		case !mpi.ValidName(name.name):
			l.skip(show(name.name), "not a name: 1 to %d letters, digits, '.', '_' or '-', not starting with '.' or '-'", mpi.MaxNameLen)
		case isBad(name.err):
			l.skip(name.name, "not a directory of versions: %v", name.err)
		case name.err != nil:
			l.unreadable[name.name] = name.err
		default:
			l.versions(name.name, name.versions)
		}
	}
	return l
}

func (l *listing) versions(name string, entries []entry) {
	if len(entries) == 0 {
		l.skip(name, "an empty directory")
	}
	if l.entries += len(entries); l.entries > maxListed || len(l.found) >= maxCandidates {
		l.skip(name, "more than %d interpreters, or %d entries, in one store", maxCandidates, maxListed)
		return
	}
	for _, e := range entries {
		path := name + "/" + show(e.name)
		version, err := selector.ValidVersion(e.name)
		switch {
		case err != nil:
			l.skip(path, "not a semantic version such as 1.0.0")
		case checkCodec(e.cid) != nil:
			l.skip(path, "%v", checkCodec(e.cid))
		case len(l.found) >= maxCandidates:
			l.skip(path, "more than %d interpreters in one store", maxCandidates)
			return
		default:
			l.found = append(l.found, candidate{mpi.Interpreter{Name: name, Version: version, CID: canonical(e.cid)}, version1(e.cid), e.size})
		}
	}
}

// maxSkipped bounds the skipped entries that are remembered. One more entry says that there were
// more.
const maxSkipped = 256

func (l *listing) skip(path, format string, args ...any) {
	if len(l.skipped) <= maxSkipped {
		l.skipped = appendSkipped(l.skipped, path, fmt.Sprintf(format, args...))
	}
}

func appendSkipped(list []mpi.Skipped, path, why string) []mpi.Skipped {
	switch {
	case len(list) < maxSkipped:
		return append(list, mpi.Skipped{Path: path, Why: why})
	case len(list) == maxSkipped:
		return append(list, mpi.Skipped{Path: "…", Why: fmt.Sprintf("more than %d entries are not served; the rest is not named", maxSkipped)})
	}
	return list
}

// show makes a name that somebody else chose safe for a log line.
func show(name string) string {
	short := name[:min(len(name), 64)]
	if quoted := strconv.QuoteToGraphic(short); quoted[1:len(quoted)-1] != short {
		short = quoted
	}
	if len(name) > 64 {
		short += "…"
	}
	return short
}
