package job

import "testing"

// No job has all of the quota, jobs of others leave some to those of the node, and what a job had
// is free when it ends.
func TestFileQuota(t *testing.T) {
	var r fileQuota
	fill := func(own bool) (*jobQuota, int64) {
		l := &jobQuota{of: &r, own: own}
		n := int64(0)
		for l.take(1 << 20) {
			n++
		}
		return l, n << 20
	}
	var quotas []*jobQuota
	others := int64(0)
	for range 8 {
		l, n := fill(false)
		if n > maxJobQuota {
			t.Errorf("a job has %d bytes", n)
		}
		quotas, others = append(quotas, l), others+n
	}
	if others != maxFiles*3/4 {
		t.Errorf("jobs of others have %d bytes", others)
	}
	if _, n := fill(true); n != maxFiles/4 {
		t.Errorf("a job of this node finds %d bytes", n)
	}
	if quotas[0].take(1) || quotas[0].take(-quotas[0].held-1) {
		t.Error("a job has more than its share, or gives back more than it has")
	}
	for _, l := range quotas {
		l.end()
		l.end()
		if l.take(1) || l.take(-1) {
			t.Error("a job that ended takes")
		}
	}
	if r.used != maxFiles/4 {
		t.Errorf("%d bytes are left in use", r.used)
	}
}
