// Package node passes messages between programs of peers. It composes a node from the interfaces of
// package mpi and owns everything that runs in it. Several nodes may live in one process, and none
// needs Kubo.
//
// # How it is put together
//
//   - programs (programs.go) follows the store: it fetches, compiles and initialises the store's
//     interpreters, and tells the pools which are ready.
//   - A request (request.go) is a request of this node's API. A task (task.go) is one message for
//     an interpreter of this node, which admission.go lets in. Both send messages and wait until
//     they end: each is an [owner].
//   - pending (pending.go) holds every message that was sent and has not ended.
//   - The outbox (outbox.go) sends frames to peers without blocking the caller.
//   - The queue (queue.go) gives tasks a handler slot, the sending peers in turn. The budget
//     (budget.go) bounds the open tasks. accepts (acceptdelay.go) delays Accepts.
//   - Package job runs jobs. It takes their programs from here (ranks.go).
//
// A message to the node itself takes the same way as one to a peer, without the transport.
package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// Config has a node's parts and limits.
type Config struct {
	Transport frame.Transport
	Pools     mpi.Pools
	Store     mpi.Store
	Runtime   exec.Runtime

	Admit        func(mpi.PeerID) bool // asked of peers and of origins; nil admits all
	Policy       *policy.Policy        // what peers may have; nil for no limits of its own
	Agent        string                // software and version, for people
	HandlerSlots int                   // instances at once
	Memory       int64                 // bytes of linear memory of an instance
	Timeout      time.Duration         // wall clock of an instance
	Grace        time.Duration         // for handlers and requests to end when the node stops; 5 s
	MaxMessage   int64                 // bytes of Data
	AnyProgram   bool                  // run programs by CID that are not of the store
	Programs     []mpi.CID             // programs not of the store that run if AnyProgram is false

	// Workers is asked how programs are locked down; nil for unknown.
	Workers func() mpi.NodeWorkers
	Log     *slog.Logger // nil discards
}

// Limits and timeouts of a node.
const (
	maxTasks = 12288 // open tasks that peers sent; see budget for the share of each
	ownTasks = 1024  // and so many more only for those of the node's own requests
	// Data of open tasks, of the messages they send, and their failures
	maxTaskBytes = 256 << 20
	ownBytes     = maxTaskBytes / 4 // of these only for tasks of the node's own requests
	// bytes of answers of a request, in units of MaxMessage
	answersPerRequest = 64
	// of the messages of a request that expects no answer
	pushBudget = time.Hour
	// of a lookup in the network that a request waits for
	lookupTimeout = 3 * time.Second
	// of a request that names what is not in the store yet
	loadingPatience = 10 * time.Second
	// so long after its start a node asks the network first
	youngView    = 5 * time.Second
	replyTimeout = 10 * time.Minute       // of sending Accept, Refuse, Done and Cancel
	expiryGrace  = 5 * time.Second        // after its deadline a sent message is dropped
	flushTimeout = time.Second            // of sending queued frames when the node stops
	expiryMargin = 250 * time.Millisecond // from a handler's deadline to its task's
	acceptDelay  = 2 * time.Millisecond   // an Accept waits so long for a Done
	answerDelay  = 1 * time.Millisecond   // an Accept of an answer waits so long for others
	maxOutbox    = 4 * maxTasks           // frames queued for one peer
	maxOutboxes  = 2 * maxOutbox          // frames queued for all; beyond it each has fewOutbox
	fewOutbox    = 256
)

// Node is one node. New makes it, Start starts it, Close stops it.
type Node struct {
	cfg     Config
	self    mpi.PeerID
	log     *slog.Logger
	started time.Time // set by Start

	ctx    context.Context // ends when the node stops
	stop   context.CancelFunc
	wg     sync.WaitGroup // every goroutine of the node
	closed atomic.Bool    // nothing new is taken
	halt   chan struct{}  // closed when requests are to return

	programs programs
	pending  pending
	outbox   outbox
	queue    queue
	budget   budget
	accepts  accepts // of messages for interpreters
	heard    accepts // of answers

	mu       sync.Mutex // guards the rest
	requests map[mpi.RequestID]*request
	tasks    map[mpi.RequestID][]*task
	silent   map[mpi.PeerID]time.Time // peers, since when
	idle     chan struct{}            // made by Drain, and closed when both are empty

	running    atomic.Int64
	totals     totals
	crashLines *backoff.Lines

	drainOnce sync.Once
	closeOnce sync.Once
	closeErr  error
}

