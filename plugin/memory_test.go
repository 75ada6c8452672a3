package plugin

import "testing"

// TestDefaultMemory: all slots together have half of the machine's memory, unless each has less
// than 256 MiB.
func TestDefaultMemory(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		machine     uint64
		slots       int
		memory, max int64
	}{
		{0, 12, 256 << 20, 256 << 20},
		{4 * gib, 12, 256 << 20, 2 * gib},
		{16 * gib, 16, 512 << 20, 4 * gib},
		{24 * gib, 12, gib, 4 * gib},
		{16 * gib, 48, 256 << 20, 4 * gib},
		{1 << 63, 48, 4 * gib, 4 * gib},
	} {
		if m, most := defaultMemory(tt.machine, tt.slots), defaultMaxMemory(tt.machine); m != tt.memory || most != tt.max {
			t.Errorf("%d of memory and %d slots: %d, at most %d", tt.machine, tt.slots, m, most)
		}
	}
}
