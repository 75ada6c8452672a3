package node

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// What a handler writes is not decoded if it is more messages than there may be: they would take
// many times the memory of their text.
func TestHostileOutput(t *testing.T) {
	output := []byte(`{"messages":[` + strings.Repeat(`{"Data":[]},`, 1<<20) + `{}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	msgs, err := new(task).parse(output)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "65536") {
		t.Errorf("got %d messages, %v, want an error that names the limit of %d", len(msgs), err, mpi.MaxBatch)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(len(output)) {
		t.Errorf("refusing %d bytes of output took %d bytes of memory", len(output), n)
	}
}
