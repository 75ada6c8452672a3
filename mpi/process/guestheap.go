package process

import (
	"slices"
	"sort"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// guestHeap allocates guest memory for the host's use, by which the guest's memory was grown.
// Blocks are aligned to 16 bytes. The bookkeeping is outside of that memory, so a program that
// overwrites it harms only itself. The sbrk of the guest's own allocator tolerates memory that
// others grew.
type guestHeap struct {
	blocks map[uint32]int64 // size of each allocated block, by address
	gaps   []gap            // free memory, by address; gaps never touch
}

type gap struct{ addr, size int64 }

const (
	heapAlign  = 16
	heapGrowth = 1 << 16 // minimum growth in bytes
	blockBytes = 64      // the charge for a block, with a gap behind it
)

// alloc returns the address of n bytes, divisible by 16. They are not cleared.
func (p *Process) alloc(n int64) (uint32, error) { return p.allocAligned(n, heapAlign) }

// allocAligned is alloc with an address divisible by align, a power of two.
func (p *Process) allocAligned(n, align int64) (uint32, error) {
	const limit = 1 << 32
	if n < 0 || n > limit || align > limit {
		return 0, errorf(abi.ErrNoMem, "%d bytes are more than a program's memory can be", n)
	}
	h := &p.heap
	if len(h.blocks) >= maxObjects {
		return 0, errorf(abi.ErrNoMem, "more than %d blocks of memory: free those that are not used any more", maxObjects)
	}
	if err := p.charge(blockBytes); err != nil {
		return 0, err
	}
	addr, err := p.allocate((max(n, 1)+heapAlign-1)&^(heapAlign-1), max(align, heapAlign))
	if err != nil {
		p.refund(blockBytes)
	}
	return addr, err
}

// allocate is allocAligned for checked sizes, without the charge.
func (p *Process) allocate(n, align int64) (uint32, error) {
	h := &p.heap
	if addr, ok := h.take(n, align); ok {
		return addr, nil
	}
	addr, size, err := p.guest.Grow(max(n+align-heapAlign, heapGrowth))
	if err != nil {
		return 0, errorf(abi.ErrNoMem, "no room for %d bytes: %v", n, err)
	}
	p.refreshMemory()
	h.give(int64(addr), size)
	if addr, ok := h.take(n, align); ok {
		return addr, nil
	}
	return 0, errorf(abi.ErrNoMem, "no room for %d bytes", n)
}

// release frees a block that alloc returned. It reports whether there was one.
func (p *Process) release(addr uint32) bool {
	n, ok := p.heap.blocks[addr]
	if ok {
		delete(p.heap.blocks, addr)
		p.refund(blockBytes)
		p.heap.give(int64(addr), n)
	}
	return ok
}

// take allocates from the first gap that is large enough.
func (h *guestHeap) take(n, align int64) (uint32, bool) {
	for i, g := range h.gaps {
		addr := (g.addr + align - 1) &^ (align - 1)
		end := g.addr + g.size
		if addr+n > end {
			continue
		}
		left, right := gap{g.addr, addr - g.addr}, gap{addr + n, end - addr - n}
		switch {
		case left.size == 0 && right.size == 0:
			h.gaps = slices.Delete(h.gaps, i, i+1)
		case left.size == 0:
			h.gaps[i] = right
		case right.size == 0:
			h.gaps[i] = left
		default:
			h.gaps[i] = left
			h.gaps = slices.Insert(h.gaps, i+1, right)
		}
		if h.blocks == nil {
			h.blocks = map[uint32]int64{}
		}
		h.blocks[uint32(addr)] = n
		return uint32(addr), true
	}
	return 0, false
}

// give adds a gap and merges it with adjacent ones. Only whole multiples of 16 bytes are used.
func (h *guestHeap) give(addr, size int64) {
	end := (addr + size) &^ (heapAlign - 1)
	addr = (addr + heapAlign - 1) &^ (heapAlign - 1)
	if addr >= end {
		return
	}
	i := sort.Search(len(h.gaps), func(i int) bool { return h.gaps[i].addr >= addr })
	h.gaps = slices.Insert(h.gaps, i, gap{addr, end - addr})
	if i+1 < len(h.gaps) && end == h.gaps[i+1].addr {
		h.gaps[i].size += h.gaps[i+1].size
		h.gaps = slices.Delete(h.gaps, i+1, i+2)
	}
	if i > 0 && h.gaps[i-1].addr+h.gaps[i-1].size == addr {
		h.gaps[i-1].size += h.gaps[i].size
		h.gaps = slices.Delete(h.gaps, i, i+1)
	}
}
