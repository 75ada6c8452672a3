package datatype

// ExternalSize is the size of count elements in the external32 representation (MPI 5.0, 14.5.2);
// false if they are too many.
func (t *Type) ExternalSize(count int64) (int64, bool) { return mul(t.external, count) }

// PackExternal packs the data in the external32 representation into dst, whose length must be
// ExternalSize. It ends early, and reports false, when stop says so, which it asks now and then. A
// nil stop never does.
func (b Buffer) PackExternal(dst []byte, stop func() bool) bool {
	return b.Size() == 0 || b.convert(dst, (*converter).out, stop)
}

// UnpackExternal is the reverse.
func (b Buffer) UnpackExternal(src []byte, stop func() bool) bool {
	return b.Size() == 0 || b.convert(src, (*converter).in, stop)
}

// converter walks through the data and its external32 representation in parallel.
type converter struct {
	mem, ext []byte // ext is what is left of it
	do       func(c *converter, at int64, k kind)

	stop    func() bool
	steps   int // since stop was asked
	stopped bool
}

// looksInElements is after how many basic elements a converter asks stop.
const looksInElements = 1 << 15

// over counts a step, and reports whether the conversion has to end.
func (c *converter) over() bool {
	if c.steps++; c.steps == looksInElements {
		c.steps = 0
		c.stopped = c.stopped || c.stop != nil && c.stop()
	}
	return c.stopped
}

func (b Buffer) convert(ext []byte, do func(*converter, int64, kind), stop func() bool) bool {
	c := converter{mem: b.Mem, ext: ext, do: do, stop: stop}
	if b.Type.kind != (kind{}) {
		c.alike(b)
		return !c.stopped
	}
	for i := range b.Count {
		c.walk(b.Addr+i*b.Type.extent(), b.Type)
		if c.over() {
			break
		}
	}
	return !c.stopped
}

// walk converts one element.
func (c *converter) walk(at int64, t *Type) {
	if t.kind != (kind{}) {
		c.alike(Buffer{c.mem, at, 1, t})
		return
	}
	for _, p := range t.parts {
		if p.t.size == 0 {
			continue
		}
		for i := range p.count {
			if c.over() {
				return
			}
			c.walk(at+t.place+p.disp+i*p.stride, p.t)
		}
	}
}

// alike converts a buffer whose basic elements are all of one kind: its pieces consist of whole
// elements.
func (c *converter) alike(b Buffer) {
	k := b.Type.kind
	if bytes, ok := b.Bytes(); ok {
		for at := b.Addr + b.Type.layout.off; len(bytes) > 0; bytes = bytes[k.size:] {
			if c.over() {
				return
			}
			c.do(c, at, k)
			at += int64(k.size)
		}
		return
	}
	var cur cursor
	for cur.seek(&b, 0); ; {
		for i := range cur.count {
			start := cur.off + i*cur.stride
			for at := start; at < start+cur.n; at += int64(k.size) {
				if c.over() {
					return
				}
				c.do(c, at, k)
			}
		}
		if !cur.forward() {
			return
		}
	}
}

// units returns how many numbers a basic element has, and their sizes in memory and in external32.
func (k kind) units() (n, size, ext int) {
	if k.class == complexes {
		return 2, int(k.size) / 2, int(k.ext) / 2
	}
	return 1, int(k.size), int(k.ext)
}

// out converts one basic element to big-endian. If it is longer there, the sign is extended.
func (c *converter) out(at int64, k kind) {
	n, size, ext := k.units()
	for range n {
		src, dst := c.mem[at:at+int64(size)], c.ext[:ext]
		fill := byte(0)
		if k.class == multi && src[size-1]&0x80 != 0 {
			fill = 0xff
		}
		for i := range dst {
			from := ext - 1 - i
			if from < size {
				dst[i] = src[from]
			} else {
				dst[i] = fill
			}
		}
		at += int64(size)
		c.ext = c.ext[ext:]
	}
}

// in converts one basic element from big-endian. Only characters are longer in memory.
func (c *converter) in(at int64, k kind) {
	n, size, ext := k.units()
	for range n {
		dst, src := c.mem[at:at+int64(size)], c.ext[:ext]
		for i := range dst {
			if from := ext - 1 - i; from >= 0 {
				dst[i] = src[from]
			} else {
				dst[i] = 0
			}
		}
		at += int64(size)
		c.ext = c.ext[ext:]
	}
}
