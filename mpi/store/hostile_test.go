package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	iface "github.com/ipfs/kubo/core/coreiface"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A store whose names are all the same directory of many versions costs as much as one of them.
func TestHostileStoreOfOneDirectoryUnderManyNames(t *testing.T) {
	_, api := newNode(t, false)
	file := addNode(t, api, files.NewBytesFile([]byte("data")))
	versions, junk := map[string]cid.Cid{}, map[string]cid.Cid{}
	for i := range maxVersions {
		versions[fmt.Sprintf("1.0.%d", i)] = file
		junk[fmt.Sprintf("junk %d", i)] = file
	}
	for _, dir := range []cid.Cid{dirOf(t, api, versions), dirOf(t, api, junk)} {
		names := map[string]cid.Cid{}
		for i := range 1024 {
			names[fmt.Sprintf("name-%d", i)] = dir
		}
		s, root := newStore(t, api, Config{}), dirOf(t, api, names)
		var l *listing
		got := allocated(func() {
			var err error
			l, err = s.list(t.Context(), root, func(*listing) {})
			must(t, err)
		})
		if len(l.found) > maxCandidates || len(l.skipped) != maxSkipped+1 {
			t.Errorf("%d found, %d skipped", len(l.found), len(l.skipped))
		}
		if got > 96<<20 { // a slice of entries for each name would be 300 MiB
			t.Errorf("%d MiB were allocated", got>>20)
		}
	}
}

// The directories of a store are read up to a number of bytes.
func TestHostileStoreOfLargeDirectories(t *testing.T) {
	_, api := newNode(t, false)
	file := addNode(t, api, files.NewBytesFile([]byte("data")))
	names := map[string]cid.Cid{}
	for i := range 40 {
		versions := map[string]cid.Cid{}
		for v := range maxVersions {
			versions[fmt.Sprintf("1.0.%d-%s", v, strings.Repeat("x", 80+i))] = file
		}
		names[fmt.Sprintf("name-%d", i)] = dirOf(t, api, versions)
	}
	l, err := newStore(t, api, Config{}).list(t.Context(), dirOf(t, api, names), func(*listing) {})
	must(t, err)
	over := func(s mpi.Skipped) bool { return strings.Contains(s.Why, "the store's listing has more than 16.0 MiB") }
	if len(l.found) != maxCandidates || !slices.ContainsFunc(l.skipped, over) || len(l.unreadable) != 0 {
		t.Errorf("%d found, skipped %v, unreadable %v", len(l.found), l.skipped, l.unreadable)
	}
}

// A directory of shards without entries, which are padded.
func TestHostileDirectoryOfPadding(t *testing.T) {
	_, api := newNode(t, false)
	s := newStore(t, api, Config{})
	padding := noise(1 << 20)
	var links []*ipld.Link
	for i := range 40 {
		data, err := unixfs.HAMTShardData([]byte(fmt.Sprint(i)+padding), 256, 0x22)
		must(t, err)
		links = append(links, &ipld.Link{Name: fmt.Sprintf("%02X", i), Cid: link(t, api, data)})
	}
	data, err := unixfs.HAMTShardData([]byte{0xff}, 256, 0x22)
	must(t, err)
	if _, err := s.dag().readDir(t.Context(), link(t, api, data, links...), maxDirEntries); !isBad(err) || !strings.Contains(err.Error(), "32.0 MiB") {
		t.Errorf("error is %v", err)
	}
}

// What a program reads of its own directory comes to the node's disk: at most MaxStore of it,
// however often what is there is read.
func TestHostileBundleOverMaxStore(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, map[string]string{"run.wasm": "run", "small": noise(300_000), "large": noise(4 << 20)})
	b, err := newStore(t, api, Config{MaxStore: 1 << 20}).Open(t.Context(), canonical(root))
	must(t, err)
	for range 10 {
		if _, err := fs.ReadFile(b.Files, "small"); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got, err := fs.ReadFile(b.Files, "large"); !isBad(err) || len(got) > 1<<20 || !strings.Contains(err.Error(), "more than 1024.0 KiB") {
			t.Errorf("%d bytes are read, %v", len(got), err)
		}
	}
	if _, err := fs.ReadFile(b.Files, "small"); err != nil {
		t.Error(err)
	}
	_, err = newStore(t, api, Config{MaxStore: 1 << 10}).Open(t.Context(), canonical(at(t, api, root, "small")))
	if !isInvalid(err) {
		t.Errorf("a program over MaxStore: %v", err)
	}
}

