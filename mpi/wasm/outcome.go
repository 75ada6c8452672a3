package wasm

import (
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
	in.blameMemory(&out)
	return out
}

// abandoned is the outcome of an instance that waits for a file or a stream.
func (in *instance) abandoned() exec.Outcome {
	in.host.Flush()
	out := exec.Outcome{Stdout: in.host.Stdout(), Stderr: in.host.Stderr()}
	out.Reason, out.Detail = in.owner.gaveUp()
	return out
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
		*out = tooSmall(in.p.code.info.memory, in.x.Memory, in.x.MPI != nil)
	case strings.Contains(text, "exceeds table limits"), strings.Contains(text, "resource limit exceeded"):
		out.Reason, out.Detail = mpi.Trapped, "it declares more than an instance may have: "+clip(text, 500)
	default:
		in.p.r.log.Error("cannot make an instance", "err", text)
		out.Reason, out.Detail = mpi.Internal, "cannot make an instance: see this node's log"
	}
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
