package process

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// parts are the messages of a partitioned operation: one for each partition of the sender, or for
// per partitions that follow each other where there are very many. How many there are and how long,
// the receiver learns from a header, which the sender sends once, when it starts the operation for
// the first time. The receives of the parts follow the header by a task, whether the receiver calls
// in or not, and from then on each start posts them at once.
type parts struct {
	count int64 // parts, at least 1
	per   int64 // partitions of each, but for the last one
	size  int64 // bytes of each, but for the last one
	total int64 // bytes of all

	requests []match.Request
	scanned  int     // those before are known to be done
	waits    []int32 // of a send: partitions of each part that are not ready

	header match.Request // of a send
	head   [headerSize]byte

	mu    sync.Mutex  // held by bind, and by whoever posts or takes back heads
	heads []*header   // of a receive, until one came; guarded by mu
	room  int64       // bytes that partBytes may come to
	bound atomic.Bool // the header came, and the parts are received
	fault error       // instead of that; set before bound
	taken uint64      // number of the sender's request; set before bound
	note  *match.Note // what the sender says; set before bound
	loose [][]byte    // memory of parts whose bounds are not between elements of the buffer
	// which of those are in the buffer, where the program may have changed them since
	placed []bool
	held   atomic.Int64 // bytes of requests and loose, in partBytes
}

const (
	maxParts  = 1 << 14
	partBytes = 384 // charge for a part
	// maxPartBytes bounds what the receives of a process keep for parts.
	maxPartBytes = 64 << 20
)

// plan divides a send of n partitions.
func (x *parts) plan(n, bytes int64) {
	if n == 0 {
		bytes = 0
	}
	x.per = max((n+maxParts-1)/maxParts, 1)
	x.count = max((n+x.per-1)/x.per, 1)
	x.size, x.total = x.per*bytes, n*bytes
}

// header is the receive of a header.
type header struct {
	req    match.Request
	number uint64
	buf    [headerSize]byte
}

const headerSize = 4 * 8

// withdrawn is instead of the number of parts if the sender's requests from that number on were
// freed before they started. The next one that may have is in place of the partitions.
const withdrawn = -1

func putHeader(b []byte, list ...int64) {
	for i, v := range list {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(v))
	}
}

func (h *header) field(i int) int64 { return int64(binary.LittleEndian.Uint64(h.buf[8*i:])) }

// announce sends the header of a send, after what was withdrawn before.
func (x *partitioned) announce(p *Process) {
	p.tellWithdrawn(x.of, x)
	putHeader(x.head[:], x.count, x.per, x.size, x.total)
	p.end.Send(&x.header, x.envelope(x.number), datatype.Of(x.head[:]), match.Standard)
}

// envelope is that of a header.
func (x *partitioned) envelope(number uint64) match.Envelope {
	env := x.env
	env.Context = hashContext(x.of.key.context, 'p', number)
	return env
}

// part is the envelope of part i.
func (x *partitioned) part(i int64) match.Envelope {
	env := x.env
	env.Context, env.Tag, env.Note = hashContext(x.of.key.context, 'q', x.taken, uint64(x.env.Tag)), int32(i), nil
	return env
}

// sendPart sends part i, whose partitions are ready.
func (x *partitioned) sendPart(p *Process, i int64) {
	n := min(x.per, x.partitions-i*x.per)
	_, extent := x.buf.Type.Extent()
	b := x.buf
	b.Addr += i * x.per * x.each * extent
	b.Count = n * x.each
	p.end.Send(&x.requests[i], x.part(i), b, match.Standard)
}

// startReceive receives the header, or the parts once it came.
func (x *partitioned) startReceive(p *Process) {
	x.scanned = 0
	if x.bound.Load() {
		clear(x.placed)
		if x.fault == nil {
			x.receiveParts(p)
		}
		return
	}
	x.started = true
	p.alternatives(x)
	x.listen(p, x.of.numbersOf(x)...)
}

// listen receives the header of one of the numbers.
func (x *partitioned) listen(p *Process, numbers ...uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range numbers {
		h := &header{number: n}
		if spare := x.of.spare[n]; spare != nil {
			delete(x.of.spare, n)
			x.accept(p, spare)
			continue
		}
		x.heads = append(x.heads, h)
		p.end.Recv(&h.req, x.envelope(n), datatype.Of(h.buf[:]))
		bind := func() { x.bind(p, h) }
		if !h.req.Then(bind) {
			p.end.Schedule(bind, false)
		}
	}
}

// headed reports whether a header came.
func (x *partitioned) headed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bound.Load() || slices.ContainsFunc(x.heads, func(h *header) bool { return h.req.Done() })
}

// accept takes a header that came for a number of this receive. mu is held.
func (x *partitioned) accept(p *Process, h *header) {
	x.heads = append(x.heads, h)
	p.end.Schedule(func() { x.bind(p, h) }, false)
}

// deafen takes back the receives of headers.
func (x *partitioned) deafen(p *Process) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancelHeads(p, nil)
}

