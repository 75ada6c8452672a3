package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// defineTypes makes the predefined datatypes known. They need no commit (MPI 5.0, 5.1.9).
func (p *Process) defineTypes() {
	for handle := int32(abi.DatatypeNull); handle < abi.DatatypeNull+256; handle++ {
		if t := datatype.Named(handle); t != nil {
			p.handles.types.define(handle, &typeObject{Type: t, handle: handle, committed: true, name: t.Name()})
		}
	}
}

var datatypeFunctions = family{}
