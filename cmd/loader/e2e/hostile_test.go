//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the memory of a daemon may grow by for a job, and may be larger by when the job has ended.
const (
	mayGrow = 32 << 20
	mayKeep = 8 << 20
)

// Whatever the ranks of a job do, their daemon answers meanwhile and runs another job to its end;
// the job ends with its limit, its slots are free, and so is most of the memory that
// the daemon took for it.
func TestHostileGuestsOfADaemon(t *testing.T) {
	// Go lets as much garbage pile up as there is live memory, some 30 MiB in a daemon that does
	// nothing. With half of that the growth is rather what the daemon holds.
	t.Setenv("GOGC", "50")
	n := cluster(t, 1, "--mpi-config", `{"Memory":"64MiB","RankSlots":8}`)[0]
	n.good(t, "run", "-n", "2", "hello")
	for name, c := range map[string]struct {
		file string
		says string // by the reason of its end
	}{
		"computes for ever":   {program(t, "for (volatile int i = 0;;) i++;"), "limit"},
		"fills memory":        {program(t, "volatile char *p; do if ((p = malloc(1 << 16))) for (int i = 0; i < 1 << 16; i++) p[i] = i; while (1);"), "limit"},
		"long instructions":   {program(t, "char *p = malloc(60 << 20); for (;;) memset(p, 1, 60 << 20);"), "limit"},
		"overflows its stack": {program(t, "for (;;) { volatile char *p = __builtin_alloca(65536); *p = 1; }"), "trapped"},
		"writes files":        {program(t, `for (int i = 0;; i++) { char s[32]; sprintf(s, "f%d", i % 1000); FILE *f = fopen(s, "a"); if (f) { for (int k = 0; k < 9999; k++) fputs(s, f); fclose(f); } }`), "limit"},
		"prints for ever":     {program(t, `for (;;) fputs("all work and no play\n", stdout);`), "limit"},
		"sends to itself":     {program(t, "for (;;) { MPI_Request r; MPI_Isend(&rank, 1, MPI_INT, rank, 1, MPI_COMM_WORLD, &r); MPI_Request_free(&r); }"), ""},
		"names that expand":   {named(t, program(t, "MPI_Abort(MPI_COMM_WORLD, 3);")), "MPI_Abort"},
		"names, and computes": {named(t, program(t, "for (volatile int i = 0;;) i++;")), "limit"},
		"a compile bomb":      {bomb(t), "compile"},
	} {
		t.Run(name, func(t *testing.T) {
			collect(t, n)
			before := anonymous(t, n)
			ended := make(chan string, 1)
			go func() {
				out, errs, err := try(n.Repo, loader, "run", "-n", "2", "--timeout", "2s", c.file)
				if err == nil {
					errs = "it ended well: " + out[:min(len(out), 100)]
				}
				ended <- errs
			}()
			peak, answers := int64(0), 0
			var slowest time.Duration
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			why := ""
			for beside := false; why == ""; {
				peak = max(peak, anonymous(t, n))
				begin := time.Now()
				run(t, n.Repo, loader, "ipfs", "id")
				slowest = max(slowest, time.Since(begin))
				answers++
				if !beside {
					beside = true
					if out := n.good(t, "run", "-n", "2", "hello"); !strings.Contains(out, "rank 1 of 2") {
						t.Errorf("the job beside it: %q", out)
					}
				}
				select {
				case why = <-ended:
				case <-tick.C:
				}
			}
			t.Logf("%s; %d answers meanwhile, the slowest after %v; the daemon grew by %d MiB",
				strings.TrimSpace(why[max(0, len(why)-200):]), answers, slowest, (peak-before)>>20)
			if !strings.Contains(why, c.says) || strings.Contains(why, "it ended well") {
				t.Errorf("why it ended: %q", why)
			}
			if peak-before > mayGrow {
				t.Errorf("the daemon grew by %d MiB", (peak-before)>>20)
			}
			n.good(t, "run", "-n", "8", "hello") // every slot is free
			kept := int64(0)
			for end := time.Now().Add(patience); ; <-tick.C {
				collect(t, n)
				if kept = anonymous(t, n) - before; kept <= mayKeep || time.Now().After(end) {
					break
				}
			}
			if kept > mayKeep {
				t.Errorf("the daemon keeps %d MiB", kept>>20)
			}
		})
	}
}

// collect has a daemon collect its garbage.
func collect(t testing.TB, n *node) {
	t.Helper()
	res, err := http.Get(url(t, n.RPC) + "/debug/pprof/heap?gc=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", res.StatusCode, err)
	}
}

// anonymous is how many bytes of a daemon are in memory and no file's.
func anonymous(t testing.TB, n *node) int64 {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid(t, n.Repo)))) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	t.Fatal("no RssAnon")
	return 0
}

// named gives all functions of a module a name that takes all memory to expand: each part is a
// thousand of the one before.
func named(t testing.TB, file string) string {
	t.Helper()
	name := "_Z1fI1aI" + strings.Repeat("i", 1000) + "E"
	for i, s := range []string{"S0_", "S2_", "S4_"} {
		name += fmt.Sprintf("1%cI", 'b'+i) + strings.Repeat(s, 1000) + "E"
	}
	name += "Evv"
	functions := uleb(nil, 100)
	for i := range uint64(100) {
		functions = sized(uleb(functions, i), []byte(name))
	}
	section := sized(append(sized(nil, []byte("name")), 1), functions)
	return written(t, sized(append([]byte(readFile(t, file)), 0), section))
}

// bomb is a module that takes gigabytes to compile: loops with a thousand parameters and results,
// again and again.
func bomb(t testing.TB) string {
	t.Helper()
	many := append(uleb(nil, 1000), slices.Repeat([]byte{0x7f}, 1000)...)
	wide := slices.Concat([]byte{0x60}, many, many)
	body := []byte{0}
	for range 1000 {
		body = append(body, 0x41, 0)
	}
	for range 60000 {
		body = append(body, 0x03, 0x01, 0x0b)
	}
	for range 1000 {
		body = append(body, 0x1a)
	}
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = sized(append(m, 1), slices.Concat([]byte{3, 0x60, 0, 0}, wide, []byte{0x60, 2, 0x7f, 0x7f, 1, 0x7f}))
	m = sized(append(m, 2), slices.Concat([]byte{1}, sized(nil, []byte("env")), sized(nil, []byte("MPI_Init")), []byte{0, 2}))
	m = sized(append(m, 3), []byte{1, 0})
	m = sized(append(m, 5), []byte{1, 0, 1})
	m = sized(append(m, 7), slices.Concat([]byte{2}, sized(nil, []byte("_start")), []byte{0, 1}, sized(nil, []byte("memory")), []byte{2, 0}))
	return written(t, sized(append(m, 10), sized([]byte{1}, append(body, 0x0b))))
}

func uleb(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// sized appends bytes with their number before them.
func sized(b, content []byte) []byte { return append(uleb(b, uint64(len(content))), content...) }

func written(t testing.TB, module []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hostile.wasm")
	if err := os.WriteFile(file, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
