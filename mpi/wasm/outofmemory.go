package wasm

import (
	"bytes"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// blameMemory calls a failure for want of memory what it is. A program that was refused memory and
// then trapped or exited is taken to have run out; the detail names its trap or exit code.
func (in *instance) blameMemory(out *exec.Outcome) {
	if out.Reason != mpi.Trapped && out.Reason != mpi.Exited && out.Reason != mpi.Aborted {
		return
	}
	refused := in.refused(out.Memory)
	switch {
	case refused != "" && out.Reason == mpi.Aborted:
		out.Detail += "; before that " + refused
	case refused != "":
		out.Reason, out.Exit, out.Detail = mpi.OutOfMemory, 0, refused+"; then: "+out.Detail
	case out.Reason != mpi.Aborted && outOfMemory(out.Memory, in.x.Memory, out.Stderr):
		out.Reason, out.Exit = mpi.OutOfMemory, 0
		out.Detail = fmt.Sprintf("failed with %s of %s of memory in use: %s", size(out.Memory), size(in.x.Memory), out.Detail)
	}
}

// refused says what memory the program was refused last, and what to do about it; empty for none.
func (in *instance) refused(used int64) string {
	pages, _ := in.in.Global(module.Refused)
	asked := int64(pages) * pageSize
	switch needs := used + asked; {
	case asked == 0:
		return ""
	case needs > maxPages*pageSize:
		return fmt.Sprintf("it asked for %s besides the %s in use, and a program has at most 4 GiB", size(asked), size(used))
	case needs <= in.x.Memory:
		return fmt.Sprintf("it asked for %s besides the %s in use, which its node has not left", size(asked), size(used))
	default:
		return fmt.Sprintf("it asked for %s besides the %s in use; its limit is %s: %s",
			size(asked), size(used), size(in.x.Memory), moreMemory(needs, in.x.MPI != nil))
	}
}

// moreMemory is what to do for a program that needs so many bytes.
func moreMemory(needs int64, rank bool) string {
	if rank {
		return fmt.Sprintf("allow it more with --memory %dMiB, up to MaxMemory of the nodes", (needs+1<<20-1)>>20)
	}
	return "the owner of the node can raise Memory"
}

func tooSmall(needs, limit int64, rank bool) exec.Outcome {
	if needs <= limit {
		return failed(mpi.OutOfMemory, fmt.Sprintf("it declares more memory than its limit of %s", size(limit)))
	}
	return failed(mpi.OutOfMemory, fmt.Sprintf("it needs %s of memory to start, and its limit is %s: %s",
		size(needs), size(limit), moreMemory(needs, rank)))
}

// outOfMemory judges whether a program that failed did so for want of memory, where it is not known
// that it was refused any.
//
//   - Its memory is within an eighth of the limit: what it asks of its own allocator, or of MPI,
//     may have been refused.
//   - Or it said so. Go ("fatal error: out of memory"; exit 2) and Rust ("memory allocation of N
//     bytes failed"; a trap) do on standard error; so does C++ (std::bad_alloc), and C that prints
//     strerror(ENOMEM).
//
// A program that fails for another reason with its memory nearly full is taken to have run out.
func outOfMemory(used, limit int64, stderr []byte) bool {
	if used > 0 && limit-used < limit/8 {
		return true
	}
	low := bytes.ToLower(stderr)
	for _, words := range []string{"out of memory", "cannot allocate memory", "memory allocation of ", "std::bad_alloc"} {
		if bytes.Contains(low, []byte(words)) {
			return true
		}
	}
	return false
}
