package store

import (
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	ipld "github.com/ipfs/go-ipld-format"
)

// FuzzBlock: no block of a stranger breaks what reads files and directories. A block of a file has
// the size that it should have, with its parts in order; names of a directory are short.
func FuzzBlock(f *testing.F) {
	dir := unixfs.EmptyDirNode()
	f.Add(dir.RawData(), int64(0))
	file := merkledag.NodeWithData(unixfs.FilePBData([]byte("data"), 4))
	f.Add(file.RawData(), int64(4))
	parts := unixfs.NewFSNode(unixfs.TFile)
	parts.AddBlockSize(4)
	parts.AddBlockSize(3)
	data, err := parts.GetBytes()
	if err != nil {
		f.Fatal(err)
	}
	above := merkledag.NodeWithData(data)
	for range 2 {
		if err := above.AddNodeLink("", file); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(above.RawData(), int64(7))
	shard, err := unixfs.HAMTShardData([]byte{3}, 256, 0x22)
	if err != nil {
		f.Fatal(err)
	}
	hamt := merkledag.NodeWithData(shard)
	for _, name := range []string{"00", "01name"} {
		if err := hamt.AddNodeLink(name, file); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(hamt.RawData(), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, size int64) {
		n, err := merkledag.DecodeProtobuf(raw)
		if err != nil {
			return
		}
		for _, n := range []ipld.Node{n, merkledag.NewRawNode(raw)} {
			if st, err := statNode(n); err == nil && st.size < 0 {
				t.Fatalf("a size of %d", st.size)
			}
			if entries, below, err := dirLinks(n, nil); err == nil {
				for _, e := range entries {
					if len(e.name) > maxEntryName || e.size < 0 {
						t.Fatalf("an entry %+v", e)
					}
				}
				if len(entries)+len(below) != len(n.Links()) {
					t.Fatalf("%d entries and %d shards of %d links", len(entries), len(below), len(n.Links()))
				}
			} else if !isBad(err) {
				t.Fatalf("an error that is not the store's: %v", err)
			}
			if size < 0 {
				continue
			}
			b, err := parseBlock(n, 1000, size)
			if err != nil {
				if !isBad(err) {
					t.Fatalf("an error that is not the store's: %v", err)
				}
				continue
			}
			if b.end() != 1000+size || len(b.ends) != len(b.links) {
				t.Fatalf("%d bytes end at %d; %d links, %d ends", size, b.end(), len(b.links), len(b.ends))
			}
			at := int64(1000 + len(b.data))
			for _, end := range b.ends {
				if end < at || end > 1000+size {
					t.Fatalf("a part from %d to %d of %d", at, end, size)
				}
				at = end
			}
			for off := b.start + int64(len(b.data)); off < b.end(); off += max(1, size/16) {
				if i, start, part := b.link(off); i < 0 || i >= len(b.links) || off < start || off >= start+part {
					t.Fatalf("offset %d is in part %d, from %d, %d bytes", off, i, start, part)
				}
			}
		}
	})
}
