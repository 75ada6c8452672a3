package wasi

import "encoding/binary"

func argsGet(h *Host, m memory, a *Args) Errno         { return putStrings(m, h.cfg.Args, a[0], a[1]) }
func argsSizesGet(h *Host, m memory, a *Args) Errno    { return putSizes(m, h.cfg.Args, a[0], a[1]) }
func environGet(h *Host, m memory, a *Args) Errno      { return putStrings(m, h.cfg.Env, a[0], a[1]) }
func environSizesGet(h *Host, m memory, a *Args) Errno { return putSizes(m, h.cfg.Env, a[0], a[1]) }

// putSizes tells how many strings there are, and how many bytes with their NULs.
func putSizes(m memory, list []string, count, size uint64) Errno {
	if e := m.put32(count, uint32(len(list))); e != Success {
		return e
	}
	return m.put32(size, uint32(stringBytes(list)))
}

func stringBytes(list []string) (n uint64) {
	for _, s := range list {
		n += uint64(len(s)) + 1
	}
	return n
}

// putStrings writes pointers at ptrs to the strings at buf, each ended by a NUL:
//
//	ptrs: |u32 → buf|u32 → buf+5|        buf: |e c h o \0|a r g \0|
func putStrings(m memory, list []string, ptrs, buf uint64) Errno {
	p, ok := m.at(ptrs, 4*uint64(len(list)))
	if !ok {
		return EFAULT
	}
	b, ok := m.at(buf, stringBytes(list))
	if !ok {
		return EFAULT
	}
	at := uint32(buf)
	for i, s := range list {
		binary.LittleEndian.PutUint32(p[4*i:], at)
		n := copy(b, s)
		b[n] = 0
		b = b[n+1:]
		at += uint32(n) + 1
	}
	return Success
}
