package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	ipld "github.com/ipfs/go-ipld-format"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Open implements [mpi.Store]. A CID of a single file is a program without other files: its Bundle
// has only Run. Files, a *[FS], remains usable after ctx ended, until Close.
//
// An [mpi.Error] says that the content is not a program. Any other error means that the content is
// not available now.
func (s *Store) Open(ctx context.Context, program mpi.CID) (*mpi.Bundle, error) {
	c, err := parseCID(string(program))
	if err != nil {
		return nil, err
	}
	if s.life.Err() != nil {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := s.session(ctx)
	d.budget = newBudget("it", s.cfg.MaxStore)
	b, err := s.open(ctx, d, entry{cid: c})
	switch {
	case isBad(err):
		return nil, mpi.Errorf(mpi.CodeInvalid, "%s is not an interpreter: %v", c, err)
	case err != nil:
		return nil, fmt.Errorf("store: opening %s: %w", c, err)
	}
	s.opened(c)
	return b, nil
}

func (s *Store) open(ctx context.Context, d dag, e entry) (*mpi.Bundle, error) {
	root, err := d.Get(ctx, e.cid)
	if err != nil {
		return nil, err
	}
	st, err := statNode(root)
	if err != nil {
		return nil, err
	}
	if st.kind == kindFile {
		run, err := d.readProgram(ctx, "the file", root)
		return &mpi.Bundle{Run: run}, err
	}
	entries, err := d.listDir(ctx, root, maxDirEntries)
	if err != nil {
		return nil, err
	}
	b := &mpi.Bundle{Files: newFS(s, root, d.budget)}
	if b.Run, err = d.readEntry(ctx, entries, runFile); err != nil {
		return nil, err
	}
	if b.Run == nil {
		return nil, badf("no %s in it", runFile)
	}
	b.Init, err = d.readEntry(ctx, entries, initFile)
	return b, err
}

// readEntry reads a program file of a directory. It returns nil if there is none of that name.
func (d dag) readEntry(ctx context.Context, dir []entry, name string) ([]byte, error) {
	e, ok := find(dir, name)
	if !ok {
		return nil, nil
	}
	n, err := d.Get(ctx, e.cid)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d.readProgram(ctx, name, n)
}

// readProgram reads a whole file. Memory is allocated as bytes arrive, not as the file claims.
func (d dag) readProgram(ctx context.Context, name string, n ipld.Node) ([]byte, error) {
	size, err := d.s.programSize(name, n)
	if err != nil {
		return nil, err
	}
	f := newReader(ctx, d, n, size, nil)
	defer f.close()
	out := make([]byte, 0, min(size, readChunk))
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		k, err := f.readAt(out[len(out):cap(out)], int64(len(out)))
		out = out[:len(out)+k]
		switch {
		case errors.Is(err, io.EOF) && int64(len(out)) < size:
			return nil, badf("%s ends after %d bytes: it claims %d", name, len(out), size)
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}
