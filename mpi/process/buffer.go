package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// packed copies the data of a buffer to memory of its own, in the guest: release takes it back.
func (p *Process) packed(b datatype.Buffer) (addr uint32, copied datatype.Buffer, err error) {
	n := b.Size()
	if addr, err = p.alloc(n); err != nil {
		return 0, copied, err
	}
	copied = datatype.Buffer{Mem: p.mem, Addr: int64(addr), Count: n, Type: datatype.Named(abi.Byte)}
	b.Pack(p.mem[addr:int64(addr)+n], 0)
	return addr, copied, nil
}

func (p *Process) settleBuffers() error { return nil }
