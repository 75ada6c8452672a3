//go:build bench

package plugin

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Built with the tag bench, a daemon answers raw echoes on a libp2p stream, and measures those of
// another daemon. Benchmarks of messages compare with that. GET /echo?peer=ID&size=BYTES&n=TIMES at
// the address in Repo/mpi/bench returns a list of round-trip times in nanoseconds.
const echoProtocol protocol.ID = "/ipfs-mpi/bench-echo/1.0.0"

func (s *Service) instrument() (func(context.Context) error, error) {
	s.parts.Host.SetStreamHandler(echoProtocol, func(str network.Stream) {
		defer str.Close()
		_ = answer(str)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := nethttp.NewServeMux()
	mux.HandleFunc("GET /echo", s.serveEcho)
	srv := &nethttp.Server{Handler: mux}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	file := filepath.Join(s.dir, "bench")
	stop := func(ctx context.Context) error {
		s.parts.Host.RemoveStreamHandler(echoProtocol)
		err := errors.Join(srv.Shutdown(ctx), os.Remove(file))
		wg.Wait()
		return err
	}
	return stop, os.WriteFile(file, []byte(l.Addr().String()), 0o600)
}

// answer sends back whole pieces of the size that the stream begins with, each once all of it has
// come.
func answer(str network.Stream) error {
	var head [8]byte
	if _, err := io.ReadFull(str, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxEcho {
		return str.Reset()
	}
	piece := make([]byte, n)
	for {
		if _, err := io.ReadFull(str, piece); err != nil {
			return err
		}
		if _, err := str.Write(piece); err != nil {
			return err
		}
	}
}

const maxEcho = 64 << 20 // bytes

func (s *Service) serveEcho(w nethttp.ResponseWriter, r *nethttp.Request) {
	times, err := s.echo(r.Context(), r.FormValue("peer"), r.FormValue("size"), r.FormValue("n"))
	if err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(times)
}

func (s *Service) echo(ctx context.Context, to, size, times string) ([]time.Duration, error) {
	p, err := peer.Decode(to)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 || n > maxEcho {
		return nil, fmt.Errorf("size is %q", size)
	}
	count, err := strconv.Atoi(times)
	if err != nil || count < 1 || count > 1e6 {
		return nil, fmt.Errorf("n is %q", times)
	}
	str, err := s.parts.Host.NewStream(ctx, p, echoProtocol)
	if err != nil {
		return nil, err
	}
	defer str.Close()
	if err := binary.Write(str, binary.LittleEndian, uint64(n)); err != nil {
		return nil, err
	}
	out, in := make([]byte, n), make([]byte, n)
	list := make([]time.Duration, count)
	for i := range list {
		begun := time.Now()
		if _, err := str.Write(out); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(str, in); err != nil {
			return nil, err
		}
		list[i] = time.Since(begun)
	}
	return list, nil
}
