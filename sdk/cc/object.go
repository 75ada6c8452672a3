package cc

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// symbol is one of an object's symbols.
type symbol struct {
	name     string
	function bool
	defined  bool
	local    bool
}

// Of the object format: https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md
const (
	linkingVersion = 2
	symbolTable    = 8

	kindFunction, kindData, kindGlobal, kindSection, kindTag, kindTable = 0, 1, 2, 3, 4, 5

	flagLocal, flagUndefined, flagExplicitName = 0x2, 0x10, 0x40
)

var (
	wasmMagic = []byte("\x00asm")

	errNoObject = errors.New("not an object for WebAssembly")
	errCut      = errors.New("the object is cut off or damaged")
)

// symbols are the symbols of an object for WebAssembly that have names of their own.
func symbols(object []byte) ([]symbol, error) {
	if len(object) < 8 || !bytes.HasPrefix(object, wasmMagic) {
		return nil, errNoObject
	}
	r := objectReader{rest: object[8:]}
	for len(r.rest) > 0 && !r.bad {
		id, body := r.byte(), r.take(r.number())
		if id != 0 {
			continue
		}
		section := objectReader{rest: body}
		if string(section.take(section.number())) == "linking" {
			return section.linking()
		}
	}
	if r.bad {
		return nil, errCut
	}
	return nil, errNoObject
}

// objectReader reads numbers and strings; bad says that it went beyond the end.
type objectReader struct {
	rest []byte
	bad  bool
}

func (r *objectReader) linking() (list []symbol, err error) {
	if r.number() != linkingVersion {
		return nil, errNoObject
	}
	for len(r.rest) > 0 && !r.bad {
		kind, body := r.byte(), r.take(r.number())
		if kind != symbolTable {
			continue
		}
		table := objectReader{rest: body}
		for n := table.number(); n > 0 && !table.bad; n-- {
			if s := table.symbol(); s.name != "" {
				list = append(list, s)
			}
		}
		r.bad = r.bad || table.bad
	}
	if r.bad {
		return nil, errCut
	}
	return list, nil
}

func (r *objectReader) symbol() (s symbol) {
	kind, flags := r.byte(), r.number()
	s.defined, s.local = flags&flagUndefined == 0, flags&flagLocal != 0
	switch kind {
	case kindFunction, kindGlobal, kindTag, kindTable:
		s.function = kind == kindFunction
		r.number()
		if s.defined || flags&flagExplicitName != 0 {
			s.name = string(r.take(r.number()))
		}
	case kindData:
		s.name = string(r.take(r.number()))
		if s.defined {
			r.number()
			r.number()
			r.number()
		}
	case kindSection:
		r.number()
	default:
		r.bad = true
	}
	return s
}

func (r *objectReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *objectReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest, r.bad = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *objectReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.rest, r.bad = nil, true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// onlyMain reports whether an object defines no function but main, as the probes of configure
// scripts do.
func onlyMain(object []byte) bool {
	list, err := symbols(object)
	mains := 0
	for _, s := range list {
		switch {
		case !s.function || !s.defined:
		case s.name == "main" || s.name == "__main_void" || s.name == "__main_argc_argv" || s.name == "__original_main":
			mains++
		default:
			return false
		}
	}
	return err == nil && mains > 0
}
