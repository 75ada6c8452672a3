package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// jobs is what this node has to do with jobs: those that began here ([job]) and its [part] in those that run here. A job that
// began here and runs here is both, and the two talk as if they were on different nodes.
type jobs struct {
	n     *Node
	slots slots
	keep  keeper
	load  match.Load // of the ranks of all jobs
	files room       // of what they write

	mu    sync.RWMutex       // guards the rest
	parts map[[16]byte]*part // by frame.JobKey
	mine  map[[16]byte]*job  // that have not ended, by the nonce of their ID
	all   map[string]*job    // and those that have, by Job.ID
	vain  vain
	shut  bool
}

var _ mpi.Jobs = (*Node)(nil)

// Bounds on jobs.
const (
	maxOpenJobs  = 256                     // of one origin that have not ended
	maxParts     = 1024                    // of jobs of all origins
	maxJobFiles  = 64 << 20                // bytes of the files that a job's ranks wrote
	maxFiles     = 1 << 30                 // bytes of the files of all ranks that run here
	maxJobRoom   = maxFiles / 4            // of those, what one job has
	maxFileCount = 1024                    // of those
	offerTimeout = 3 * time.Second         // for the answers to offers
	offerGrace   = 300 * time.Millisecond  // for more of them once there are slots enough
	fetchTimeout = 10 * time.Minute        // for all nodes to be prepared
	stopTimeout  = 1500 * time.Millisecond // for nodes to say that nothing of a job is left
)

func (js *jobs) init(n *Node) {
	js.n = n
	js.parts = map[[16]byte]*part{}
	js.mine = map[[16]byte]*job{}
	js.all = map[string]*job{}
	js.vain = vain{}
	if n.cfg.RankSlots == 0 {
		n.cfg.RankSlots = DefaultRankSlots()
	}
	js.slots.total = n.cfg.RankSlots
	js.keep.dir, js.keep.log = n.cfg.JobsDir, n.log
}

// start reads the records that were kept, and takes frames of jobs.
func (js *jobs) start() error {
	for _, k := range js.keep.load() {
		js.all[k.Job.ID] = recalled(js, k)
	}
	if js.n.cfg.JobTransport == nil {
		return nil
	}
	return js.n.cfg.JobTransport.Start(jobReceiver{js})
}

