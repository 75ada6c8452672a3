package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// dirOf makes a directory block with any names. It claims sizes of 0.
func dirOf(t *testing.T, api iface.CoreAPI, links map[string]cid.Cid) cid.Cid {
	t.Helper()
	var list []*ipld.Link
	for name, c := range links {
		list = append(list, &ipld.Link{Name: name, Cid: c})
	}
	return link(t, api, unixfs.FolderPBData(), list...)
}

// noise is n bytes, the same on every run.
func noise(n int) string {
	out := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(out)
	return string(out)
}

func newStore(t *testing.T, api iface.CoreAPI, cfg Config) *Store {
	t.Helper()
	s := New(api, cfg)
	t.Cleanup(func() { must(t, s.Close(context.Background())) })
	return s
}

func TestOpen(t *testing.T) {
	node, inProcess := newNode(t, false)
	content := map[string]string{"run.wasm": noise(700_000), "init.wasm": "init", "data/a/b.txt": "hello", "data/big.bin": noise(300_000), "data/empty": ""}
	root := addNode(t, inProcess, dirTree(content))
	for i := range 300 {
		content[fmt.Sprintf("many/file-%03d", i)] = fmt.Sprint("number ", i)
	}
	sharded := addNode(t, inProcess, dirTree(content), options.Unixfs.MaxHAMTFanout(16), options.Unixfs.MaxDirectoryLinks(20), options.Unixfs.CidVersion(1))
	if n, err := inProcess.Dag().Get(t.Context(), at(t, inProcess, sharded, "many")); err != nil || len(n.Links()) > 16 {
		t.Fatalf("the directory is not sharded: %v", err)
	}
	for name, api := range map[string]iface.CoreAPI{"in process": inProcess, "over RPC": overRPC(t, node)} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, api, Config{})
			ctx, cancel := context.WithCancel(t.Context())
			for _, c := range []cid.Cid{root, sharded} {
				b, err := s.Open(ctx, canonical(c))
				must(t, err)
				if string(b.Run) != content["run.wasm"] || string(b.Init) != "init" {
					t.Errorf("run.wasm has %d bytes, init.wasm is %q", len(b.Run), b.Init)
				}
			}
			b, err := s.Open(ctx, canonical(sharded))
			must(t, err)
			cancel() // files live on
			var names []string
			for name, want := range content {
				names = append(names, name)
				got, err := fs.ReadFile(b.Files, name)
				if err != nil || string(got) != want {
					t.Fatalf("%s: %d bytes, %v", name, len(got), err)
				}
			}
			if name == "in process" { // over RPC it would take thousands of requests
				must(t, fstest.TestFS(b.Files, names...))
			}
		})
	}
	if n, stacks := ours(); n != 0 {
		t.Errorf("%d goroutines are left:\n%s", n, stacks)
	}
}

func TestOpenOneFile(t *testing.T) {
	_, api := newNode(t, false)
	s := newStore(t, api, Config{})
	for _, data := range []string{"small", noise(1 << 20)} {
		for version := range 2 {
			c := addNode(t, api, files.NewBytesFile([]byte(data)), options.Unixfs.CidVersion(version))
			b, err := s.Open(t.Context(), mpi.CID(c.String())) // any spelling
			must(t, err)
			if string(b.Run) != data || b.Init != nil || b.Files != nil {
				t.Errorf("bundle of %d bytes is %d, %v, %v", len(data), len(b.Run), b.Init, b.Files)
			}
		}
	}
}

