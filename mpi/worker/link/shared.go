package link

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Shared is memory that a daemon and a worker share. Large packets go through it: what one side
// puts there the other reads there, and a SharedPackets frame says where it is. That saves two
// copies and two system calls for each, which a socket costs. It has slots for each direction. When
// all are in use, packets go by the socket.
//
// The daemon reads what a worker may change meanwhile, so it only copies it and never looks at it
// (see [Packets]). The memory cannot shrink below it. A slot that a worker says is free while it is
// not harms only what the worker itself is sent.
type Shared struct {
	out, in half

	mu     sync.RWMutex // held to write while memory is unmapped
	memory []byte       // nil once it is closed
}

// half is the slots of one direction.
type half struct {
	used  [sharedSlots]*atomic.Uint32 // in the memory: whether a slot is in use
	slots [sharedSlots][]byte
}

// The memory has a page of words, which say whether a slot is in use, and the slots: those that the
// worker fills first.
const (
	// of each direction: what one node may send without credit, of two
	sharedSlots = 64 // of each direction: together what a node may send to another without credit
	sharedSlot  = MaxShared
	sharedHead  = 4 << 10
	sharedBytes = sharedHead + 2*sharedSlots*sharedSlot
)

// Packets of SharedLeast to MaxShared bytes go through shared memory. A part of a large message and
// its head fit.
const (
	SharedLeast = 8 << 10
	MaxShared   = 66 << 10
)

// newShared lays out the memory, for the daemon's or the worker's side.
func newShared(memory []byte, daemon bool) *Shared {
	s := &Shared{memory: memory}
	halves := [2]*half{&s.out, &s.in}
	if daemon {
		halves = [2]*half{&s.in, &s.out}
	}
	for k, h := range halves {
		for i := range sharedSlots {
			n := k*sharedSlots + i
			h.used[i] = (*atomic.Uint32)(unsafe.Pointer(&memory[4*n]))
			at := sharedHead + n*sharedSlot
			h.slots[i] = memory[at : at+sharedSlot : at+sharedSlot]
		}
	}
	return s
}

// Put copies packets, which may be in two parts, into a free slot. It is nil if there is none, the
// packets are small or too many, or s is nil or closed.
func (s *Shared) Put(node int, head, body []byte) *SharedPackets {
	n := len(head) + len(body)
	if s == nil || n < SharedLeast || n > sharedSlot {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.memory == nil {
		return nil
	}
	for i, used := range s.out.used {
		if used.CompareAndSwap(0, 1) {
			slot := s.out.slots[i]
			copy(slot[copy(slot, head):], body)
			return &SharedPackets{Node: uint32(node), Slot: uint32(i), Bytes: uint32(n)}
		}
	}
	return nil
}

// Take calls f with what the other side has put into a slot, and frees the slot.
func (s *Shared) Take(f *SharedPackets, take func(data []byte)) error {
	if s == nil {
		return fmt.Errorf("packets in shared memory, and there is none")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.memory == nil {
		return nil
	}
	take(s.in.slots[f.Slot][:f.Bytes])
	s.in.used[f.Slot].Store(0)
	return nil
}

// Close unmaps the memory, once nobody uses it.
func (s *Shared) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory != nil {
		unmap(s.memory)
		s.memory, s.in, s.out = nil, half{}, half{}
	}
}
