package module

import "fmt"

// A compiler holds a value for each parameter and result of each block, branch and call, and for
// each local in each block that it is needed through. A few bytes of code can name thousands of
// them: 185 KB of loops that pass on 1,000 values each take more than 9 GB to compile.
//
// The limits are above all that compilers of C, C++, Rust and Go make of programs. Where no block
// has parameters, and nothing more than one result, an instruction of a byte or two makes at most
// one value, and is passed on once: no such module is over the first limit, however large it is.
const (
	// freeValues and valuesPerByte limit what blocks, branches and calls pass on: in all, and for a
	// byte of code.
	freeValues    = 64 << 10
	valuesPerByte = 2

	// freeLocals and one for each byte of code limit the locals of all functions.
	freeLocals = 1 << 20

	// maxSpans limits, for each function, the locals that are needed through a block, summed over
	// its blocks.
	maxSpans = 16 << 20

	// freeInLoops and inLoopsPerByte limit, for each function, the locals that a loop uses, summed
	// over its loops, each with those within.
	freeInLoops    = 32 << 10
	inLoopsPerByte = 4

	// maxLoops limits how deep loops nest.
	maxLoops = 256
)

// CheckCost refuses a module that would take the engine out of all proportion to compile, with the
// reason. It takes some milliseconds for a megabyte. It looks at the code as far as it is valid,
// which is for the engine to say.
func CheckCost(wasm []byte) error {
	m, err := Inspect(wasm)
	if err != nil {
		return err
	}
	c := cost{m: &m}
	err = sections(wasm, func(s section) error {
		if s.id != codeSection {
			return nil
		}
		n := s.body.count(maxFunctions, "functions")
		imported := len(m.funcs) - m.Functions
		for i := range n {
			body := s.body.take(uint64(s.body.u32()))
			if s.body.err != nil {
				return s.body.err
			}
			if err := c.function(&reader{b: body, what: "function"}, m.types[m.funcs[imported+i]]); err != nil {
				return fmt.Errorf("function %d: %w", imported+i, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("module: %w", err)
	}
	return nil
}

// cost is what was counted so far.
type cost struct {
	m      *Module
	values int64 // that blocks, branches and calls pass on
	locals int64

	// Of the function, by local:

	at   []uint32 // the block in which it was used last
	loop []uint32 // the loop in which it was used last, 0 for none
}

// open is a block that is open.
type open struct {
	arity int64  // values that a branch to it passes on
	loop  uint32 // the number of the innermost loop, 0 for none
	depth int64  // loops that are open
}

// function counts in one function.
func (c *cost) function(r *reader, t FuncType) error {
	size := int64(len(r.b))
	locals := int64(len(t.Params))
	for range r.count(len(r.b), "groups of locals") {
		locals += int64(r.u32())
		r.valType()
	}
	c.locals += locals
	switch {
	case r.err != nil || locals > maxLocals:
		return nil // the engine says what is wrong
	case c.locals > freeLocals+c.m.Code:
		return fmt.Errorf("%d locals for %d bytes of code are too many", c.locals, c.m.Code)
	}
	c.at, c.loop = zeroed(c.at, int(locals)), zeroed(c.loop, int(locals))
	var (
		blocks, loops uint32 // blocks and loops so far
		spans, uses   int64
		stack         = []open{{arity: int64(len(t.Results))}}
	)
	for len(r.b) > 0 && len(stack) > 0 {
		op := r.b[0]
		k := r.instruction()
		if r.err != nil {
			return nil
		}
		top := stack[len(stack)-1]
		switch {
		case k == block, k == loop:
			blocks++
			params, results := c.blockType(r.first)
			c.values += params + results
			top.arity = results
			if k == loop {
				loops++
				top.arity, top.loop = params, loops
				top.depth++
			}
			if top.depth > maxLoops {
				return fmt.Errorf("loops nest deeper than %d", maxLoops)
			}
			stack = append(stack, top)
		case k == otherwise:
			blocks++
		case k == end:
			blocks++
			stack = stack[:len(stack)-1]
		case op == 0x0c, op == 0x0d: // br, br_if
			blocks++
			c.values += arity(stack, r.first)
		case op == 0x0e: // br_table: each label has as many values
			c.values += int64(r.labels+1) * arity(stack, r.first)
		case op == 0x0f: // return
			c.values += int64(len(t.Results))
		case op == 0x10, op == 0x12: // calls
			if int(r.first) < len(c.m.funcs) {
				c.call(c.m.funcs[r.first])
			}
		case op == 0x11, op == 0x13: // indirect calls
			c.call(r.first)
		case op >= 0x20 && op <= 0x22 && int64(r.first) < locals:
			i := r.first
			if op != 0x21 { // what is set is not needed before
				spans += int64(blocks - c.at[i])
			}
			c.at[i] = blocks
			if c.loop[i] != top.loop {
				c.loop[i] = top.loop
				uses += top.depth
			}
		}
		switch {
		case c.values > freeValues+valuesPerByte*c.m.Code:
			return fmt.Errorf("its blocks, branches and calls pass on more than %d values, for %d bytes of code", c.values, c.m.Code)
		case spans > maxSpans:
			return fmt.Errorf("more than %d locals have to be kept through its blocks", int64(maxSpans))
		case uses > freeInLoops+inLoopsPerByte*size:
			return fmt.Errorf("its nested loops use %d locals, for %d bytes of code", uses, size)
		}
	}
	return nil
}

// maxLocals is how many locals a function may have, as engines have it.
const maxLocals = 50_000

func zeroed(s []uint32, n int) []uint32 {
	if n > cap(s) {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// blockType is how many values a block takes and leaves. One value, or none, is counted as none.
func (c *cost) blockType(i uint32) (params, results int64) {
	if int64(i) >= int64(len(c.m.types)) {
		return 0, 0
	}
	t := &c.m.types[i]
	return int64(len(t.Params)), int64(len(t.Results))
}

func (c *cost) call(i uint32) {
	params, results := c.blockType(i)
	c.values += params + results
}

// arity is how many values a branch to a label passes on.
func arity(stack []open, label uint32) int64 {
	if int64(label) >= int64(len(stack)) {
		return 0
	}
	return stack[len(stack)-1-int(label)].arity
}
