package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/job"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/node"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/rendezvous"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/store"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker"
)

// Parts is what a service stands on: a daemon's own parts, or the sidecar's.
type Parts struct {
	Host    host.Host
	API     iface.CoreAPI
	Routing routing.ContentRouting
	Repo    string // directory that gets mpi/ for the service's own files
	Log     *slog.Logger
	// Settings is Kubo's configuration file, whose policy is followed while the service runs. Empty
	// for none.
	Settings string
}

// Service is one node of ipfs-mpi with its JSON API.
type Service struct {
	cfg   Config
	parts Parts
	dir   string // Repo/mpi

	policy       *policy.Policy
	transport    *p2p.Transport // of messages and hellos
	jobTransport *p2p.Transport
	watcher      watcher            // of the settings
	runtime      *worker.Runtime    // nil in a build without the worker
	program      *worker.Executable // that of workers; as runtime
	node         *node.Node
	jobs         *job.Service
	api          *http.Server
	proofKey     string // of api

	uninstrument func(context.Context) error // of instrument; nil if it was not called

	once sync.Once // of Close
	err  error
}

// apiCloseTimeout is how long requests that run when the service stops may still take.
const apiCloseTimeout = 3 * time.Second

// NewService wires a service together. It starts nothing, but reads the worker into memory.
func NewService(parts Parts, cfg Config) (*Service, error) {
	if parts.Log == nil {
		parts.Log = slog.New(slog.DiscardHandler)
	}
	parts.Log = limited(parts.Log)
	_, listen, err := manet.DialArgs(cfg.API)
	if err != nil {
		return nil, fmt.Errorf("%s.API is %s: %w", configKey, cfg.API, err)
	}
	s := &Service{cfg: cfg, parts: parts, dir: filepath.Join(parts.Repo, "mpi")}
	agent := "ipfs-mpi/" + Version
	s.policy = policy.New(mpi.PeerID(parts.Host.ID().String()), cfg.rules())
	admit := s.policy.Admit
	peers, _ := parts.Routing.(p2p.PeerFinder) // Kubo's is
	s.transport = p2p.New(parts.Host, p2p.Config{Admit: admit, Policy: s.policy, Routing: peers, MaxFrame: int(cfg.MaxMessage) + 64<<10, Log: parts.Log})
	pools := rendezvous.New(rendezvous.Config{
		Host: parts.Host, Routing: parts.Routing, Exchanger: s.transport, Protocol: string(p2p.PoolProtocol),
		Agent: agent, HandlerSlots: uint32(cfg.HandlerSlots), Admit: admit, Log: parts.Log,
	})
	s.transport.Greet(pools)
	runtime, err := s.newRuntime()
	if err != nil {
		return nil, err
	}
	st := store.New(parts.API, store.Config{
		Path: cfg.Store, Serve: cfg.Serve, MaxStore: cfg.MaxStore, KeepUnused: cfg.KeepUnused,
		StateFile: filepath.Join(s.dir, "pins.json"), Log: parts.Log,
	})
	s.node = node.New(node.Config{
		Transport: s.transport, Pools: pools, Store: st, Runtime: runtime, Workers: s.lockdown, Admit: admit, Policy: s.policy,
		Agent: agent, HandlerSlots: cfg.HandlerSlots, Memory: cfg.Memory, Timeout: cfg.Timeout, MaxMessage: cfg.MaxMessage,
		AnyProgram: cfg.Programs == ProgramsAny, Programs: cfg.Listed,
		Log: parts.Log,
	})
	s.jobTransport = p2p.New(parts.Host, p2p.ForJobs(p2p.Config{Admit: admit, Policy: s.policy, Routing: peers, Log: parts.Log}))
	s.jobs = job.New(job.Config{
		Transport: s.jobTransport, Policy: s.policy,
		Pools: pools, Store: st, Programs: s.node, Admit: admit, RankSlots: cfg.RankSlots,
		Memory: cfg.Memory, MaxMemory: cfg.MaxMemory,
		Dir: filepath.Join(s.dir, "jobs"), Host: hostName(parts.Host.ID()), Log: parts.Log,
	})
	s.proofKey = http.NewProofKey()
	s.api = http.New(struct {
		*node.Node
		*job.Service
		processes
	}{s.node, s.jobs, s.workers()}, http.Config{
		Listen: listen, Token: cfg.Token, AllowedHosts: cfg.Hosts, AllowedOrigins: cfg.Origins, ProofKey: s.proofKey, Log: parts.Log,
		MaxBody: max(64<<20, 5*cfg.MaxMessage), // JSON takes up to four bytes for one of Data
	})
	return s, nil
}

