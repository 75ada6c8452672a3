package datatype

// ExternalSize is the size of count elements in the external32 representation (MPI 5.0, 14.5.2);
// false if they are too many.
func (t *Type) ExternalSize(count int64) (int64, bool) { return mul(t.external, count) }

// PackExternal packs the data in the external32 representation into dst, whose length must be
// ExternalSize.
func (b Buffer) PackExternal(dst []byte) {
	if b.Size() > 0 {
		b.convert(dst, (*converter).out)
	}
}

// UnpackExternal is the reverse.
func (b Buffer) UnpackExternal(src []byte) {
	if b.Size() > 0 {
		b.convert(src, (*converter).in)
	}
}

// converter walks through the data and its external32 representation in parallel.
type converter struct {
	mem, ext []byte // ext is what is left of it
	do       func(c *converter, at int64, k kind)
}

func (b Buffer) convert(ext []byte, do func(*converter, int64, kind)) {
	c := converter{b.Mem, ext, do}
	if b.Type.kind != (kind{}) {
		c.alike(b)
		return
	}
	for i := range b.Count {
		c.walk(b.Addr+i*b.Type.extent(), b.Type)
	}
}

// walk converts one element.
func (c *converter) walk(at int64, t *Type) {
	if t.kind != (kind{}) {
		c.alike(Buffer{c.mem, at, 1, t})
		return
	}
	for _, p := range t.parts {
		for i := range p.count {
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
