package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ipfs/kubo/config"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Times that bound what one node may take.
const (
	startTimeout = 2 * time.Minute  // on a busy machine; a second or two on an idle one
	stopTimeout  = 15 * time.Second // then it is killed
	poll         = 20 * time.Millisecond
)

// node is one child process.
type node struct {
	Node
	index int    // from 1, for people
	log   string // file with all that it prints
	conf  *config.Config

	process *os.Process   // nil until it runs
	exited  chan struct{} // closed when it is over, after err is set
	err     error         // of the process
	told    atomic.Bool   // we asked it to end
}

func newNode(dir string, index int) *node {
	base := filepath.Join(dir, fmt.Sprintf("node%d", index))
	return &node{Node: Node{Repo: base}, index: index, log: base + ".log"}
}

// env is the environment of a node's processes: ours without the variables that change Kubo's
// behaviour, and with telemetry off.
func (n *node) env(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "IPFS_") || strings.HasPrefix(kv, "LIBP2P_")
	})
	return append(append(env, "IPFS_PATH="+n.Repo, "IPFS_TELEMETRY=off"), more...)
}

// ipfs runs one Kubo command on the node's repository to its end and returns what it prints.
func (c *Cluster) ipfs(ctx context.Context, n *node, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.cfg.Exe, append([]string{"ipfs"}, args...)...)
	var out, errw bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errw
	c.prepare(cmd, n)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("node %d: ipfs %s: %w\n%s", n.index, strings.Join(args, " "), err, tail(errw.String()))
	}
	return out.String(), nil
}

// prepare sets what all of a node's processes need. They get a process group of their own, so that
// a ctrl-C at the terminal reaches only us: a second signal would cut Kubo's clean stop short.
func (c *Cluster) prepare(cmd *exec.Cmd, n *node) {
	cmd.Env = n.env(LifelineEnv + "=3") // the first of ExtraFiles
	cmd.ExtraFiles = []*os.File{c.lifeR}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// startNode starts the node's daemon and waits until both its APIs have an address.
func (c *Cluster) startNode(ctx context.Context, n *node) error {
	log, err := os.Create(n.log)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(c.cfg.Exe, "daemon")
	cmd.Stdout, cmd.Stderr = log, log
	c.prepare(cmd, n)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("node %d: %w", n.index, err)
	}
	n.process, n.exited = cmd.Process, make(chan struct{})
	c.wg.Go(func() {
		n.err = cmd.Wait()
		close(n.exited)
		if !n.told.Load() {
			c.died <- n.death()
		}
	})
	return n.await(ctx)
}

// await waits for the files in which the daemon tells its addresses.
func (n *node) await(ctx context.Context) error {
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, err := n.readAddrs()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-n.exited:
			return n.death()
		case <-late.C:
			return fmt.Errorf("node %d is not up after %v; the end of its log:\n%s", n.index, startTimeout, n.logTail())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// readAddrs reads the addresses of the node's APIs; ok is false while there are none.
func (n *node) readAddrs() (ok bool, err error) {
	rpc, err := readAddr(filepath.Join(n.Repo, "api"))
	if rpc == nil || err != nil {
		return false, err
	}
	api, err := readAddr(filepath.Join(n.Repo, "mpi", "api"))
	if api == nil || err != nil {
		return false, err
	}
	_, hostPort, err := manet.DialArgs(api)
	if err != nil {
		return false, fmt.Errorf("node %d: the address of its API, %s: %w", n.index, api, err)
	}
	n.RPC, n.API = rpc.String(), "http://"+hostPort
	return true, nil
}

// readAddr reads a multiaddr from a file, nil if the file is absent or not written yet.
func readAddr(file string) (ma.Multiaddr, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text := strings.TrimSpace(string(b))
	if err != nil || text == "" {
		return nil, err
	}
	addr, err := ma.NewMultiaddr(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return addr, nil
}

// death describes how a node ended. It may be called once exited is closed.
func (n *node) death() error {
	how := "exit code 0"
	if n.err != nil {
		how = n.err.Error()
	}
	return fmt.Errorf("node %d ended by itself (%s); the end of its log:\n%s", n.index, how, n.logTail())
}

// stopNodes asks all nodes to end and kills those that take too long.
func (c *Cluster) stopNodes() {
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		if n.process == nil {
			continue
		}
		n.told.Store(true)
		wg.Go(func() {
			n.process.Signal(syscall.SIGTERM) // fails only if it is over
			select {
			case <-n.exited:
			case <-time.After(stopTimeout):
				c.progress("node %d did not end within %v: killing it", n.index, stopTimeout)
				n.process.Kill()
			}
		})
	}
	wg.Wait()
}

// Lines and bytes of a node's log that an error shows.
const (
	tailLines = 30
	tailBytes = 16 << 10
)

func (n *node) logTail() string {
	f, err := os.Open(n.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		f.Seek(-tailBytes, io.SeekEnd)
	}
	b, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return err.Error()
	}
	return tail(string(b))
}

// tail is the last lines of a text, indented.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if n := len(lines); n > tailLines {
		lines = lines[n-tailLines:]
	}
	return "  " + strings.Join(lines, "\n  ")
}
