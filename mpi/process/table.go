package process

import (
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// families are the tables of all families, each at the end of its file.
var families = []family{
	environmentFunctions, communicatorFunctions, groupFunctions, topologyFunctions,
	attributeFunctions, infoFunctions, errorFunctions,
	pointToPointFunctions, completionFunctions, statusFunctions, probeFunctions, bufferFunctions, getStatusFunctions,
	partitionedFunctions, grequestFunctions, faultFunctions,
	collectiveFunctions, operationFunctions, datatypeFunctions,
	unsupportedFunctions,
}

// functions are the implementations of the functions of package abi, at the same indices.
var functions = bind()

func bind() []function {
	all := map[string]function{}
	for _, f := range families {
		for name, do := range f {
			all[name] = do
		}
	}
	list := make([]function, len(abi.Functions))
	for i := range abi.Functions {
		name := strings.TrimPrefix(abi.Functions[i].Name, "MPI_")
		f, ok := all[name]
		if !ok {
			f, ok = all[strings.TrimSuffix(name, "_c")]
		}
		switch {
		case ok:
		case abi.Functions[i].Lacks != "":
			f = unsupported(&abi.Functions[i])
		default:
			f = function{do: missing, anytime: true}
		}
		list[i] = f
	}
	return list
}

// missing stands for a function that no family has. A test checks that there is none.
func missing(c *call) error {
	return errorf(abi.ErrUnsupportedOperation, "this library does not have the function")
}
