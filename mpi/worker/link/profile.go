package link

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// ProfileKind is what a profile is of.
type ProfileKind byte

// The kinds. The list is append-only.
const (
	ProfileStop      ProfileKind = 0 // none: the one that is taken ends now
	ProfileCPU       ProfileKind = 1
	ProfileHeap      ProfileKind = 2
	ProfileGoroutine ProfileKind = 3
	lastProfileKind              = ProfileGoroutine
)

// Limits of a profile.
const (
	MaxProfile     = mpi.MaxProfile     // bytes
	MaxProfileTime = mpi.MaxProfileTime // of a profile of the CPU
)

// Profile asks for a profile of the worker's process. The next one is asked for after the last
// ProfileData of this one.
type Profile struct {
	Kind ProfileKind
	Time time.Duration // of ProfileCPU; at most [MaxProfileTime]
}

// ProfileData is a part of a profile, as the tool pprof reads it: 1 to [MaxData] bytes, or none if
// it is the last. All parts have [MaxProfile] bytes at most. With a Failure there is no profile.
type ProfileData struct {
	Last    bool
	Failure string // at most [MaxText] bytes
	Data    []byte
}

func (f *Profile) walk(c *codec) {
	b := byte(f.Kind)
	c.u8(&b, "kind", byte(lastProfileKind))
	f.Kind = ProfileKind(b)
	n := int64(f.Time)
	c.size(&n, "time", int64(MaxProfileTime))
	f.Time = time.Duration(n)
}

func (f *ProfileData) walk(c *codec) {
	c.flag(&f.Last, "last")
	c.text(&f.Failure, "failure", MaxText)
	c.rest(&f.Data, MaxData)
}
