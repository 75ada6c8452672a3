package process

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// Every function that programs may import is provided, once.
func TestEveryFunctionIsBound(t *testing.T) {
	known, owner := map[string]bool{}, map[string]int{}
	for _, f := range abi.Functions {
		known[strings.TrimPrefix(f.Name, "MPI_")] = true
	}
	for i, f := range families {
		for name, do := range f {
			if !known[name] {
				t.Errorf("MPI_%s is no function of package abi", name)
			}
			if other, ok := owner[name]; ok {
				t.Errorf("MPI_%s is in the families %d and %d", name, other, i)
			}
			owner[name] = i
			if do.do == nil {
				t.Errorf("MPI_%s does nothing", name)
			}
		}
	}
	for _, f := range abi.Functions {
		name := strings.TrimPrefix(f.Name, "MPI_")
		_, ok := owner[name]
		if !ok {
			_, ok = owner[strings.TrimSuffix(name, "_c")]
		}
		if !ok && f.Lacks == "" {
			t.Errorf("%s (%s) is not bound", f.Name, f.Family)
		}
	}
}
