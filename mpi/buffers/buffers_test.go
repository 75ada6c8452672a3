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

func BenchmarkPool(b *testing.B) {
	var p Pool
	b.ReportAllocs()
	for range b.N {
		p.Put(p.Get(1000))
	}
}
