package match

import "testing"

// A rank spins, unless that missed lately; then it tries again now and then, and goes on if it
// works.
func TestWaits(t *testing.T) {
	var w waits
	for range maxMisses - 1 {
		if !w.spins() {
			t.Fatal("a few misses, and it gives up")
		}
		w.spun(false)
	}
	w.spun(true)
	w.spun(false)
	if !w.spins() {
		t.Fatal("one that was not in misses does not count")
	}
	w.spun(false)
	tries := 0
	for range 10 * explore {
		if w.spins() {
			tries++
			w.spun(false)
		}
	}
	if tries != 10 {
		t.Errorf("%d tries in %d waits", tries, 10*explore)
	}
	for !w.spins() {
	}
	w.spun(true)
	if !w.spins() {
		t.Error("it does not go on, though it worked")
	}
}

// The load of a world is gone with it.
func TestLoad(t *testing.T) {
	var load Load
	w := New(t.Context(), Config{Size: 3, Local: []int{0, 1, 2}, Load: &load})
	if n, busy := load.ranks.Load(), load.busy.Load(); n != 3 || busy != 3 {
		t.Errorf("%d ranks, %d busy", n, busy)
	}
	for i := range 3 {
		w.Endpoint(i).Close()
		w.Endpoint(i).Close()
	}
	w.Close()
	if n, busy := load.ranks.Load(), load.busy.Load(); n != 0 || busy != 0 {
		t.Errorf("%d ranks, %d busy, after their end", n, busy)
	}
}
