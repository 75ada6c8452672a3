package datatype

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// exact is the value of a finite binary128.
func exact(q wide) *big.Float {
	sign, exp, sig := q.parts()
	i := new(big.Int).SetUint64(sig.hi)
	i.Or(i.Lsh(i, 64), new(big.Int).SetUint64(sig.lo))
	f := new(big.Float).SetPrec(113).SetInt(i)
	f.SetMantExp(f, exp-quadBias-112)
	if sign != 0 {
		f.Neg(f)
	}
	return f
}

// toQuad rounds an exact value to the nearest binary128, ties to even, in one step.
func toQuad(f *big.Float) wide {
	sign := uint64(0)
	if f.Signbit() {
		sign = quadSign
	}
	if f.Sign() == 0 {
		return wide{hi: sign}
	}
	// exponent as stored, of the leading bit or of the subnormal numbers
	exp := max(f.MantExp(nil)-1+quadBias, 1)
	scaled := new(big.Float).SetPrec(0).SetMantExp(new(big.Float).Abs(f), 112+quadBias-exp)
	sig, _ := scaled.Int(nil)
	rest := new(big.Float).SetPrec(f.Prec()+200).Sub(scaled, new(big.Float).SetPrec(200).SetInt(sig))
	if c := rest.Cmp(big.NewFloat(0.5)); c > 0 || c == 0 && sig.Bit(0) == 1 {
		sig.Add(sig, big.NewInt(1))
	}
	sig.Add(sig, new(big.Int).Lsh(big.NewInt(int64(exp-1)), 112))
	if limit := new(big.Int).Lsh(big.NewInt(quadMaxExp), 112); sig.Cmp(limit) >= 0 {
		sig = limit
	}
	hi := new(big.Int).Rsh(sig, 64).Uint64()
	return wide{hi | sign, new(big.Int).And(sig, new(big.Int).SetUint64(math.MaxUint64)).Uint64()}
}

// randomQuad prefers difficult numbers: exponents that are close to each other or to the limits,
// and fractions with long runs of equal bits.
func randomQuad(random *rand.Rand) wide {
	exp := uint64(random.IntN(quadMaxExp))
	switch random.IntN(6) {
	case 0:
		exp = uint64(random.IntN(120))
	case 1:
		exp = uint64(quadMaxExp - 1 - random.IntN(120))
	case 2, 3:
		exp = uint64(quadBias + random.IntN(120) - 60)
	case 4:
		exp = uint64(quadBias/2 + random.IntN(240) - 120)
	}
	q := wide{random.Uint64() >> 16, random.Uint64()}
	switch random.IntN(4) {
	case 0:
		q.lo = 0
	case 1:
		q = wide{math.MaxUint64 >> 16, math.MaxUint64 << random.IntN(64)}
	case 2:
		q = wide{0, uint64(random.IntN(16))}
	}
	return wide{q.hi | exp<<48 | uint64(random.IntN(2))<<63, q.lo}
}

func TestQuad(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100000 {
		a, b := randomQuad(random), randomQuad(random)
		x, y := exact(a), exact(b)
		sum := toQuad(new(big.Float).SetPrec(prec(x, y)).Add(x, y))
		if x.Sign() == 0 && y.Sign() == 0 {
			sum = wide{hi: a.hi & b.hi}
		}
		if got := quadAdd(a, b); got != sum {
			t.Fatalf("%x + %x = %x, want %x", a, b, got, sum)
		}
		if got, want := quadMul(a, b), toQuad(new(big.Float).SetPrec(226).Mul(x, y)); got != want {
			t.Fatalf("%x * %x = %x, want %x", a, b, got, want)
		}
		if got, want := quadCompare(a, b), x.Cmp(y); got != want {
			t.Fatalf("%x against %x: %d, want %d", a, b, got, want)
		}
	}
}

// prec is the number of bits that hold the sum of two numbers exactly.
func prec(x, y *big.Float) uint {
	d := x.MantExp(nil) - y.MantExp(nil)
	return uint(max(d, -d)) + 230
}

func TestQuadSpecials(t *testing.T) {
	inf, one, zero := wide{hi: quadMaxExp << 48}, wide{hi: quadBias << 48}, wide{}
	neg := func(q wide) wide { return wide{q.hi ^ quadSign, q.lo} }
	for _, test := range []struct {
		what      string
		got, want wide
	}{
		{"inf + 1", quadAdd(inf, one), inf},
		{"1 + -inf", quadAdd(one, neg(inf)), neg(inf)},
		{"inf + inf", quadAdd(inf, inf), inf},
		{"inf - inf", quadAdd(inf, neg(inf)), quadNaN},
		{"inf * 0", quadMul(inf, zero), quadNaN},
		{"inf * -1", quadMul(inf, neg(one)), neg(inf)},
		{"NaN + 1", quadAdd(quadNaN, one), quadNaN},
		{"NaN * 1", quadMul(one, quadNaN), quadNaN},
		{"1 - 1", quadAdd(one, neg(one)), zero},
		{"-0 + -0", quadAdd(neg(zero), neg(zero)), neg(zero)},
		{"-0 + 0", quadAdd(neg(zero), zero), zero},
		{"-1 * 0", quadMul(neg(one), zero), neg(zero)},
		{"max(1, inf)", quadOp(abi.Max, one, inf), inf},
		{"min(-inf, 1)", quadOp(abi.Min, neg(inf), one), neg(inf)},
	} {
		if test.got != test.want {
			t.Errorf("%s = %x, want %x", test.what, test.got, test.want)
		}
	}
	if quadCompare(zero, neg(zero)) != 0 || quadCompare(quadNaN, one) != unordered {
		t.Error("zeros differ, or NaN has a place")
	}
}

// TestHalf tries all of binary16: conversion there and back is the identity, and sums and products
// are the nearest numbers.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := halfToFloat(uint16(h))
		if got := floatToHalf(f); got != uint16(h) && f == f {
			t.Fatalf("%#x is %v, and that %#x", h, f, got)
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		f := math.Ldexp(random.Float64()-0.5, random.IntN(50)-30)
		h := floatToHalf(f)
		d := math.Abs(halfToFloat(h) - f)
		if math.Abs(f) > 65504 {
			continue
		}
		for _, other := range []uint16{h - 1, h + 1} {
			if o := halfToFloat(other); o == o && !math.IsInf(o, 0) && math.Abs(o-f) < d {
				t.Fatalf("%v becomes %v, though %v is nearer", f, halfToFloat(h), o)
			}
		}
	}
	for _, test := range []struct{ f, want float64 }{
		{65519, 65504}, {65520, math.Inf(1)}, {-70000, math.Inf(-1)}, {0x1p-25, 0}, {0x1.8p-25, 0x1p-24}, {1 + 0x1p-11, 1}, {1 + 0x3p-11, 1 + 0x1p-9},
		{0x1p-14 - 0x1p-26, 0x1p-14},
	} {
		if got := halfToFloat(floatToHalf(test.f)); got != test.want {
			t.Errorf("%v becomes %v, want %v", test.f, got, test.want)
		}
	}
}
