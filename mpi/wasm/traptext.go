package wasm

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// trapText says which rule the program broke.
func (in *instance) trapText(t *native.Trap) string {
	switch t.Code {
	case native.StackOverflow:
		return fmt.Sprintf("stack overflow (%s)", size(int64(in.stack)))
	case native.MemoryOutOfBounds:
		return in.faultText(t)
	case native.HeapMisaligned:
		return "misaligned atomic access"
	case native.TableOutOfBounds:
		return "table access out of bounds"
	case native.IndirectCallToNull:
		return "call of a null function pointer"
	case native.BadSignature:
		return "call of a function pointer of another type"
	case native.IntegerOverflow:
		return "integer overflow"
	case native.IntegerDivisionByZero:
		return "integer division by zero"
	case native.BadConversionToInteger:
		return "conversion to integer of a float that does not fit"
	case native.UnreachableCodeReached:
		if words := in.words(); words != "" {
			return words
		}
		return "unreachable code reached (abort or panic)"
	}
	return fmt.Sprintf("trap %d", t.Code)
}

// wordsGlobal is a global by which a program says where in its memory there is a text of why it
// trapped itself, and maxWords how many bytes it may have. Programs of cc --debug have one.
const (
	wordsGlobal = "ipfs_mpi_words"
	maxWords    = 200
)

// words is that text; empty for none.
func (in *instance) words() string {
	at, ok := in.in.Global(wordsGlobal)
	memory := in.in.Memory()
	if !ok || int64(at) < in.guard || uint64(at) >= uint64(len(memory)) {
		return ""
	}
	text := memory[at:min(uint64(at)+maxWords, uint64(len(memory)))]
	end := bytes.IndexByte(text, 0)
	if end < 0 {
		return ""
	}
	return printable(strings.ToValidUTF8(string(text[:end]), "?"))
}

// redZone is how far below its stack pointer a function of C may write.
const redZone = 128

// faultText says what is wrong with an access to memory. A program with a guard has its stack right
// above it, and that stack grows down: an access there with the stack pointer used up is an
// overflow.
func (in *instance) faultText(t *native.Trap) string {
	guard, used := uint64(in.guard), uint64(len(in.in.Memory()))
	if sp := uint64(t.Stack); t.HasStack && guard > 0 && (sp < guard+redZone || sp > used) {
		return "stack overflow"
	}
	f := t.Fault
	if f == nil {
		return "memory access out of bounds"
	}
	access := "access"
	switch {
	case len(t.Frames) > 0 && in.instruction(t.Frames[0]) == "memory.copy": // it loads first
	case f.Write:
		access = "store"
	case native.TellsWrites:
		access = "load"
	}
	if f.Address < guard {
		return fmt.Sprintf("NULL pointer: %s at address %#x", access, f.Address)
	}
	return fmt.Sprintf("memory access out of bounds: %s at address %#x of %#x%s", access, f.Address, used, in.hint(f.Address))
}

// hint says what an address looks like that a program of cc --debug found in memory that it freed,
// or that it did not write: sdk/start/debug.c fills it with these.
func (in *instance) hint(address uint64) string {
	const freed, fresh, near = 0xdddddddd, 0xcdcdcdcd, 1 << 16
	if _, ok := in.in.Global(wordsGlobal); !ok {
		return ""
	}
	switch {
	case address > freed-near && address < freed+near:
		return " (a pointer out of memory that was freed)"
	case address > fresh-near && address < fresh+near:
		return " (a pointer out of memory that was not written)"
	}
	return ""
}

// maxFrames is how many functions of a backtrace are named.
const maxFrames = 4

// where says where, by the names of the innermost functions. They are the program's own words: cut,
// and made printable.
func (in *instance) where(frames []native.Frame) string {
	if len(frames) == 0 {
		return ""
	}
	for len(frames) > 1 && (strings.HasPrefix(frames[0].Name, "ipfs_mpi_") || strings.HasPrefix(frames[0].Name, "__ubsan_handle_")) {
		frames = frames[1:] // of cc --debug: what it says is in words
	}
	for i, f := range frames {
		if isMain(f.Name) { // what it is called by is how programs begin
			frames = frames[:i+1]
			break
		}
	}
	var list []string
	for _, f := range frames[:min(len(frames), maxFrames)] {
		list = append(list, in.frameText(f))
	}
	if len(frames) > maxFrames {
		list = append(list, "…")
	}
	return " in " + strings.Join(list, " ← ")
}

// instruction is what a function stands for that the host added to the program; else empty.
func (in *instance) instruction(f native.Frame) string {
	if in.guard == 0 {
		return ""
	}
	return module.StandIn(int64(f.Function) - int64(in.p.code.info.functions))
}

func (in *instance) frameText(f native.Frame) string {
	if name := in.instruction(f); name != "" {
		return name
	}
	name := f.Name
	switch {
	case name == "":
		name = fmt.Sprintf("func%d", f.Function)
	case isMain(name):
		name = "main"
	}
	// what the linker calls a function in the place of another
	if short, ok := strings.CutPrefix(name, "__wrap_"); ok {
		// of cc --debug, by the linker's name for what stands for another
		return clip(printable(short), 80)
	}
	text := clip(printable(name), 80)
	if file, line, ok := module.Line(in.p.code.info.lines, f.Function, f.Offset); ok {
		text += fmt.Sprintf(" (%s:%d)", printable(file), line)
	}
	return text
}

// isMain reports whether a function is the program's main, by what compilers for WASI call it.
func isMain(name string) bool {
	switch name {
	case "main", "__main_argc_argv", "__main_void", "__original_main":
		return true
	}
	return false
}
