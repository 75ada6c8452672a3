package process

import (
	"math"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// psend and precv make partitioned requests between the first two ranks, with tag 1.
func (g *guest) psend(buf uint32, partitions, count int, t int32) uint32 {
	g.Helper()
	return g.ints(g.out("MPI_Psend_init", buf, partitions, count, t, 1, 1, abi.CommWorld, abi.InfoNull))
}

func (g *guest) precv(buf uint32, partitions, count int, t int32) uint32 {
	g.Helper()
	return g.ints(g.out("MPI_Precv_init", buf, partitions, count, t, 0, 1, abi.CommWorld, abi.InfoNull))
}

func (g *guest) arrived(r uint32, partition int) bool {
	g.Helper()
	return g.out("MPI_Parrived", g.getInt(r), partition) != 0
}

// MPI 5.0, 4.2.2: a partition arrives once it is ready, though others are not: here each is made
// ready only after the one before has arrived. The sides may have other partitions and datatypes.
func TestPartitionsTravelAlone(t *testing.T) {
	for name, c := range map[string]struct {
		// partitions of each side, and ints in an element of the receiver
		sent, received, length int
		extent                 int // of that element, in ints
	}{
		"the same":           {6, 6, 1, 1},
		"fewer":              {6, 2, 1, 1},
		"more":               {2, 6, 1, 1},
		"between elements":   {3, 2, 2, 2},
		"across elements":    {4, 2, 6, 6},
		"elements with gaps": {4, 2, 3, 5},
		"one element of all": {4, 1, 12, 12},
		"one part for all":   {1, 4, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(g *guest) {
				const n = 12
				switch g.rank {
				case 0:
					list := make([]int32, n)
					for i := range list {
						list[i] = int32(i + 1)
					}
					r := g.psend(g.ints(list...), c.sent, n/c.sent, abi.Int)
					for range 2 {
						g.must("MPI_Start", r)
						for i := range c.sent {
							g.must("MPI_Pready", i, g.getInt(r))
							// what has come whole is waited for before the next is ready
							g.recv(1, 2)
						}
						g.must("MPI_Wait", r, abi.StatusIgnore)
					}
					g.must("MPI_Request_free", r)
				case 1:
					one := g.out("MPI_Type_contiguous", c.length, abi.Int)
					resized := g.out("MPI_Type_create_resized", one, 0, 4*c.extent)
					g.must("MPI_Type_commit", g.ints(resized))
					buf := g.alloc(4 * n * c.extent)
					r := g.precv(buf, c.received, n/c.length/c.received, resized)
					for range 2 {
						g.must("MPI_Start", r)
						for i := range c.sent {
							there := (i + 1) * n / c.sent // ints
							for p := range c.received {
								if (p+1)*n/c.received <= there {
									for !g.arrived(r, p) {
									}
									for k := p * n / c.received; k < (p+1)*n/c.received; k++ {
										at := k/c.length*c.extent + k%c.length
										want(g, "data", g.getInt(buf+uint32(4*at)), int32(k+1))
									}
								} else if p*n/c.received >= there && g.arrived(r, p) {
									g.Errorf("partition %d arrived before it was ready", p)
								}
							}
							g.send(0, 2, 0)
						}
						st := g.status()
						g.must("MPI_Wait", r, st)
						want(g, "status", g.getStatus(st), status{0, 1, -77})
						want(g, "count", g.count(st, abi.Int), n)
					}
					g.must("MPI_Request_free", r)
				}
			})
		})
	}
}

// MPI 5.0, 3.5 and 4.2: a receive that was started makes the send complete, whatever its process
// does meanwhile; here it waits for another message.
func TestPartitionedProgress(t *testing.T) {
	everywhere(t, func(g *guest) {
		const n = 1 << 18 // ints of a partition: more than goes before it is matched
		switch g.rank {
		case 0:
			r := g.psend(g.alloc(8*n), 2, n, abi.Int)
			g.must("MPI_Start", r)
			g.must("MPI_Pready_range", 0, 1, g.getInt(r))
			g.must("MPI_Wait", r, abi.StatusIgnore)
			g.send(1, 2, 5)
		case 1:
			r := g.precv(g.alloc(8*n), 2, n, abi.Int)
			g.must("MPI_Start", r)
			want(g, "message", g.recv(0, 2), 5)
			g.must("MPI_Wait", r, abi.StatusIgnore)
		}
	})
}

