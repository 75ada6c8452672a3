package cc_test

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// A command line is understood without a compiler: what it makes, and which options have no meaning
// for WebAssembly.
func ExampleParse() {
	line, err := cc.Parse([]string{"-O3", "-march=native", "heat.c", "-lm"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(line.Output)
	for _, note := range line.Notes {
		fmt.Println(note)
	}
	// Output:
	// heat.wasm
	// -march=native is left out: there is one architecture
}
