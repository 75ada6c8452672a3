package policy

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestAdmit(t *testing.T) {
	p := New("self", Rules{})
	if !p.Admit("a") {
		t.Error("without rules a peer is not admitted")
	}
	p.Set(Rules{Deny: []mpi.PeerID{"a"}})
	if p.Admit("a") || !p.Admit("b") {
		t.Error("Deny does not hold")
	}
	p.Set(Rules{Allow: []mpi.PeerID{"a", "b"}, Deny: []mpi.PeerID{"a"}})
	if p.Admit("a") || !p.Admit("b") || p.Admit("c") {
		t.Error("Deny does not win over Allow, or Allow admits others")
	}
	var none *Policy
	if !none.Admit("a") || none.Quiet("a") != "" || none.Message("a") != "" || len(none.Refused()) > 0 {
		t.Error("no policy is one that refuses")
	}
}

func TestHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, x := range []struct{ hours, now, until string }{
		{"22:00-07:00", "2026-03-02 21:59", ""},
		{"22:00-07:00", "2026-03-02 22:00", "2026-03-03 07:00"},
		{"22:00-07:00", "2026-03-03 06:59", "2026-03-03 07:00"},
		{"22:00-07:00", "2026-03-03 07:00", ""},
		{"12:00-13:30", "2026-03-03 13:00", "2026-03-03 13:30"},
		{"00:00-00:00", "2026-03-03 13:00", "2026-03-04 00:00"},
		// One follows the other; they overlap; the clocks change at 02:00.
		{"22:00-00:00 00:00-07:00", "2026-03-03 23:00", "2026-03-04 07:00"},
		{"01:00-06:00 05:00-08:00", "2026-03-03 02:00", "2026-03-03 08:00"},
		{"22:00-03:00", "2026-03-28 23:00", "2026-03-29 03:00"},
	} {
		var list []Hours
		for _, s := range strings.Fields(x.hours) {
			h, err := ParseHours(s)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, h)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", x.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if until := quietUntil(list, now); !until.IsZero() {
			got = until.Format("2006-01-02 15:04")
		}
		if got != x.until {
			t.Errorf("%s at %s: until %q, want %q", x.hours, x.now, got, x.until)
		}
	}
	for _, bad := range []string{"", "22:00", "22-07", "24:00-07:00", "22:00-07:60", "-", "22:00-07:00-08:00"} {
		if h, err := ParseHours(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, h)
		}
	}
}

func TestQuiet(t *testing.T) {
	p := New("self", Rules{Quiet: []Hours{{From: 22 * 60, To: 7 * 60}}})
	now := time.Date(2026, 3, 2, 23, 0, 0, 0, time.FixedZone("", 3600))
	p.now = func() time.Time { return now }
	if why := p.Quiet("a"); !strings.Contains(why, "until 07:00 +01:00") {
		t.Errorf("the refusal is %q", why)
	}
	if why := p.Quiet("self"); why != "" {
		t.Errorf("own work: %q", why)
	}
	now = now.Add(8 * time.Hour)
	if why := p.Quiet("a"); why != "" {
		t.Errorf("after the hours: %q", why)
	}
	if n := p.Refused()[mpi.RefusedQuiet]; n != 1 {
		t.Errorf("%d refusals are counted, want 1", n)
	}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New("self", Rules{Messages: 10})
		taken := 0
		for range 100 {
			if p.Message("a") == "" {
				taken++
			}
		}
		if taken != 20 { // of two seconds at once
			t.Errorf("%d messages at once", taken)
		}
		if p.Message("b") != "" || p.Message("self") != "" {
			t.Error("one peer's rate counts for another")
		}
		time.Sleep(time.Second)
		for range 100 {
			if p.Message("a") == "" {
				taken++
			}
		}
		if taken != 30 {
			t.Errorf("%d messages in a second more", taken-20)
		}
		if n := p.Refused()[mpi.RefusedMessages]; n != 170 {
			t.Errorf("%d refusals are counted, want 170", n)
		}

		p.Set(Rules{})
		for range 100 {
			if p.Message("a") != "" {
				t.Fatal("a rate that was taken away holds")
			}
		}
	})
}

// Who makes up identities does not make the accounts grow, and pays for them together.
func TestHostileManyIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New("self", Rules{Messages: 1})
		taken := 0
		for i := range 4 * maxRated {
			peer := mpi.PeerID(fmt.Sprint("peer", i))
			for range 3 {
				if p.Message(peer) == "" {
					taken++
				}
			}
		}
		if n := len(p.messages.of); n > maxRated {
			t.Errorf("%d accounts", n)
		}
		if most := 2*maxRated + 2; taken > most {
			t.Errorf("%d messages were taken, want at most %d", taken, most)
		}
		time.Sleep(time.Minute)
		for range 2 {
			if why := p.Message("honest"); why != "" {
				t.Errorf("after a minute: %s", why)
			}
		}
	})
}
