package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// BenchmarkStart is how long a worker takes from its start to Ready, from Place to Placed, and from
// a message to its end, and what it then has of memory that no other process shares.
func BenchmarkStart(b *testing.B) {
	path := build(b)
	out := filepath.Join(b.TempDir(), "cat.wasm")
	cmd := exec.Command("clang", "--target=wasm32-wasi", "-isystem", "/usr/include/wasm32-wasi", "-L/usr/lib/wasm32-wasi", "-O2",
		"-o", out, "../../mpi/wasm/testdata/cat.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Skipf("needs clang, lld, wasi-libc and libclang-rt-dev-wasm32: %v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	code := compile(b, path, module)
	var ready, placed, first time.Duration
	var idle, used int64
	for b.Loop() {
		begin := time.Now()
		p := start(b, path)
		ready += time.Since(begin)
		idle += p.private()
		begin = time.Now()
		p.send(&link.Place{Kind: link.KindHandler, Slots: 8, Memory: 1 << 30, Code: code})
		p.placed()
		placed += time.Since(begin)
		begin = time.Now()
		p.send(&link.Message{Unit: 1, Memory: 16 << 20, Output: 1 << 20, Timeout: time.Minute, Size: 5, Args: []string{"run", "cat"}})
		p.send(&link.MessageIn{Unit: 1, Data: []byte("hello")})
		for {
			if f, ok := p.next().(*link.Ended); ok {
				if f.Reason != "" {
					b.Fatalf("%+v", f)
				}
				break
			}
		}
		first += time.Since(begin)
		used += p.private()
		p.end()
	}
	n := float64(b.N)
	b.ReportMetric(float64(ready.Microseconds())/n, "ready-µs")
	b.ReportMetric(float64(placed.Microseconds())/n, "placed-µs")
	b.ReportMetric(float64(first.Microseconds())/n, "first-µs")
	b.ReportMetric(float64(idle)/n/(1<<20), "idle-MiB")
	b.ReportMetric(float64(used)/n/(1<<20), "used-MiB")
}

var privatePages = regexp.MustCompile(`(?m)^Private_(?:Clean|Dirty): *([0-9]+) kB$`)

// private is the bytes of memory that no other process has too.
func (p *process) private() (sum int64) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/smaps_rollup")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range privatePages.FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.ParseInt(strings.TrimSpace(m[1]), 10, 64)
		sum += n << 10
	}
	return sum
}
