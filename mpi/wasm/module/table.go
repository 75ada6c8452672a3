package module

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// indirectTable is what linkers call the table of functions.
const indirectTable = "__indirect_function_table"

// ExportTable returns a module that exports its table of functions, table 0, and under which name; the module itself if
// it does so already, or has none: then the name is empty. Callbacks of MPI are indices into this table, and linkers
// do not export it unless they are told.
func ExportTable(wasm []byte) (out []byte, name string, err error) {
	m, err := Inspect(wasm)
	if err != nil {
		return nil, "", err
	}
	if name, ok := m.FunctionTable(); ok || !m.hasFunctionTable() {
		return wasm, name, nil
	}
	for name = indirectTable; ; name += "_" {
		if _, taken := m.Export(name); !taken {
			break
		}
	}
	if len(m.Exports) == maxExports {
		return nil, "", fmt.Errorf("module: it has %d exports", maxExports)
	}
	entry := binary.AppendUvarint(nil, uint64(len(name)))
	entry = append(append(entry, name...), 1 /* a table */, 0 /* the first */)

	// The old section goes, and the new one comes in its place: before the first that has to follow.
	body := binary.AppendUvarint(nil, uint64(len(m.Exports)+1))
	from, to := len(wasm), len(wasm)
	found := false
	sections(wasm, func(s section) error { // Inspect found no fault
		switch {
		case s.id == exportSection:
			s.body.u32()
			body = append(body, s.body.b...)
			from, to, found = s.start, int(s.body.at)+len(s.body.b), true
		case !found && s.id != customSection && place[s.id] > place[exportSection]:
			from, to, found = s.start, s.start, true
		}
		return nil
	})
	body = append(body, entry...)
	head := binary.AppendUvarint([]byte{exportSection}, uint64(len(body)))
	return slices.Concat(wasm[:from], head, body, wasm[to:]), name, nil
}
