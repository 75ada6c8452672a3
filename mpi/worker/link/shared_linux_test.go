package link

import (
	"bytes"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// sides are the two sides of shared memory, each mapped by itself.
func sides(t testing.TB) (daemon, worker *Shared) {
	t.Helper()
	daemon, f, err := NewShared()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.Close)
	if f.Truncate(4096) == nil || f.Truncate(1<<30) == nil {
		t.Error("the memory can change its size")
	}
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if worker = OpenShared(uintptr(fd)); worker == nil {
		t.Fatal("a worker does not get the memory")
	}
	t.Cleanup(worker.Close)
	return daemon, worker
}

// What one side puts the other takes, in both directions at once; a slot in use is not given again.
func TestShared(t *testing.T) {
	daemon, worker := sides(t)
	var wg sync.WaitGroup
	const size = MaxShared / 2 * 2
	for _, way := range [][2]*Shared{{daemon, worker}, {worker, daemon}} {
		wg.Go(func() {
			from, to := way[0], way[1]
			for round := range byte(3) {
				var put []*SharedPackets
				for i := range sharedSlots {
					data := bytes.Repeat([]byte{round, byte(i)}, size/2)
					f := from.Put(i, data[:i], data[i:]) // one in two parts, as in one
					if f == nil || f.Node != uint32(i) || f.Bytes != size {
						t.Errorf("round %d: no room for part %d", round, i)
						return
					}
					put = append(put, f)
				}
				if from.Put(1, nil, make([]byte, SharedLeast)) != nil {
					t.Error("a slot more than there are")
				}
				for i, f := range put {
					if err := to.Take(f, func(data []byte) {
						if len(data) != size || !bytes.Equal(data[:2], []byte{round, byte(i)}) || !bytes.Equal(data[len(data)-2:], data[:2]) {
							t.Errorf("round %d: part %d is % x…", round, i, data[:2])
						}
					}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if daemon.Put(1, nil, make([]byte, MaxShared+1)) != nil || daemon.Put(1, make([]byte, 1), make([]byte, MaxShared)) != nil {
		t.Error("more than a slot")
	}
	if daemon.Put(1, make([]byte, 1), make([]byte, SharedLeast-2)) != nil {
		t.Error("a slot for what is small")
	}
}

// Without shared memory, and after its end, there is no room, and nothing is touched.
func TestNoShared(t *testing.T) {
	var none *Shared
	if none.Put(1, nil, make([]byte, SharedLeast)) != nil {
		t.Error("room in no memory")
	}
	if none.Take(&SharedPackets{}, func([]byte) {}) == nil {
		t.Error("packets in no memory")
	}
	daemon, worker := sides(t)
	daemon.Close()
	daemon.Close()
	if daemon.Put(1, nil, make([]byte, SharedLeast)) != nil {
		t.Error("room after the end")
	}
	if err := daemon.Take(&SharedPackets{Bytes: 4}, func([]byte) { t.Error("taken after the end") }); err != nil {
		t.Error(err)
	}
	if worker.Put(1, nil, make([]byte, SharedLeast)) == nil {
		t.Error("the other side has no memory any more")
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if OpenShared(f.Fd()) != nil || OpenShared(999) != nil {
		t.Error("something else is taken for shared memory")
	}
}
