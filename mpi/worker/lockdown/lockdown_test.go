package lockdown

import (
	"errors"
	"testing"
)

func TestReport(t *testing.T) {
	yes := func(Config) error { return nil }
	no := func(Config) error { return unsupported("old kernel") }
	some := func(Config) error { return partial("half of it") }
	r, err := apply(Config{}, []step{{Environment, yes}, {OOMScore, no}, {Limits, some}})
	if err != nil {
		t.Fatal(err)
	}
	want := "applied: environment limits; missing: oom-score (old kernel); limits (half of it)"
	if r.String() != want || r.Whole() || r.Has(OOMScore) || !r.Has(Limits) {
		t.Errorf("%s\nwant %s", r, want)
	}
	if _, err := apply(Config{Demand: true}, []step{{OOMScore, no}}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("demand: %v", err)
	}
	if r, err := apply(Config{Demand: true}, []step{{Environment, yes}}); err != nil || !r.Whole() {
		t.Errorf("demand: %s, %v", r, err)
	}
	for _, c := range []Config{{Nice: -1}, {Nice: 20}, {Cores: -1}, {Memory: -1}, {Socket: -1}} {
		if _, err := apply(c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	listed := map[Measure]bool{}
	for i, s := range steps() {
		if Measures[i] != s.measure {
			t.Errorf("step %d is %s, listed is %s", i, s.measure, Measures[i])
		}
		listed[s.measure] = true
	}
	if len(listed) != len(Measures) {
		t.Errorf("%d steps, %d measures", len(listed), len(Measures))
	}
}
