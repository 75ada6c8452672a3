package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	maxPathLen = 4096
	maxCIDLen  = 256 // of the text
)

// storePath is a parsed Config.Path.
type storePath struct {
	text string   // as given
	root cid.Cid  // for /ipfs; undefined for /ipns
	name string   // for /ipns
	segs []string // below the root
}

func (p storePath) empty() bool   { return p.text == "" }
func (p storePath) mutable() bool { return p.name != "" }

// CheckPath reports whether s can be the path of a store, as [Config] describes. It does not use
// the network.
func CheckPath(s string) error {
	_, err := parsePath(s)
	return err
}

func parsePath(s string) (storePath, error) {
	if s == "" {
		return storePath{}, nil
	}
	bad := func(why any) (storePath, error) {
		return storePath{}, fmt.Errorf("store: %.200q is not the path of a store: %v; accepted are /ipfs/CID, /ipns/NAME or a bare CID, maybe followed by a path", s, why)
	}
	if len(s) > maxPathLen {
		return bad(fmt.Sprintf("it has %d bytes, at most %d are accepted", len(s), maxPathLen))
	}
	full := s
	if !strings.HasPrefix(s, "/") {
		full = "/ipfs/" + s
	}
	p, err := path.NewPath(full)
	if err != nil {
		return bad(err)
	}
	segs := p.Segments()
	out := storePath{text: s, segs: segs[2:]}
	switch segs[0] {
	case path.IPFSNamespace:
		if out.root, err = cid.Decode(segs[1]); err != nil {
			return bad(err)
		}
		if err := checkCodec(out.root); err != nil {
			return bad(err)
		}
	case path.IPNSNamespace:
		out.name = segs[1]
	default:
		return bad("/" + segs[0] + " is no place for files")
	}
	return out, nil
}

// ParseCID implements [mpi.Store]: base58 or any multibase, version 0 or 1, with or without
// /ipfs/ before it and a slash after it.
func (s *Store) ParseCID(text string) (mpi.CID, error) { return ParseCID(text) }

// ParseCID reads a CID in any spelling and makes it canonical.
func ParseCID(text string) (mpi.CID, error) {
	c, err := parseCID(text)
	if err != nil {
		return "", err
	}
	return canonical(c), nil
}

func parseCID(text string) (cid.Cid, error) {
	t := strings.TrimSuffix(strings.TrimPrefix(text, "/ipfs/"), "/")
	if len(t) > maxCIDLen {
		return cid.Undef, mpi.Errorf(mpi.CodeInvalid, "%.32q… is %d bytes long and no CID", text, len(text))
	}
	c, err := cid.Decode(t)
	if err != nil {
		return cid.Undef, mpi.Errorf(mpi.CodeInvalid, "%q is not a CID: %v", text, err)
	}
	if err := checkCodec(c); err != nil {
		return cid.Undef, mpi.Errorf(mpi.CodeInvalid, "%q: %v", text, err)
	}
	return version1(c), nil
}

// checkCodec accepts the codecs of UnixFS files and directories.
func checkCodec(c cid.Cid) error {
	switch c.Type() {
	case cid.DagProtobuf, cid.Raw:
		return nil
	case cid.Libp2pKey:
		return fmt.Errorf("%s is the CID of a key, not of files; as a store write /ipns/%s", c, c)
	}
	return fmt.Errorf("%s is neither a file nor a directory: its codec is 0x%x, not dag-pb or raw", c, c.Type())
}

// canonical is the one spelling of c that we use: version 1, base32.
func canonical(c cid.Cid) mpi.CID { return mpi.CID(version1(c).String()) }

func version1(c cid.Cid) cid.Cid { return cid.NewCidV1(c.Type(), c.Hash()) }

// resolve resolves the store's path to a CID now, without using any cache of names.
func (s *Store) resolve(ctx context.Context, p storePath) (cid.Cid, error) {
	root, segs := p.root, p.segs
	if p.mutable() {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
		to, err := s.api.Name().Resolve(ctx, "/ipns/"+p.name, options.Name.Cache(false))
		if err != nil {
			return cid.Undef, fmt.Errorf("store: resolving /ipns/%s: %w", p.name, err)
		}
		ip, err := path.NewImmutablePath(to)
		if err != nil {
			return cid.Undef, fmt.Errorf("store: /ipns/%s points to %s: %w", p.name, to, err)
		}
		root, segs = ip.RootCid(), append(ip.Segments()[2:], segs...)
	}
	d := s.dag()
	for i, seg := range segs {
		entries, err := d.readDir(ctx, root, maxDirEntries)
		if err != nil {
			return cid.Undef, fmt.Errorf("store: %s: reading /%s: %w", p.text, strings.Join(segs[:i], "/"), err)
		}
		next, ok := find(entries, seg)
		if !ok {
			return cid.Undef, fmt.Errorf("store: %s: there is no %q in it", p.text, strings.Join(segs[:i+1], "/"))
		}
		root = next.cid
	}
	if err := checkCodec(root); err != nil {
		return cid.Undef, fmt.Errorf("store: %s: %w", p.text, err)
	}
	return root, nil
}