func isInvalid(err error) bool {
	var coded *mpi.Error
	return errors.As(err, &coded) && coded.Code == mpi.CodeInvalid
}

// fileBlock is a block of a file with links that claim sizes.
func fileBlock(t *testing.T, api iface.CoreAPI, size uint64, links ...cid.Cid) cid.Cid {
	t.Helper()
	n := unixfs.NewFSNode(unixfs.TFile)
	var list []*ipld.Link
	for _, c := range links {
		n.AddBlockSize(size)
		list = append(list, &ipld.Link{Cid: c})
	}
	data, err := n.GetBytes()
	must(t, err)
	return link(t, api, data, list...)
}

// Files that are chains of blocks, that have blocks without bytes, or whose blocks contradict each
// other, are an error of the program, which is not tried again.
func TestHostileShapesOfFiles(t *testing.T) {
	_, api := newNode(t, false)
	file := addNode(t, api, files.NewBytesFile([]byte("x")))
	chain := file
	for range 1000 {
		chain = fileBlock(t, api, 1, chain)
	}
	empty := link(t, api, unixfs.FilePBData(nil, 0)) // in the end 2^40 of them
	for range 40 {
		empty = fileBlock(t, api, 0, empty, empty)
	}
	many := make([]cid.Cid, maxLinks+1)
	for i := range many {
		many[i] = file
	}
	for name, c := range map[string]cid.Cid{
		"a chain":             chain,
		"blocks without data": fileBlock(t, api, 10, empty),
		"too short":           fileBlock(t, api, 10, file),
		"too long":            fileBlock(t, api, 1, addNode(t, api, files.NewBytesFile([]byte("xy")))),
		"sizes that overflow": fileBlock(t, api, 1<<62, file, file),
		"many links":          fileBlock(t, api, 1, many...),
		"a directory below":   fileBlock(t, api, 1, add(t, api, map[string]string{"a": "b"})),
	} {
		s := newStore(t, api, Config{})
		if _, err := s.Open(t.Context(), canonical(dirOf(t, api, map[string]cid.Cid{"run.wasm": c}))); !isInvalid(err) {
			t.Errorf("%s, as a program: %v", name, err)
		}
		b, err := s.Open(t.Context(), canonical(dirOf(t, api, map[string]cid.Cid{"run.wasm": file, "f": c})))
		must(t, err)
		if got, err := fs.ReadFile(b.Files, "f"); err == nil {
			t.Errorf("%s, as a file: %q", name, got)
		}
	}
	// Empty blocks among others cost nothing.
	root := dirOf(t, api, map[string]cid.Cid{"run.wasm": fileBlock(t, api, 0, empty, empty), "f": file})
	if _, err := newStore(t, api, Config{}).Open(t.Context(), canonical(root)); !isInvalid(err) {
		t.Errorf("an empty program: %v", err)
	}
	s := newStore(t, api, Config{})
	if _, err := s.dag().fetch(t.Context(), chain, 0); !isBad(err) || !strings.Contains(err.Error(), "levels") {
		t.Errorf("the chain is fetched: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b, err := s.Open(ctx, canonical(dirOf(t, api, map[string]cid.Cid{"run.wasm": file, "f": file})))
	must(t, err)
	f, err := b.Files.(*FS).WithContext(ctx).Open("f")
	must(t, err)
	defer f.Close()
	cancel()
	if _, err := f.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		t.Errorf("a read after the end of its context: %v", err)
	}
}
