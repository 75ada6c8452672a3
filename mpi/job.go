package mpi

import (
	"context"
	"io"
	"time"
)

// JobSpec is a job as the API asks for it.
type JobSpec struct {
	// names the program: "name", "name/version", "name/range" or a CID
	File string `json:"file"`
	// what to call a program that is given by its CID and has no name: for people, and as its own
	Name  string   `json:"name,omitempty"`
	Ranks int      `json:"ranks"`
	Args  []string `json:"args,omitempty"` // after the program's name
	Env   []string `json:"env,omitempty"`  // "KEY=value"
	// MapBy places the ranks: "node" gives each node one in turn, "slot" fills each node before the
	// next. Empty is "node".
	MapBy MapBy `json:"mapBy,omitempty"`
	// Peers are the nodes to use, the first one for rank 0. Empty: this node, then the pool's
	// others, those that have answered fastest first.
	Peers []PeerID `json:"peers,omitempty"`
	// wall clock, from when there are slots; 0 for none
	Timeout time.Duration `json:"timeout,omitempty"`
	// how long to wait for enough slots; 0 fails at once
	WaitSlots time.Duration `json:"waitSlots,omitempty"`
	// how long a node of the job may be silent before it is lost; 0 for [DefaultJobGrace]
	Grace time.Duration `json:"grace,omitempty"`
	// bytes of a rank's memory at most; 0 for each node's own limit
	Memory int64 `json:"memory,omitempty"`
	// standard input of rank 0 will follow, by [Jobs.Input]
	Stdin bool `json:"stdin,omitempty"`
	// who starts the job follows its events: none is dropped that it has not seen
	Follow bool `json:"follow,omitempty"`
	// what the ranks call is compared, and the first mismatch ends the job
	CheckCalls bool `json:"check,omitempty"`
	// go on when all ranks wait for each other and no message is under way
	AllowDeadlock bool `json:"allowDeadlock,omitempty"`
	// a process that fails, alone or with its node, does not end the job: the others are told
	FT bool `json:"ft,omitempty"`
	// so many more rank slots, of nodes without ranks, are kept for the job: for ranks of nodes
	// that are lost before they run
	Spares int `json:"spares,omitempty"`
}

// MapBy is how ranks are placed.
type MapBy string

// The values of [MapBy].
const (
	ByNode MapBy = "node"
	BySlot MapBy = "slot"
)

// JobState is how far a job has come. The states follow each other in this order; any may be
// followed by Failed or Cancelled.
type JobState string

// The states of a job.
const (
	JobFinding   JobState = "finding"   // looks for peers with slots
	JobFetching  JobState = "fetching"  // each node fetches and compiles the program
	JobRunning   JobState = "running"   // the ranks run
	JobDone      JobState = "done"      // every rank that did not fail ended with exit code 0
	JobFailed    JobState = "failed"    // Cause says why
	JobCancelled JobState = "cancelled" // on a client's request
)

// JobStates are all states, in their order.
var JobStates = []JobState{JobFinding, JobFetching, JobRunning, JobDone, JobFailed, JobCancelled}

// Ended reports whether the state is final.
func (s JobState) Ended() bool { return s == JobDone || s == JobFailed || s == JobCancelled }

// Job is the record of a job.
type Job struct {
	ID       string     `json:"id"` // short, unique at its origin
	Spec     JobSpec    `json:"spec"`
	Program  CID        `json:"program,omitempty"` // once it is known
	Name     string     `json:"name"`              // of the program, for people
	State    JobState   `json:"state"`
	Progress string     `json:"progress,omitempty"` // for people: what it is doing or waiting for
	Created  time.Time  `json:"created"`
	Started  time.Time  `json:"started,omitzero"` // its ranks
	Ended    time.Time  `json:"ended,omitzero"`
	Ranks    []JobRank  `json:"ranks,omitempty"`  // once they are placed
	Spares   []JobSpare `json:"spares,omitempty"` // that are kept
	// exit code of the whole: that of the rank that failed first
	Exit  int       `json:"exit"`
	Cause *JobCause `json:"cause,omitempty"` // why it failed
	Files []JobFile `json:"files,omitempty"` // that its ranks wrote
	// nodes with ranks that say nothing; the job waits for them. At most [MaxJobSilences]
	Silent []JobSilence `json:"silent,omitempty"`
	Events uint64       `json:"events"` // so many have happened: Seq of the last one
}

// JobRank is one rank of a job.
type JobRank struct {
	Peer   PeerID `json:"peer"`
	Memory int64  `json:"memory,omitempty"` // bytes, once it has ended
	Exit   *int   `json:"exit,omitempty"`   // once it has ended by itself
	// why it failed, in a job with FT; nil if it did not
	Failed *RankFailure `json:"failed,omitempty"`
	// what it waits for, or waited for when the job failed: of some moments ago; nil while it runs
	Waits *RankWait `json:"waits,omitempty"`
}

