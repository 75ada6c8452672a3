package datatype

import (
	"math/bits"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// The long double of C for WebAssembly is IEEE 754 binary128: a sign, 15 bits of exponent with bias
// 16383, 112 bits of fraction. Go has no such type. These are its sum, product and order, rounded
// to nearest, ties to even.

const (
	quadSign   = 1 << 63
	quadMaxExp = 0x7fff
	quadBias   = 0x3fff
)

var quadNaN = wide{hi: 0x7fff8000_00000000}

// quads reduces binary128, each number as two words, the lower first.
func quads(op Op, in, inout []uint64) {
	for i := 0; i+1 < len(in); i += 2 {
		r := quadOp(op, wide{hi: in[i+1], lo: in[i]}, wide{hi: inout[i+1], lo: inout[i]})
		inout[i], inout[i+1] = r.lo, r.hi
	}
}

func quadOp(op Op, a, b wide) wide {
	switch op {
	case abi.Sum:
		return quadAdd(a, b)
	case abi.Prod:
		return quadMul(a, b)
	case abi.Max:
		if quadCompare(a, b) == 1 {
			return a
		}
	case abi.Min:
		if quadCompare(a, b) == -1 {
			return a
		}
	}
	return b
}

// quadProducts multiplies complex numbers of four words each.
func quadProducts(in, inout []uint64) {
	for i := 0; i+3 < len(in); i += 4 {
		a, b := wide{in[i+1], in[i]}, wide{in[i+3], in[i+2]}
		c, d := wide{inout[i+1], inout[i]}, wide{inout[i+3], inout[i+2]}
		bd := quadMul(b, d)
		bd.hi ^= quadSign
		re := quadAdd(quadMul(a, c), bd)
		im := quadAdd(quadMul(a, d), quadMul(b, c))
		inout[i], inout[i+1], inout[i+2], inout[i+3] = re.lo, re.hi, im.lo, im.hi
	}
}

// parts are a number's sign, its exponent (as stored, but 1 for subnormal numbers too) and its
// significand, an integer below 1<<113.
func (q wide) parts() (sign uint64, exp int, sig wide) {
	sign, exp = q.hi&quadSign, int(q.hi>>48&quadMaxExp)
	sig = wide{q.hi & (1<<48 - 1), q.lo}
	if exp == 0 {
		return sign, 1, sig
	}
	sig.hi |= 1 << 48
	return sign, exp, sig
}

func (q wide) isNaN() bool {
	return q.hi&^quadSign > quadMaxExp<<48 || q.hi&^quadSign == quadMaxExp<<48 && q.lo != 0
}
func (q wide) isInf() bool  { return q.hi&^quadSign == quadMaxExp<<48 && q.lo == 0 }
func (q wide) isZero() bool { return q.hi&^quadSign == 0 && q.lo == 0 }

func quadCompare(a, b wide) int {
	switch {
	case a.isNaN() || b.isNaN():
		return unordered
	case a.isZero() && b.isZero():
		return 0
	}
	// Compared as sign and magnitude, the bits are ordered like the numbers.
	if a.hi&quadSign != 0 {
		a = wide{^a.hi ^ quadSign, ^a.lo}
	}
	if b.hi&quadSign != 0 {
		b = wide{^b.hi ^ quadSign, ^b.lo}
	}
	return wideCompare(a, b)
}

// left and right shift; right ors the bits that are shifted out into the last bit.
func (w wide) left(n uint) wide {
	if n >= 64 {
		return wide{w.lo << (n - 64), 0}
	}
	return wide{w.hi<<n | w.lo>>(64-n), w.lo << n}
}

func (w wide) right(n uint) wide {
	switch {
	case n == 0:
		return w
	case n >= 128:
		return wide{0, truth[uint64](w != wide{})}
	case n >= 64:
		rest := w.lo != 0 || w.hi<<(128-n) != 0
		if n == 64 {
			rest = w.lo != 0
		}
		return wide{0, w.hi>>(n-64) | truth[uint64](rest)}
	}
	return wide{w.hi >> n, w.lo>>n | w.hi<<(64-n) | truth[uint64](w.lo<<(64-n) != 0)}
}

func (w wide) len() int {
	if w.hi != 0 {
		return 64 + bits.Len64(w.hi)
	}
	return bits.Len64(w.lo)
}

// guard bits follow the significand during a computation. The last one is sticky.
const guard = 3

func quadAdd(a, b wide) wide {
	switch {
	case a.isNaN() || b.isNaN():
		return quadNaN
	case a.isInf() && b.isInf() && a.hi != b.hi:
		return quadNaN
	case a.isInf():
		return a
	case b.isInf():
		return b
	case a.isZero() && b.isZero():
		return wide{hi: a.hi & b.hi} // only the sum of two negative zeros is negative
	}
	signA, expA, sigA := a.parts()
	signB, expB, sigB := b.parts()
	sigA, sigB = sigA.left(guard), sigB.left(guard)
	exp := max(expA, expB)
	sigA, sigB = sigA.right(uint(exp-expA)), sigB.right(uint(exp-expB))
	if signA == signB {
		lo, carry := bits.Add64(sigA.lo, sigB.lo, 0)
		return quadRound(signA, exp, wide{sigA.hi + sigB.hi + carry, lo})
	}
	sign := signA
	if sigA.hi < sigB.hi || sigA.hi == sigB.hi && sigA.lo < sigB.lo {
		sigA, sigB, sign = sigB, sigA, signB
	}
	lo, borrow := bits.Sub64(sigA.lo, sigB.lo, 0)
	diff := wide{sigA.hi - sigB.hi - borrow, lo}
	if diff == (wide{}) {
		return wide{} // positive, as in round to nearest
	}
	return quadRound(sign, exp, diff)
}

func quadMul(a, b wide) wide {
	sign := (a.hi ^ b.hi) & quadSign
	switch {
	case a.isNaN() || b.isNaN():
		return quadNaN
	case a.isInf() || b.isInf():
		if a.isZero() || b.isZero() {
			return quadNaN
		}
		return wide{hi: sign | quadMaxExp<<48}
	case a.isZero() || b.isZero():
		return wide{hi: sign}
	}
	_, expA, sigA := a.parts()
	_, expB, sigB := b.parts()
	// Subnormal numbers are normalised first, so the product has 225 or 226 bits.
	shiftA, shiftB := 113-sigA.len(), 113-sigB.len()
	sigA, sigB = sigA.left(uint(shiftA)), sigB.left(uint(shiftB))
	high, low := sigA.times(sigB)
	// The product without its last 112-guard bits.
	const drop = 112 - guard
	sig := high.left(128 - drop)
	rest := low.right(drop)
	sig = wide{sig.hi | rest.hi, sig.lo | rest.lo}
	return quadRound(sign, expA-shiftA+expB-shiftB-quadBias, sig)
}

// times is the product, of 256 bits.
func (w wide) times(v wide) (high, low wide) {
	h0, l0 := bits.Mul64(w.lo, v.lo)
	h1, l1 := bits.Mul64(w.hi, v.lo)
	h2, l2 := bits.Mul64(w.lo, v.hi)
	h3, l3 := bits.Mul64(w.hi, v.hi)
	r1, c1 := bits.Add64(h0, l1, 0)
	r2, c2 := bits.Add64(h1, l3, c1)
	r3 := h3 + c2
	r1, c1 = bits.Add64(r1, l2, 0)
	r2, c2 = bits.Add64(r2, h2, c1)
	r3 += c2
	return wide{r3, r2}, wide{r1, l0}
}

// quadRound rounds a significand with guard bits, which is not 0 and may have too many or too few
// bits. exp is the exponent for 113 bits before the guard bits.
func quadRound(sign uint64, exp int, sig wide) wide {
	if n := sig.len() - (113 + guard); n > 0 {
		sig = sig.right(uint(n))
		exp += n
	} else if n < 0 && exp > 1 {
		n = min(-n, exp-1)
		sig = sig.left(uint(n))
		exp -= n
	}
	if exp < 1 {
		sig = sig.right(uint(1 - exp))
		exp = 1
	}
	rest := sig.lo & (1<<guard - 1)
	sig = wide{sig.hi >> guard, sig.lo>>guard | sig.hi<<(64-guard)}
	if rest > 1<<(guard-1) || rest == 1<<(guard-1) && sig.lo&1 == 1 {
		var carry uint64
		sig.lo, carry = bits.Add64(sig.lo, 1, 0)
		sig.hi += carry
	}
	// The leading bit of a normal number adds 1 to the exponent; so does a carry out of the
	// fraction.
	sig.hi += uint64(exp-1) << 48
	if sig.hi >= quadMaxExp<<48 || exp >= quadMaxExp {
		return wide{hi: sign | quadMaxExp<<48}
	}
	sig.hi |= sign
	return sig
}
