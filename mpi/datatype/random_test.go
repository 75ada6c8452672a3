package datatype

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestRandomTypes compares types with complete typemaps (MPI 5.0, 5.1).
func TestRandomTypes(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := chooser{func() byte { return byte(random.Uint32()) }}
		compareTypes(t, c)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzTypes makes types from the fuzzer's bytes, and checks that only the bytes in the typemap are
// touched.
func FuzzTypes(f *testing.F) {
	f.Add([]byte("a vector of indexed structs, please"))
	f.Add([]byte{3, 8, 1, 200, 17, 4, 9, 33, 250, 6, 6, 6, 10, 2, 2, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		compareTypes(t, chooser{func() byte {
			if len(data) == 0 {
				return 1
			}
			b := data[0]
			data = data[1:]
			return b
		}})
	})
}

// compareTypes makes two types and tries every method with them.
func compareTypes(t testing.TB, c chooser) {
	a := c.derived(t, int(c.upTo(4)))
	b := c.derived(t, int(c.upTo(4)))
	compareNumbers(t, a)
	x := a.buffer(t, c, c.upTo(3))
	y := b.buffer(t, c, c.upTo(3))
	if x == nil || y == nil {
		return
	}
	x.comparePack(t, c)
	x.compareUnpack(t, c)
	x.compareExternal(t)
	compareCopy(t, y, x)
}

func compareNumbers(t testing.TB, m made) {
	lb, ub := m.n.bounds()
	if gotLB, extent := m.t.Extent(); gotLB != lb || extent != ub-lb {
		t.Errorf("lb and extent %d, %d, want %d, %d", gotLB, extent, lb, ub-lb)
	}
	lb, ub = m.n.trueBounds()
	if gotLB, extent := m.t.TrueExtent(); gotLB != lb || extent != ub-lb {
		t.Errorf("true lb and extent %d, %d, want %d, %d", gotLB, extent, lb, ub-lb)
	}
	if m.t.Size() != m.n.size() {
		t.Errorf("size %d, want %d", m.t.Size(), m.n.size())
	}
	if len(m.n.entries) == 0 {
		return
	}
	// All prefixes of two elements and some more: 5.1.11.
	size, elements := int64(0), int64(0)
	for range 2 {
		for _, e := range m.n.entries {
			for i := range int64(e.k.size) {
				if n, ok := m.t.Elements(size + i); ok != (i == 0) || ok && n != elements {
					t.Errorf("%d bytes are %d elements (%v), want %d", size+i, n, ok, elements)
				}
			}
			if n, ok := m.t.ElementsSize(elements); !ok || n != size {
				t.Errorf("%d elements are %d bytes (%v), want %d", elements, n, ok, size)
			}
			size += int64(e.k.size)
			elements++
		}
	}
}

// pair is a buffer with the addresses of its bytes, in order, and the basic elements that they
// belong to.
type pair struct {
	Buffer
	places   []int64
	elements []entry
}

// buffer places elements as tightly as possible in a memory.
func (m made) buffer(t testing.TB, c chooser, count int64) *pair {
	p := &pair{}
	extent := m.n.extent()
	var lo, hi int64
	for i := range count {
		for _, e := range m.n.entries {
			at := i*extent + e.disp
			if len(p.elements) == 0 {
				lo, hi = at, at
			}
			lo, hi = min(lo, at), max(hi, at+int64(e.k.size))
			p.elements = append(p.elements, entry{at, e.k})
		}
	}
	front := c.upTo(20)
	mem := make([]byte, front+hi-lo)
	for i := range mem {
		mem[i] = c.next()
	}
	p.Buffer = Buffer{Mem: mem, Addr: front - lo, Count: count, Type: m.t}
	for i := range p.elements {
		p.elements[i].disp += p.Addr
		for k := range int64(p.elements[i].k.size) {
			p.places = append(p.places, p.elements[i].disp+k)
		}
	}
	if err := p.Check(); err != nil {
		t.Errorf("Check: %v", err)
		return nil
	}
	if len(p.places) > 0 {
		short, low := p.Buffer, p.Buffer
		short.Mem = mem[:len(mem)-1]
		low.Addr -= front + 1
		if short.Check() == nil || low.Check() == nil {
			t.Error("a buffer that is not all within the memory passes")
		}
	}
	if p.Size() != int64(len(p.places)) {
		t.Errorf("Size %d, want %d", p.Size(), len(p.places))
	}
	if t.Failed() {
		return nil
	}
	return p
}

func (p *pair) packed() []byte {
	b := make([]byte, len(p.places))
	for i, at := range p.places {
		b[i] = p.Mem[at]
	}
	return b
}

func (p *pair) comparePack(t testing.TB, c chooser) {
	want := p.packed()
	if got, ok := p.Bytes(); ok && !bytes.Equal(got, want) {
		t.Error("Bytes are not the data")
	}
	if p.Type.Contiguous() && len(want) > 0 {
		if at := p.Addr; !bytes.Equal(p.Mem[at:at+int64(len(want))], want) {
			t.Error("the type is not contiguous")
		}
	}
	for off := 0; off <= len(want); {
		chunk := make([]byte, c.upTo(40)+1)
		n := p.Pack(chunk, int64(off))
		if n != min(len(chunk), len(want)-off) || !bytes.Equal(chunk[:n], want[off:off+n]) {
			t.Errorf("Pack of %d bytes at %d of %d: %d", len(chunk), off, len(want), n)
		}
		off += max(n, 1)
	}
	all := make([]byte, len(want)+1)
	if n := p.Pack(all, 0); n != len(want) || !bytes.Equal(all[:n], want) {
		t.Errorf("Pack of all %d bytes: %d", len(want), n)
	}
}

func (p *pair) compareUnpack(t testing.TB, c chooser) {
	for _, chunk := range []int{int(c.upTo(40)) + 1, len(p.places) + 1} {
		want := bytes.Clone(p.Mem)
		for off := 0; off < len(p.places); {
			src := make([]byte, min(chunk, len(p.places)-off))
			for i := range src {
				src[i] = c.next()
				want[p.places[off+i]] = src[i]
			}
			if n := p.Unpack(src, int64(off)); n != len(src) {
				t.Errorf("Unpack of %d bytes at %d: %d", len(src), off, n)
			}
			off += len(src)
		}
		if !bytes.Equal(p.Mem, want) {
			t.Error("Unpack wrote something else")
		}
	}
}

func compareCopy(t testing.TB, dst, src *pair) {
	want := bytes.Clone(dst.Mem)
	n := min(len(dst.places), len(src.places))
	for i := range n {
		want[dst.places[i]] = src.Mem[src.places[i]]
	}
	if got := Copy(dst.Buffer, src.Buffer); got != int64(n) || !bytes.Equal(dst.Mem, want) {
		t.Errorf("Copy of %d bytes: %d", n, got)
	}
}

// compareExternal checks the representation against the rules of MPI 5.0, 14.5.2, and that the
// conversion back gives the same data.
func (p *pair) compareExternal(t testing.TB) {
	var want []byte
	for _, e := range p.elements {
		part := p.Mem[e.disp : e.disp+int64(e.k.size)]
		n, size, ext := e.k.units()
		for ; n > 0; n-- {
			b := make([]byte, ext)
			for i := range ext {
				if i < size {
					b[ext-1-i] = part[i]
				} else if e.k.class == multi && part[size-1] >= 0x80 {
					b[ext-1-i] = 0xff
				}
			}
			want = append(want, b...)
			part = part[size:]
		}
	}
	n, ok := p.Type.ExternalSize(p.Count)
	if !ok || n != int64(len(want)) {
		t.Fatalf("external size %d, want %d", n, len(want))
	}
	got := make([]byte, n)
	p.PackExternal(got, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("external32 %x, want %x", got, want)
	}
	mem := bytes.Clone(p.Mem)
	for _, e := range p.elements {
		if e.k.class == wideChars {
			clear(mem[e.disp+2 : e.disp+4]) // it has only two bytes in external32
		}
	}
	clean := bytes.Clone(mem)
	p.Mem = mem
	p.UnpackExternal(want, nil)
	if len(p.places) == len(unique(p.places)) && !bytes.Equal(mem, clean) {
		t.Error("external32 does not come back")
	}
}

func unique(list []int64) map[int64]bool {
	m := map[int64]bool{}
	for _, v := range list {
		m[v] = true
	}
	return m
}