// MPI 5.0, 4.2.2: a partition that has arrived is the program's, which may change it before the
// others arrive. Here the parts of the message end between elements of the receiver.
func TestArrivedPartitionsMayChange(t *testing.T) {
	everywhere(t, func(g *guest) {
		switch g.rank {
		case 0:
			r := g.psend(g.ints(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 6, 2, abi.Int)
			for range 2 {
				g.must("MPI_Start", r)
				g.must("MPI_Pready_range", 0, 5, g.getInt(r))
				g.must("MPI_Wait", r, abi.StatusIgnore)
			}
			g.must("MPI_Request_free", r)
		case 1:
			three := g.out("MPI_Type_contiguous", 3, abi.Int)
			g.must("MPI_Type_commit", g.ints(three))
			buf := g.alloc(48)
			r := g.precv(buf, 4, 1, three)
			for range 2 {
				g.must("MPI_Start", r)
				for !g.arrived(r, 0) {
				}
				want(g, "data", g.getInt(buf), 1)
				g.mem[buf] = 77
				for !g.arrived(r, 3) {
				}
				g.must("MPI_Wait", r, abi.StatusIgnore)
				want(g, "changed", g.getInt(buf), 77)
				want(g, "the rest", g.getInt(buf+44), 12)
			}
			g.must("MPI_Request_free", r)
		}
	})
}

// Requests that are freed before they were ever started, at one side alone, do not stop those after
// them, whether they had a counterpart or not.
func TestFreedBeforeStart(t *testing.T) {
	// what a side makes before: a request that it frees, or one that it keeps
	for name, c := range map[string]struct{ sender, receiver string }{
		"sender, with counterpart":      {"f", "k"},
		"sender, without":               {"f", ""},
		"three of the sender, without":  {"fff", ""},
		"receiver, with counterpart":    {"k", "f"},
		"receiver, without":             {"", "f"},
		"both":                          {"f", "f"},
		"none":                          {"k", "k"},
		"two of the receiver, without":  {"", "ff"},
		"one of two, with counterparts": {"kf", "kk"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(g *guest) {
				if g.rank > 1 {
					return
				}
				make := g.psend
				before := c.sender
				if g.rank == 1 {
					make, before = g.precv, c.receiver
				}
				buf := g.ints(0, 0)
				for _, what := range before {
					if r := make(g.alloc(8), 2, 1, abi.Int); what == 'f' {
						g.must("MPI_Request_free", r)
					}
				}
				a := make(buf, 2, 1, abi.Int)
				b := make(buf+4, 1, 1, abi.Int)
				for round := range 3 {
					for i, r := range []uint32{a, b} {
						if g.rank == 0 {
							copy(g.mem[buf:], []byte{byte(10*round + 1), 0, 0, 0, byte(10*round + 2), 0, 0, 0})
						}
						g.must("MPI_Start", r)
						if g.rank == 0 {
							g.must("MPI_Pready_range", 0, 1-i, g.getInt(r))
						}
						g.must("MPI_Wait", r, abi.StatusIgnore)
						want(g, "data", g.getInt(buf+4), int32(10*round+2))
					}
				}
				g.must("MPI_Request_free", a)
				g.must("MPI_Request_free", b)
			})
		})
	}
}

// A header of a hostile node is refused, or its parts are within the buffer.
func FuzzHeader(f *testing.F) {
	for _, h := range [][4]int64{
		{1, 1, 4, 4}, {3, 1, 4, 12}, {4, 2, 3, 10}, {2, 1, 5, 8}, {1, 1, 0, 0}, {maxParts, 1, 0, 0},
		{maxParts, 1, 1 << 62, 0}, {2, 1, math.MaxInt64, 0}, {1, 1, math.MaxInt64, 1}, {2, 1, math.MaxInt64 - 1, math.MaxInt64}, {0, 1, -1, -1},
	} {
		f.Add(h[0], h[1], h[2], h[3], int64(3))
	}
	f.Fuzz(func(t *testing.T, count, per, size, total, ints int64) {
		if ints < 0 || ints > 1<<16 {
			return
		}
		x := &partitioned{parts: parts{room: maxPartBytes}}
		x.buf = datatype.Buffer{Mem: make([]byte, 4*ints), Count: ints, Type: datatype.Named(abi.Int)}
		h := &header{}
		h.req.Status.Bytes = headerSize
		putHeader(h.buf[:], count, per, size, total)
		if x.prepare(&Process{}, h) != nil {
			return
		}
		end := int64(0)
		for i := range x.count {
			from, to := x.span(i)
			if from < 0 || from > to || to > 4*ints || from < end {
				t.Fatalf("part %d of %d is bytes %d to %d of %d, after %d", i, x.count, from, to, 4*ints, end)
			}
			end = to
		}
	})
}
