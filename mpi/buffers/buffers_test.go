package buffers

import "testing"

func TestPool(t *testing.T) {
	var p Pool
	for _, n := range []int{0, 1, 255, 256, 257, 1 << 12, 1<<12 + 1, 1 << maxBits, 1<<maxBits + 1} {
		b := p.Get(n)
		if len(*b) < n || n <= 1<<maxBits && len(*b) >= 2*max(n, 1<<minBits) {
			t.Errorf("Get(%d) has %d bytes", n, len(*b))
		}
		p.Put(b)
	}
	odd := make([]byte, 300)
	p.Put(&odd) // not of a class: dropped
	if b := p.Get(300); len(*b) != 512 {
		t.Errorf("Get(300) has %d bytes", len(*b))
	}
}

// What is charged for a buffer is what it has, and large ones have at most a quarter more than was
// asked for.
func TestSize(t *testing.T) {
	var p Pool
	for n := 1; n <= 3<<(maxBits-1); n += max(n/7, 1) {
		b := p.Get(n)
		if len(*b) != Size(n) || len(*b) < n || n > 1<<fineBits && len(*b) > n+n/4 {
			t.Fatalf("Get(%d) has %d bytes, Size says %d", n, len(*b), Size(n))
		}
		p.Put(b)
		if again := p.Get(len(*b)); len(*again) != len(*b) {
			t.Fatalf("Get(%d) has %d bytes", len(*b), len(*again))
		}
	}
}

func BenchmarkPool(b *testing.B) {
	var p Pool
	b.ReportAllocs()
	for range b.N {
		p.Put(p.Get(1000))
	}
}
