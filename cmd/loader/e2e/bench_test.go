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
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// benched is ipfs-mpi built with the tag bench: its daemons also answer raw echoes
// (plugin/instrument.go).
var benched = built("build", "ipfs-mpi-bench")

const kib = 1 << 10

// BenchmarkMessages measures messages between two daemons of this machine, each as a ratio to a raw
// echo on a libp2p stream between the same two in the same run. A message's way is HTTP, a libp2p
// session, an instance of echo/1.0.0 (in C), and back.
//
// If IPFS_MPI_BEFORE names such a binary of another version, two daemons of it are measured in
// turns with these, and every line has the ratio of the two.
func BenchmarkMessages(b *testing.B) {
	now := newPair(b, benched)
	var before *pair
	if exe := os.Getenv("IPFS_MPI_BEFORE"); exe != "" {
		before = newPair(b, exe)
	}
	for _, way := range []struct {
		name string
		send func(*pair) error
	}{{"v1", (*pair).sendV1}, {"seed", (*pair).sendSeed}} {
		b.Run("RoundTrip1KiB/"+way.name, func(b *testing.B) { roundTrips(b, now, before, way.send) })
		b.Run("InFlight64/"+way.name, func(b *testing.B) { inFlight(b, 64, now, before, way.send) })
	}
}

// pair is two daemons of one binary, and what sends a message of 1 KiB from one to the other.
type pair struct {
	from, to *node
	cbor     *api.Client
	plain    *http.Client
	payload  []byte
	body     string // of POST /
}

func newPair(b *testing.B, exe string) *pair {
	b.Helper()
	if _, err := os.Stat(exe); err != nil {
		b.Fatalf("%v: run the benchmarks with make bench", err)
	}
	var args []string
	if store := filepath.Join(filepath.Dir(exe), "..", "bin", "store"); exe != benched {
		if _, err := os.Stat(store); err == nil {
			// that version's programs, if they are where make leaves them
			args = []string{"--store", store}
		}
	}
	nodes, _ := clusterOf(b, exe, 2, args...)
	p := &pair{
		from: nodes[0], to: nodes[1],
		cbor:    api.NewClient(nodes[0].API, ""),
		plain:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		payload: make([]byte, kib),
	}
	b.Cleanup(func() { p.cbor.Close(); p.plain.CloseIdleConnections() })
	for i := range p.payload {
		p.payload[i] = byte(i)
	}
	body, err := json.Marshal(envelope{Pid: 1, Messages: []message{{To: p.to.Peer, Data: data(string(p.payload))}}})
	if err != nil {
		b.Fatal(err)
	}
	p.body = string(body)
	return p
}

// sendV1 sends a message over POST /v1/messages, in CBOR.
func (p *pair) sendV1() error {
	r := mpi.Request{File: "echo/1.0.0", Pid: 1, Expected: 1, Messages: []mpi.Message{{To: mpi.PeerID(p.to.Peer), Data: p.payload}}}
	res, err := p.cbor.Send(context.Background(), r)
	if err == nil && len(res.Messages[0].Data) != kib {
		err = fmt.Errorf("got %d bytes", len(res.Messages[0].Data))
	}
	return err
}

// sendSeed sends a message over POST /, in JSON.
func (p *pair) sendSeed() error {
	req, err := http.NewRequest(http.MethodPost, p.from.API, strings.NewReader(p.body))
	if err != nil {
		return err
	}
	req.Header.Set("File", "echo/1.0.0")
	res, err := p.plain.Do(req)
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

// roundTrips takes turns, so that what the machine does besides falls on all.
func roundTrips(b *testing.B, now, before *pair, send func(*pair) error) {
	var raw, msg, rawBefore, msgBefore []time.Duration
	const turn = 50
	measure := func(p *pair, raw, msg *[]time.Duration) {
		*raw = append(*raw, rawEchoes(b, p.from, p.to, kib, turn)...)
		for range turn {
			begun := time.Now()
			if err := send(p); err != nil {
				b.Fatal(err)
			}
			*msg = append(*msg, time.Since(begun))
		}
	}
	for b.Loop() {
		measure(now, &raw, &msg)
		if before != nil {
			measure(before, &rawBefore, &msgBefore)
		}
	}
	r, m := median(raw), median(msg)
	b.ReportMetric(us(r), "raw-µs")
	b.ReportMetric(us(m), "message-µs")
	b.ReportMetric(us(m-r), "added-µs")
	b.ReportMetric(float64(m)/float64(r), "ratio")
	if before != nil {
		added := median(msgBefore) - median(rawBefore)
		b.ReportMetric(us(added), "added-before-µs")
		b.ReportMetric(float64(m-r)/float64(added), "added-to-before")
	}
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

// inFlight keeps n requests of one message each under way, to the daemons of each version in turn.
func inFlight(b *testing.B, n int, now, before *pair, send func(*pair) error) {
	measure := func(p *pair) time.Duration {
		begun := time.Now()
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range inFlightEach {
					if err := send(p); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return time.Since(begun)
	}
	var turns int
	var took, tookBefore time.Duration
	for b.Loop() {
		turns++
		took += measure(now)
		if before != nil {
			tookBefore += measure(before)
		}
	}
	sent := float64(turns * n * inFlightEach)
	b.ReportMetric(sent/took.Seconds(), "messages/s")
	if before != nil {
		b.ReportMetric(sent/tookBefore.Seconds(), "before-messages/s")
		b.ReportMetric(float64(tookBefore)/float64(took), "to-before")
	}
	b.ReportMetric(0, "ns/op")
}

// inFlightEach is how many requests, one after the other, are sent in each of the places of a turn.
const inFlightEach = 20

// BenchmarkPluginLoad measures what an installed plugin costs a command that has nothing to do with
// it, beside what a plugin costs that does nothing: that part is Kubo's and the dynamic linker's.
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

// BenchmarkCommandStart measures a command that needs no Kubo: by the executable that hands it to
// the part without Kubo, and by one that has only the whole, in turns.
func BenchmarkCommandStart(b *testing.B) {
	dir := b.TempDir()
	times := map[string][]time.Duration{}
	for b.Loop() {
		for _, exe := range []string{loader, benched} {
			begun := time.Now()
			run(b, dir, exe, "version")
			times[exe] = append(times[exe], time.Since(begun))
		}
	}
	small, whole := us(median(times[loader])), us(median(times[benched]))
	b.ReportMetric(small/1000, "ms")
	b.ReportMetric(whole/1000, "whole-ms")
	b.ReportMetric(small/whole, "ratio")
	b.ReportMetric(0, "ns/op")
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
