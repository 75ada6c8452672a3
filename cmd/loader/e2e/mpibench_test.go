//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// The benchmarks of MPI programs run the same source twice in turn: compiled by ipfs-mpi cc and run
// as a job, and compiled by mpicc -O2 and run by Open MPI's mpirun. Each tells both times and their
// ratio.

// native is a source of the project compiled with Open MPI.
func native(b *testing.B, source ...string) string {
	b.Helper()
	exe := filepath.Join(b.TempDir(), "program")
	if err := (conformance.Program{Source: filepath.Join(source...)}).Native(b.Context(), built(), exe); err != nil {
		b.Fatal(err)
	}
	return exe
}

// mpirun runs a native program and returns its output.
func mpirun(b *testing.B, ranks int, exe string, args ...string) string {
	b.Helper()
	args = append([]string{"mpirun", "--allow-run-as-root", "--oversubscribe", "-n", strconv.Itoa(ranks), exe}, args...)
	return run(b, b.TempDir(), args...)
}

// number is the first group of a pattern in a program's output.
func number(b *testing.B, out, pattern string) float64 {
	b.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	if m == nil {
		b.Fatalf("no %q in %q", pattern, out)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// versus reports two numbers and their ratio.
func versus(b *testing.B, ours, theirs float64, unit, name string) {
	b.ReportMetric(ours, "ours-"+unit)
	b.ReportMetric(theirs, name+"-"+unit)
	b.ReportMetric(ours/theirs, "ratio")
	b.ReportMetric(0, "ns/op")
}

func medianOf(list []float64) float64 {
	d := make([]time.Duration, len(list))
	for i, v := range list {
		d[i] = time.Duration(v * 1e6)
	}
	return float64(median(d)) / 1e6
}

// BenchmarkCompute is the time that programs take on one rank, as they tell it themselves.
func BenchmarkCompute(b *testing.B) {
	n := cluster(b, 1)[0]
	for _, x := range []struct {
		name string
		args []string
	}{{"cg", []string{"50000", "8", "time"}}, {"nbody", []string{"2000", "20", "time"}}, {"sort", []string{"4000000", "time"}}} {
		b.Run(x.name, func(b *testing.B) {
			exe := native(b, "interpreters", x.name, "1.0.0", "main.c")
			var ours, theirs []float64
			const pattern = `([0-9.]+) seconds`
			for b.Loop() {
				for range 5 {
					j, out := job(b, n, mpi.JobSpec{File: x.name, Ranks: 1, Args: x.args})
					well(b, j)
					ours = append(ours, number(b, out, pattern))
					theirs = append(theirs, number(b, mpirun(b, 1, exe, x.args...), pattern))
				}
			}
			// The best of each: the others tell what else the machine did.
			versus(b, slices.Min(ours), slices.Min(theirs), "s", "native")
		})
	}
}

// rounds is how often both sides of a comparison are run, in turns.
const rounds = 3

// timings are the rows that a program prints with the microseconds that each took, the least of all
// rounds.
type timings struct {
	rows []string
	us   map[string]float64
}

var timingRow = regexp.MustCompile(`^ *((?:[a-z]+ +)?\d+ bytes) +([0-9.]+) us`)

func (t *timings) read(b *testing.B, out string) {
	b.Helper()
	for line := range strings.Lines(out) {
		if m := timingRow.FindStringSubmatch(line); m != nil {
			us, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				b.Fatal(err)
			}
			t.add(strings.Join(strings.Fields(m[1]), "-"), us)
		}
	}
	if len(t.rows) == 0 {
		b.Fatalf("no times in %q", out)
	}
}

func (t *timings) add(row string, us float64) {
	if t.us == nil {
		t.us = map[string]float64{}
	}
	before, ok := t.us[row]
	if !ok {
		t.rows = append(t.rows, row)
	}
	if !ok || us < before {
		t.us[row] = us
	}
}

// report tells each row: the programs have measured already.
func (t *timings) report(b *testing.B, theirs *timings, name string) {
	for _, row := range t.rows {
		if theirs.us[row] == 0 {
			b.Fatalf("%s has no %s", name, row)
		}
		b.Run(row, func(b *testing.B) { versus(b, t.us[row], theirs.us[row], "µs", name) })
	}
}

// BenchmarkPingPong is the round trip between two ranks of one node, against Open MPI's, which uses
// shared memory.
func BenchmarkPingPong(b *testing.B) {
	n := cluster(b, 1)[0]
	exe, program := native(b, "test", "bench", "pingpong.c"), compiled(b, n, "test", "bench", "pingpong.c")
	var ours, theirs timings
	for range rounds {
		j, out := job(b, n, mpi.JobSpec{File: program, Ranks: 2})
		well(b, j)
		ours.read(b, out)
		theirs.read(b, mpirun(b, 2, exe))
	}
	ours.report(b, &theirs, "openmpi")
}

// BenchmarkCollective is the time of collective operations of four ranks of one node.
func BenchmarkCollective(b *testing.B) {
	n := cluster(b, 1)[0]
	exe, program := native(b, "test", "bench", "collective.c"), compiled(b, n, "test", "bench", "collective.c")
	var ours, theirs timings
	for range rounds {
		for _, operation := range []string{"barrier", "allreduce", "alltoall"} {
			j, out := job(b, n, mpi.JobSpec{File: program, Ranks: 4, Args: []string{operation, "131072"}})
			well(b, j)
			ours.read(b, out)
			theirs.read(b, mpirun(b, 4, exe, operation, "131072"))
		}
	}
	ours.report(b, &theirs, "openmpi")
}

// BenchmarkPingPongAcross is the round trip between ranks of two daemons, against a raw libp2p
// stream between the same two.
func BenchmarkPingPongAcross(b *testing.B) {
	if _, err := os.Stat(benched); err != nil {
		b.Fatalf("%v: run the benchmarks with make bench", err)
	}
	nodes, _ := clusterOf(b, benched, 2)
	program := compiled(b, nodes[0], "test", "bench", "pingpong.c")
	peers := []mpi.PeerID{mpi.PeerID(nodes[0].Peer), mpi.PeerID(nodes[1].Peer)}
	var ours, raw timings
	for range rounds {
		j, out := job(b, nodes[0], mpi.JobSpec{File: program, Ranks: 2, Peers: peers})
		well(b, j)
		ours.read(b, out)
		for _, row := range ours.rows {
			size, err := strconv.Atoi(strings.TrimSuffix(row, "-bytes"))
			if err != nil {
				b.Fatal(err)
			}
			for range 5 { // the best of five means, as the program does
				list := rawEchoes(b, nodes[0], nodes[1], size, min(max(20, 16<<20/size), 1000))
				var sum time.Duration
				for _, d := range list {
					sum += d
				}
				raw.add(row, us(sum/time.Duration(len(list))))
			}
		}
	}
	ours.report(b, &raw, "raw")
}

// BenchmarkStart is the time from the command to the first line of hello with eight ranks: warm,
// and cold with a program that the node has never seen.
func BenchmarkStart(b *testing.B) {
	n := cluster(b, 1)[0]
	exe := native(b, "interpreters", "hello", "1.0.0", "main.c")
	run(b, n.Repo, loader, "run", "--api", n.API, "-n", "8", "hello")
	b.Run("warm", func(b *testing.B) {
		var ours, theirs []float64
		for b.Loop() {
			ours = append(ours, firstLine(b, loader, "run", "--api", n.API, "-n", "8", "hello"))
			theirs = append(theirs, firstLine(b, "mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "8", exe))
		}
		versus(b, medianOf(ours), medianOf(theirs), "ms", "openmpi")
	})
	b.Run("cold", func(b *testing.B) {
		var ours, theirs []float64
		for b.Loop() {
			file := filepath.Join(b.TempDir(), "hello.wasm")
			run(b, b.TempDir(), loader, "cc", "-o", file, built("interpreters", "hello", "1.0.0", "main.c"))
			appendCustom(b, file, fmt.Sprint(time.Now().UnixNano()))
			ours = append(ours, firstLine(b, loader, "run", "--api", n.API, "-n", "8", file))
			theirs = append(theirs, firstLine(b, "mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "8", exe))
		}
		versus(b, medianOf(ours), medianOf(theirs), "ms", "openmpi")
	})
}

// appendCustom adds a custom section to a module: the same program under another CID.
func appendCustom(b *testing.B, file, text string) {
	b.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	section := append([]byte{6}, "unique"...)
	section = append(section, text...)
	code = append(code, 0, byte(len(section)))
	if err := os.WriteFile(file, append(code, section...), 0o644); err != nil {
		b.Fatal(err)
	}
}

// firstLine is the milliseconds until a command writes its first line. The command then runs to its
// end.
func firstLine(b *testing.B, name string, args ...string) float64 {
	b.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(out)
	_, err = r.ReadString('\n')
	took := time.Since(begun)
	for err == nil {
		_, err = r.ReadString('\n')
	}
	if err := cmd.Wait(); err != nil {
		b.Fatalf("%s: %v", cmd, err)
	}
	return float64(took) / float64(time.Millisecond)
}

// BenchmarkOutput is the time of four ranks that write 500,000 lines, from the command to its end.
func BenchmarkOutput(b *testing.B) {
	n := cluster(b, 1)[0]
	source := []string{"test", "bench", "lines.c"}
	exe, file := native(b, source...), compiled(b, n, source...)
	var ours, theirs []float64
	for b.Loop() {
		for range rounds {
			begun := time.Now()
			out := n.good(b, "run", "-n", "4", file)
			ours = append(ours, time.Since(begun).Seconds())
			begun = time.Now()
			mpirun(b, 4, exe)
			theirs = append(theirs, time.Since(begun).Seconds())
			if lines(out) != 500000 {
				b.Fatalf("%d lines", lines(out))
			}
		}
	}
	versus(b, medianOf(ours), medianOf(theirs), "s", "mpirun")
}
