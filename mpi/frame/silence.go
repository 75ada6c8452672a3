package frame

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// What nodes of a job say of silences. Both frames are since 2.2.0, and hints: a peer that speaks
// 2.1.0 does not get them, and nothing waits for them.

// Grace tells a node, before its Place, for how long the nodes of the job may be silent. A node
// that is not told waits for [DefaultGrace].
type Grace struct {
	Job  mpi.JobID
	Time time.Duration
}

// Bounds of Grace.Time. A node takes what is beyond them for the nearest of them.
const (
	MinGrace = mpi.MinJobGrace
	MaxGrace = mpi.MaxJobGrace
)

// Silence tells the origin that its sender hears nothing from another node with ranks, for For by
// now, or that it hears it again: For is 0. The job goes on either way.
type Silence struct {
	Job  mpi.JobID
	Peer mpi.PeerID
	For  time.Duration
}

func (Grace) isFrame()   {}
func (Silence) isFrame() {}

func (f Grace) Of() mpi.JobID   { return f.Job }
func (f Silence) Of() mpi.JobID { return f.Job }
