package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a [Server] serves. The zero value of each field means its default.
type Config struct {
	// Listen is host:port. Port 0 takes a free one; Addr tells which.
	Listen string // "127.0.0.1:8000"
	// Token, if set, is what requests must bear: "Authorization: Bearer <token>".
	Token string
	// ProofKey, if set, is what the server proves with that it is the one that wrote a [KeyFile].
	ProofKey string
	// AllowedHosts are further names and IPs that Host may have, without a port. localhost,
	// loopback addresses and the address listened on are always allowed.
	AllowedHosts []string
	// AllowedOrigins are the web origins whose pages may use the API, "https://example.org";
	// none by default.
	AllowedOrigins []string

	MaxBody int64 // bytes of one request's body; 64 MiB
	// bytes of all requests in memory at once, streams included; four times MaxBody or 32 MiB; at
	// least twice MaxBody and 1 MiB
	MaxBodies     int64
	MaxConcurrent int // requests at once; 1024
	MaxHeader     int // bytes of one request's headers; 64 KiB

	HeaderTimeout time.Duration // from the first byte to the end of the headers; 10 s
	BodyTimeout   time.Duration // for the whole of a body to come; 1 min
	WriteTimeout  time.Duration // for the client to take 256 KiB of the answer; 30 s
	IdleTimeout   time.Duration // of a connection between two requests; 2 min

	Log *slog.Logger // nil discards
}

func (c Config) withDefaults() Config {
	orString(&c.Listen, "127.0.0.1:8000")
	orNumber(&c.MaxBody, 64<<20)
	orNumber(&c.MaxBodies, max(4*c.MaxBody, 32<<20))
	c.MaxBodies = max(c.MaxBodies, 2*c.MaxBody+1<<20)
	orNumber(&c.MaxConcurrent, 1024)
	orNumber(&c.MaxHeader, 64<<10)
	orNumber(&c.HeaderTimeout, 10*time.Second)
	orNumber(&c.BodyTimeout, time.Minute)
	orNumber(&c.WriteTimeout, 30*time.Second)
	orNumber(&c.IdleTimeout, 2*time.Minute)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orString(v *string, d string) {
	if *v == "" {
		*v = d
	}
}

func orNumber[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Server serves the API of one node. It is also an [http.Handler], for tests.
type Server struct {
	node  Node
	cfg   Config
	log   *slog.Logger
	guard *guard
	mux   *http.ServeMux
	gate  *gate
	room  *room
	// who is waited for, as long as it takes
	patient patient
	// decoding has a place for each body that is decoded at once
	decoding chan struct{}
	bufs     sync.Pool // of *[]byte
	srv      *http.Server
	conns    conns
	// plainConns are those that answer plain requests. cutting is set once requests that run
	// are cut off.
	plainConns connSet
	cutting    atomic.Bool

	// base is the parent of every request's context; stop cancels it.
	base context.Context
	stop context.CancelCauseFunc
	// streams is the parent context of streaming answers; endStreams cancels it when Close begins.
	streams    context.Context
	endStreams context.CancelFunc
	// wg counts the accepting goroutine and those of the connections.
	wg sync.WaitGroup

	mu      sync.Mutex // guards what follows
	ln      net.Listener
	closed  bool
	closing sync.Once
	err     error // of closing; set once
}

// New makes a server of the node's API. Nothing happens before Start.
func New(node Node, cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		node:  node,
		cfg:   cfg,
		log:   cfg.Log,
		guard: newGuard(cfg),
		gate:  &gate{max: cfg.MaxConcurrent, idle: make(chan struct{})},
		room:  &room{},

		decoding: make(chan struct{}, runtime.NumCPU()),
	}
	s.room.free.Store(cfg.MaxBodies)
	s.base, s.stop = context.WithCancelCause(context.Background())
	s.streams, s.endStreams = context.WithCancel(s.base)
	s.mux = s.routes()
	s.srv = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ConnContext:       connContext,
		ConnState:         s.connState,
		// OPTIONS * is screened as any other request.
		DisableGeneralOptionsHandler: true,
	}
	return s
}

