package modules_test

import (
	"bytes"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/test/modules"
)

// Modules are valid, and a seed gives the same one each time.
func TestModulesAreValid(t *testing.T) {
	rt := wasm.New(wasm.Config{})
	defer rt.Close()
	mpi := 0
	for seed := range uint64(60) {
		m := modules.Module(seed, modules.Host())
		if !bytes.Equal(m, modules.Module(seed, modules.Host())) {
			t.Fatalf("seed %d gives two modules", seed)
		}
		p, err := rt.Compile(t.Context(), m)
		if err != nil {
			t.Errorf("seed %d, %d bytes: %v", seed, len(m), err)
			continue
		}
		if p.MPI() {
			mpi++
		}
		p.Close()
	}
	if mpi < 10 || mpi > 50 {
		t.Errorf("%d of 60 are MPI programs", mpi)
	}
}