// cancelHeads takes back the receives of headers. One that came for another number than the taken
// one belongs to another request. mu is held.
func (x *partitioned) cancelHeads(p *Process, taken *header) {
	for _, h := range x.heads {
		p.end.Cancel(&h.req)
		if h != taken && h.req.Done() && !h.req.Status.Cancelled {
			p.end.Schedule(func() { p.handOver(x.of, h) }, true)
		}
	}
	x.heads = nil
}

// bind receives the parts that a header tells of. It is a task of the rank.
func (x *partitioned) bind(p *Process, h *header) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if h.req.Status.Cancelled || x.bound.Load() || !slices.Contains(x.heads, h) {
		return
	}
	x.note, x.taken = h.req.Status.Note, h.number
	switch {
	case h.req.Err != nil:
		x.fault = requestError(h.req.Err)
	case h.field(0) == withdrawn:
		x.heads = slices.DeleteFunc(x.heads, func(o *header) bool { return o == h })
		p.end.Schedule(func() { p.shift(x, h) }, true)
		return
	default:
		x.fault = x.prepare(p, h)
	}
	if x.fault == nil {
		x.receiveParts(p)
	}
	x.cancelHeads(p, h)
	x.bound.Store(true)
}

// prepare makes room for the receives of parts. The header is what another node sent.
func (x *partitioned) prepare(p *Process, h *header) error {
	x.count, x.per, x.size, x.total = h.field(0), h.field(1), h.field(2), h.field(3)
	if h.req.Status.Bytes != headerSize || x.count < 1 || x.count > maxParts || x.per < 1 || x.size < 0 || x.total < 0 ||
		(x.size == 0) != (x.total == 0) || x.size > 0 && (x.total-1)/x.size+1 != x.count {
		return errorf(abi.ErrOther, "the processes do not call the same function: what came is no partitioned message")
	}
	need := x.count * partBytes
	size := x.buf.Type.Size()
	loose := size > 0 && (x.count > 1 && x.size%size != 0 || x.total%size != 0)
	if loose {
		need += min(x.total, x.buf.Size())
	}
	if p.partBytes.Add(need) > x.room {
		p.partBytes.Add(-need)
		return errorf(abi.ErrNoMem, "partitioned receives under way need too much memory")
	}
	x.held.Store(need)
	x.requests = make([]match.Request, x.count)
	if loose {
		x.loose, x.placed = make([][]byte, x.count), make([]bool, x.count)
		for i := range x.loose {
			from, to := x.span(int64(i))
			x.loose[i] = make([]byte, to-from)
		}
	}
	return nil
}

// span is the bytes of part i that there is room for.
func (x *partitioned) span(i int64) (from, to int64) {
	room := x.buf.Size()
	from = min(i*x.size, room)
	to = min(from+x.size, x.total, room)
	if i == x.count-1 {
		to = min(x.total, room)
	}
	return from, max(from, to)
}

// receiveParts posts the receives of all parts.
func (x *partitioned) receiveParts(p *Process) {
	for i := range x.count {
		var b datatype.Buffer
		if x.loose != nil {
			b = datatype.Of(x.loose[i])
		} else {
			from, to := x.span(i)
			size := max(x.buf.Type.Size(), 1)
			_, extent := x.buf.Type.Extent()
			b = x.buf
			b.Addr += from / size * extent
			b.Count = (to - from) / size
		}
		p.end.Recv(&x.requests[i], x.part(i), b)
	}
}

// allDone reports whether all parts are sent or have come.
func (x *partitioned) allDone() bool {
	for x.scanned < len(x.requests) && x.fault == nil {
		if !x.requests[x.scanned].Done() {
			return false
		}
		x.scanned++
	}
	return true
}

// arrived reports whether a partition of an active receive is there. Its data is in place then.
func (x *partitioned) arrived(partition int64) bool {
	if !x.bound.Load() {
		return false
	}
	bytes := x.each * x.buf.Type.Size()
	from, to := partition*bytes, (partition+1)*bytes
	if x.fault != nil || bytes == 0 || x.size == 0 {
		return x.done()
	}
	for i := from / x.size; i < x.count && i*x.size < to; i++ {
		if !x.requests[i].Done() {
			return false
		}
	}
	for i := from / x.size; i < x.count && i*x.size < to; i++ {
		x.place(i)
	}
	return true
}

// place copies a part that has memory of its own to where it belongs, once.
func (x *partitioned) place(i int64) {
	if x.loose != nil && !x.placed[i] {
		x.placed[i] = true
		from, _ := x.span(i)
		x.buf.Unpack(x.loose[i], from)
	}
}

// result is the outcome of an operation that is done.
func (x *partitioned) result(p *Process) (match.Status, error) {
	if x.fault != nil {
		return emptyStatus, x.fault
	}
	st := match.Status{Source: x.env.Source, Tag: x.env.Tag, Bytes: min(x.total, x.buf.Size()), Truncated: x.total > x.buf.Size(), Note: x.note}
	for i := range x.requests {
		if err := x.requests[i].Err; err != nil {
			return emptyStatus, requestError(err)
		}
		if x.verb != sends {
			x.place(int64(i))
		}
	}
	x.Status, x.Err = st, nil
	if x.by != nil {
		return x.checked(p)
	}
	return outcome(&x.Request, x.verb == sends)
}
