package job

import (
	"bytes"
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

// team is the ranks of one part, ready to run.
type team struct {
	p     *part
	world *match.World
	gang  exec.RankGroup
	files fs.FS
	room  share // for what the ranks write
}

// prepare fetches and compiles the program and makes room for the ranks.
func (p *part) prepare() (*team, error) {
	svc := p.svc
	code, files, err := svc.cfg.Programs.MPIProgram(p.running, p.offer.Program, p.id.Origin == svc.self)
	if err != nil {
		return nil, err
	}
	gang, err := code.RankGroup(p.running)
	if err != nil {
		return nil, err
	}
	peers := make([]mpi.PeerID, len(p.place.Ranks))
	for r, node := range p.place.Ranks {
		peers[r] = p.place.Nodes[node]
	}
	p.peers.Store(&peers)
	cfg := match.Config{Size: len(peers), Local: p.local, Cores: p.svc.cfg.Processors.Cores(), Load: &p.svc.load, Fault: p.fault}
	if len(p.local) < len(peers) {
		cfg.Link = link{p}
	}
	t := &team{p: p, world: match.New(p.running, cfg), gang: gang, files: files, room: share{of: &p.svc.files, own: p.id.Origin == svc.self}}
	p.world.Store(t.world)
	return t, nil
}

func (t *team) close() {
	t.world.Close()
	if err := t.gang.Close(); err != nil {
		t.p.svc.log.Warn("a gang did not close", "err", err)
	}
}

// run runs the ranks to their end.
func (t *team) run() {
	t.p.svc.cfg.Processors.Add(len(t.p.local))
	defer t.p.svc.cfg.Processors.Add(-len(t.p.local))
	var ranks, flusher sync.WaitGroup
	flush, stop := context.WithCancel(context.Background())
	start := time.Now()
	for _, r := range t.p.local {
		out, err := newLines(t.p, r, 1), newLines(t.p, r, 2)
		flusher.Go(func() { flushAfter(flush, out, err) })
		ranks.Go(func() { t.rank(r, start, out, err) })
	}
	ranks.Wait()
	stop()
	flusher.Wait()
}

// rank runs one rank to its end and tells the origin how it ended.
func (t *team) rank(r int, start time.Time, stdout, stderr *lines) {
	p, svc := t.p, t.p.svc
	nodes := make([]int, len(p.place.Ranks))
	for i, node := range p.place.Ranks {
		nodes[i] = int(node)
	}
	proc := process.New(process.Config{
		World: t.world, Rank: r, Nodes: nodes, Slots: int(p.place.Slots), Processor: svc.cfg.Host, Program: p.place.Args[0],
		Start: start, Stderr: stderr, Info: p.info(),
	})
	files := lease{of: &t.room}
	defer files.end()
	x := exec.Exec{
		Args: p.place.Args, Env: p.place.Env, Files: t.files, Memory: svc.cfg.Memory, Timeout: mpi.MaxJobTime, MPI: proc,
		Streams: &exec.Streams{Out: stdout, Err: stderr}, Scratch: &exec.Scratch{Limit: maxJobFiles, Take: files.take},
	}
	if p.place.Memory > 0 {
		x.Memory = min(x.Memory, p.place.Memory)
	}
	if p.stdin != nil && r == 0 {
		p.stdin.flush = func() error { return errors.Join(stdout.flush(), stderr.flush()) }
		x.Streams.In = p.stdin
	}
	out := t.gang.Run(x)
	exit := frame.Exit{Job: p.id, Rank: uint32(r), Reason: out.Reason, Code: int64(out.Exit), Detail: out.Detail, Memory: out.Memory}
	if err := proc.Ended(); err != nil && out.Reason == "" {
		exit.Reason, exit.Code, exit.Detail = mpi.Aborted, 1, err.Error()
	}
	_, _ = stdout.flush(), stderr.flush()
	if p.running.Err() == nil {
		for _, f := range x.Scratch.Files {
			if err := p.sendFile(r, f); err != nil && exit.Reason == "" {
				exit.Reason, exit.Code, exit.Detail = mpi.OutputLimit, 1, fmt.Sprintf("the file %q: %v", f.Name, err)
			}
		}
	}
	t.ended(exit)
}

// ended tells the origin of the end of a rank. If it failed, the others here end too; if it ended because another did, there is
// nothing to tell but that.
func (t *team) ended(exit frame.Exit) {
	p := t.p
	if exit.Reason == "" {
		p.svc.post(p.id.Origin, exit, nil)
		return
	}
	p.mu.Lock()
	first := !p.told && p.running.Err() == nil
	p.told = p.told || first
	p.mu.Unlock()
	if !first {
		return
	}
	exit.Detail = describe(exit)
	p.svc.post(p.id.Origin, exit, nil)
	p.abort(fmt.Errorf("rank %d ended the job: %s", exit.Rank, exit.Detail))
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
func (p *part) info() map[string]string {
	return map[string]string{
		"command": p.place.Args[0], "maxprocs": strconv.Itoa(len(p.place.Ranks)), "soft": strconv.Itoa(len(p.place.Ranks)),
		"host": p.svc.cfg.Host, "arch": "wasm32", "wdir": "/", "thread_level": "MPI_THREAD_SERIALIZED",
	}
}

// sendFile sends a file that a rank wrote to the origin.
func (p *part) sendFile(r int, f exec.ScratchFile) error {
	if len(f.Name) > frame.MaxJobFile {
		return fmt.Errorf("its name has %d bytes, at most %d", len(f.Name), frame.MaxJobFile)
	}
	for at := 0; at < len(f.Data) || at == 0; {
		data := f.Data[at:min(at+frame.MaxJobPart, len(f.Data))]
		if err := p.output.take(p.running, int64(len(data)+frame.OutputCost)); err != nil {
			return err
		}
		p.svc.post(p.id.Origin, frame.FileChunk{Job: p.id, Rank: uint32(r), Name: f.Name, Size: int64(len(f.Data)), Offset: int64(at), Data: data}, nil)
		if at += len(data); len(data) == 0 {
			return nil
		}
	}
	return nil
}

// lines sends what a rank writes to one of its streams, by whole lines, and what is begun of one after a while.
type lines struct {
	p      *part
	rank   uint32
	stream byte
	open   chan struct{} // holds one: there is a line begun

	mu  sync.Mutex // guards buf, and keeps what is sent in order
	buf []byte     // a line that is begun
}

const (
	longLine  = 8 << 10                // bytes of a line that is sent before its end
	lineDelay = 100 * time.Millisecond // after which one is, if nothing comes
)

func newLines(p *part, rank int, stream byte) *lines {
	return &lines{p: p, rank: uint32(rank), stream: stream, open: make(chan struct{}, 1)}
}

// Write implements [io.Writer]. It waits while the origin has not dealt with what was written before.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	if end := bytes.LastIndexByte(b, '\n') + 1; end > 0 {
		if len(l.buf) > 0 {
			first := bytes.IndexByte(b, '\n') + 1
			if err := l.send(append(l.buf, b[:first]...)); err != nil {
				return 0, err
			}
			l.buf, b, end = l.buf[:0], b[first:], end-first
		}
		if err := l.send(b[:end]); err != nil {
			return 0, err
		}
		b = b[end:]
	}
	if len(l.buf)+len(b) > longLine {
		if err := errors.Join(l.send(l.buf), l.send(b)); err != nil {
			return 0, err
		}
		l.buf = l.buf[:0]
	} else if len(b) > 0 {
		l.buf = append(l.buf, b...)
		select {
		case l.open <- struct{}{}:
		default:
		}
	}
	return n, nil
}

// flush sends what is begun of a line.
func (l *lines) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.send(l.buf)
	l.buf = l.buf[:0]
	return err
}

// send sends a piece of the stream. mu is held.
func (l *lines) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), frame.MaxJobPart/2)
		if n < len(b) { // rather between lines
			if end := bytes.LastIndexByte(b[:n], '\n') + 1; end > 0 {
				n = end
			}
		}
		if err := l.p.output.take(l.p.running, int64(n+frame.OutputCost)); err != nil {
			return err
		}
		l.p.svc.post(l.p.id.Origin, frame.Output{Job: l.p.id, Rank: l.rank, Stream: l.stream, Data: b[:n]}, nil)
		b = b[n:]
	}
	return nil
}

// flushAfter flushes a rank's streams a while after a line was begun, until ctx ends.
func flushAfter(ctx context.Context, out, err *lines) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-out.open:
			timer.Reset(lineDelay)
		case <-err.open:
			timer.Reset(lineDelay)
		case <-timer.C:
			_, _ = out.flush(), err.flush()
		case <-ctx.Done():
			return
		}
	}
}
