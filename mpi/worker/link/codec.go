package link

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"
)

// codec walks the fields of a payload, either to append them or to parse them. After the first
// error it does nothing more.
type codec struct {
	b     []byte // what was appended, or what is left to parse
	parse bool
	err   error
}

// codecs has codecs to use again: one that is passed to a walk escapes to the heap.
var codecs = sync.Pool{New: func() any { return new(codec) }}

func (c *codec) free() {
	*c = codec{}
	codecs.Put(c)
}

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = malformed(format, args...)
	}
}

// take returns the next n bytes to parse, nil if they are not there.
func (c *codec) take(n int, field string) []byte {
	if c.err != nil {
		return nil
	}
	if n > len(c.b) {
		c.fail("%s: %d bytes missing", field, n-len(c.b))
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *codec) u8(v *byte, field string, limit byte) {
	if c.parse {
		if b := c.take(1, field); b != nil {
			*v = b[0]
		}
	}
	if *v > limit {
		c.fail("%s: %d, at most %d", field, *v, limit)
	}
	if !c.parse {
		c.b = append(c.b, *v)
	}
}

func (c *codec) flag(v *bool, field string) {
	var b byte
	if *v {
		b = 1
	}
	c.u8(&b, field, 1)
	*v = b == 1
}

func (c *codec) u32(v *uint32, field string, limit uint32) {
	if c.parse {
		if b := c.take(4, field); b != nil {
			*v = binary.LittleEndian.Uint32(b)
		}
	}
	if *v > limit {
		c.fail("%s: %d, at most %d", field, *v, limit)
	}
	if !c.parse {
		c.b = binary.LittleEndian.AppendUint32(c.b, *v)
	}
}

func (c *codec) u64(v *uint64) {
	if !c.parse {
		c.b = binary.LittleEndian.AppendUint64(c.b, *v)
	} else if b := c.take(8, "number"); b != nil {
		*v = binary.LittleEndian.Uint64(b)
	}
}

func (c *codec) i64(v *int64) {
	n := uint64(*v)
	c.u64(&n)
	*v = int64(n)
}

func (c *codec) i32(v *int32) {
	n := uint32(*v)
	c.u32(&n, "number", math.MaxUint32)
	*v = int32(n)
}

// list is the number of items of a list, each of at least so many bytes. Parsed, v has as many
// afterwards, all zero. It is false if they do not fit in what is left.
func list[T any](c *codec, v *[]T, field string, limit uint32, least int) bool {
	n := uint32(len(*v))
	c.u32(&n, field, limit)
	if !c.parse || c.err != nil {
		return c.err == nil
	}
	if int(n) > len(c.b)/least {
		c.fail("%s: %d of them do not fit in the %d bytes left", field, n, len(c.b))
		return false
	}
	*v = nil
	if n > 0 {
		*v = make([]T, n)
	}
	return true
}

// numbers is a list of numbers below 1 << 31.
func (c *codec) numbers(v *[]uint32, field string, limit uint32) {
	if !list(c, v, field, limit, 4) {
		return
	}
	for i := range *v {
		c.u32(&(*v)[i], field, math.MaxInt32)
	}
}

// size is a number from 0 to limit.
func (c *codec) size(v *int64, field string, limit int64) {
	c.i64(v)
	if *v < 0 || *v > limit {
		c.fail("%s: %d, from 0 to %d", field, *v, limit)
	}
}

func (c *codec) time(v *time.Duration, field string) {
	n := int64(*v)
	c.size(&n, field, maxTime)
	*v = time.Duration(n)
}

// unit is the number of a unit.
func (c *codec) unit(v *uint32) { c.u32(v, "unit", math.MaxUint32) }

func (c *codec) kind(v *Kind) {
	b := byte(*v)
	c.u8(&b, "kind", byte(lastKind))
	if b == 0 {
		c.fail("kind: 0")
	}
	*v = Kind(b)
}

func (c *codec) stream(v *Stream, first, last Stream) {
	b := byte(*v)
	c.u8(&b, "stream", byte(last))
	if b < byte(first) {
		c.fail("stream: %d, at least %d", b, first)
	}
	*v = Stream(b)
}

func (c *codec) fileError(v *FileError) {
	b := byte(*v)
	c.u8(&b, "error", byte(lastFileError))
	*v = FileError(b)
}

func (c *codec) text(v *string, field string, limit int) {
	n := uint32(len(*v))
	c.u32(&n, field, uint32(limit))
	switch {
	case c.err != nil:
	case c.parse:
		*v = string(c.take(int(n), field))
	default:
		c.b = append(c.b, *v...)
	}
}

// bytes are a length and as many bytes. Parsed, they are a part of the payload.
func (c *codec) bytes(v *[]byte, field string, limit int) {
	n := uint32(len(*v))
	c.u32(&n, field, uint32(limit))
	switch {
	case c.err != nil:
	case c.parse:
		*v = c.take(int(n), field)
	default:
		c.b = append(c.b, *v...)
	}
}

// words is a list of texts. left is how many bytes they may have together with the lists before.
func (c *codec) words(v *[]string, field string, left *int) {
	if !list(c, v, field, MaxWords, 4) {
		return
	}
	for i := range *v {
		c.text(&(*v)[i], field, *left)
		if c.err != nil {
			return
		}
		*left -= len((*v)[i])
	}
}

func (c *codec) entries(v *[]Entry) {
	if !list(c, v, "entries", MaxEntries, 1+4+1) {
		return
	}
	for i := range *v {
		e := &(*v)[i]
		c.flag(&e.Dir, "dir")
		c.text(&e.Name, "name", maxName)
		if e.Name == "" {
			c.fail("name: empty")
		}
		if c.err != nil {
			return
		}
	}
}

// rest is the last field: what is left, at most limit bytes. Parsed, it is a part of the payload.
func (c *codec) rest(v *[]byte, limit int) {
	if c.parse {
		*v = c.take(len(c.b), "data")
	}
	if len(*v) > limit {
		c.fail("data: %d bytes, at most %d", len(*v), limit)
	}
	if !c.parse && c.err == nil {
		c.b = append(c.b, *v...)
	}
}

// Append appends a whole frame. An error, for a field over its limit, leaves dst as it was.
func Append(dst []byte, f Frame) ([]byte, error) {
	at := len(dst)
	c := codecs.Get().(*codec)
	defer c.free()
	c.b = append(dst, 0, 0, 0, 0, byte(f.Type()))
	f.walk(c)
	if c.err == nil && len(c.b)-at-headBytes > f.Type().Max() {
		c.fail("%d bytes, at most %d", len(c.b)-at-headBytes, f.Type().Max())
	}
	if c.err != nil {
		return dst[:at], fmt.Errorf("%s: %w", f.Type(), c.err)
	}
	binary.LittleEndian.PutUint32(c.b[at:], uint32(len(c.b)-at-4))
	return c.b, nil
}

// Parse parses a payload into a frame of the type that it is of. What is bytes in f is a part of
// the payload afterwards; text is a copy.
func Parse(payload []byte, f Frame) error {
	c := codecs.Get().(*codec)
	defer c.free()
	c.b, c.parse = payload, true
	if len(payload) > f.Type().Max() {
		c.fail("%d bytes, at most %d", len(payload), f.Type().Max())
	}
	f.walk(c)
	if c.err == nil && len(c.b) > 0 {
		c.fail("%d bytes too many", len(c.b))
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w", f.Type(), c.err)
	}
	return nil
}

// ParseAny parses a payload of a type that is known only now, into a frame of its own.
func ParseAny(t Type, payload []byte) (Frame, error) {
	f := newFrame(t)
	if f == nil {
		return nil, malformed("there is no %s", t)
	}
	if err := Parse(payload, f); err != nil {
		return nil, err
	}
	return f, nil
}