// Start starts everything and writes the API's address to Repo/mpi/api. If it fails, nothing it
// began is left.
func (s *Service) Start(ctx context.Context) error {
	if err := s.ownDir(); err != nil {
		return err
	}
	for _, note := range s.cfg.Notes {
		s.parts.Log.Warn(note)
	}
	if s.runtime != nil {
		s.runtime.Start()
	}
	if err := s.jobs.Start(); err != nil { // before peers hear of the node
		return errors.Join(err, s.Close(ctx))
	}
	if err := s.node.Start(ctx); err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	if err := s.api.Start(); err != nil {
		return errors.Join(fmt.Errorf("%s.API is %s: %w", configKey, s.cfg.API, err), s.Close(ctx))
	}
	if err := s.announce(); err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	stop, err := s.instrument()
	if err != nil {
		return errors.Join(err, s.Close(ctx))
	}
	s.uninstrument = stop
	s.watch()
	s.parts.Log.Info("ready", "api", s.api.Addr(), "store", cmp.Or(s.cfg.Store, "none, so no program is served: ipfs-mpi config set Store /ipfs/CID"),
		"pools", s.pools(), "programs of peers", s.cfg.Programs, "rankSlots", s.cfg.RankSlots, "handlerSlots", s.cfg.HandlerSlots)
	return nil
}

// pools says which pools the node joins.
func (s *Service) pools() string {
	switch {
	case s.cfg.Store == "":
		return "none"
	case len(s.cfg.Serve) == 0:
		return "all programs of the store"
	}
	var names []string
	for _, sel := range s.cfg.Serve {
		names = append(names, sel.String())
	}
	return strings.Join(names, ", ")
}

// APIAddr is the URL of the JSON API, once started.
func (s *Service) APIAddr() string { return s.api.Addr() }

// Close stops everything, within ctx. It may be called twice. The order is that of
// docs/reliability.md, "Orderly ends": no new requests and jobs are taken; origins of what runs
// here are told, and own jobs end; handlers that run, and requests that wait for answers, get a
// time of grace, and then an error with the reason; sessions are closed; at last the API, so that
// its clients have heard all of it.
func (s *Service) Close(ctx context.Context) error {
	s.once.Do(func() { s.err = s.close(ctx) })
	return s.err
}

func (s *Service) close(ctx context.Context) error {
	s.watcher.stop()
	s.api.Drain()
	var jobs error
	var wg sync.WaitGroup
	wg.Go(func() { jobs = s.jobs.Close(ctx) })
	s.node.Drain(ctx)
	wg.Wait()
	err := errors.Join(jobs, s.node.Close(ctx))
	api, cancel := context.WithTimeout(ctx, apiCloseTimeout)
	defer cancel()
	err = errors.Join(err, removeIfThere(s.apiFile()), removeIfThere(s.keyFile()), s.api.Close(api))
	if s.uninstrument != nil {
		err = errors.Join(err, s.uninstrument(ctx))
	}
	if s.program != nil {
		err = errors.Join(err, s.program.Close())
	}
	return err
}

func (s *Service) apiFile() string {
	return filepath.Join(s.parts.Repo, filepath.FromSlash(http.APIFile))
}
func (s *Service) keyFile() string {
	return filepath.Join(s.parts.Repo, filepath.FromSlash(http.KeyFile))
}

// announce writes the actual address of the API, as a multiaddr, the way Kubo does with its own,
// and the key by which the API proves that it is ours.
func (s *Service) announce() error {
	addr, err := manet.FromNetAddr(s.api.NetAddr())
	if err != nil {
		return err
	}
	if err := s.tell(s.keyFile(), s.proofKey); err != nil {
		return err
	}
	return s.tell(s.apiFile(), addr.String())
}

// tell writes a line to a file for others, which this node never reads. What is there and cannot be
// replaced, as a directory, is set aside.
func (s *Service) tell(file, line string) error {
	write := func() error { return atomicfile.Write(file, []byte(line+"\n"), 0o600) }
	err := write()
	if err == nil {
		return nil
	}
	info, gone := os.Lstat(file)
	if gone != nil || !info.IsDir() {
		return err
	}
	aside, failed := atomicfile.SetAside(file)
	s.parts.Log.Warn("a directory is where a file of this node has to be, and is set aside", "file", file, "aside", aside)
	if failed != nil {
		return errors.Join(err, failed)
	}
	return write()
}

// ownDir makes the service's directory. What is in its place and is none is set aside.
func (s *Service) ownDir() error {
	err := atomicfile.MakeDir(s.dir)
	var wrong *atomicfile.DamagedError
	if !errors.As(err, &wrong) {
		return err
	}
	s.parts.Log.Warn("the directory of this node's files", "err", err)
	_, err = os.Stat(s.dir)
	return err
}

// hostName is this machine's name, or else the end of the node's ID.
func hostName(id peer.ID) string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return mpi.PeerID(id.String()).Short()
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
