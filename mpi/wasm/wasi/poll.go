package wasi

import (
	"context"
	"encoding/binary"
	"math"
	"time"
)

// maxSubscriptions bounds one poll: every descriptor to read and to write, and some clocks.
const maxSubscriptions = 2*maxFiles + 64

const (
	subscriptionSize = 48
	eventSize        = 32

	eventClock = 0
	eventRead  = 1
	eventWrite = 2

	clockAbstime = 1 << 0
	eventHangup  = 1 << 0
)

// subscription is what one entry of a poll waits for.
//
//	subscription: |userdata u64|tag u8|·······|
//	  tag 0, clock:       |id u32|····|timeout u64|precision u64|flags u16|······|
//	  tag 1, 2, fd:       |fd u32|····························|
type subscription struct {
	userdata uint64
	tag      byte
	err      Errno
	ready    bool
	wait     time.Duration // of a clock
	nbytes   uint64        // of a descriptor
	hangup   bool
}

// pollOneoff waits for the first of its subscriptions. Descriptors are always ready: input is there
// from the start and no write waits, or nobody knows of a stream. So it sleeps only when it was
// given clocks and nothing else.
func pollOneoff(h *Host, m memory, a *Args) Errno {
	n := a[2]
	if n == 0 || n > maxSubscriptions {
		return EINVAL
	}
	in, ok := m.at(a[0], n*subscriptionSize)
	if !ok {
		return EFAULT
	}
	if _, ok := m.at(a[1], n*eventSize); !ok {
		return EFAULT
	}
	if _, ok := m.at(a[3], 4); !ok {
		return EFAULT
	}
	subs := make([]subscription, n)
	ready, first := 0, time.Duration(math.MaxInt64)
	for i := range subs {
		s := h.subscription(in[i*subscriptionSize:])
		subs[i] = s
		if s.ready {
			ready++
		} else {
			first = min(first, s.wait)
		}
	}
	if ready == 0 {
		if e := h.sleep(first); e != Success {
			return e
		}
		for i := range subs {
			subs[i].ready = subs[i].wait <= first
		}
	}
	out, _ := m.at(a[1], n*eventSize)
	count := uint32(0)
	for _, s := range subs {
		if s.ready {
			s.put(out[count*eventSize:][:eventSize])
			count++
		}
	}
	return m.put32(a[3], count)
}

// put writes the event of a subscription.
//
//	event: |userdata u64|error u16|type u8|·····|nbytes u64|flags u16|······|
func (s *subscription) put(b []byte) {
	clear(b)
	binary.LittleEndian.PutUint64(b, s.userdata)
	binary.LittleEndian.PutUint16(b[8:], uint16(s.err))
	b[10] = s.tag
	binary.LittleEndian.PutUint64(b[16:], s.nbytes)
	if s.hangup {
		binary.LittleEndian.PutUint16(b[24:], eventHangup)
	}
}

func (h *Host) subscription(b []byte) subscription {
	s := subscription{userdata: binary.LittleEndian.Uint64(b), tag: b[8]}
	switch s.tag {
	case eventClock:
		s.clock(h, b[16:])
	case eventRead, eventWrite:
		s.descriptor(h, h.file(uint64(binary.LittleEndian.Uint32(b[16:]))))
	default:
		s.err, s.ready = EINVAL, true
	}
	return s
}

func (s *subscription) clock(h *Host, b []byte) {
	now, e := h.timeOf(uint64(binary.LittleEndian.Uint32(b)))
	if e != Success {
		s.err, s.ready = e, true
		return
	}
	timeout := binary.LittleEndian.Uint64(b[8:])
	if binary.LittleEndian.Uint16(b[24:])&clockAbstime != 0 {
		timeout -= min(timeout, now)
	}
	s.wait = time.Duration(min(timeout, math.MaxInt64))
	s.ready = s.wait == 0
}

func (s *subscription) descriptor(h *Host, f *file) {
	s.ready = true
	switch {
	case f == nil, f.kind == stdinFile && s.tag == eventWrite,
		s.tag == eventRead && (f.kind == stdoutFile || f.kind == stderrFile):
		s.err = EBADF
	case f.kind == stdinFile && h.cfg.In != nil:
		s.nbytes = 1 // who knows: a read may wait
	case f.kind == stdinFile:
		s.nbytes, s.hangup = uint64(len(h.in)), len(h.in) == 0
	case s.tag == eventWrite && f.kind < regularFile:
		s.nbytes = maxIO
	}
}

// sleep waits for d, or until the program's time is up, which ends it.
func (h *Host) sleep(d time.Duration) Errno {
	if e := h.over(); e != Success {
		return e
	}
	ctx := h.ctx
	if !h.cfg.Deadline.IsZero() {
		c, cancel := context.WithDeadline(ctx, h.cfg.Deadline)
		defer cancel()
		ctx = c
	}
	switch err := h.clock.Sleep(ctx, d); {
	case err == nil:
		return Success
	case h.ctx.Err() != nil:
		return h.stop(h.whyContext())
	}
	return h.stop(End{Why: TimedOut})
}
