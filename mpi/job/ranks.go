package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
)

// rankGroup is the ranks of one job on this node, ready to run.
type rankGroup struct {
	p     *hosted
	place frame.Place
	local []int
	world *match.World
	code  exec.Instances
	files fs.FS
	quota jobQuota // of what the ranks write
}

// prepare fetches and compiles the program and makes room for the ranks.
func (p *hosted) prepare(place frame.Place, local []int) groupReady {
	svc, own := p.svc, p.id.Origin == p.svc.self
	program, files, err := svc.cfg.Programs.MPIProgram(p.running, p.offer.Program, own)
	if err != nil {
		return groupReady{err.Error()}
	}
	code, err := program.Instances(p.running)
	if err != nil {
		return groupReady{err.Error()}
	}
	peers := make([]mpi.PeerID, len(place.Ranks))
	for r, node := range place.Ranks {
		peers[r] = place.Nodes[node]
	}
	cfg := match.Config{
		Size: len(peers), Local: local, Cores: svc.cfg.Processors.Cores(), Load: &svc.load, Fault: p.fault}
	if len(local) < len(peers) {
		cfg.Link = link{p}
	}
	p.group = &rankGroup{
		p: p, place: place, local: local, world: match.New(p.running, cfg), code: code, files: files,
		quota: jobQuota{of: &svc.files, own: own},
	}
	p.peers.Store(&peers)
	p.world.Store(p.group.world)
	return groupReady{}
}

func (g *rankGroup) close() {
	g.world.Close()
	if err := g.code.Close(); err != nil {
		g.p.svc.log.Warn("a group of ranks did not close", "job", g.p.id, "err", err)
	}
}

// run runs the ranks to their end.
func (g *rankGroup) run() {
	n := len(g.local)
	g.p.svc.cfg.Processors.Add(n)
	defer g.p.svc.cfg.Processors.Add(-n)
	var ranks, flusher sync.WaitGroup
	flush, stop := context.WithCancel(context.Background())
	start := time.Now()
	for _, r := range g.local {
		out, err := newLines(g.p, r, 1), newLines(g.p, r, 2)
		flusher.Go(func() { flushAfter(flush, out, err) })
		ranks.Go(func() { g.p.inbox.put(rankEnded{g.rank(r, start, out, err)}) })
	}
	ranks.Wait()
	stop()
	flusher.Wait()
}

// rank runs one rank to its end, and returns how it ended once all of its output is sent.
func (g *rankGroup) rank(r int, start time.Time, stdout, stderr *lines) frame.Exit {
	p, svc, place := g.p, g.p.svc, &g.place
	nodes := make([]int, len(place.Ranks))
	for i, node := range place.Ranks {
		nodes[i] = int(node)
	}
	proc := process.New(process.Config{
		World: g.world, Rank: r, Nodes: nodes, Slots: int(place.Slots), Processor: svc.cfg.Host,
		Program: place.Args[0], Start: start, Stderr: stderr, Info: g.info(),
	})
	files := rankQuota{of: &g.quota}
	defer files.end()
	x := exec.Exec{
		Args: place.Args, Env: place.Env, Files: g.files, Memory: svc.cfg.Memory,
		Timeout: mpi.MaxJobTime, MPI: proc, Streams: &exec.Streams{Out: stdout, Err: stderr},
		Scratch: &exec.Scratch{Limit: maxJobFiles, Take: files.take},
	}
	if place.Memory > 0 {
		x.Memory = min(x.Memory, place.Memory)
	}
	if p.stdin != nil && r == 0 {
		p.stdin.flush = func() error { return errors.Join(stdout.flush(), stderr.flush()) }
		x.Streams.In = p.stdin
	}
	out := g.code.Run(x)
	exit := frame.Exit{
		Job: p.id, Rank: uint32(r), Reason: out.Reason, Code: int64(out.Exit), Detail: out.Detail,
		Memory: out.Memory,
	}
	if err := proc.Ended(); err != nil && out.Reason == "" {
		exit.Reason, exit.Code, exit.Detail = mpi.Aborted, 1, err.Error()
	}
	_, _ = stdout.flush(), stderr.flush()
	if p.running.Err() == nil {
		for _, f := range x.Scratch.Files {
			if err := p.sendFile(r, f); err != nil && exit.Reason == "" {
				exit.Reason, exit.Code = mpi.OutputLimit, 1
				exit.Detail = fmt.Sprintf("the file %q: %v", f.Name, err)
			}
		}
	}
	if exit.Reason != "" {
		exit.Detail = describe(exit)
	}
	return exit
}

// describe says how a rank ended, for people.
func describe(x frame.Exit) string {
	switch {
	case x.Detail != "":
		return x.Detail
	case x.Reason == mpi.Exited:
		return "exit code " + strconv.FormatInt(x.Code, 10)
	}
	return string(x.Reason)
}

// info is MPI_INFO_ENV (MPI 5.0, 10.2 and 11.2.1), as far as it is the same on all nodes.
func (g *rankGroup) info() map[string]string {
	n := strconv.Itoa(len(g.place.Ranks))
	return map[string]string{
		"command": g.place.Args[0], "maxprocs": n, "soft": n,
		"host": g.p.svc.cfg.Host, "arch": "wasm32", "wdir": "/", "thread_level": "MPI_THREAD_SERIALIZED",
	}
}
