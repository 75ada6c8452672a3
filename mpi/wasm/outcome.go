package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// outcome says how the instance ended, from what the engine, the library and the host say of it.
func (in *instance) outcome(err error, used int64) exec.Outcome {
	if !in.host.Finish() {
		return exec.Outcome{} // Run has returned already
	}
	in.host.Flush()
	out := exec.Outcome{Stdout: in.host.Stdout(), Stderr: in.host.Stderr(), Memory: used}
	if in.x.Scratch != nil {
		in.x.Scratch.Files = nil
		for _, f := range in.host.Written() {
			in.x.Scratch.Files = append(in.x.Scratch.Files, exec.ScratchFile(f))
		}
	}
	in.explain(&out, err)
	blameMemory(&out, in.x.Memory)
	return out
}

// abandoned is the outcome of an instance that waits for a file or a stream.
func (in *instance) abandoned() exec.Outcome {
	in.host.Flush()
	out := exec.Outcome{Stdout: in.host.Stdout(), Stderr: in.host.Stderr()}
	out.Reason, out.Detail = in.owner.gaveUp()
	return out
}

// blameMemory calls a failure for want of memory what it is.
func blameMemory(out *exec.Outcome, limit int64) {
	if (out.Reason == mpi.Trapped || out.Reason == mpi.Exited) && outOfMemory(out.Memory, limit, out.Stderr) {
		out.Reason, out.Exit = mpi.OutOfMemory, 0
		out.Detail = fmt.Sprintf("failed with %s of %s of memory in use: %s", size(out.Memory), size(limit), out.Detail)
	}
}

// explain fills in Reason, Exit and Detail.
func (in *instance) explain(out *exec.Outcome, err error) {
	var exit *exec.ExitError
	var trap *native.Trap
	var stopped *native.Stopped
	end := in.host.End()
	switch {
	case in.fault != "":
		out.Reason, out.Detail = mpi.Internal, "a fault of this node in "+in.fault+": see its log"
	case errors.As(in.cause, &exit):
		out.Reason, out.Exit, out.Detail = exit.Reason, exit.Exit, exit.Detail
	case in.cause != nil:
		out.Reason, out.Detail = mpi.Cancelled, in.cause.Error()
	case end.Why != wasi.Running:
		in.explainEnd(out, end)
	case err == nil:
	case errors.As(err, &stopped):
		out.Reason, out.Detail = in.owner.stopped(in.where(stopped.Frames))
	case errors.As(err, &trap):
		out.Reason, out.Detail = mpi.Trapped, in.trapText(trap)+in.where(trap.Frames)
	default:
		in.explainError(out, fields(err.Error()))
	}
}

// explainEnd is for an end in a call of WASI.
func (in *instance) explainEnd(out *exec.Outcome, end wasi.End) {
	switch end.Why {
	case wasi.Exited:
		if code := int(int32(end.Code)); code != 0 {
			out.Reason, out.Exit, out.Detail = mpi.Exited, code, fmt.Sprintf("exit code %d", code)
		}
	case wasi.Flooded:
		out.Reason = mpi.OutputLimit
		out.Detail = fmt.Sprintf("wrote more than its limit of %d bytes to standard output", in.x.Output)
	default:
		out.Reason, out.Detail = in.owner.ended(end.Why)
	}
}

// explainError is for an instance that could not be made. Its imports were checked at
// Compile, so what is left is the store's limits, or the machine's.
func (in *instance) explainError(out *exec.Outcome, text string) {
	switch {
	case strings.Contains(text, "exceeds memory limits"):
		*out = tooSmall(in.p.code.info.memory, in.x.Memory)
	case strings.Contains(text, "exceeds table limits"), strings.Contains(text, "resource limit exceeded"):
		out.Reason, out.Detail = mpi.Trapped, "it declares more than an instance may have: "+clip(text, 500)
	default:
		in.p.r.log.Error("cannot make an instance", "err", text)
		out.Reason, out.Detail = mpi.Internal, "cannot make an instance: see this node's log"
	}
}

func tooSmall(needs, limit int64) exec.Outcome {
	if needs <= limit {
		return failed(mpi.OutOfMemory, fmt.Sprintf("it declares more memory than its limit of %s", size(limit)))
	}
	return failed(mpi.OutOfMemory, fmt.Sprintf("it needs %s of memory to start, and its limit is %s", size(needs), size(limit)))
}

// outOfMemory judges whether a program that failed did so for want of memory. wasmtime's C API does
// not tell of a memory.grow that it refused, so this goes by what the program left behind.
//
//   - Its memory is within an eighth of the limit. This is how C ends: dlmalloc asks for what
//     the caller wants, rounded up to a page, and a program that fills its memory with blocks
//     of less than an eighth has less than one block left. It gets a null pointer, and
//     calls abort, which is a trap, or exit, or uses it.
//   - Or it said so. Go ("fatal error: out of memory"; exit 2) and Rust ("memory allocation of
//     N bytes failed"; a trap) do on standard error, and for them a single large request
//     fails while little is in use; so does C++ (std::bad_alloc), and C that prints
//     strerror(ENOMEM).
//
// What slips through is C that asks for much at once and fails in silence: it is reported
// as the trap or exit that it is. A program that fails for another reason with its memory nearly
// full is taken to have run out; the detail names its trap or exit code.
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

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
