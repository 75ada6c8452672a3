package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// Handler is given each frame of a worker but Ready and Pong, in order, from one goroutine. It does
// not block. The payload is valid until it returns. An error, as for a payload that does not parse,
// ends the worker.
type Handler func(t link.Type, payload []byte) error

// Worker is one process. Its methods are for many goroutines.
type Worker struct {
	config  *Config
	process *os.Process
	before  int64 // bytes that this process had resident at most when it started the other
	conn    *net.UnixConn
	shared  *link.Shared // nil for none
	stderr  *os.File     // what it writes to standard error; nil for none
	out     *link.Writer

	handler atomic.Pointer[Handler] // nil while the worker is idle
	limit   atomic.Int64            // bytes that it may use, 0 for no limit
	memory  atomic.Int64            // bytes resident when it was last looked at
	cpu     atomic.Int64            // nanoseconds of processor time, as of then
	data    atomic.Int64            // bytes of what RLIMIT_DATA counts, then
	most    atomic.Int64            // of those, as placed; 0 for no limit
	threads atomic.Int64            // that it may have; 0 for no limit
	frames  atomic.Uint64           // twice the frames that were handled; odd while a handler runs

	ready    chan struct{} // closed when Ready has come
	stopping chan struct{} // closed by Stop
	unplug   chan struct{} // closed when the worker's socket has ended
	exited   chan struct{} // closed when the process has ended
	done     chan struct{} // closed when end is set and every goroutine has ended
	stop     sync.Once

	id  uint64 // of the set
	use atomic.Pointer[use]

	mu      sync.Mutex
	killed  killing  // why it was killed, zero if it was not
	gone    bool     // the process was waited for
	profile *profile // the one that is taken, nil for none
	end     End      // set before done is closed
}

// started is a new process, and what the daemon has of it.
type started struct {
	process *os.Process
	conn    *net.UnixConn
	shared  *link.Shared // memory that the two share; nil for none
	stderr  *os.File     // to read what it writes to standard error
}

// newWorker owns the process from here on.
func newWorker(c *Config, p *started) *Worker {
	w := &Worker{config: c, process: p.process, before: ownPeak(), conn: p.conn, shared: p.shared, stderr: p.stderr,
		out:   link.NewWriter(p.conn),
		ready: make(chan struct{}), stopping: make(chan struct{}), unplug: make(chan struct{}),
		exited: make(chan struct{}), done: make(chan struct{})}
	w.Bound(0)
	var wg sync.WaitGroup
	wg.Go(w.write)
	wg.Go(w.read)
	wg.Go(w.watch)
	said := make(chan string, 1)
	go func() { said <- listen(w.stderr) }()
	go func() {
		w.wait()
		wg.Wait()
		w.conn.Close()
		w.shared.Close()
		if w.end.Said = <-said; w.stderr != nil {
			w.stderr.Close()
		}
		close(w.done)
	}()
	return w
}

// Pid is the ID of the process.
func (w *Worker) Pid() int { return w.process.Pid }

// Send queues a frame. It waits while much is queued, at most until ctx ends.
func (w *Worker) Send(ctx context.Context, f link.Frame) error { return w.out.Send(ctx, f) }

// SendNow queues a frame without waiting: one that is small, or for which the worker gave credit. A
// worker for which more is queued than [Worker.Bound] allows does not read, and is killed.
func (w *Worker) SendNow(f link.Frame) error {
	err := w.out.SendNow(f)
	if errors.Is(err, link.ErrFull) {
		w.killStill(deaf)
	}
	return err
}

// maxQueued is how many bytes wait at most for a worker that was given no credit. Send waits before
// that.
const maxQueued = 8 << 20

// Bound sets how many bytes may wait for the worker to read them, besides 8 MiB.
func (w *Worker) Bound(bytes int64) { w.out.Bound(maxQueued + bytes) }

// SendPackets queues packets without waiting, large ones by the memory that is shared.
func (w *Worker) SendPackets(node int, data []byte) error {
	if f := w.shared.Put(node, nil, data); f != nil {
		return w.SendNow(f)
	}
	return w.SendNow(&link.Packets{Node: uint32(node), Data: data})
}

// Limit sets how many bytes the process may have resident before it is killed; 0 for no limit.
func (w *Worker) Limit(bytes int64) { w.limit.Store(bytes) }

// Memory is how many bytes it had resident when it was last looked at.
func (w *Worker) Memory() int64 { return w.memory.Load() }

// Stop asks the worker to end, and has it killed after the grace. It does not wait. Nothing can be
// sent after it.
func (w *Worker) Stop() {
	w.stop.Do(func() {
		close(w.stopping) // first: it may end as soon as it hears of it
		w.out.SendNow(&link.Stop{})
		w.out.Close(nil) // then write ends, and with it our half of the socket
	})
}

// Kill ends the process at once. why is for people, as in "it did not end in time": the first
// reason counts. It does not wait.
func (w *Worker) Kill(why string) { w.kill(killing{why: why}) }

// Dismiss is Kill of a worker for nothing that it or its program did: that is no crash.
func (w *Worker) Dismiss(why string) { w.kill(killing{why: why, blameless: true}) }

// killStill is Kill of a worker that does not move. If something has stopped its process, that is
// no crash.
func (w *Worker) killStill(why string) {
	k := killing{why: why, suspended: isStopped(w.process.Pid)}
	if k.suspended {
		k.why, k.blameless = why+wasStopped, true
	}
	w.kill(k)
}

func (w *Worker) kill(k killing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone || w.killed.why != "" {
		return
	}
	w.killed = k
	w.process.Kill()
}

