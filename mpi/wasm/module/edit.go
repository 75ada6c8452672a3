package module

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// edit returns a module in which sections hold something else. Each change is given what its
// section holds, or nothing if there is no such section, and returns what it is to hold, or nil for
// none. The module has passed [Inspect].
func edit(wasm []byte, changes map[byte]func(*reader) []byte) (out []byte, err error) {
	out = append(slices.Grow([]byte(nil), len(wasm)+len(wasm)/8), wasm[:8]...)
	write := func(id byte, old reader) error {
		content := changes[id](&old)
		switch {
		case old.err != nil:
			return fmt.Errorf("module: %w", old.err)
		case content == nil:
			return nil
		}
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(content)))
		out = append(out, content...)
		return nil
	}
	left := make([]byte, 0, len(changes))
	for id := range changes {
		left = append(left, id)
	}
	slices.SortFunc(left, func(a, b byte) int { return place[a] - place[b] })
	err = sections(wasm, func(s section) error {
		for s.id != customSection && len(left) > 0 && place[left[0]] <= place[s.id] {
			id := left[0]
			left = left[1:]
			if id == s.id {
				return write(id, s.body)
			}
			if err := write(id, reader{what: sectionNames[id]}); err != nil {
				return err
			}
		}
		out = append(out, wasm[s.start:int(s.body.at)+len(s.body.b)]...)
		return nil
	})
	for _, id := range left {
		if err == nil {
			err = write(id, reader{what: sectionNames[id]})
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// with is a change that adds to the list that a section is.
func with(items ...[]byte) func(*reader) []byte {
	return func(old *reader) []byte {
		n := uint64(0)
		if len(old.b) > 0 {
			n = uint64(old.u32())
		}
		return slices.Concat(binary.AppendUvarint(nil, n+uint64(len(items))), old.b, slices.Concat(items...))
	}
}

// export is an item of the export section; the kind is its number.
func export(name string, kind byte, index uint32) []byte {
	b := binary.AppendUvarint(nil, uint64(len(name)))
	b = append(append(b, name...), kind)
	return binary.AppendUvarint(b, uint64(index))
}