func TestOpenRefusesWhatIsNoProgram(t *testing.T) {
	_, api := newNode(t, false)
	s := newStore(t, api, Config{MaxProgram: 1 << 20})
	claims := func(size uint64) cid.Cid { return link(t, api, unixfs.FilePBData(nil, size)) }
	symlink, err := unixfs.SymlinkData("run.wasm")
	must(t, err)
	for name, c := range map[string]cid.Cid{
		"no run.wasm":      add(t, api, map[string]string{"main.wasm": "x"}),
		"a directory":      add(t, api, map[string]string{"run.wasm/x": "x"}),
		"empty":            add(t, api, map[string]string{"run.wasm": ""}),
		"too large":        add(t, api, map[string]string{"run.wasm": noise(1<<20 + 1)}),
		"init too large":   add(t, api, map[string]string{"run.wasm": "x", "init.wasm": noise(1<<20 + 1)}),
		"claims too much":  dirOf(t, api, map[string]cid.Cid{"run.wasm": claims(1 << 62)}),
		"claims negative":  dirOf(t, api, map[string]cid.Cid{"run.wasm": claims(1 << 63)}),
		"claims more":      dirOf(t, api, map[string]cid.Cid{"run.wasm": claims(1 << 20)}),
		"not UnixFS":       link(t, api, []byte("\xff\xff\xff")),
		"no data":          link(t, api, nil),
		"a symlink":        dirOf(t, api, map[string]cid.Cid{"run.wasm": link(t, api, symlink)}),
		"itself a symlink": link(t, api, symlink),
		"another codec":    dirOf(t, api, map[string]cid.Cid{"run.wasm": cid.NewCidV1(cid.DagCBOR, claims(1).Hash())}),
	} {
		_, err := s.Open(t.Context(), canonical(c))
		var coded *mpi.Error
		if !errors.As(err, &coded) || coded.Code != mpi.CodeInvalid {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	missing := add(t, newNodeAPI(t), map[string]string{"run.wasm": "only there"})
	var coded *mpi.Error
	if _, err := s.Open(t.Context(), canonical(missing)); err == nil || errors.As(err, &coded) {
		t.Errorf("missing: error is %v", err)
	}
}

func newNodeAPI(t *testing.T) iface.CoreAPI { _, api := newNode(t, false); return api }

func TestFilesOfAHostileTree(t *testing.T) {
	_, api := newNode(t, false)
	file := addNode(t, api, files.NewBytesFile([]byte("data")), options.Unixfs.CidVersion(1))
	other := addNode(t, api, files.NewBytesFile([]byte("other")), options.Unixfs.CidVersion(1))
	symlink, err := unixfs.SymlinkData("/etc/passwd")
	must(t, err)
	sub := dirOf(t, api, map[string]cid.Cid{"ok": file, "..": file})
	links := []*ipld.Link{{Name: "twice", Cid: file}, {Name: "twice", Cid: other}}
	for _, name := range []string{"", ".", "..", "/", "/etc", "a/b", "a/../b", "../up", "nul\x00", "bad\xff", "run.wasm", "sp ace", "ünï", "sub/ok"} {
		links = append(links, &ipld.Link{Name: name, Cid: file})
	}
	links = append(links, &ipld.Link{Name: "sub", Cid: sub}, &ipld.Link{Name: "symlink", Cid: link(t, api, symlink)},
		&ipld.Link{Name: "cbor", Cid: cid.NewCidV1(cid.DagCBOR, file.Hash())})
	root := link(t, api, unixfs.FolderPBData(), links...)

	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(root))
	must(t, err)
	list, err := fs.ReadDir(b.Files, ".")
	must(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	if want := []string{"run.wasm", "sp ace", "sub", "twice", "ünï"}; !slices.Equal(names, want) {
		t.Errorf("names are %q, want %q", names, want)
	}
	must(t, fstest.TestFS(b.Files, "run.wasm", "sub/ok", "twice", "ünï"))
	for _, name := range []string{"", "/", "..", "../up", "sub/..", "sub/../run.wasm", "./run.wasm", "/etc", "symlink", "symlink/x", "cbor", "run.wasm/x", "nul\x00",
		"bad\xff", "a/b", strings.Repeat("x/", 10_000) + "x"} {
		if _, err := b.Files.Open(name); err == nil {
			t.Errorf("%q opens", name)
		}
	}
}

func TestDirectoriesAreBounded(t *testing.T) {
	_, api := newNode(t, false)
	s := newStore(t, api, Config{})
	file := addNode(t, api, files.NewBytesFile([]byte("data")), options.Unixfs.CidVersion(1))
	d := s.dag()
	shard := func(fanout uint64, links ...*ipld.Link) cid.Cid {
		data, err := unixfs.HAMTShardData([]byte{0xff}, fanout, 0x22)
		must(t, err)
		return link(t, api, data, links...)
	}
	// Each of 40 levels leads to the next twice: 2^40 paths and no end.
	bomb := shard(256)
	for range 40 {
		bomb = shard(256, &ipld.Link{Name: "00", Cid: bomb}, &ipld.Link{Name: "01", Cid: bomb})
	}
	if list, err := d.readDir(t.Context(), bomb, 10); err != nil || len(list) != 0 {
		t.Errorf("bomb: %v, %v", list, err)
	}
	for name, c := range map[string]cid.Cid{
		"too many":     dirOf(t, api, map[string]cid.Cid{"a": file, "b": file, "c": file}),
		"short name":   shard(256, &ipld.Link{Name: "0", Cid: file}),
		"a file below": shard(256, &ipld.Link{Name: "00", Cid: file}),
		"no slots":     shard(0, &ipld.Link{Name: "00x", Cid: file}),
		"many slots":   shard(1<<62, &ipld.Link{Name: "00x", Cid: file}),
		"long name":    dirOf(t, api, map[string]cid.Cid{strings.Repeat("x", 2000): file}),
	} {
		if _, err := d.readDir(t.Context(), c, 2); !isBad(err) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestFileReads(t *testing.T) {
	_, api := newNode(t, false)
	data := noise(3<<20 + 17)
	root := add(t, api, map[string]string{"run.wasm": "x", "f": data})
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(root))
	must(t, err)
	f, err := b.Files.Open("f")
	must(t, err)
	at := f.(io.ReaderAt)
	for _, tc := range []struct{ off, n int }{{0, 1}, {1 << 20, 1}, {262143, 2}, {0, len(data)}, {len(data) - 5, 5}, {5, 1 << 21}, {3 << 20, 17}} {
		p := make([]byte, tc.n)
		if n, err := at.ReadAt(p, int64(tc.off)); n != tc.n || err != nil || string(p) != data[tc.off:tc.off+tc.n] {
			t.Errorf("ReadAt(%d, %d) is %d, %v", tc.off, tc.n, n, err)
		}
	}
	if n, err := at.ReadAt(make([]byte, 10), int64(len(data)-5)); n != 5 || err != io.EOF {
		t.Errorf("ReadAt over the end is %d, %v", n, err)
	}
	for _, off := range []int64{int64(len(data)), 1 << 62} {
		if n, err := at.ReadAt(make([]byte, 1), off); n != 0 || err != io.EOF {
			t.Errorf("ReadAt(%d) is %d, %v", off, n, err)
		}
	}
	if _, err := at.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt(-1): %v", err)
	}
	s := f.(io.Seeker)
	for _, tc := range []struct {
		off    int64
		whence int
		want   int64
	}{{10, io.SeekStart, 10}, {5, io.SeekCurrent, 15}, {-15, io.SeekCurrent, 0}, {-1, io.SeekEnd, int64(len(data)) - 1}, {1, io.SeekEnd, int64(len(data)) + 1}} {
		if got, err := s.Seek(tc.off, tc.whence); got != tc.want || err != nil {
			t.Errorf("Seek(%d, %d) is %d, %v", tc.off, tc.whence, got, err)
		}
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek(-1) works")
	}
	if _, err := s.Seek(0, 7); err == nil {
		t.Error("Seek from nowhere works")
	}
	if _, err := s.Seek(1<<20-3, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(f)
	if err != nil || string(rest) != data[1<<20-3:] {
		t.Errorf("the rest has %d bytes, %v", len(rest), err)
	}
	must(t, f.Close())
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := at.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("ReadAt after Close: %v", err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Close after Close: %v", err)
	}
}

func TestFilesAreReadByManyAtOnce(t *testing.T) {
	_, api := newNode(t, false)
	data := noise(1 << 20)
	b, err := newStore(t, api, Config{}).Open(t.Context(), canonical(add(t, api, map[string]string{"run.wasm": "x", "f": data, "d/e": data})))
	must(t, err)
	f, err := b.Files.Open("f")
	must(t, err)
	defer f.Close()
	errs := make(chan error)
	for i := range 8 {
		go func() {
			p := make([]byte, 1000)
			off := 131_072 * i
			_, err := f.(io.ReaderAt).ReadAt(p, int64(off))
			if err == nil && !bytes.Equal(p, []byte(data)[off:off+1000]) {
				err = fmt.Errorf("wrong bytes at %d", off)
			}
			if _, e := fs.ReadFile(b.Files, "d/e"); err == nil {
				err = e
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