// Done is closed when the process has ended, its last frame was handled and its goroutines have
// ended.
func (w *Worker) Done() <-chan struct{} { return w.done }

// End says how it ended, once Done is closed.
func (w *Worker) End() *End {
	<-w.done
	return &w.end
}

func (w *Worker) write() {
	w.out.Run()
	w.conn.CloseWrite()
}

// read handles frames until the socket ends. What the process said before its end is still there
// after it.
func (w *Worker) read() {
	defer close(w.unplug)
	in := link.NewReader(w.conn)
	for {
		t, payload, err := in.Next()
		if err != nil {
			if errors.Is(err, link.ErrMalformed) {
				w.Kill(fmt.Sprintf("it said what no worker says: %v", err))
			}
			return
		}
		w.frames.Add(1)
		err = w.handle(t, payload)
		w.frames.Add(1)
		if err != nil {
			w.Kill(fmt.Sprintf("it said what no worker says: %v", err))
			return
		}
	}
}

func (w *Worker) handle(t link.Type, payload []byte) error {
	select {
	case <-w.ready:
	default:
		var r link.Ready
		if t != link.TypeReady {
			return fmt.Errorf("%s before Ready", t)
		}
		if err := link.Parse(payload, &r); err != nil {
			return err
		}
		if r.Version != link.Version {
			return fmt.Errorf("it is of version %d, the daemon of %d", r.Version, link.Version)
		}
		close(w.ready)
		return nil
	}
	switch t {
	case link.TypePong:
		var p link.Pong
		return link.Parse(payload, &p)
	case link.TypeProfileData:
		return w.profileData(payload)
	case link.TypePlaced, link.TypeCompiled, link.TypeCode, link.TypeRankEnded, link.TypeCredit, link.TypeOutput,
		link.TypeFile, link.TypeRoom, link.TypePackets, link.TypeSharedPackets, link.TypeStanding, link.TypeBroken, link.TypeFault,
		link.TypeFileOpen, link.TypeFileRead, link.TypeFileClose, link.TypeMessageOut, link.TypeLine, link.TypeEnded:
	default:
		return fmt.Errorf("%s, which only the daemon sends", t)
	}
	h := w.handler.Load()
	if h == nil {
		return fmt.Errorf("%s before it was asked anything", t)
	}
	return (*h)(t, payload)
}

// wait waits for the process's end.
func (w *Worker) wait() {
	state, err := w.process.Wait()
	w.mu.Lock()
	w.gone = true
	w.end.Memory, w.end.Limit = w.memory.Load(), w.limit.Load()
	if err == nil {
		w.end.ended(state)
	} else {
		w.end.Exit = -1
	}
	stopped := false
	select {
	case <-w.stopping:
		stopped = true
	default:
	}
	if err == nil {
		w.end.Peak = max(peak(state, w.before), w.end.Memory)
	}
	// A process that had more than its limit was not given it. The stack of its first thread counts
	// here, and not for the limit.
	data, most := w.data.Load(), w.most.Load()
	w.end.dataFull = most > 0 && data >= most/2 && data <= most+firstStack
	w.end.describe(w.killed, stopped)
	w.mu.Unlock()
	w.out.Close(&w.end)
	// A process that the worker has started may hold its socket still.
	w.conn.SetWriteDeadline(time.Now())
	endOfInput(w.conn)
	if w.stderr != nil {
		w.stderr.SetReadDeadline(time.Now())
	}
	close(w.exited)
}

// watch looks at a worker each Config.Watch until its process has ended: it pings it, measures its
// memory, and kills it when it must. Silence is counted in looks, not by the clock: when the daemon
// itself was held up, the worker is given the time again.
func (w *Worker) watch() {
	m := newMeter(w.process.Pid)
	defer m.close()
	tick := time.NewTicker(w.config.Watch)
	defer tick.Stop()
	var (
		quiet    int    // looks since the last frame, or since a handler ran
		seen     uint64 // frames at the last look
		number   uint64 // of the last ping
		grace    *time.Timer
		over     <-chan time.Time
		stopping = w.stopping
		unplug   = w.unplug
		reason   killing
	)
	deadline := func(k killing) {
		if grace == nil {
			reason = k
			grace = time.NewTimer(w.config.Grace)
			over = grace.C
		}
	}
	defer func() {
		if grace != nil {
			grace.Stop()
		}
	}()
	for {
		select {
		case <-w.exited:
			return
		case <-stopping:
			stopping = nil
			deadline(killing{why: stubborn(w.config.Grace), blameless: true})
		case <-unplug:
			unplug = nil
			deadline(killing{why: unplugged(w.config.Grace)})
		case <-over:
			w.kill(reason)
		case <-tick.C:
			w.measure(m)
			now := w.frames.Load()
			if now != seen || now%2 == 1 {
				quiet, seen = 0, now
				continue
			}
			quiet++
			switch {
			case quiet >= w.config.silentLooks():
				w.killStill(silent(w.config.Silence))
			case quiet%w.config.pingLooks() == 0:
				number++
				w.out.SendNow(&link.Ping{Number: number})
			}
		}
	}
}

func (w *Worker) measure(m meter) {
	cpu, threads := m.counts()
	if limit := w.threads.Load(); limit > 0 && threads > limit {
		w.kill(killing{why: fmt.Sprintf("it has %d threads of %d", threads, limit)})
	}
	if cpu > 0 {
		w.cpu.Store(int64(cpu))
	}
	n, data := m.read()
	if n == 0 {
		return
	}
	w.memory.Store(n)
	w.data.Store(data)
	if limit := w.limit.Load(); limit > 0 && n > limit {
		w.kill(killing{why: overMemory(n, limit), over: true})
	}
}
