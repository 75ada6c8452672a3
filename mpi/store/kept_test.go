package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// live is how many bytes of the heap are in use.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A program that opens many files of its directory, and reads a little of each, makes the node keep
// a bounded part of them, and reads the right bytes all the same.
func TestHostileManyOpenFiles(t *testing.T) {
	_, api := newNode(t, false)
	want := noise(4 << 20)
	root := add(t, api, map[string]string{"run.wasm": "run", "large": want, "small": noise(200_000)})
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(root))
	must(t, err)
	before := live()
	var open []fs.File
	for i := range 300 {
		f, err := b.Files.Open([]string{"large", "large", "small"}[i%3])
		must(t, err)
		defer f.Close()
		open = append(open, f)
	}
	got := make([]byte, 1<<10)
	for pass := range 3 {
		for i, f := range open {
			_, err := io.ReadFull(f, got)
			must(t, err)
			if at := pass << 10; i%3 < 2 && string(got) != want[at:at+len(got)] {
				t.Fatalf("file %d: other bytes, in pass %d", i, pass)
			}
		}
	}
	if n := live() - before; n > maxKept+maxAhead+16<<20 {
		t.Errorf("%d MiB are kept", n>>20)
	}
	for _, f := range open {
		must(t, f.Close())
	}
	if k := &b.Files.(*FS).t.kept; k.bytes != 0 || k.line.Len() != 0 {
		t.Errorf("%d bytes of %d closed files are kept", k.bytes, k.line.Len())
	}
}

// missing is a getter that has some blocks, and others never come.
type missing struct {
	ipld.NodeGetter
	of        cid.Cid
	now, most atomic.Int64
}

func (m *missing) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	if c != m.of {
		return m.NodeGetter.Get(ctx, c)
	}
	n := m.now.Add(1)
	defer m.now.Add(-1)
	for old := m.most.Load(); n > old && !m.most.CompareAndSwap(old, n); old = m.most.Load() {
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Blocks ahead that nobody gives do not add up, however often a program asks for those before them.
func TestHostileBlocksThatNeverCome(t *testing.T) {
	_, api := newNode(t, false)
	x := addNode(t, api, files.NewBytesFile([]byte("x")))
	never := link(t, api, unixfs.FilePBData([]byte("y"), 1))
	var parts []cid.Cid
	for range 64 {
		parts = append(parts, fileBlock(t, api, 1, x, never, never, never, never, never, never, never))
	}
	root := dirOf(t, api, map[string]cid.Cid{"run.wasm": x, "f": fileBlock(t, api, 8, parts...)})
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(root))
	must(t, err)
	tree := b.Files.(*FS).t
	m := &missing{NodeGetter: tree.dag.from, of: never}
	tree.dag.from = m
	for range 4 {
		f, err := b.Files.Open("f")
		must(t, err)
		defer f.Close()
		for i := range 256 {
			// A read stops at what does not come: it is of one byte.
			if n, err := f.(*file).r.step(make([]byte, 1), int64(8*(i%64))); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
	if most := m.most.Load(); most == 0 || most > (maxKept+maxAhead)/maxBlock {
		t.Errorf("%d blocks were asked for at once", most)
	}
}

// Blocks above others hold few bytes.
func TestHostileBlocksAboveOthers(t *testing.T) {
	_, api := newNode(t, false)
	c, size := addNode(t, api, files.NewBytesFile([]byte("x"))), uint64(1)
	file := c
	for range 4 {
		n := unixfs.NewFSNode(unixfs.TFile)
		n.SetData([]byte(noise(maxInner / 3)))
		n.AddBlockSize(size)
		data, err := n.GetBytes()
		must(t, err)
		c, size = link(t, api, data, &ipld.Link{Cid: c}), size+maxInner/3
	}
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(dirOf(t, api, map[string]cid.Cid{"run.wasm": file, "f": c})))
	must(t, err)
	if got, err := fs.ReadFile(b.Files, "f"); !isBad(err) || len(got) < maxInner {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Open directories keep no entries.
func TestHostileManyOpenDirectories(t *testing.T) {
	_, api := newNode(t, false)
	file := addNode(t, api, files.NewBytesFile([]byte("data")))
	names := map[string]cid.Cid{"run.wasm": file}
	for i := range 2000 {
		names[fmt.Sprintf("a name of some length, number %d", i)] = file
	}
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(dirOf(t, api, names)))
	must(t, err)
	if list, err := fs.ReadDir(b.Files, "."); err != nil || len(list) != 2001 {
		t.Fatal(len(list), err)
	}
	before := live()
	var open []fs.File
	for range 300 {
		d, err := b.Files.Open(".")
		must(t, err)
		defer d.Close()
		if list, err := d.(fs.ReadDirFile).ReadDir(3); err != nil || len(list) != 3 {
			t.Fatal(len(list), err)
		}
		open = append(open, d)
	}
	if n := live() - before; n > 16<<20 {
		t.Errorf("%d MiB are kept", n>>20)
	}
	if list, err := open[0].(fs.ReadDirFile).ReadDir(-1); err != nil || len(list) != 1998 {
		t.Error(len(list), err)
	}
}
