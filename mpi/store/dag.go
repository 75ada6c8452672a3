package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

const (
	getWorkers    = 8       // blocks requested at once, for one directory, file or walk
	listWorkers   = 32      // names of a store listed at once
	maxDirEntries = 1 << 16 // entries of one directory
	maxShards     = 1 << 16 // blocks of one directory
	maxEntryName  = 1 << 10 // in bytes
	// bytes of the blocks of one directory: maxDirEntries with names of half a KiB
	maxDirBytes = 32 << 20
)

// badError is a defect of the content itself. Retrying is useless.
type badError struct{ why string }

func (e *badError) Error() string { return e.why }

func badf(format string, args ...any) error { return &badError{fmt.Sprintf(format, args...)} }

func isBad(err error) bool {
	var bad *badError
	return errors.As(err, &bad)
}

// dag fetches UnixFS blocks, each within a timeout and the store's lifetime.
type dag struct {
	s       *Store
	from    ipld.NodeGetter
	timeout time.Duration // for one block
	budget  *budget       // for all blocks; nil for no bound
	workers int           // blocks that each requests at once
}

func (s *Store) dag() dag {
	return dag{s: s, from: s.api.Dag(), timeout: s.cfg.Timeout, workers: getWorkers}
}

// session is a dag that prefers peers which had earlier blocks of the same content. It ends with
// ctx.
func (s *Store) session(ctx context.Context) dag {
	d := s.dag()
	d.from = merkledag.NewSession(ctx, d.from)
	return d
}

// within is d with the timeout reduced to patience, if that is shorter.
func (d dag) within(timeout time.Duration) dag {
	d.timeout = min(d.timeout, timeout)
	return d
}

// bound returns a context that ends with ctx, with the store, or after the timeout.
func (s *Store) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

func (d dag) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	if err := checkCodec(c); err != nil {
		return nil, &badError{err.Error()}
	}
	if d.s.life.Err() != nil { // a local block would still be returned
		return nil, errClosed
	}
	bounded, cancel := d.s.bound(ctx, d.timeout)
	defer cancel()
	n, err := d.from.Get(bounded, c)
	switch {
	case err == nil:
		return n, d.budget.charge(n)
	case d.s.life.Err() != nil:
		return nil, errClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("nobody gave block %s within %s", c, d.timeout)
	}
	return nil, fmt.Errorf("block %s: %w", c, err)
}

// each fetches the nodes, several at a time, and calls f for each, one call at a time.
func (d dag) each(ctx context.Context, cids []cid.Cid, f func(i int, n ipld.Node, err error)) {
	var wg sync.WaitGroup
	var mu sync.Mutex // guards f
	slots := make(chan struct{}, d.workers)
	for i, c := range cids {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			n, err := d.Get(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			f(i, n, err)
		})
	}
	wg.Wait()
}

// fileKind is the kind of a UnixFS node.
type fileKind int

const (
	kindOther fileKind = iota // a symbolic link or an unknown kind
	kindFile
	kindDir
)

// stat is what a node's own header claims.
type stat struct {
	kind  fileKind
	size  int64 // of a file, as claimed in its root block
	mtime time.Time
}

func statNode(n ipld.Node) (stat, error) {
	switch n := n.(type) {
	case *merkledag.RawNode:
		return stat{kind: kindFile, size: int64(len(n.RawData()))}, nil
	case *merkledag.ProtoNode:
		f, err := unixfs.FSNodeFromBytes(n.Data())
		if err != nil {
			return stat{}, badf("%s is not UnixFS: %v", n.Cid(), err)
		}
		st := stat{mtime: f.ModTime()}
		switch f.Type() {
		case unixfs.TFile, unixfs.TRaw:
			st.kind, st.size = kindFile, int64(f.FileSize())
			if st.size < 0 {
				return stat{}, badf("%s claims %d bytes", n.Cid(), f.FileSize())
			}
		case unixfs.TDirectory, unixfs.THAMTShard:
			st.kind = kindDir
		}
		return st, nil
	}
	return stat{}, badf("%s is neither a file nor a directory", n.Cid())
}

