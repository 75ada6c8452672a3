package interpreters_test

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// wildSetup is what a rank calls first: errors return, and there are objects of each kind.
func wildSetup(rank int) []wildCall {
	list := []wildCall{
		{"MPI_Init", constants(0, 0)},
		{"MPI_Comm_set_errhandler", constants(abi.CommWorld, abi.ErrorsReturn)},
		{"MPI_Comm_set_errhandler", constants(abi.CommSelf, abi.ErrorsReturn)},
	}
	if rank == witness {
		return append(list, wildCall{"MPI_Comm_split", constants(abi.CommWorld, u32(abi.Undefined), 0, wildHandle)})
	}
	const one, zero = 2 * wildAreaSize, wildAreaSize
	// The latest handle of a kind, and that before it.
	last := func(kind string, back int) arg {
		return func(w *wildCalls) uint64 { return uint64(w.live[kind][len(w.live[kind])-1-back]) }
	}
	comm := func(back int) arg { return last("MPI_Comm", back) }
	c := constant
	side := c(min(uint64(rank), 1))
	// A ring: where area 3 has the ranks beside this one.
	before, after := uint64(3*wildAreaSize+4*((rank+2)%3)), uint64(3*wildAreaSize+4*((rank+1)%3))
	list = append(list,
		wildCall{"MPI_Comm_split", constants(abi.CommWorld, 0, 0, wildHandle)},
		wildCall{"MPI_Comm_split", arguments(comm(0), side, c(0), c(wildHandle))},
		wildCall{"MPI_Intercomm_create", arguments(comm(0), c(0), comm(1), c(1-min(uint64(rank), 1)), c(7), c(wildHandle))},
		wildCall{"MPI_Comm_dup", arguments(comm(2), c(wildHandle))},
		wildCall{"MPI_Dist_graph_create_adjacent", arguments(comm(0), c(1), c(before), c(one), c(1), c(after), c(one), c(abi.InfoNull), c(0), c(wildHandle))},
		wildCall{"MPI_Comm_dup", arguments(comm(3), c(wildHandle))}, // of the intercommunicator
		wildCall{"MPI_Comm_dup", arguments(c(abi.CommSelf), c(wildHandle))},
		wildCall{"MPI_Cart_create", arguments(comm(0), c(2), c(one), c(one), c(0), c(wildHandle))},
		wildCall{"MPI_Graph_create", arguments(comm(1), c(1), c(one), c(zero), c(0), c(wildHandle))},
		wildCall{"MPI_Comm_group", constants(abi.CommWorld, wildHandle)},
		wildCall{"MPI_Info_create", constants(wildHandle)},
		wildCall{"MPI_Info_set", arguments(last("MPI_Info", 0), c(6*wildAreaSize), c(6*wildAreaSize))},
		wildCall{"MPI_Comm_create_errhandler", constants(wildStep, wildHandle)},
		wildCall{"MPI_Type_vector", constants(2, 1, 3, abi.Int, wildHandle)},
		wildCall{"MPI_Type_commit", constants(wildHandle)},
		wildCall{"MPI_Type_create_hvector", constants(3, 2, 0xfffffff0, abi.Double, wildHandle)},
		wildCall{"MPI_Type_commit", constants(wildHandle)},
		wildCall{"MPI_Type_contiguous", arguments(c(1<<30), last("MPI_Datatype", 0), c(wildHandle))},
		wildCall{"MPI_Op_create", constants(wildOp, 1, wildHandle)},
		wildCall{"MPI_Op_create", constants(wildStep, 0, wildHandle)},
		wildCall{"MPI_Comm_create_keyval", constants(wildOK, wildStepInt, wildHandle, 0)},
		wildCall{"MPI_Comm_set_attr", arguments(c(abi.CommWorld), last("keyval", 0), c(5))},
		wildCall{"MPI_Comm_set_attr", arguments(c(abi.CommSelf), last("keyval", 0), c(6))},
		wildCall{"MPI_Type_create_keyval", constants(wildOK, wildStepInt, wildHandle, 0)},
		wildCall{"MPI_Type_set_attr", arguments(last("MPI_Datatype", 0), last("keyval", 0), c(7))},
		wildCall{"MPI_Buffer_attach", constants(abi.BufferAutomatic, 0)},
		wildCall{"MPI_Psend_init", constants(20*wildAreaSize, 2, 4, abi.Int, 0, 8, abi.CommSelf, abi.InfoNull, wildHandle)},
		wildCall{"MPI_Start", constants(wildHandle)},
		wildCall{"MPI_Precv_init", constants(21*wildAreaSize, 2, 4, abi.Int, 0, 8, abi.CommSelf, abi.InfoNull, wildHandle)},
		wildCall{"MPI_Start", constants(wildHandle)},
		wildCall{"MPI_Irecv", constants(20*wildAreaSize, 4, abi.Int, 0, 1, abi.CommSelf, wildHandle)},
		wildCall{"MPI_Send_init", constants(20*wildAreaSize+128, 4, abi.Int, 0, 2, abi.CommSelf, wildHandle)},
		wildCall{"MPI_Recv_init", constants(20*wildAreaSize+128, 4, abi.Int, 0, 2, abi.CommSelf, wildHandle)},
		wildCall{"MPI_Isend", constants(20*wildAreaSize+512, 4, abi.Int, 0, 3, abi.CommSelf, wildHandle)},
		wildCall{"MPI_Grequest_start", constants(wildStepInt, wildStepInt, wildStepInt, 0, wildHandle)},
		wildCall{"MPI_Send", constants(20*wildAreaSize+768, 4, abi.Int, 0, 5, abi.CommSelf)},
		wildCall{"MPI_Mprobe", constants(0, 5, abi.CommSelf, wildHandle, abi.StatusIgnore)},
		wildCall{"MPI_Send", constants(20*wildAreaSize+768, 4, abi.Int, witness, 5, abi.CommWorld)},
	)
	return list
}

type arg func(w *wildCalls) uint64

func constant(v uint64) arg { return func(*wildCalls) uint64 { return v } }

func arguments(list ...arg) func(w *wildCalls) []uint64 {
	return func(w *wildCalls) (values []uint64) {
		for _, a := range list {
			values = append(values, a(w))
		}
		return values
	}
}

func constants(values ...uint64) func(w *wildCalls) []uint64 {
	return func(*wildCalls) []uint64 { return values }
}
