package modules

import (
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// Host is what a node provides: all of WASI, and of MPI as far as it is there.
func Host() []Function {
	var list []Function
	for _, f := range wasi.Functions() {
		x := Function{Module: wasi.Module, Name: f.Name, Params: f.Params}
		if f.Errno {
			x.Result = "i"
		}
		list = append(list, x)
	}
	types := strings.NewReplacer("c", "I", "d", "F", "h", "i", "p", "i", "f", "i", "a", "i")
	for _, f := range abi.Functions {
		list = append(list, Function{abi.Module, f.Name, types.Replace(f.Params), types.Replace(string(f.Result))})
	}
	return list
}
