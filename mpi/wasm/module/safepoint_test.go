package module

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// One function, of type ()→(), and a memory.
var (
	functions = slices.Concat(sec(typeSection, vec([]byte{0x60, 0, 0})), sec(functionSection, vec([]byte{0})))
	memory    = sec(memorySection, vec([]byte{0, 1}))
)

// body is a function's, without locals.
func body(code ...[]byte) []byte {
	b := slices.Concat([]byte{0}, slices.Concat(code...), []byte{0x0b})
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// withBody is a module with a memory and one function.
func withBody(code ...[]byte) []byte {
	return build(functions, memory, sec(codeSection, vec(body(code...))))
}

// TestWhereToLook: in loops, where calls are, before what takes long, and now and then.
func TestWhereToLook(t *testing.T) {
	nops := func(n int) []byte { return bytes.Repeat([]byte{1}, n) }
	loop, end := []byte{3, 0x40}, []byte{0x0b}
	call := []byte{0x10, 0}
	fill := []byte{0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0}
	for name, tt := range map[string]struct{ code, want [][]byte }{
		"nothing":        {nil, nil},
		"small":          {[][]byte{nops(small - 1)}, [][]byte{nops(small - 1)}},
		"not small":      {[][]byte{nops(small)}, [][]byte{look, nops(small)}},
		"a loop":         {[][]byte{nops(2), loop, end}, [][]byte{nops(2), loop, look, end}},
		"loops":          {[][]byte{loop, loop, end, end}, [][]byte{loop, look, loop, look, end, end}},
		"a typed loop":   {[][]byte{{3, 0x80, 0x80, 0x80, 0x80, 0}, end}, [][]byte{{3, 0x80, 0x80, 0x80, 0x80, 0}, look, end}},
		"of a reference": {[][]byte{{3, 0x63, 0x70, 0xd0, 0x70}, end, {0x1a}}, [][]byte{{3, 0x63, 0x70}, look, {0xd0, 0x70}, end, {0x1a}}},
		"a call":         {[][]byte{nops(1), call}, [][]byte{look, nops(1), call}},
		"instead":        {[][]byte{{0x12, 0}}, [][]byte{look, {0x12, 0}}},
		"by a table":     {[][]byte{{0x41, 0, 0x11, 0, 0}}, [][]byte{look, {0x41, 0, 0x11, 0, 0}}},
		"a fill":         {[][]byte{fill}, [][]byte{look, fill[:6], look, fill[6:]}},
		"to the end":     {[][]byte{nops(stretch - 1)}, [][]byte{look, nops(stretch - 1)}},
		"and one more":   {[][]byte{nops(stretch)}, [][]byte{look, nops(stretch), look}},
		"a long block":   {[][]byte{{2, 0x40}, nops(stretch), end, nops(1)}, [][]byte{look, {2, 0x40}, nops(stretch - 1), look, nops(1), end, look, nops(1)}},
		"alternatives":   {[][]byte{{0x41, 0, 4, 0x40}, nops(stretch), {5}, nops(1), end}, [][]byte{look, {0x41, 0, 4, 0x40}, nops(stretch - 2), look, nops(2), {5}, look, nops(1), end, look}},
		"after a loop":   {[][]byte{nops(stretch - 2), loop, end, nops(stretch - 3)}, [][]byte{look, nops(stretch - 2), loop, look, end, nops(stretch - 3)}},
		"after a call":   {[][]byte{call, nops(tail)}, [][]byte{look, call, nops(tail), look}},
		"in a block":     {[][]byte{{2, 0x40}, call, end, nops(tail)}, [][]byte{look, {2, 0x40}, call, end, nops(tail - 1), look, nops(1)}},
		"or jumps":       {[][]byte{{2, 0x40}, call, {0x0c, 0}, nops(tail), end}, [][]byte{look, {2, 0x40}, call, {0x0c, 0}, nops(tail - 1), look, nops(1), end, look}},
		"in alternative": {[][]byte{{0x41, 0, 4, 0x40}, call, {5}, nops(tail), end}, [][]byte{look, {0x41, 0, 4, 0x40}, call, {5}, nops(tail - 1), look, nops(1), end, look}},
		"a long one":     {[][]byte{nops(2*stretch + 1)}, [][]byte{look, nops(stretch), look, nops(stretch), look, nops(1)}},
		"many calls":     {[][]byte{bytes.Repeat(call, 4)}, [][]byte{look, bytes.Repeat(call, 3), look, call}},
		"numbers":        {[][]byte{{0x41, 0x83, 3}, {0x1a}, {0x44, 3, 3, 3, 3, 3, 3, 3, 3}, {0x1a}}, [][]byte{{0x41, 0x83, 3}, {0x1a}, {0x44, 3, 3, 3, 3, 3, 3, 3, 3}, {0x1a}}},
	} {
		out, err := AddSafepoints(withBody(tt.code...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := sec(codeSection, vec(body(tt.want...))); !bytes.HasSuffix(out, want) {
			t.Errorf("%s: % x\ndoes not end in % x", name, out, want)
		}
	}
}

func TestSafepointSections(t *testing.T) {
	start := sec(startSection, []byte{0})
	custom := sec(customSection, str("x"), []byte{7})
	code := sec(codeSection, vec(body()))
	two := sec(memorySection, vec([]byte{0, 1}, []byte{9, 4, 4, 0}))
	mine := exp(Safepoint, 2, 1)
	for name, tt := range map[string]struct{ in, want []byte }{
		"no exports":    {build(functions, memory, code), build(functions, two, sec(exportSection, vec(mine)), code)},
		"an export":     {build(functions, memory, sec(exportSection, vec(exp("f", 0, 0))), code), build(functions, two, sec(exportSection, vec(exp("f", 0, 0), mine)), code)},
		"no functions":  {build(memory), build(two, sec(exportSection, vec(mine)))},
		"begins":        {build(functions, memory, start, code), build(functions, two, sec(exportSection, vec(mine, exp(Begin, 0, 0))), code)},
		"in its places": {build(custom, functions, custom, memory, custom, code, custom), build(custom, functions, custom, two, custom, sec(exportSection, vec(mine)), code, custom)},
	} {
		if got, err := AddSafepoints(tt.in); err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %v\n    % x\nnot % x", name, err, got, tt.want)
		}
	}
}

func TestNoSafepoints(t *testing.T) {
	other := "another memory than the first"
	loops := func(n int) []byte { return bytes.Repeat([]byte{3, 0x40, 0x0b}, n) }
	for name, tt := range map[string]struct {
		wasm []byte
		want string
	}{
		"two memories":   {build(sec(memorySection, vec([]byte{0, 1}, []byte{0, 1}))), "2 memories"},
		"its name":       {build(memory, sec(exportSection, vec(exp(Safepoint, 2, 0)))), "exports something"},
		"its function":   {build(functions, memory, sec(exportSection, vec(exp(Begin, 0, 0))), sec(codeSection, vec(body()))), "exports something"},
		"no such start":  {build(memory, sec(startSection, []byte{0})), "function that is not there"},
		"a load":         {withBody([]byte{0x41, 0, 0x28, 0x42, 1, 0, 0x1a}), other},
		"a size":         {withBody([]byte{0x3f, 1, 0x1a}), other},
		"a grow":         {withBody([]byte{0x40, 1}), other},
		"a fill":         {withBody([]byte{0xfc, 11, 1}), other},
		"a copy to":      {withBody([]byte{0xfc, 10, 1, 0}), other},
		"a copy from":    {withBody([]byte{0xfc, 10, 0, 1}), other},
		"an init":        {withBody([]byte{0xfc, 8, 0, 1}), other},
		"a vector":       {withBody([]byte{0xfd, 0, 0x44, 1, 0}), other},
		"a lane":         {withBody([]byte{0xfd, 84, 0x40, 1, 0, 0}), other},
		"an atomic":      {withBody([]byte{0xfe, 0x10, 2, 0}), "unknown instruction"},
		"unknown":        {withBody([]byte{0x06, 0x40}), "unknown instruction"},
		"cut off":        {withBody([]byte{0x44, 1}), "cut off"},
		"too many bytes": {withBody([]byte{0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), "more than 5 bytes"},
		"after the last": {build(functions, memory, sec(codeSection, vec(body()), []byte{1})), "bytes too many"},
		"too long":       {withBody(loops(600_000)), "a function of"},
		"too many loops": {build(sec(typeSection, vec([]byte{0x60, 0, 0})), sec(functionSection, vec([]byte{0}, []byte{0}, []byte{0})), memory, sec(codeSection, vec(body(loops(400_000)), body(loops(400_000)), body(loops(400_000))))), "more than 1048576 safepoints"},
	} {
		if _, err := AddSafepoints(tt.wasm); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSafepointOfNoMemory: a program without memory gets an empty one first, so that the word is in
// memory 1.
func TestSafepointOfNoMemory(t *testing.T) {
	out, err := AddSafepoints(build(functions, sec(codeSection, vec(body([]byte{3, 0x40, 0x0b})))))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Inspect(out)
	if e, ok := m.Export(Safepoint); err != nil || !ok || e.Index != 1 || len(m.Memories) != 2 || m.Memories[0].Max != 0 {
		t.Errorf("%v: %+v", err, m)
	}
}

// scramble is structured code at random: blocks in blocks, with calls in them and jumps out of
// them.
func scramble(random *rand.Rand, depth int) (code []byte) {
	for range random.IntN(8) {
		switch k := random.IntN(9); {
		case k < 3:
			code = append(code, bytes.Repeat([]byte{1}, random.IntN(600))...)
		case k == 3:
			code = append(code, 0x10, 0)
		case k == 4:
			code = append(code, 0x0c, byte(random.IntN(depth+1)))
		case depth == 6:
		case k < 7:
			code = slices.Concat(code, []byte{2, 0x40}, scramble(random, depth+1), []byte{0x0b})
		case k == 7:
			code = slices.Concat(code, []byte{3, 0x40}, scramble(random, depth+1), []byte{0x0b})
		default:
			code = slices.Concat(code, []byte{4, 0x40}, scramble(random, depth+1), []byte{5}, scramble(random, depth+1), []byte{0x0b})
		}
	}
	return code
}

// walk goes through code with safepoints, and decides at random whether a jump is taken. It tells
// the most that ran without a look, and behind the last call before one.
func walk(random *rand.Rand, code []byte) (most, behind int) {
	type frame struct{ begin, other, end int } // other: behind its else, if it has one
	frames, open := map[int]*frame{}, []*frame{}
	next := func(at int) int { // the instruction behind
		switch {
		case bytes.HasPrefix(code[at:], look):
			return at + len(look)
		case code[at] >= 2 && code[at] <= 4, code[at] == 0x0c, code[at] == 0x10:
			return at + 2
		}
		return at + 1
	}
	for at := 0; at < len(code); at = next(at) {
		switch {
		case bytes.HasPrefix(code[at:], look):
		case code[at] >= 2 && code[at] <= 4:
			frames[at] = &frame{begin: at}
			open = append(open, frames[at])
		case code[at] == 5:
			open[len(open)-1].other = at + 1
			frames[at] = open[len(open)-1]
		case code[at] == 0x0b && len(open) > 0:
			open[len(open)-1].end = at
			open = open[:len(open)-1]
		}
	}
	since, after, called := 0, 0, false
	step := func(n int) {
		since += n
		most = max(most, since)
		if after += n; called {
			behind = max(behind, after)
		}
	}
	for at, steps := 0, 0; at < len(code) && steps < 10_000; steps++ {
		if bytes.HasPrefix(code[at:], look) {
			since, called = 0, false
			at = next(at)
			continue
		}
		step(1)
		switch code[at] {
		case 2, 3:
			open = append(open, frames[at])
		case 4:
			open = append(open, frames[at])
			if random.IntN(2) == 0 {
				at = frames[at].other
				continue
			}
		case 5:
			at = frames[at].end // which ends it
			continue
		case 0x0b:
			if len(open) == 0 {
				return most, behind
			}
			open = open[:len(open)-1]
		case 0x10:
			step(small)
			after, called = 0, true
		case 0x0c:
			if k := int(code[at+1]); random.IntN(2) == 0 {
				if k >= len(open) {
					return most, behind // out of the function
				}
				to := open[len(open)-1-k]
				open = open[:len(open)-k]
				if code[to.begin] == 3 { // a loop goes on at its beginning
					open = open[:len(open)-1]
					at = to.begin
				} else {
					at = to.end
				}
				continue
			}
		}
		at = next(at)
	}
	return most, behind
}

// TestNoWayAround: whichever way is taken through a function, it looks often enough.
func TestNoWayAround(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		code := scramble(random, 0)
		out, err := AddSafepoints(withBody(code))
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			most, behind := walk(random, codeOf(t, out))
			if most > stretch+small || behind > tail+small {
				t.Fatalf("%d without a look, %d behind a call: % x", most, behind, out)
			}
		}
	}
}

// codeOf is the code of the only function, which has no locals.
func codeOf(t *testing.T, wasm []byte) (code []byte) {
	t.Helper()
	if err := sections(wasm, func(s section) error {
		if s.id == codeSection {
			s.body.u32()
			s.body.u32()
			code = s.body.b[1:]
		}
		return s.body.err
	}); err != nil {
		t.Fatal(err)
	}
	return code
}
