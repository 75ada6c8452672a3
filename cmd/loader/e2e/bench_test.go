//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// benched is ipfs-mpi built with the tag bench: its daemons also answer raw echoes (plugin/instrument.go).
var benched = built("build", "ipfs-mpi-bench")

const kib = 1 << 10

// BenchmarkMessages measures messages between two daemons of this machine, each as a ratio to a raw echo on a libp2p stream
// between the same two in the same run. A message's way is HTTP, a libp2p session, a fresh instance of echo/1.0.0 (in C), and back.
func BenchmarkMessages(b *testing.B) {
	if _, err := os.Stat(benched); err != nil {
		b.Fatalf("%v: run the benchmarks with make bench", err)
	}
	nodes, _ := clusterOf(b, benched, 2)
	from, to := nodes[0], nodes[1]
	cbor := api.NewClient(from.API, "")
	defer cbor.Close()
	payload := make([]byte, kib)
	for i := range payload {
		payload[i] = byte(i)
	}
	viaV1 := func() error {
		r := mpi.Request{File: "echo/1.0.0", Pid: 1, Expected: 1, Messages: []mpi.Message{{To: mpi.PeerID(to.Peer), Data: payload}}}
		res, err := cbor.Send(context.Background(), r)
		if err == nil && len(res.Messages[0].Data) != kib {
			err = fmt.Errorf("got %d bytes", len(res.Messages[0].Data))
		}
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(envelope{Pid: 1, Messages: []message{{To: to.Peer, Data: data(string(payload))}}})
	if err != nil {
		b.Fatal(err)
	}
	viaSeed := func() error {
		req, err := http.NewRequest(http.MethodPost, from.API, strings.NewReader(string(body)))
		if err != nil {
			return err
		}
		req.Header.Set("File", "echo/1.0.0")
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	for name, send := range map[string]func() error{"v1": viaV1, "seed": viaSeed} {
		b.Run("RoundTrip1KiB/"+name, func(b *testing.B) { roundTrips(b, from, to, send) })
		b.Run("InFlight64/"+name, func(b *testing.B) { inFlight(b, 64, send) })
	}
}

// roundTrips takes turns, so that what the machine does besides falls on both.
func roundTrips(b *testing.B, from, to *node, send func() error) {
	var raw, msg []time.Duration
	const turn = 50
	for b.Loop() {
		raw = append(raw, rawEchoes(b, from, to, kib, turn)...)
		for range turn {
			begun := time.Now()
			if err := send(); err != nil {
				b.Fatal(err)
			}
			msg = append(msg, time.Since(begun))
		}
	}
	r, m := median(raw), median(msg)
	b.ReportMetric(us(r), "raw-µs")
	b.ReportMetric(us(m), "message-µs")
	b.ReportMetric(us(m-r), "added-µs")
	b.ReportMetric(float64(m)/float64(r), "ratio")
	b.ReportMetric(0, "ns/op")
}

func rawEchoes(b *testing.B, from, to *node, size, n int) []time.Duration {
	addr := readFile(b, filepath.Join(from.Repo, "mpi", "bench"))
	res, err := http.Get(fmt.Sprintf("http://%s/echo?peer=%s&size=%d&n=%d", addr, to.Peer, size, n))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	var list []time.Duration
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		b.Fatal(err)
	}
	return list
}

// inFlight keeps n requests of one message each under way.
func inFlight(b *testing.B, n int, send func() error) {
	var done atomic.Int64
	begun := time.Now()
	for b.Loop() {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range 20 {
					if err := send(); err != nil {
						b.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(done.Load())/time.Since(begun).Seconds(), "messages/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPluginLoad measures what an installed plugin costs a command that has nothing to do with it, beside what a plugin
// costs that does nothing: that part is Kubo's and the dynamic linker's.
func BenchmarkPluginLoad(b *testing.B) {
	bare, ours, empty := repo(b, stock), installed(b), repo(b, stock)
	run(b, empty, "mkdir", filepath.Join(empty, "plugins"))
	run(b, empty, "cp", built("build", "empty.so"), filepath.Join(empty, "plugins"))
	times := map[string][]time.Duration{}
	for b.Loop() {
		for _, repo := range []string{bare, ours, empty} {
			begun := time.Now()
			run(b, repo, stock, "version")
			times[repo] = append(times[repo], time.Since(begun))
		}
	}
	without := median(times[bare])
	b.ReportMetric(us(without)/1000, "without-ms")
	b.ReportMetric(us(median(times[ours])-without)/1000, "added-ms")
	b.ReportMetric(us(median(times[empty])-without)/1000, "empty-added-ms")
	b.ReportMetric(0, "ns/op")
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
