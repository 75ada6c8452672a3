package worker

import "runtime"

// What a worker takes besides the memory of its guests. There are two limits. RLIMIT_DATA makes the
// kernel refuse more; it counts all that is writable and private, used or not: the stack of each
// thread that runs C (8 MiB), and what the Go runtime has mapped for its heap. The resident limit
// counts what is used, and the daemon kills a worker that is over it.
const (
	baseData     = 512 << 20 // Go runtime, engine, some 20 threads with their stacks
	baseResident = 256 << 20 // the same, in use
	firstStack   = 8 << 20   // of the first thread, which RLIMIT_DATA does not count

	// for each handler slot: 8 MiB of stack, 2 MiB of standard error, files and frames, and twice
	// that for what the garbage collector has not freed
	slotData     = 32 << 20
	slotResident = 16 << 20

	// for each rank: 8 MiB of stack; 32 MiB of messages that wait (match.MaxHeld), 64 MiB for
	// collectives (package process), 24 MiB of objects and frames
	rankData     = 128 << 20
	rankResident = 112 << 20
)

// memoryLimits are RLIMIT_DATA and the resident limit of one worker.
type memoryLimits struct{ data, resident int64 }

// handlerLimits are for slots messages at a time. Standard input and output may each be there
// twice.
func handlerLimits(slots int, memory int64, output int) memoryLimits {
	each := memory + 4*int64(output)
	n := int64(slots)
	return memoryLimits{baseData + n*(each+slotData), baseResident + n*(each+slotResident)}
}

// rankLimits are for ranks of one job.
func rankLimits(ranks int, memory, scratch int64) memoryLimits {
	n := int64(ranks)
	return memoryLimits{baseData + n*(memory+scratch+rankData), baseResident + n*(memory+scratch+rankResident)}
}

// threadLimit is how many threads a worker may have: some for the Go runtime and the engine, which
// compiles with one for each core, and several for each rank or message.
func threadLimit(units int) int64 { return int64(128 + 4*runtime.NumCPU() + 4*units) }
