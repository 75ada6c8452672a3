package lockdown

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// start runs a child of a mode and returns what it says, and a function that reads a file of its
// /proc.
func start(t *testing.T, mode string) (result, func(name string) string) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	// Inherited descriptors that the child did not ask for.
	stray, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: []string{childName + mode}, Env: []string{"SECRET=1"},
		ExtraFiles: []*os.File{theirs, stray, stray}, Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		ours.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(ours).ReadBytes('\n')
	if err != nil {
		ours.Close()
		t.Fatalf("the child said nothing: %v, %v", err, cmd.Wait())
	}
	var r result
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r, func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// needs skips a test where the system lacks a measure, and says why.
func needs(t *testing.T, r Report, measures ...Measure) {
	t.Helper()
	for _, m := range measures {
		if r.Has(m) {
			continue
		}
		for _, missing := range r.Missing {
			if missing.Measure == m {
				t.Skipf("not checked, this system lacks %s: %s", m, missing.Why)
			}
		}
		t.Fatalf("%s is neither applied nor missing: %s", m, r)
	}
}

func TestLockedProcess(t *testing.T) {
	r, proc := start(t, "all")
	t.Log(r.Report)
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	for _, m := range r.Report.Missing {
		t.Logf("this system lacks %s: %s", m.Measure, m.Why)
	}
	t.Run("works", func(t *testing.T) {
		for what, wrong := range r.Works {
			if wrong != "" {
				t.Errorf("%s: %s", what, wrong)
			}
		}
		if underRace {
			t.Log("not checked under the race detector: the memory's limit")
			return
		}
		if r.Grown < childMemory/4 || r.Grown > childMemory {
			t.Errorf("a guest's memory grew to %d MiB of %d", r.Grown>>20, int64(childMemory)>>20)
		}
	})
	t.Run("refused", func(t *testing.T) {
		needs(t, r.Report, Seccomp)
		for _, what := range r.Succeeded {
			t.Errorf("a locked process could: %s", what)
		}
		for what, err := range r.Refused {
			if want := unix.EPERM.Error(); err != want && what != "clone3" && what != "memfd_create" {
				t.Errorf("%s: %q, want %q", what, err, want)
			}
		}
		if n := len(r.Refused); n < 50 {
			t.Errorf("only %d attempts", n)
		}
	})
	t.Run("every thread", func(t *testing.T) {
		needs(t, r.Report, Seccomp, NewPrivs, Capabilities)
		threads := threadsOf(t, proc)
		if len(threads) < 12 {
			t.Errorf("%d threads: too few to prove anything", len(threads))
		}
		for id := range threads {
			for field, want := range map[string]string{
				"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0000000000000000",
				"CapPrm": "0000000000000000", "CapInh": "0000000000000000", "CapAmb": "0000000000000000"} {
				if got := field0(proc("task/"+id+"/status"), field); got != want {
					t.Errorf("thread %s: %s %s, want %s", id, field, got, want)
				}
			}
			// The nice value is the 19th field; the second, the name, may hold blanks.
			stat := proc("task/" + id + "/stat")
			if nice := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])[16]; nice != "15" {
				t.Errorf("thread %s: nice %s, want 15", id, nice)
			}
			// The same for all processes: together they have so many cores.
			if cores := field0(proc("task/"+id+"/status"), "Cpus_allowed_list"); cores != lastCore(t) {
				t.Errorf("thread %s may run on the cores %s, want %s", id, cores, lastCore(t))
			}
		}
	})
	t.Run("oom", func(t *testing.T) {
		needs(t, r.Report, OOMScore)
		if got := strings.TrimSpace(proc("oom_score_adj")); got != "1000" {
			t.Errorf("oom_score_adj %s", got)
		}
	})
	t.Run("limits", func(t *testing.T) {
		needs(t, r.Report, Limits, Memory)
		wants := []string{"Max core file size 0 0", "Max file size 0 0", dataLimit(), "Max open files 4096 4096"}
		var threads unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NPROC, &threads); err != nil {
			t.Fatal(err)
		}
		if n := threads.Cur; n != unix.RLIM_INFINITY {
			wants = append(wants, fmt.Sprintf("Max processes %d %[1]d processes", n-min(512, n/4)))
		}
		for _, want := range wants {
			if got := strings.Join(strings.Fields(proc("limits")), " "); !strings.Contains(got, want) {
				t.Errorf("limits lack %q", want)
			}
		}
	})
}

func dataLimit() string {
	if underRace {
		return "Max data size"
	}
	return fmt.Sprintf("Max data size %d %d", int64(childMemory), int64(childMemory))
}

// TestDescriptors looks from outside at what a locked process holds open.
func TestDescriptors(t *testing.T) {
	r, proc := start(t, "all")
	needs(t, r.Report, Descriptors)
	pid := strings.Fields(proc("stat"))[0]
	dir := "/proc/" + pid + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("not checked: an undumpable process shows its descriptors to root only: %v", err)
	}
	sockets := 0
	for _, e := range entries {
		to, err := os.Readlink(dir + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(to, "socket:"):
			sockets++
		case to == "/dev/null" && len(e.Name()) == 1 && e.Name() < "3", strings.HasPrefix(to, "anon_inode:[event"):
		case strings.HasPrefix(to, "pipe:"): // for crashes, see child
		case strings.HasPrefix(to, "/sys/fs/cgroup/"):
			// the Go runtime's own, see the package's documentation
		default:
			t.Errorf("descriptor %s is %s", e.Name(), to)
		}
	}
	if sockets != 1 {
		t.Errorf("%d sockets, want 1", sockets)
	}
}

// TestLandlockAlone leaves seccomp out: what is refused then, Landlock and the lost capabilities
// refuse, on threads from before and after.
func TestLandlockAlone(t *testing.T) {
	r, _ := start(t, "landlock")
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	needs(t, r.Report, Landlock)
	for _, m := range r.Report.Missing {
		if m.Measure == Landlock {
			t.Skipf("checked in part only: %s", m.Why)
		}
	}
	for _, what := range r.Succeeded {
		t.Errorf("a process under Landlock could: %s", what)
	}
}

func TestDemand(t *testing.T) {
	r, _ := start(t, "demand")
	if !strings.Contains(r.Error, ErrIncomplete.Error()) || !strings.Contains(r.Error, "none in this test") {
		t.Errorf("error %q", r.Error)
	}
	if r.Report.Has(Seccomp) || r.Report.Whole() {
		t.Errorf("report %s", r.Report)
	}
}

func TestOrphan(t *testing.T) {
	if r, _ := start(t, "orphan"); !strings.Contains(r.Error, errParentGone.Error()) {
		t.Errorf("error %q", r.Error)
	}
}

func threadsOf(t *testing.T, proc func(string) string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strings.Fields(proc("stat"))[0] + "/task")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, e := range entries {
		out[e.Name()] = true
	}
	return out
}

// field0 is a field of a status file.
func field0(status, name string) string {
	for _, line := range strings.Split(status, "\n") {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// lastCore is the last of the cores that this process may run on.
func lastCore(t *testing.T) string {
	t.Helper()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	last := -1
	for core := range len(all) * 64 {
		if all.IsSet(core) {
			last = core
		}
	}
	return strconv.Itoa(last)
}