// entry is a link of a directory.
type entry struct {
	name string
	cid  cid.Cid
	size int64 // size of the whole tree below, as claimed
}

func find(sorted []entry, name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(sorted, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return entry{}, false
	}
	return sorted[i], true
}

// readDir lists a directory, sorted by name, with each name once. It fails with a badError if c is
// not a directory or has more than limit entries.
func (d dag) readDir(ctx context.Context, c cid.Cid, limit int) ([]entry, error) {
	n, err := d.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	return d.listDir(ctx, n, limit)
}

// listDir is readDir for a directory whose root block is here. A sharded directory (HAMT) is listed
// without computing hashes: a link whose name is only the slot number leads to a further shard; any
// other link has the entry's name after the slot number (boxo/ipld/unixfs/hamt).
func (d dag) listDir(ctx context.Context, root ipld.Node, limit int) ([]entry, error) {
	out, todo, err := dirLinks(root, nil)
	if err != nil {
		return nil, err
	}
	seen := cid.NewSet()
	size := len(root.RawData())
	for len(todo) > 0 && err == nil {
		if len(out) > limit || seen.Len()+len(todo) > maxShards {
			break
		}
		n := min(len(todo), getWorkers) // bounds the blocks in memory
		var batch []cid.Cid
		for _, c := range todo[len(todo)-n:] {
			if seen.Visit(c) {
				batch = append(batch, c)
			}
		}
		todo = todo[:len(todo)-n]
		d.each(ctx, batch, func(_ int, shard ipld.Node, e error) {
			var names []entry
			var below []cid.Cid
			if e == nil {
				names, below, e = dirLinks(shard, out)
			}
			if e == nil {
				if size += len(shard.RawData()); size > maxDirBytes {
					e = badf("%s is a directory of more than %s", root.Cid(), sizeText(maxDirBytes))
				}
			}
			if e != nil {
				err = e
				return
			}
			out, todo = names, append(todo, below...)
		})
	}
	if err != nil {
		return nil, err
	}
	if len(out) > limit || len(todo) > 0 {
		return nil, badf("%s is a directory of more than %d entries", root.Cid(), limit)
	}
	slices.SortStableFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(out, func(a, b entry) bool { return a.name == b.name }), nil
}

// dirLinks appends the entries in one block of a directory to out, and returns the further shards.
func dirLinks(n ipld.Node, out []entry) ([]entry, []cid.Cid, error) {
	pb, slot, err := dirNode(n)
	if err != nil {
		return nil, nil, err
	}
	var below []cid.Cid
	for _, l := range pb.Links() {
		switch {
		case len(l.Name) < slot:
			return nil, nil, badf("%s is a broken shard of a directory", n.Cid())
		case slot > 0 && len(l.Name) == slot:
			below = append(below, l.Cid)
		case len(l.Name)-slot > maxEntryName:
			return nil, nil, badf("%s has a name of %d bytes: at most %d are accepted", n.Cid(), len(l.Name)-slot, maxEntryName)
		default:
			out = append(out, entry{l.Name[slot:], l.Cid, clampSize(l.Size)})
		}
	}
	return out, below, nil
}

// dirNode returns a block of a directory, and the length of the slot number before each link's
// name: 0 unless the directory is sharded.
func dirNode(n ipld.Node) (*merkledag.ProtoNode, int, error) {
	pb, ok := n.(*merkledag.ProtoNode)
	if !ok {
		return nil, 0, badf("%s is a file, not a directory", n.Cid())
	}
	f, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return nil, 0, badf("%s is not UnixFS: %v", n.Cid(), err)
	}
	switch f.Type() {
	case unixfs.TDirectory:
		return pb, 0, nil
	case unixfs.THAMTShard:
		if f.Fanout() < 2 || f.Fanout() > 1<<16 {
			return nil, 0, badf("%s is a directory of a strange shape: %d slots", n.Cid(), f.Fanout())
		}
		return pb, len(fmt.Sprintf("%X", f.Fanout()-1)), nil
	}
	return nil, 0, badf("%s is not a directory", n.Cid())
}

func clampSize(n uint64) int64 { return int64(min(n, 1<<62)) }