// close ends all jobs and parts within ctx.
func (js *jobs) close(ctx context.Context) error {
	js.mu.Lock()
	js.shut = true
	mine := slices.Collect(maps.Values(js.mine))
	js.mu.Unlock()
	for _, j := range mine {
		j.fail(mpi.JobCause{Rank: -1, Peer: js.n.self, Reason: mpi.Internal, Detail: "the node was stopped"})
	}
	await := func(over <-chan struct{}) {
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
	for _, j := range mine {
		await(j.over)
	}
	js.mu.RLock()
	parts := slices.Collect(maps.Values(js.parts))
	js.mu.RUnlock()
	for _, p := range parts {
		p.fail(-1, "", mpi.Lost, "the node was stopped")
		p.stop("the node was stopped")
	}
	for _, p := range parts {
		await(p.over)
	}
	if js.n.cfg.JobTransport == nil {
		return nil
	}
	return js.n.cfg.JobTransport.Close(ctx)
}

// post sends a frame to a node, which may be this one. The caller holds no lock. failed may be nil.
func (js *jobs) post(to mpi.PeerID, f frame.JobFrame, failed func(error)) {
	if to == js.n.self {
		switch x := f.(type) { // nothing of f is kept: see frame.JobTransport
		case frame.Output:
			x.Data = bytes.Clone(x.Data)
			f = x
		case frame.Input:
			x.Data = bytes.Clone(x.Data)
			f = x
		}
		js.receive(to, f)
		return
	}
	if failed == nil {
		failed = func(error) {}
	}
	if js.n.cfg.JobTransport == nil {
		js.n.wg.Go(func() { failed(frame.ErrUnreachable) })
		return
	}
	js.n.cfg.JobTransport.Post(to, f, failed)
}

// watch makes sure that the loss of a node is known soon.
func (js *jobs) watch(p mpi.PeerID) (stop func()) {
	if p == js.n.self || js.n.cfg.JobTransport == nil {
		return func() {}
	}
	return js.n.cfg.JobTransport.Watch(p)
}

// jobReceiver takes the frames of jobs.
type jobReceiver struct{ js *jobs }

// Receive implements [frame.Receiver].
func (r jobReceiver) Receive(from mpi.PeerID, f frame.Frame) {
	switch f := f.(type) {
	case frame.Packet:
		r.js.mu.RLock()
		p := r.js.parts[f.Job]
		r.js.mu.RUnlock()
		if p != nil {
			p.packet(from, f)
		}
	case frame.JobFrame:
		r.js.receive(from, f)
	}
}

// Lost implements [frame.Receiver].
func (r jobReceiver) Lost(peer mpi.PeerID, session uint64, why error) {
	js := r.js
	js.n.log.Debug("session for jobs lost", "peer", peer, "session", session, "why", why)
	js.mu.RLock()
	parts, mine := slices.Collect(maps.Values(js.parts)), slices.Collect(maps.Values(js.mine))
	js.mu.RUnlock()
	for _, p := range parts {
		p.lost(peer, why)
	}
	for _, j := range mine {
		j.lost(peer, why)
	}
	if !js.n.closed.Load() {
		js.n.cfg.Pools.Suspect(peer)
	}
}

// receive gives a frame to the job or the part that it is for, if from may say it.
func (js *jobs) receive(from mpi.PeerID, f frame.JobFrame) {
	switch f := f.(type) {
	case frame.Reservation, frame.Prepared, frame.Output, frame.FileChunk, frame.InputCredit, frame.Exit, frame.Failed, frame.Stopped:
		js.mu.RLock()
		j := js.mine[f.Of().Nonce]
		js.mu.RUnlock()
		if j != nil && f.Of().Origin == js.n.self {
			j.receive(from, f)
		}
	case frame.Offer:
		if f.Job.Origin == from {
			js.post(from, js.offered(from, f), nil)
		}
	default:
		if f.Of().Origin != from {
			return
		}
		js.mu.RLock()
		p := js.parts[frame.JobKey(f.Of())]
		js.mu.RUnlock()
		if p != nil {
			p.receive(f)
			return
		}
		switch f.(type) {
		case frame.Stop:
			js.post(from, frame.Stopped{Job: f.Of()}, nil)
		case frame.Place, frame.Start:
			js.post(from, frame.Failed{Job: f.Of(), Rank: -1, Reason: mpi.NoSlots, Detail: "the node has not kept its slots so long"}, nil)
		}
	}
}

// StartJob implements [mpi.Jobs].
func (n *Node) StartJob(ctx context.Context, spec mpi.JobSpec) (*mpi.Job, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	spec.Peers = slices.Clone(spec.Peers)
	for i, p := range spec.Peers {
		id, err := n.cfg.Transport.ParsePeer(string(p))
		if err != nil {
			return nil, mpi.Errorf(mpi.CodeInvalid, "peers[%d]: %v", i, err)
		}
		if slices.Contains(spec.Peers[:i], id) {
			return nil, mpi.Errorf(mpi.CodeInvalid, "peers[%d] is %s, which is named twice", i, id)
		}
		spec.Peers[i] = id
	}
	if n.closed.Load() {
		return nil, errStopping
	}
	program, err := n.resolve(ctx, spec.File)
	if err != nil {
		return nil, err
	}
	if program.Version == "" && spec.Name != "" {
		program.Name = spec.Name
	}
	if n.programs.isHandler(program.CID) {
		return nil, mpi.Errorf(mpi.CodeInvalid, "%s is no MPI program: it is a handler of messages, to send to with ipfs-mpi send", programName(program))
	}
	j, err := n.jobs.begin(spec, program)
	if err != nil {
		return nil, err
	}
	return j.snapshot(), nil
}

var errStopping = mpi.Errorf(mpi.CodeStopping, "the node is stopping")

// begin makes a job and lets it run.
func (js *jobs) begin(spec mpi.JobSpec, program mpi.Interpreter) (*job, error) {
	js.mu.Lock()
	defer js.mu.Unlock()
	switch {
	case js.shut:
		return nil, errStopping
	case len(js.mine) >= maxOpenJobs:
		return nil, mpi.Errorf(mpi.CodeBusy, "%d jobs of this node have not ended: wait for one, or end one", len(js.mine))
	}
	id := mpi.NewRequestID(js.n.self)
	for js.all[shortID(id)] != nil {
		id = mpi.NewRequestID(js.n.self)
	}
	j := newJob(js, id, spec, program)
	js.mine[id.Nonce] = j
	js.all[j.name] = j
	js.n.wg.Go(j.run)
	return j, nil
}

func shortID(id mpi.JobID) string { return hex.EncodeToString(id.Nonce[:4]) }

// forgetOld drops the oldest records of ended jobs beyond the bounds, and returns them. The caller has the mutex.
func (js *jobs) forgetOld() (old []*job) {
	var ended []*job
	for _, j := range js.all {
		if j.ended() {
			ended = append(ended, j)
		}
	}
	slices.SortFunc(ended, func(a, b *job) int { return b.created.Compare(a.created) })
	var size int64
	for i, j := range ended {
		if size += j.keptBytes(); i >= maxKept || size > maxKeptBytes {
			delete(js.all, j.name)
			old = append(old, j)
		}
	}
	return old
}

// ended takes a job out of those that run.
func (js *jobs) ended(j *job) {
	js.mu.Lock()
	delete(js.mine, j.id.Nonce)
	old := js.forgetOld()
	js.mu.Unlock()
	for _, j := range old { // without the mutex, which packets wait for
		js.keep.remove(j.name)
	}
}

func (js *jobs) find(id string) (*job, error) {
	js.mu.RLock()
	defer js.mu.RUnlock()
	if j := js.all[id]; j != nil {
		return j, nil
	}
	return nil, mpi.Errorf(mpi.CodeNotFound, "there is no job %q of this node, or its record is not kept any more", id)
}

// Jobs implements [mpi.Jobs].
func (n *Node) Jobs() []*mpi.Job {
	n.jobs.mu.RLock()
	list := slices.Collect(maps.Values(n.jobs.all))
	n.jobs.mu.RUnlock()
	slices.SortFunc(list, func(a, b *job) int { return b.created.Compare(a.created) })
	out := make([]*mpi.Job, len(list))
	for i, j := range list {
		out[i] = j.snapshot()
	}
	return out
}

// Job implements [mpi.Jobs].
func (n *Node) Job(id string) (*mpi.Job, error) {
	j, err := n.jobs.find(id)
	if err != nil {
		return nil, err
	}
	return j.snapshot(), nil
}

// CancelJob implements [mpi.Jobs].
func (n *Node) CancelJob(ctx context.Context, id string) (*mpi.Job, error) {
	j, err := n.jobs.find(id)
	if err != nil {
		return nil, err
	}
	j.fail(mpi.JobCause{Rank: -1, Peer: n.self, Reason: mpi.Cancelled, Detail: "it was cancelled"})
	select {
	case <-j.over:
		return j.snapshot(), nil
	case <-ctx.Done():
		return nil, mpi.Errorf(mpi.CodeTimeout, "job %s is being cancelled, and has not ended yet: %v", id, ctx.Err())
	}
}

// JobEvents implements [mpi.Jobs].
func (n *Node) JobEvents(ctx context.Context, id string, after uint64, each func(mpi.JobEvent) error) error {
	j, err := n.jobs.find(id)
	if err != nil {
		return err
	}
	return j.events.follow(ctx, after, each)
}

// JobFile implements [mpi.Jobs].
func (n *Node) JobFile(id, name string) (io.ReadCloser, error) {
	j, err := n.jobs.find(id)
	if err != nil {
		return nil, err
	}
	return j.openFile(name)
}

// AddProgram implements [mpi.Jobs].
func (n *Node) AddProgram(ctx context.Context, wasm []byte) (mpi.CID, error) {
	if n.closed.Load() {
		return "", errStopping
	}
	return n.cfg.Store.Add(ctx, wasm)
}
