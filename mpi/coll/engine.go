package coll

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/buffers"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Errors of a collective. Those of the job are what [match.Request] says.
var (
	// ErrLong and ErrShort mean that a message was not of the size that this rank's arguments say.
	ErrLong  = errors.New("more data arrived than this rank's count and datatype say: the ranks' arguments do not agree")
	ErrShort = errors.New("less data arrived than this rank's count and datatype say: the ranks' arguments do not agree")
	// ErrMemory means that the temporaries are over the engine's limit.
	ErrMemory = errors.New("the collective operations under way need too much memory")
)

// Team is who takes part in a collective, by their ranks in the job.
type Team struct {
	Context uint64
	Rank    int     // this process in Members
	Members []int32 // of the local group
	Remote  []int32 // of an intercommunicator's remote group; nil for an intracommunicator
	// the communicator, for failures; nil if no process fails
	Scope *match.Scope
}

// Tags of messages. A collective that is started once has the number of the collective on its
// communicator. A persistent one has the number of its initialisation, since its starts need not be
// in order with other operations.
const (
	maxTag        = 1<<29 - 1
	localTag      = 1 << 29 // of messages within the local group of an intercommunicator
	persistentTag = 1 << 30
)

// Engine makes the schedules of one rank. It belongs to the rank's goroutine.
type Engine struct {
	// Limit bounds the bytes of all schedules of the engine, with their temporaries as large as
	// they are in memory.
	Limit int64

	end  *match.Endpoint
	used int64
	free []*Schedule
	pool buffers.Pool
}

// NewEngine makes an engine that sends and receives at end.
func NewEngine(end *match.Endpoint) *Engine { return &Engine{end: end, Limit: 64 << 20} }

// New gives an empty schedule for the collective of that number on a communicator.
func (e *Engine) New(team Team, number uint32, persistent bool) *Schedule {
	var s *Schedule
	if n := len(e.free); n > 0 {
		s = e.free[n-1]
		e.free = e.free[:n-1]
	} else {
		s = &Schedule{engine: e, end: e.end}
		s.oneDone, s.driver = s.requestDone, s.drive
		s.resume = func() { s.run(true) }
	}
	s.team, s.tag = team, int32(number&maxTag)
	if persistent {
		s.tag |= persistentTag
	}
	return s
}

// Free gives back a schedule that is not under way, with its temporaries.
func (s *Schedule) Free() {
	e := s.engine
	for _, b := range s.temps {
		e.pool.Put(b)
	}
	if s.op.User != nil {
		s.op.User.Close()
	}
	e.used -= s.cost
	s.reduction = reduction{spare: s.reduction.spare[:0]}
	clear(s.steps)
	clear(s.temps)
	s.steps, s.temps = s.steps[:0], s.temps[:0]
	s.team, s.op, s.err, s.cost, s.local, s.started = Team{}, Op{}, nil, 0, false, false
	s.done.Store(false)
	if cap(s.steps) <= keptSteps && len(s.requests) <= keptSteps && len(e.free) < keptSchedules {
		e.free = append(e.free, s)
	}
}

// What an engine keeps for later.
const (
	keptSchedules = 16
	keptSteps     = 256
)

const (
	stepSize    = int64(unsafe.Sizeof(step{}))
	requestSize = int64(unsafe.Sizeof(match.Request{})) + 8
	bufferSize  = int64(unsafe.Sizeof(datatype.Buffer{}))
)

// charge counts n bytes for the schedule.
func (s *Schedule) charge(n int64) bool {
	e := s.engine
	if n < 0 || n > e.Limit-e.used {
		s.fail(fmt.Errorf("%w: %d bytes besides %d, of %d at most", ErrMemory, n, e.used, e.Limit))
		return false
	}
	e.used += n
	s.cost += n
	return true
}

// Buffers is a list of n buffers, until Free, charged as temporaries are. If there is no room the
// schedule fails, and it is nil.
func (s *Schedule) Buffers(n int) []datatype.Buffer {
	if n == 0 || !s.charge(int64(n)*bufferSize) {
		return nil
	}
	return make([]datatype.Buffer, n)
}

// temp is n bytes of the host's memory, until Free. If there is no room the schedule fails, and
// they are none.
func (s *Schedule) temp(n int64) []byte {
	if n == 0 || !s.charge(int64(buffers.Size(int(n)))) {
		return nil
	}
	b := s.engine.pool.Get(int(n))
	s.temps = append(s.temps, b)
	return (*b)[:n]
}

// packed is a temporary as a buffer.
func (s *Schedule) packed(n int64) datatype.Buffer {
	b := datatype.Of(s.temp(n))
	if b.Count != n {
		return datatype.Buffer{}
	}
	return b
}
