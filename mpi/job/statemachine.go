package job

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Events of an origin.
type (
	originEvent interface{ isOriginEvent() }

	begun      struct{}
	candidates struct { // of a search
		round int
		peers []mpi.PeerID
		alone bool
	}
	nodeEvent struct { // what a node says
		from mpi.PeerID
		f    frame.JobFrame
	}
	nodeLost struct { // the session with a node
		peer mpi.PeerID
		why  string
	}
	nodeSilent struct { // nothing comes from it any more; the session with it goes on
		peer  mpi.PeerID
		since time.Time
	}
	nodeBack struct{ peer mpi.PeerID } // or something does
	unsent   struct {                  // a frame that will never be sent
		peer   mpi.PeerID
		offer  int // the round of an Offer; -1 for another frame
		reason mpi.Reason
		why    string
	}
	quit struct { // by a client's wish, or because this node stops
		killed bool
		cause  mpi.JobCause
	}
	inputGiven struct { // a part of standard input; without data its end
		turn uint64 // of the one who gives it
		data []byte
	}
	inputTaken  struct{}             // back: who gave it waits no more
	inputCut    struct{ why string } // standard input will not come to its end
	recordEvent struct {             // the recorder has dealt with an item
		from mpi.PeerID // whose output it was; empty if it was none
		n    int        // bytes of that
		rank int
		// why the output, or the record, is not kept; empty if it is
		reason mpi.Reason
		err    string
	}
	tick struct{} // a timer may be due
)

func (begun) isOriginEvent()       {}
func (candidates) isOriginEvent()  {}
func (nodeEvent) isOriginEvent()   {}
func (nodeLost) isOriginEvent()    {}
func (nodeSilent) isOriginEvent()  {}
func (nodeBack) isOriginEvent()    {}
func (unsent) isOriginEvent()      {}
func (quit) isOriginEvent()        {}
func (inputGiven) isOriginEvent()  {}
func (inputTaken) isOriginEvent()  {}
func (inputCut) isOriginEvent()    {}
func (recordEvent) isOriginEvent() {}
func (tick) isOriginEvent()        {}

// Actions of an origin and of a host.
type (
	action interface{ isAction() }

	post struct { // to a node; offer is the round of an Offer, -1 for another frame
		to    mpi.PeerID
		f     frame.JobFrame
		offer int
	}
	search struct{ round int } // for nodes; candidates come of it
	happen struct {            // an event of the job, for the recorder
		e    mpi.JobEvent
		save bool // the record too
	}
	output struct { // of a rank, an Output or a FileChunk, for the recorder
		from mpi.PeerID
		f    frame.JobFrame
	}
	forget    struct{ peer mpi.PeerID } // it is of no interest any more
	inputSent struct {                  // to rank 0, or it never will be
		turn uint64
		ok   bool
		end  bool // it was the end of standard input, and was sent
	}
	inputOver struct{} // rank 0 takes no more
	hurry     struct{} // the recorder waits for nobody
	finish    struct{} // the record is final
)

func (post) isAction()      {}
func (search) isAction()    {}
func (happen) isAction()    {}
func (output) isAction()    {}
func (forget) isAction()    {}
func (inputSent) isAction() {}
func (inputOver) isAction() {}
func (hurry) isAction()     {}
func (finish) isAction()    {}

// Events of a host, besides nodeEvent of the origin, nodeLost, nodeSilent, nodeBack and tick.
type (
	hostEvent interface{ isHostEvent() }

	groupReady struct{ err string }   // or why there is none
	rankEnded  struct{ f frame.Exit } // with its output sent
	ranksEnded struct{}               // all of them
	groupGone  struct{}               // it is freed
	inputRead  struct{ n int }        // by rank 0
	peerBroke  struct {               // the protocol, in what its ranks sent
		peer mpi.PeerID
		why  string
	}
	stood    struct{ s exec.Standing } // what the ranks do, as look asked
	faulted  struct{ detail string }   // the passing of messages
	settled  struct{ owes bool }       // answers settle: whether packets still leave here
	shed     struct{}                  // it need not wait for Stop
	evicted  struct{}                  // the node's owner ends it
	shutdown struct{}                  // of this node
)

func (nodeEvent) isHostEvent()  {}
func (nodeLost) isHostEvent()   {}
func (nodeSilent) isHostEvent() {}
func (nodeBack) isHostEvent()   {}
func (tick) isHostEvent()       {}
func (settled) isHostEvent()    {}
func (groupReady) isHostEvent() {}
func (rankEnded) isHostEvent()  {}
func (ranksEnded) isHostEvent() {}
func (groupGone) isHostEvent()  {}
func (inputRead) isHostEvent()  {}
func (peerBroke) isHostEvent()  {}
func (stood) isHostEvent()      {}
func (faulted) isHostEvent()    {}
func (shed) isHostEvent()       {}
func (evicted) isHostEvent()    {}
func (shutdown) isHostEvent()   {}

// Actions of a host, besides post.
type (
	takeSlots   struct{ ranks int }  // of those reserved; the others are free
	freeSlots   struct{ ranks int }  // of ranks that have ended
	makeGroup   struct{}             // groupReady comes of it
	startRanks  struct{}             // rankEnded and ranksEnded come of it
	look        struct{}             // what do the ranks do? stood comes of it
	restRanks   struct{}             // they have ended: which nodes are still watched?
	settle      struct{}             // do packets of theirs still leave? settled comes of it
	abort       struct{ why string } // the ranks
	freeGroup   struct{}             // groupGone comes of it
	giveInput   struct{ data []byte }
	giveCredit  struct{ n int64 } // for output
	watchOrigin struct{}          // slots are kept for its job
	replaceNode struct {          // of the job, before its ranks run
		node int
		peer mpi.PeerID
	}
	failRanks struct { // of any node: they have failed
		ranks []int
		why   string
	}
	leave struct{} // the job is not known here any more
)

func (takeSlots) isAction()   {}
func (freeSlots) isAction()   {}
func (makeGroup) isAction()   {}
func (startRanks) isAction()  {}
func (look) isAction()        {}
func (restRanks) isAction()   {}
func (settle) isAction()      {}
func (abort) isAction()       {}
func (freeGroup) isAction()   {}
func (giveInput) isAction()   {}
func (giveCredit) isAction()  {}
func (failRanks) isAction()   {}
func (watchOrigin) isAction() {}
func (replaceNode) isAction() {}
func (leave) isAction()       {}
