package backoff

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Lines{Most: 2, Every: time.Minute}
		for i, want := range []bool{true, true, false, false, false} {
			if ok, omitted := l.Next(); ok != want || omitted != 0 {
				t.Errorf("%d: %v, %d omitted", i, ok, omitted)
			}
		}
		time.Sleep(time.Minute)
		for i, want := range []int{3, 0} {
			if ok, omitted := l.Next(); !ok || omitted != want {
				t.Errorf("the next minute, %d: %v, %d omitted, want %d", i, ok, omitted, want)
			}
		}
		if ok, _ := l.Next(); ok {
			t.Error("a third line in the next minute")
		}
	})
}
