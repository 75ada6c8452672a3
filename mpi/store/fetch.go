package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The names of an interpreter's files that have a meaning.
const (
	runFile  = "run.wasm"
	initFile = "init.wasm"
)

// maxBlocks bounds the blocks of one interpreter.
const maxBlocks = 1 << 20

// overError says that an interpreter is larger than all of MaxStore.
type overError struct{ limit int64 }

func (e *overError) Error() string { return fmt.Sprintf("more than %s", sizeText(e.limit)) }

// inspect reports whether a directory is an interpreter. It reads only the few blocks needed for
// that.
func (d dag) inspect(ctx context.Context, c cid.Cid) error {
	entries, err := d.readDir(ctx, c, maxDirEntries)
	if err != nil {
		return err
	}
	if _, ok := find(entries, runFile); !ok {
		return badf("no %s in it", runFile)
	}
	for _, name := range []string{runFile, initFile} {
		e, ok := find(entries, name)
		if !ok {
			continue
		}
		n, err := d.Get(ctx, e.cid)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := d.s.programSize(name, n); err != nil {
			return err
		}
	}
	return nil
}

// programSize returns the size that a program's root block claims. It fails if that is over
// MaxProgram or the node is not a file.
func (s *Store) programSize(name string, n ipld.Node) (int64, error) {
	st, err := statNode(n)
	switch {
	case err != nil:
		return 0, badf("%s: %v", name, err)
	case st.kind != kindFile:
		return 0, badf("%s is not a file", name)
	case st.size == 0:
		return 0, badf("%s is empty", name)
	case st.size > s.cfg.MaxProgram:
		return 0, badf("%s has %s: at most %s are accepted", name, sizeText(st.size), sizeText(s.cfg.MaxProgram))
	}
	return st.size, nil
}

// fetch fetches every block of a tree and returns their size, each block counted once. It ignores
// the sizes that directories claim: it stops with an overError at the first byte over limit. A
// limit of 0 is none.
func (d dag) fetch(ctx context.Context, root cid.Cid, limit int64) (int64, error) {
	var size int64
	seen := cid.NewSet()
	seen.Add(root)
	type found struct {
		cid   cid.Cid
		depth int // below root, on the way that it was found first
	}
	for todo := []found{{root, 0}}; len(todo) > 0; {
		n := min(len(todo), getWorkers)
		from := slices.Clone(todo[len(todo)-n:])
		todo = todo[:len(todo)-n]
		batch := make([]cid.Cid, n)
		for i, f := range from {
			batch[i] = f.cid
		}
		var err error
		d.each(ctx, batch, func(i int, n ipld.Node, e error) {
			if e != nil {
				err = e
				return
			}
			if size += int64(len(n.RawData())); from[i].depth > maxDepth {
				err = badf("its blocks are more than %d levels deep", maxDepth)
				return
			}
			for _, l := range n.Links() {
				if seen.Visit(l.Cid) {
					todo = append(todo, found{l.Cid, from[i].depth + 1})
				}
			}
		})
		switch {
		case err != nil:
			return 0, err
		case limit > 0 && size > limit:
			return 0, &overError{limit}
		case seen.Len() > maxBlocks:
			return 0, badf("more than %d blocks", maxBlocks)
		}
	}
	return size, nil
}

// sizeText formats a size for people.
func sizeText(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 10<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// pinName is the name of our pins, as "ipfs pin ls --names" lists it. Kubo allows 255 bytes.
func pinName(i mpi.Interpreter) string {
	name := "ipfs-mpi " + i.String()
	return name[:min(len(name), 255)]
}
