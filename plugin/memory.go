package plugin

import "fmt"

// Bounds of the default limits of memory, in bytes, and their unit.
const (
	leastMemory = 256 << 20
	mostMemory  = 4 << 30 // what 32 bits can address
	memoryUnit  = 64 << 20
)

// defaultMemory is the limit of an instance, or a rank, for which all slots together have half of
// the machine's memory; 0 is a machine that does not say how much it has.
func defaultMemory(machine uint64, slots int) int64 {
	return min(max(int64(min(machine, 1<<50))/2/int64(slots)/memoryUnit*memoryUnit, leastMemory), mostMemory)
}

// defaultMaxMemory is what a job may ask for a rank: half of the machine's memory.
func defaultMaxMemory(machine uint64) int64 { return defaultMemory(machine, 1) }

// sizeText is a size as a setting has it.
func sizeText(n int64) string { return fmt.Sprintf("%dMiB", n>>20) }
