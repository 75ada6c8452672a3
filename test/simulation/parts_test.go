package simulation

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// program is the CID of the one program there is.
var program = func() mpi.CID {
	mh, err := multihash.Sum([]byte("program"), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return mpi.CID(cid.NewCidV1(cid.Raw, mh).String())
}()

// store serves the program.
type store struct{}

func (store) Start(update func([]mpi.Interpreter)) error {
	update([]mpi.Interpreter{{Name: "prog", Version: "1.0.0", CID: program}})
	return nil
}

func (store) Open(_ context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if c != program {
		return nil, fs.ErrNotExist
	}
	return &mpi.Bundle{Run: []byte("run"), Files: fstest.MapFS{}}, nil
}

func (store) Add(context.Context, []byte) (mpi.CID, error) { return "", fs.ErrInvalid }
func (store) Status() mpi.StoreStatus                      { return mpi.StoreStatus{} }
func (store) Close(context.Context) error                  { return nil }

func (store) ParseCID(text string) (mpi.CID, error) {
	c, err := cid.Decode(text)
	return mpi.CID(c.String()), err
}

// pools know all nodes.
type pools struct {
	self mpi.PeerID
	all  func() []mpi.PeerID
}

func (p pools) Peers(mpi.CID) (out []mpi.PeerID, at time.Time) {
	for _, id := range p.all() {
		if id != p.self {
			out = append(out, id)
		}
	}
	return out, time.Now()
}

func (pools) Start() error                           { return nil }
func (pools) Serve([]mpi.Interpreter)                {}
func (pools) Refresh(context.Context, mpi.CID) error { return nil }
func (pools) Discover(context.Context) error         { return nil }
func (pools) Known() []mpi.Member                    { return nil }
func (pools) Suspect(mpi.PeerID)                     {}
func (pools) Close(context.Context) error            { return nil }

// ledger counts how often each message was handled, on all nodes. A message's data begins with its
// number.
type ledger struct {
	mu      sync.Mutex
	handled map[uint64]int
	last    map[[2]mpi.PeerID]uint64 // the newest number, by sender and receiver
	faults  []string
}

// payload is the data of a message: its number, and for how long it is handled.
func payload(number uint64, work time.Duration) []byte {
	b := binary.BigEndian.AppendUint64(nil, number)
	return binary.BigEndian.AppendUint64(b, uint64(work))
}

func numberOf(data []byte) uint64 { return binary.BigEndian.Uint64(data) }

// note takes that a node has begun to handle a message of another. Numbers of one sender ascend.
func (l *ledger) note(from, to mpi.PeerID, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handled[number]++; l.handled[number] > 1 {
		l.faults = append(l.faults, fmt.Sprintf("message %d was handled twice", number))
	}
	way := [2]mpi.PeerID{from, to}
	if number < l.last[way] {
		l.faults = append(l.faults, fmt.Sprintf("message %d was handled after %d", number, l.last[way]))
	}
	l.last[way] = max(number, l.last[way])
}

// runtime runs the program for one node: it answers each message with its data.
type runtime struct {
	ledger *ledger
	self   mpi.PeerID
	ctx    context.Context // ends with the node's life
}

func (r *runtime) Compile(context.Context, []byte) (exec.Program, error) { return echo{r}, nil }
func (r *runtime) Close() error                                          { return nil }

type echo struct{ r *runtime }

func (echo) MPI() bool    { return false }
func (echo) Close() error { return nil }

func (e echo) Run(ctx context.Context, x exec.Exec) exec.Outcome {
	env, err := mpi.DecodeEnvelope(x.Stdin, nil)
	if err != nil || e.r.ctx.Err() != nil {
		return exec.Outcome{Reason: mpi.Internal, Detail: "no message, or no life"}
	}
	in := env.Messages[0]
	e.r.ledger.note(in.From, e.r.self, numberOf(in.Data))
	work := time.NewTimer(time.Duration(binary.BigEndian.Uint64(in.Data[8:])))
	defer work.Stop()
	select {
	case <-work.C:
	case <-ctx.Done():
		return exec.Outcome{Reason: mpi.Cancelled}
	case <-e.r.ctx.Done():
		return exec.Outcome{Reason: mpi.Cancelled}
	}
	out := mpi.Envelope{Pid: env.Pid, Messages: []mpi.Message{{Pid: env.Pid, To: in.From, Data: in.Data}}}
	return exec.Outcome{Stdout: out.AppendJSON(nil)}
}
