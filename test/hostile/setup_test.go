package hostile_test

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// setupCalls is what a rank calls first: errors return, and there are objects of each kind.
func setupCalls(rank int) []hostileCall {
	list := []hostileCall{
		{"MPI_Init", constants(0, 0)},
		{"MPI_Comm_set_errhandler", constants(abi.CommWorld, abi.ErrorsReturn)},
		{"MPI_Comm_set_errhandler", constants(abi.CommSelf, abi.ErrorsReturn)},
	}
	if rank == witness {
		return append(list, hostileCall{"MPI_Comm_split", constants(abi.CommWorld, u32(abi.Undefined), 0, handleAt)})
	}
	const one, zero = 2 * areaSize, areaSize
	// The latest handle of a kind, and that before it.
	last := func(kind string, back int) arg {
		return func(w *hostileCalls) uint64 { return uint64(w.live[kind][len(w.live[kind])-1-back]) }
	}
	comm := func(back int) arg { return last("MPI_Comm", back) }
	c := constant
	side := c(min(uint64(rank), 1))
	// A ring: where area 3 has the ranks beside this one.
	before, after := uint64(3*areaSize+4*((rank+2)%3)), uint64(3*areaSize+4*((rank+1)%3))
	list = append(list,
		hostileCall{"MPI_Comm_split", constants(abi.CommWorld, 0, 0, handleAt)},
		hostileCall{"MPI_Comm_split", arguments(comm(0), side, c(0), c(handleAt))},
		hostileCall{"MPI_Intercomm_create", arguments(comm(0), c(0), comm(1), c(1-min(uint64(rank), 1)), c(7), c(handleAt))},
		hostileCall{"MPI_Comm_dup", arguments(comm(2), c(handleAt))},
		hostileCall{"MPI_Dist_graph_create_adjacent", arguments(comm(0), c(1), c(before), c(one), c(1), c(after), c(one), c(abi.InfoNull), c(0), c(handleAt))},
		hostileCall{"MPI_Comm_dup", arguments(comm(3), c(handleAt))}, // of the intercommunicator
		hostileCall{"MPI_Comm_dup", arguments(c(abi.CommSelf), c(handleAt))},
		hostileCall{"MPI_Cart_create", arguments(comm(0), c(2), c(one), c(one), c(0), c(handleAt))},
		hostileCall{"MPI_Graph_create", arguments(comm(1), c(1), c(one), c(zero), c(0), c(handleAt))},
		hostileCall{"MPI_Comm_group", constants(abi.CommWorld, handleAt)},
		hostileCall{"MPI_Info_create", constants(handleAt)},
		hostileCall{"MPI_Info_set", arguments(last("MPI_Info", 0), c(6*areaSize), c(6*areaSize))},
		hostileCall{"MPI_Comm_create_errhandler", constants(callbackStep, handleAt)},
		hostileCall{"MPI_Type_vector", constants(2, 1, 3, abi.Int, handleAt)},
		hostileCall{"MPI_Type_commit", constants(handleAt)},
		hostileCall{"MPI_Type_create_hvector", constants(3, 2, 0xfffffff0, abi.Double, handleAt)},
		hostileCall{"MPI_Type_commit", constants(handleAt)},
		hostileCall{"MPI_Type_contiguous", arguments(c(1<<30), last("MPI_Datatype", 0), c(handleAt))},
		hostileCall{"MPI_Op_create", constants(callbackOp, 1, handleAt)},
		hostileCall{"MPI_Op_create", constants(callbackStep, 0, handleAt)},
		hostileCall{"MPI_Comm_create_keyval", constants(callbackOK, callbackStepInt, handleAt, 0)},
		hostileCall{"MPI_Comm_set_attr", arguments(c(abi.CommWorld), last("keyval", 0), c(5))},
		hostileCall{"MPI_Comm_set_attr", arguments(c(abi.CommSelf), last("keyval", 0), c(6))},
		hostileCall{"MPI_Type_create_keyval", constants(callbackOK, callbackStepInt, handleAt, 0)},
		hostileCall{"MPI_Type_set_attr", arguments(last("MPI_Datatype", 0), last("keyval", 0), c(7))},
		hostileCall{"MPI_Buffer_attach", constants(abi.BufferAutomatic, 0)},
		hostileCall{"MPI_Psend_init", constants(20*areaSize, 2, 4, abi.Int, 0, 8, abi.CommSelf, abi.InfoNull, handleAt)},
		hostileCall{"MPI_Start", constants(handleAt)},
		hostileCall{"MPI_Precv_init", constants(21*areaSize, 2, 4, abi.Int, 0, 8, abi.CommSelf, abi.InfoNull, handleAt)},
		hostileCall{"MPI_Start", constants(handleAt)},
		hostileCall{"MPI_Irecv", constants(20*areaSize, 4, abi.Int, 0, 1, abi.CommSelf, handleAt)},
		hostileCall{"MPI_Send_init", constants(20*areaSize+128, 4, abi.Int, 0, 2, abi.CommSelf, handleAt)},
		hostileCall{"MPI_Recv_init", constants(20*areaSize+128, 4, abi.Int, 0, 2, abi.CommSelf, handleAt)},
		hostileCall{"MPI_Isend", constants(20*areaSize+512, 4, abi.Int, 0, 3, abi.CommSelf, handleAt)},
		hostileCall{"MPI_Grequest_start", constants(callbackStepInt, callbackStepInt, callbackStepInt, 0, handleAt)},
		hostileCall{"MPI_Send", constants(20*areaSize+768, 4, abi.Int, 0, 5, abi.CommSelf)},
		hostileCall{"MPI_Mprobe", constants(0, 5, abi.CommSelf, handleAt, abi.StatusIgnore)},
		hostileCall{"MPI_Send", constants(20*areaSize+768, 4, abi.Int, witness, 5, abi.CommWorld)},
	)
	return list
}

type arg func(w *hostileCalls) uint64

func constant(v uint64) arg { return func(*hostileCalls) uint64 { return v } }

func arguments(list ...arg) func(w *hostileCalls) []uint64 {
	return func(w *hostileCalls) (values []uint64) {
		for _, a := range list {
			values = append(values, a(w))
		}
		return values
	}
}

func constants(values ...uint64) func(w *hostileCalls) []uint64 {
	return func(*hostileCalls) []uint64 { return values }
}
