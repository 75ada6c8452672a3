package native

// #include "engine.h"
import "C"

import "fmt"

// Pool is a number of places for instances. One that does not fit its bounds is refused with an
// error. A memory in it is cleared after use, up to KeepResident bytes, and the rest given back to
// the system. Address space is reserved for it when its engine is made, twice 4 GiB and a little
// for each slot; memory is taken as it is used.
type Pool struct {
	Slots        int // instances at once
	KeepResident int // bytes of each memory that stay resident when its instance has gone
	Tables       int // of an instance
	Elements     int // of a table
}

// maxInstanceSize is how many bytes an instance in a pool may have besides memories and tables.
const maxInstanceSize = 1 << 20

// set puts the pool into the configuration of an engine. It fails if the address space is not to be
// had.
func (p *Pool) set(c *C.struct_engine_config) error {
	memory := 2 * (uint64(1)<<32 + 64<<20)
	size := uint64(p.Slots+1) * (memory + uint64(p.Tables)*uint64(p.Elements)*8 + maxInstanceSize)
	if !C.ipfsmpi_can_reserve(C.uint64_t(size)) {
		return fmt.Errorf("native: no %d GiB of address space for a pool of %d instances", size>>30, p.Slots)
	}
	c.slots, c.keep_resident = C.uint32_t(p.Slots), C.size_t(p.KeepResident)
	c.tables, c.elements, c.instance_size = C.uint32_t(p.Tables), C.size_t(p.Elements), maxInstanceSize
	return nil
}
