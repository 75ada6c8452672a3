package module

import "fmt"

// indirectTable is what linkers call the table of functions.
const indirectTable = "__indirect_function_table"

// ExportTable returns a module that exports its table of functions, table 0, and under which name;
// the module itself if it does so already, or has none: then the name is empty. Callbacks of MPI
// are indices into this table, and linkers do not export it unless they are told.
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
	out, err = edit(wasm, map[byte]func(*reader) []byte{exportSection: with(export(name, 1, 0))})
	return out, name, err
}
