package job

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// choices is a source of random numbers that begins with those of the fuzzer: what it changes there
// is one choice, and what follows stays.
type choices struct {
	in   []byte
	then rand.Source
}

func (c *choices) Uint64() uint64 {
	if len(c.in) < 2 {
		return c.then.Uint64()
	}
	// The upper bits choose in a small range, the lower ones are for the fairness of that.
	n := uint64(binary.BigEndian.Uint16(c.in))<<48 | 1<<47
	c.in = c.in[2:]
	return n
}

func chosen(in []byte) *rand.Rand { return rand.New(&choices{in, rand.NewPCG(uint64(len(in)), 7)}) }

func fuzzChoices(f *testing.F, play func(t *testing.T, r *rand.Rand)) {
	random := rand.NewChaCha8([32]byte{})
	for n := range 20 {
		in := make([]byte, 20*n)
		random.Read(in)
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < 4000 {
			play(t, chosen(in))
		}
	})
}

// FuzzOrigin: see TestOriginTakesAnyOrder.
func FuzzOrigin(f *testing.F) {
	fuzzChoices(f, func(t *testing.T, r *rand.Rand) { randomOrigin(t, 0, r) })
}

// FuzzHost: see TestHostTakesAnyOrder.
func FuzzHost(f *testing.F) {
	fuzzChoices(f, func(t *testing.T, r *rand.Rand) { randomHost(t, 0, r) })
}
