package job

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// rankOwner implements [exec.RankOwner] for the ranks of a job on this node.
type rankOwner struct {
	p      *hosted
	local  []int
	nodes  []packetPath // by number
	roster atomic.Pointer[roster]
	window int64    // of packets, one way between two nodes
	quota  jobQuota // of what the ranks write

	written atomic.Int64 // bytes of output and files without credit, as in frame.OutputWindow
	unread  atomic.Int64 // bytes of input that rank 0 was given and has not read
	crashed sync.Once
	left    atomic.Int64 // ranks that have not ended

	mu    sync.Mutex // guards the rest
	ended map[int]bool
}

// newRankOwner is for the ranks that were placed here.
func newRankOwner(p *hosted, place *frame.Place, local []int) *rankOwner {
	o := &rankOwner{
		p: p, local: local, nodes: make([]packetPath, len(place.Nodes)),
		window: frame.PacketWindow(len(place.Nodes)), ended: map[int]bool{},
		quota: jobQuota{of: &p.svc.files, own: p.id.Origin == p.svc.self},
	}
	o.left.Store(int64(len(local)))
	o.roster.Store(newRoster(place.Nodes))
	return o
}

// roster is the nodes of a job, by number. It never changes.
type roster struct {
	peers   []mpi.PeerID
	numbers map[mpi.PeerID]int
}

func newRoster(peers []mpi.PeerID) *roster {
	r := &roster{peers, map[mpi.PeerID]int{}}
	for i, peer := range peers {
		r.numbers[peer] = i
	}
	return r
}

// replace puts another node in the place of one, before ranks run.
func (o *rankOwner) replace(node int, peer mpi.PeerID) {
	peers := slices.Clone(o.roster.Load().peers)
	peers[node] = peer
	o.roster.Store(newRoster(peers))
}

// peer is the node of a number.
func (o *rankOwner) peer(node int) mpi.PeerID { return o.roster.Load().peers[node] }

// prepare fetches and compiles the program and makes room for the ranks.
func (p *hosted) prepare(place frame.Place) groupReady {
	svc, own := p.svc, p.id.Origin == p.svc.self
	program, files, err := svc.cfg.Programs.MPIProgram(p.running, p.offer.Program, own)
	if err != nil {
		return groupReady{err.Error()}
	}
	cfg := exec.RankConfig{
		Job: shortID(p.id), Nodes: make([]int, len(place.Ranks)), Self: p.ranks.roster.Load().numbers[svc.self],
		Count: len(place.Nodes), Slots: int(place.Slots), Host: svc.cfg.Host, Args: place.Args, Env: place.Env,
		Memory: max(svc.cfg.Memory, p.offer.Memory), Scratch: maxJobFiles, Stdin: place.Stdin, Files: files, Check: place.Check,
		FT: place.FT,
	}
	for r, node := range place.Ranks {
		cfg.Nodes[r] = int(node)
	}
	if place.Memory > 0 {
		cfg.Memory = min(cfg.Memory, place.Memory)
	}
	g, err := program.RankGroup(p.running, cfg, p.ranks)
	if err != nil {
		var crash *exec.Crash
		if errors.As(err, &crash) {
			p.ranks.crash(crash)
		}
		return groupReady{err.Error()}
	}
	p.group.Store(&g)
	return groupReady{}
}

// closeGroup frees the ranks.
func (p *hosted) closeGroup() {
	g := p.group.Swap(nil)
	if err := (*g).Close(); err != nil {
		p.svc.log.Warn("a group of ranks did not close", "job", p.id, "err", err)
	}
	p.ranks.quota.end()
}

// giveInput gives rank 0 a part of its input, now or once there is a group. The host's machine
// bounds it.
func (p *hosted) giveInput(data []byte) {
	p.ranks.unread.Add(int64(len(data)))
	if g := p.group.Load(); g != nil && p.machine.phase > preparing {
		(*g).Input(data)
		return
	}
	p.early = append(p.early, data)
}

// giveEarly gives it what came before there was a group.
func (p *hosted) giveEarly() {
	for _, data := range p.early {
		(*p.group.Load()).Input(data)
	}
	p.early = nil
}

// fault ends the part. Of what goes on after it nothing more is heard.
func (o *rankOwner) fault(why string) {
	if o.p.faulty.CompareAndSwap(false, true) {
		o.p.inbox.put(faulted{why})
	}
}

// Output implements [exec.RankOwner].
func (o *rankOwner) Output(rank int, stream byte, data []byte) {
	if o.writes(rank, len(data)) {
		o.p.svc.post(o.p.id.Origin, frame.Output{Job: o.p.id, Rank: uint32(rank), Stream: stream, Data: data}, nil)
	}
}

// File implements [exec.RankOwner].
func (o *rankOwner) File(rank int, name string, size, offset int64, data []byte) {
	if o.writes(rank, len(data)) {
		o.p.svc.post(o.p.id.Origin, frame.FileChunk{
			Job: o.p.id, Rank: uint32(rank), Name: name, Size: size, Offset: offset, Data: data}, nil)
	}
}

// writes counts n bytes of output or files, and reports whether there is credit for them.
func (o *rankOwner) writes(rank, n int) bool {
	if n > frame.MaxJobPart || !slices.Contains(o.local, rank) ||
		o.written.Add(int64(n)+frame.OutputCost) > frame.OutputWindow {
		o.fault("the ranks on this node write more than they may")
		return false
	}
	return true
}

// giveCredit gives the ranks credit for output that the origin has dealt with.
func (o *rankOwner) giveCredit(n int64) {
	for {
		was := o.written.Load()
		if n = min(n, was); n <= 0 {
			return
		}
		if o.written.CompareAndSwap(was, was-n) {
			break
		}
	}
	if g := o.p.group.Load(); g != nil {
		(*g).OutputCredit(n)
	}
}

// InputRead implements [exec.RankOwner].
func (o *rankOwner) InputRead(n int) {
	if n <= 0 || o.unread.Add(-int64(n)) < 0 {
		o.fault("the ranks on this node read more input than there was")
		return
	}
	o.p.inbox.put(inputRead{n})
}

// Room implements [exec.RankOwner].
func (o *rankOwner) Room(n int64) bool { return o.quota.take(n) }

// Ended implements [exec.RankOwner].
func (o *rankOwner) Ended(rank int, out exec.Outcome) {
	o.crash(out.Crash)
	o.mu.Lock()
	again := o.ended[rank] || !slices.Contains(o.local, rank)
	o.ended[rank] = true
	o.mu.Unlock()
	if again {
		return
	}
	o.p.inbox.put(rankEnded{frame.Exit{
		Job: o.p.id, Rank: uint32(rank), Reason: out.Reason, Code: int64(out.Exit), Detail: out.Detail, Memory: out.Memory,
	}})
	if o.left.Add(-1) == 0 {
		o.p.svc.load.remove(o.p)
		o.p.inbox.put(ranksEnded{})
	}
}

// Stand implements [exec.RankOwner]. The ranks are asked only when the answer before has come.
func (o *rankOwner) Stand(s exec.Standing) { o.p.inbox.put(stood{s}) }

// Fault implements [exec.RankOwner].
func (o *rankOwner) Fault(why string, crash *exec.Crash) {
	o.crash(crash)
	o.fault(why)
}

// crash notes a crash, unless it is nil, once for all ranks here.
func (o *rankOwner) crash(c *exec.Crash) {
	if c != nil {
		o.crashed.Do(func() { o.p.svc.cfg.Programs.Crashed(o.p.offer.Program, o.p.id.Origin, c) })
	}
}
