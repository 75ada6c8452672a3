package match

import "testing"

// A rank looks, unless that was in vain lately; then it tries again now and then, and goes on if it works.
func TestWaits(t *testing.T) {
	var w waits
	for range vainMost - 1 {
		if !w.looks() {
			t.Fatal("a few looks in vain, and it gives up")
		}
		w.looked(false)
	}
	w.looked(true)
	w.looked(false)
	if !w.looks() {
		t.Fatal("one that was not in vain does not count")
	}
	w.looked(false)
	tries := 0
	for range 10 * explore {
		if w.looks() {
			tries++
			w.looked(false)
		}
	}
	if tries != 10 {
		t.Errorf("%d tries in %d waits", tries, 10*explore)
	}
	for !w.looks() {
	}
	w.looked(true)
	if !w.looks() {
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