// Start listens and serves until Close.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errors.New("http: start: the server is closed")
	case s.ln != nil:
		return errors.New("http: start: the server is running")
	}
	ln, err := net.Listen(network(s.cfg.Listen), s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("http: the API cannot listen on %s: %w: choose another address, or port 0 for any free one", s.cfg.Listen, err)
	}
	s.ln = ln
	if a, ok := ln.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() && s.cfg.Token == "" {
		s.log.Warn("http: the API listens beyond this machine without a token: whoever reaches it can use it", "addr", a.String())
	}
	s.wg.Go(func() {
		if err := s.srv.Serve(&listener{ln, s}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("http: the API stopped listening", "addr", ln.Addr().String(), "err", err)
		}
	})
	return nil
}

// network is that of an address to listen on. With "tcp", Go takes 0.0.0.0 for all addresses, those
// of IPv6 too.
func network(listen string) string {
	host, _, _ := net.SplitHostPort(listen)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// NetAddr is what the server listens on, nil before Start.
func (s *Server) NetAddr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ln == nil {
		return nil
	}
	return s.ln.Addr()
}

// Addr is the URL of the API, empty before Start. Where the server listens on all addresses it
// is that of the loopback.
func (s *Server) Addr() string {
	addr, ok := s.NetAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	return urlOf("http", addr.IP.String(), fmt.Sprint(addr.Port))
}

// When requests are cancelled, their connections are closed after lastWord, which is for the
// answer, and Close waits for their handlers for grace.
const (
	lastWord = 500 * time.Millisecond
	grace    = 5 * time.Second
)

// lastEvents is how long streams may take to end by themselves when the server closes: those of
// jobs that have ended have few events left.
const lastEvents = time.Second

// Drain refuses requests that begin something, with 503 and Retry-After, until Close. Those that
// run go on, and clients may still look at how they and their jobs end.
func (s *Server) Drain() { s.gate.drain() }

// Close refuses new requests, gives streams lastEvents to end and ends them, waits for other
// requests until ctx ends, then cancels them. It returns when all handlers have ended. It may be
// called repeatedly and concurrently.
func (s *Server) Close(ctx context.Context) error {
	hurry := context.AfterFunc(ctx, func() { s.stop(errStopping) })
	defer hurry()
	s.closing.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Server) close() error {
	s.mu.Lock()
	s.closed = true
	ln := s.ln
	s.mu.Unlock()
	idle := s.gate.close()
	streams := time.AfterFunc(lastEvents, s.endStreams)
	defer streams.Stop()
	s.srv.SetKeepAlivesEnabled(false)
	s.plainConns.close()
	if ln != nil {
		ln.Close()
	}
	var err error
	select {
	case <-idle:
	case <-s.base.Done():
		time.AfterFunc(lastWord, s.cut)
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-idle:
		case <-late.C:
			err = fmt.Errorf("http: close: requests still run %v after they were cancelled", grace)
		}
	}
	s.stop(errStopping)
	s.cut()
	if err == nil {
		s.wg.Wait()
	}
	return err
}

// cut closes all connections. Of those that answer plain requests net/http may have forgotten
// some, which it took to be idle.
func (s *Server) cut() {
	s.cutting.Store(true)
	s.srv.Close()
	s.plainConns.close()
}

// connState counts connections, in the wait group too, and closes one over the limit. The accepting
// goroutine keeps the group above zero while this may add to it.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.wg.Add(1)
		if old := s.conns.add(c, 4*s.cfg.MaxConcurrent); old != nil {
			s.log.Debug("http: too many connections: one was closed", "remote", old.RemoteAddr().String())
			old.(*conn).close(true) // also in a request that was refused, which may take long
		}
	case http.StateClosed, http.StateHijacked:
		s.conns.remove(c)
		s.wg.Done()
	}
}
