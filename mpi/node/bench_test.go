package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// echoRuntime runs an echo in Go in place of every program, so that a benchmark measures the path
// of a message without the handler's instance.
type echoRuntime struct{}

func (echoRuntime) Compile(context.Context, []byte) (exec.Program, error) {
	return echoProgram{}, nil
}
func (echoRuntime) Close() error { return nil }

type echoProgram struct{}

func (echoProgram) MPI() bool    { return false }
func (echoProgram) Close() error { return nil }

// Run answers as echo/1.0.0 does: it swaps To and From in what it is given.
func (echoProgram) Run(_ context.Context, x exec.Exec) exec.Outcome {
	out := append([]byte(nil), x.Stdin...)
	to, from := bytes.Index(out, []byte(`"To":`)), bytes.Index(out, []byte(`"From":`))
	copy(out[to:], `"XX":`)
	copy(out[from:], `  "To":`)
	copy(out[to:], `"To":`)
	data := bytes.Index(out, []byte(`,"Data":`))
	peer := append([]byte(nil), out[from+len(`  "To":`):data]...)
	out = append(append(append(out[:to:to], `"To":`...), peer...), out[data:]...)
	return exec.Outcome{Stdout: out}
}

// messagesOnly makes the API's node of one whose jobs and workers nobody asks for.
type messagesOnly struct {
	*Node
	noJobs
	noWorkers
}

type (
	noJobs interface {
		mpi.Jobs
		mpi.Hosting
	}
	noWorkers interface{ mpi.Workers }
)

// BenchmarkMessagePath measures messages of 1 KiB from a client of the HTTP API through two nodes
// over real libp2p hosts and back, all in this process, with an echo in Go as the handler.
func BenchmarkMessagePath(b *testing.B) {
	nodes := start(b, 2, func(_ int, c *Config) { c.Runtime = echoRuntime{}; c.HandlerSlots = 4 })
	server := api.New(messagesOnly{Node: nodes[0].Node}, api.Config{Listen: "127.0.0.1:0"})
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer server.Close(context.Background())
	client := api.NewClient(server.Addr(), "")
	defer client.Close()
	payload := make([]byte, 1<<10)
	for i := range payload {
		payload[i] = byte(i)
	}
	message := mpi.Message{To: nodes[1].Self(), Data: payload}
	request := func() mpi.Request {
		return mpi.Request{File: "guest", Pid: 1, Expected: 1, Messages: []mpi.Message{message}}
	}
	direct := func() error {
		res, err := nodes[0].Do(context.Background(), request())
		return complete(len(payload), res, err)
	}
	v1 := func() error {
		res, err := client.Send(context.Background(), request())
		return complete(len(payload), res, err)
	}
	plain := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer plain.CloseIdleConnections()
	body, err := json.Marshal(mpi.Envelope{Messages: []mpi.Message{message}})
	if err != nil {
		b.Fatal(err)
	}
	seed := func() error {
		req, err := http.NewRequest(http.MethodPost, server.Addr(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("File", "guest")
		res, err := plain.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(res.Body)
			return fmt.Errorf("status %d: %s", res.StatusCode, text)
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	for _, way := range []struct {
		name string
		send func() error
	}{{"direct", direct}, {"v1", v1}, {"seed", seed}} {
		b.Run(way.name, func(b *testing.B) { inFlight(b, 64, way.send) })
	}
}

func complete(want int, res mpi.Result, err error) error {
	if err == nil && (len(res.Messages) != 1 || len(res.Messages[0].Data) != want) {
		err = fmt.Errorf("the answer is not the message of %d bytes: %d messages", want, len(res.Messages))
	}
	return err
}

// inFlight keeps n calls of send under way until b.N have been made.
func inFlight(b *testing.B, n int, send func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	begun, used := time.Now(), processorTime(b)
	for range n {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := send(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "messages/s")
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processorTime is what this process has used so far. Unlike the time that passes, it says little
// of what else the machine does.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
