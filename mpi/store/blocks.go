package store

import (
	"context"
	"math"
	"sort"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Bounds on the blocks of a file. Usual files have 174 or 1024 links in a block and 3 levels.
const (
	maxLinks  = 1 << 13 // of one block of a file
	maxLevels = 32      // of blocks of a file
	maxDepth  = 256     // of blocks of an interpreter, directories and files together
	readAhead = 8       // blocks fetched before they are read
)

// block is a block of a file between its root and the offset that is read. The bytes that it holds
// itself come before those of its links.
type block struct {
	start int64 // offset in the file
	data  []byte
	links []cid.Cid
	ends  []int64 // offset in the file after each link
	last  int     // the link that was read last, -1 for none
	ahead map[int]*fetching
}

// fetching is a block that is being fetched.
type fetching struct {
	done chan struct{} // closed when the rest is set
	node ipld.Node
	err  error
}

// parseBlock reads a block of a file, which is size bytes long by what the block above it says. It
// fails with a badError unless the block's own sizes agree, so that every level of a file that is
// descended brings bytes nearer, and blocks without bytes are never fetched.
func parseBlock(n ipld.Node, start, size int64) (*block, error) {
	b := &block{start: start, last: -1}
	switch n := n.(type) {
	case *merkledag.RawNode:
		b.data = n.RawData()
	case *merkledag.ProtoNode:
		f, err := unixfs.FSNodeFromBytes(n.Data())
		switch {
		case err != nil:
			return nil, badf("%s is not UnixFS: %v", n.Cid(), err)
		case f.Type() != unixfs.TFile && f.Type() != unixfs.TRaw:
			return nil, badf("%s is not a block of a file", n.Cid())
		case f.NumChildren() != len(n.Links()):
			return nil, badf("%s has %d links and the sizes of %d", n.Cid(), len(n.Links()), f.NumChildren())
		case len(n.Links()) > maxLinks:
			return nil, badf("%s has %d links: a block of a file has at most %d", n.Cid(), len(n.Links()), maxLinks)
		}
		b.data = f.Data()
		end := uint64(len(b.data))
		for i, l := range n.Links() {
			part := f.BlockSize(i)
			if end += part; part > math.MaxInt64 || end > uint64(size) {
				return nil, badf("%s claims more than the %d bytes it should have", n.Cid(), size)
			}
			b.links, b.ends = append(b.links, l.Cid), append(b.ends, start+int64(end))
		}
	default:
		return nil, badf("%s is not a block of a file", n.Cid())
	}
	if got := b.end() - start; got != size {
		return nil, badf("%s has or claims %d bytes: it should have %d", n.Cid(), got, size)
	}
	return b, nil
}

// end is the offset in the file after the block and all that is below it.
func (b *block) end() int64 {
	if len(b.ends) > 0 {
		return b.ends[len(b.ends)-1]
	}
	return b.start + int64(len(b.data))
}

// link returns the link with the byte at off, which is in the block and not in data, and the range
// of it.
func (b *block) link(off int64) (i int, start, size int64) {
	i = sort.Search(len(b.ends), func(i int) bool { return b.ends[i] > off })
	start = b.start + int64(len(b.data))
	if i > 0 {
		start = b.ends[i-1]
	}
	return i, start, b.ends[i] - start
}

// child fetches the i-th link of b, the last of the path, until ctx ends. If the links are read one
// after the other, those that follow are fetched as well, until life ends, as far as there is room.
func (r *reader) child(ctx context.Context, b *block, i int) (ipld.Node, error) {
	if b.ahead == nil {
		b.ahead = map[int]*fetching{}
	}
	for k := range b.ahead {
		if k < i || k >= i+readAhead {
			delete(b.ahead, k)
		}
	}
	to := i + 1
	if i == b.last+1 {
		to = min(i+readAhead, len(b.links))
	}
	for k := i; k < to; k++ {
		if b.ahead[k] != nil || k > i && (b.size(k) == 0 || r.spare() < maxBlock) {
			continue
		}
		f := &fetching{done: make(chan struct{})}
		life, c := r.life, b.links[k]
		r.fly(1)
		if !r.dag.s.enter(func() {
			f.node, f.err = r.dag.Get(life, c)
			r.fly(-1)
			close(f.done)
			if f.err == nil {
				r.all.more(r, int64(len(f.node.RawData()))-oneBlock)
			}
		}) {
			r.fly(-1)
			return nil, errClosed
		}
		b.ahead[k] = f
	}
	f := b.ahead[i]
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	delete(b.ahead, i) // if it failed the next try fetches it again
	if f.err == nil {
		b.last = i
	}
	return f.node, f.err
}

// aheadBytes is the size of the blocks that came ahead. One under way is counted as so many bytes.
func (b *block) aheadBytes(underWay int64) int64 {
	n := int64(0)
	for _, f := range b.ahead {
		select {
		case <-f.done:
			if f.node != nil {
				n += int64(len(f.node.RawData()))
			}
		default:
			n += underWay
		}
	}
	return n
}

func (b *block) size(i int) int64 {
	if i == 0 {
		return b.ends[0] - b.start - int64(len(b.data))
	}
	return b.ends[i] - b.ends[i-1]
}
