package wasm

import "github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"

// Bounds of the pool. Each slot reserves some 8 GiB of address space, of the 128 TiB that there
// are.
const (
	maxSlots   = 128
	spareSlots = 4 // for instances of init.wasm, and those given up that wait for a file

	// keepResident is how many bytes of a memory are cleared instead of given back to the system
	// when its instance has gone: all of a small handler in C, which has a stack of 64 KiB and as
	// much for the rest. More costs more than it saves: the memories of others are mostly stack and
	// heap that no instance has touched, and what is cleared has to be there.
	keepResident = 128 << 10
)

// pool sizes the pool of handlers; nil for none.
func (c *Config) pool() *native.Pool {
	if c.HandlerSlots <= 0 {
		return nil
	}
	return &native.Pool{
		Slots:        min(c.HandlerSlots+spareSlots, maxSlots),
		KeepResident: keepResident, Tables: maxTables, Elements: maxTableElements,
	}
}