// JobSpare is rank slots that a node without ranks keeps for a job.
type JobSpare struct {
	Peer  PeerID `json:"peer"`
	Slots int    `json:"slots"`
}

// SpareSlots is how many slots are kept for the job besides those of its ranks.
func (j *Job) SpareSlots() int {
	n := 0
	for _, s := range j.Spares {
		n += s.Slots
	}
	return n
}

// RankFailure is why a rank failed that the job goes on without.
type RankFailure struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
}

// FailedRanks is how many ranks have failed in a job that goes on without them.
func (j *Job) FailedRanks() int {
	n := 0
	for i := range j.Ranks {
		if j.Ranks[i].Failed != nil {
			n++
		}
	}
	return n
}

// JobCause is the first thing that went wrong.
type JobCause struct {
	Rank   int    `json:"rank"` // -1 if it was not one rank
	Peer   PeerID `json:"peer,omitempty"`
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
	Exit   int    `json:"exit"`
}

// JobSilence is that a node hears nothing from another one.
type JobSilence struct {
	Peer  PeerID    `json:"peer"` // says nothing
	By    PeerID    `json:"by"`   // to this one, which may be the origin
	Since time.Time `json:"since"`
}

// Grace of a job, for its silent nodes.
const (
	DefaultJobGrace = 30 * time.Second
	MinJobGrace     = 2 * time.Second // a silence is noticed after 1 s
	MaxJobGrace     = time.Hour
	MaxJobSilences  = 64 // in a job's record
)

// JobFile is a file that a rank wrote.
type JobFile struct {
	Name string `json:"name"`
	Rank int    `json:"rank"`
	Size int64  `json:"size"`
}

// EventType is what kind of thing happened to a job.
type EventType string

// The types of a [JobEvent].
const (
	EventState    EventType = "state"    // the job came to State
	EventProgress EventType = "progress" // Text says what it does or waits for
	EventStdout   EventType = "stdout"   // Rank wrote Text
	EventStderr   EventType = "stderr"   // Rank wrote Text
	EventExit     EventType = "exit"     // Rank ended by itself
	// Rank failed for Cause, in a job with FT, which goes on
	EventRankFailed EventType = "rank-failed"
	// Peer says nothing to By, and is waited for; Text says so
	EventNodeSilent EventType = "node-silent"
	EventNodeBack   EventType = "node-back" // By hears Peer again
	EventEnd        EventType = "end"       // the last: the job ended
)

// JobEvent is one thing that happened to a job, in order. Seq counts from 1 for each job.
type JobEvent struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Type EventType `json:"type"`
	Rank int       `json:"rank"` // with stdout, stderr, exit, rank-failed
	// progress; a line with its newline, or a part of one that is long or unfinished
	Text   string    `json:"text,omitempty"`
	State  JobState  `json:"state,omitempty"`  // state, end
	Exit   int       `json:"exit,omitempty"`   // exit, end
	Cause  *JobCause `json:"cause,omitempty"`  // end, rank-failed
	Peer   PeerID    `json:"peer,omitempty"`   // node-silent, node-back
	By     PeerID    `json:"by,omitempty"`     // node-silent, node-back
	Missed uint64    `json:"missed,omitempty"` // events before this one that are not kept any more
}

// Jobs is what the API needs of a node to run jobs. Errors are [Error]s.
type Jobs interface {
	// StartJob starts a job and returns its record at once; its events tell the rest.
	StartJob(ctx context.Context, spec JobSpec) (*Job, error)
	// Jobs are the records of all jobs of this origin that run or are kept, the newest first.
	Jobs() []*Job
	Job(id string) (*Job, error)
	// CancelJob ends a job on all nodes and returns when all its ranks have ended, or ctx has. It
	// does nothing to a job that has ended.
	CancelJob(ctx context.Context, id string) (*Job, error)
	// JobEvents calls each for the job's events after seq, as they come, until the job's last, an
	// error of each, or ctx's end.
	JobEvents(ctx context.Context, id string, after uint64, each func(JobEvent) error) error
	// JobInput passes all of in to rank 0 as its standard input, as fast as the rank reads. It
	// returns as soon as the rank takes no more, even in a Read of in; the caller then makes that
	// Read return.
	JobInput(ctx context.Context, id string, in io.Reader) error
	// JobFile opens a file that a rank wrote.
	JobFile(id, name string) (io.ReadCloser, error)
	// AddProgram adds a program's bytes to IPFS, so that peers can fetch it, and returns its CID,
	// that of a directory with run.wasm.
	AddProgram(ctx context.Context, wasm []byte) (CID, error)
}
