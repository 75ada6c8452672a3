package exec

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxModule is how many bytes a module may have unless a [Runtime] is configured otherwise.
const MaxModule = 64 << 20

// CheckModule refuses a module that need not be looked at further: one of more than limit bytes, or
// what is not a module.
func CheckModule(wasm []byte, limit int) error {
	switch {
	case len(wasm) > limit:
		return fmt.Errorf("wasm: the module has %d bytes: at most %d are accepted", len(wasm), limit)
	case len(wasm) < 8 || !bytes.HasPrefix(wasm, []byte("\x00asm")):
		return errors.New("wasm: not a WebAssembly module in binary form")
	case bytes.HasPrefix(wasm[4:], []byte{0x0d, 0, 1, 0}):
		return errors.New("wasm: a component, not a module: build it for WASI preview 1 (wasm32-wasip1)")
	}
	return nil
}
