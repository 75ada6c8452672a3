//go:build linux

package netlab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleEnv makes the test executable another program.
const roleEnv = "NETLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "clock":
		tellTime()
	case "owner":
		own()
	default:
		os.Exit(m.Run())
	}
}

func role(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// tellTime answers each line with the wall clock and the monotonic one, in nanoseconds. Many
// threads read the clock meanwhile.
func tellTime() {
	begun := time.Now()
	for range 4 {
		go func() { // until the process ends
			for {
				_ = time.Now()
				runtime.Gosched()
			}
		}()
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		now := time.Now()
		fmt.Println(now.UnixNano(), int64(now.Sub(begun)))
	}
}

// The wall clock of a process jumps, forth and back; its monotonic clock and its timers go on.
func TestJumpClock(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("clocks can be set on amd64 only")
	}
	if err := Check(); err != nil {
		t.Skipf("the clock of a process cannot be set here: %v", err)
	}
	cmd := role("clock")
	in := must[interface {
		Write([]byte) (int, error)
		Close() error
	}](t)(cmd.StdinPipe())
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	out := bufio.NewReader(pipe)
	clocks := func() (wall time.Time, monotonic time.Duration) {
		t.Helper()
		fmt.Fprintln(in)
		var w, m int64
		if _, err := fmt.Fscanln(out, &w, &m); err != nil {
			t.Fatal(err)
		}
		return time.Unix(0, w), time.Duration(m)
	}
	_, last := clocks()
	for _, ahead := range []time.Duration{time.Hour, -24 * time.Hour, 0, 10 * 365 * 24 * time.Hour, 0} {
		if err := JumpClock(cmd.Process.Pid, ahead); err != nil {
			t.Fatal(err)
		}
		before := time.Now().Add(ahead)
		wall, monotonic := clocks()
		if after := time.Now().Add(ahead); wall.Before(before.Round(0)) || wall.After(after.Round(0)) {
			t.Errorf("%v ahead, the clock says %v, want %v", ahead, wall, before)
		}
		if monotonic < last || monotonic > last+time.Minute {
			t.Errorf("the monotonic clock went from %v to %v", last, monotonic)
		}
		last = monotonic
	}
}

// own makes a network with a process and a file system, says what they are, and waits.
func own() {
	lab, err := New(Config{})
	if err != nil {
		panic(err)
	}
	x, err := lab.Node()
	if err != nil {
		panic(err)
	}
	dir := os.Getenv("NETLAB_TEST_DIR")
	if err := x.Tmpfs(dir, 1<<20); err != nil {
		panic(err)
	}
	cmd := exec.Command("sleep", "1000")
	if err := x.Start(cmd); err != nil {
		panic(err)
	}
	fmt.Println(cmd.Process.Pid)
	select {}
}

// A process that is killed leaves nothing: no child, no namespace, no mount, no device.
func TestNothingIsLeft(t *testing.T) {
	if err := Check(); err != nil {
		t.Skipf("networks cannot be made here: %v", err)
	}
	dir := t.TempDir()
	owner := role("owner")
	owner.Env = append(owner.Env, "NETLAB_TEST_DIR="+dir)
	pipe, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line := must[string](t)(bufio.NewReader(pipe).ReadString('\n'))
	child := must[int](t)(strconv.Atoi(strings.TrimSpace(line)))
	netns := must[string](t)(os.Readlink(fmt.Sprintf("/proc/%d/ns/net", child)))
	if own := must[string](t)(os.Readlink("/proc/self/ns/net")); netns == own {
		t.Fatal("the node has no namespace of its own")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	await(t, "the node's process to end", func() bool {
		return syscall.Kill(child, 0) != nil || state(child) == "Z"
	})
	if mounts := string(must[[]byte](t)(os.ReadFile("/proc/self/mountinfo"))); strings.Contains(mounts, dir) {
		t.Errorf("the file system is left:\n%s", mounts)
	}
	links := must[[]os.DirEntry](t)(os.ReadDir("/sys/class/net"))
	for _, l := range links {
		if l.Name() == device {
			t.Error("the device is the machine's")
		}
	}
}

// state is the letter of a process's state, empty if there is none.
func state(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// Closing the network kills the processes on it.
func TestCloseKills(t *testing.T) {
	lab, x := newLab(t, Config{}, 1)
	cmd := exec.Command("sleep", "1000")
	if err := x[0].Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v", err)
	}
}