type totals struct{ requests, delivered, refused, handled, failed, answers, crashed atomic.Uint64 }

// New makes a node. It starts nothing.
func New(cfg Config) *Node {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Admit == nil {
		cfg.Admit = func(mpi.PeerID) bool { return true }
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 5 * time.Second
	}
	n := &Node{
		cfg: cfg, self: cfg.Transport.Self(), log: cfg.Log, halt: make(chan struct{}),
		requests: map[mpi.RequestID]*request{}, tasks: map[mpi.RequestID][]*task{}, silent: map[mpi.PeerID]time.Time{}, crashLines: crashLines(),
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.programs.init(n)
	n.pending.init()
	n.outbox.init(n)
	n.queue.init(n.self, n.cfg.Policy)
	n.budget.self = n.self
	return n
}

// Self is the node's peer ID.
func (n *Node) Self() mpi.PeerID { return n.self }

// Start starts to receive messages and to serve the store. If it fails, it closes the node.
func (n *Node) Start(ctx context.Context) (err error) {
	n.started = time.Now()
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close(ctx))
		}
	}()
	for range n.cfg.HandlerSlots {
		n.wg.Go(n.work)
	}
	if err := n.cfg.Transport.Start(n); err != nil {
		return err
	}
	if err := n.cfg.Pools.Start(); err != nil {
		return err
	}
	return n.cfg.Store.Start(n.programs.update)
}

// Receive implements [frame.Receiver].
func (n *Node) Receive(from mpi.PeerID, f frame.Frame) {
	switch f := f.(type) {
	case frame.Deliver:
		if f.Answer {
			n.receiveAnswer(from, f)
		} else {
			n.receiveMessage(from, from, f)
		}
	case frame.Accept:
		n.pending.accepted(from, f.ID)
	case frame.Refuse:
		if o := n.pending.take(from, f.ID); o != nil {
			o.end(o.failure(f.Reason, f.Detail))
		}
	case frame.Done:
		if o := n.pending.take(from, f.ID); o != nil {
			o.owner.ended(o, ofPeer(o, f.Failures), f.Omitted)
		}
	case frame.Cancel:
		n.cancelTasks(from, f.Request)
	}
}

// ofPeer checks the failures of a peer's Done. The first with Index 0 is of the message itself and
// gets our own record of it; all others are of messages that interpreters sent.
func ofPeer(o *outgoing, told []mpi.Failure) []mpi.Failure {
	list := slices.Clone(told[:min(len(told), mpi.MaxFailures)])
	own := false
	for i := range list {
		if list[i].Index == 0 && !own {
			own = true
			f := o.failure(list[i].Reason, list[i].Detail)
			f.ExitCode, f.Stderr = list[i].ExitCode, list[i].Stderr
			list[i] = f
		} else {
			list[i].Index = -1
		}
		list[i] = list[i].Clip()
	}
	return list
}

// Unsent implements [frame.UnsentReceiver].
func (n *Node) Unsent(peer mpi.PeerID, ids []uint64) {
	for _, id := range ids {
		if o := n.pending.take(peer, id); o != nil {
			o.end(o.failure(mpi.Unreachable, "the connection to the peer was lost before the message was sent"))
		}
	}
}

// Lost implements [frame.Receiver].
func (n *Node) Lost(peer mpi.PeerID, session uint64, why error) {
	if !n.closed.Load() {
		n.log.Info("session lost", "peer", peer, "session", session, "why", why)
	}
	n.endSilence(peer)
	for _, o := range n.pending.lose(peer, session) {
		o.end(o.failure(mpi.Lost, why.Error()))
	}
	if !n.closed.Load() {
		n.cfg.Pools.Suspect(peer)
	}
	n.cancelPeer(peer)
}

// reply sends a frame about a message to the peer that sent it.
func (n *Node) reply(to mpi.PeerID, f frame.Frame) {
	if to == n.self {
		n.Receive(n.self, f)
		return
	}
	n.outbox.put(to, note{frame: f, deadline: time.Now().Add(replyTimeout)}, false)
}

// replyDone sends the Done of a task, which takes room of the budget until then.
func (n *Node) replyDone(t *task, done frame.Done) {
	if t.from == n.self {
		n.budget.give(t.account, t.room)
		n.Receive(n.self, done)
		return
	}
	n.outbox.put(t.from, note{frame: done, task: t, deadline: time.Now().Add(replyTimeout)}, false)
}
