package policy

import (
	"fmt"
	"strings"
	"time"
)

// Hours are a part of each day by the clock on the wall: from From until before To, over midnight
// if To is not after From. Equal ones are the whole day.
type Hours struct {
	From, To Clock
}

// Clock is a time of day, in minutes from midnight.
type Clock int

// ParseHours reads hours as "22:00-07:00".
func ParseHours(s string) (h Hours, err error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		return h, fmt.Errorf("%q has no - between two times of day", s)
	}
	if h.From, err = parseClock(from); err != nil {
		return h, err
	}
	h.To, err = parseClock(to)
	return h, err
}

func parseClock(s string) (Clock, error) {
	t, err := time.Parse("15:04", strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day such as 07:00", s)
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

func clockOf(t time.Time) Clock { return Clock(t.Hour()*60 + t.Minute()) }

// has reports whether a time of day is one of these hours.
func (h Hours) has(c Clock) bool {
	if h.From < h.To {
		return h.From <= c && c < h.To
	}
	return h.From <= c || c < h.To
}

// quietUntil is when the hours end in which now is; zero if it is in none. Hours that begin where
// others end are one.
func quietUntil(list []Hours, now time.Time) (until time.Time) {
	at := now
	for range len(list) + 1 {
		end := endOf(list, at)
		if end.IsZero() || end.Sub(now) > 24*time.Hour {
			break
		}
		until, at = end, end
	}
	return until
}

// endOf is the latest end of those of the hours that at is in; zero for none.
func endOf(list []Hours, at time.Time) (end time.Time) {
	c := clockOf(at)
	for _, h := range list {
		if !h.has(c) {
			continue
		}
		day := at.Day()
		if h.To <= c {
			day++
		}
		// Date normalises times that a change of clocks leaves out.
		e := time.Date(at.Year(), at.Month(), day, int(h.To)/60, int(h.To)%60, 0, 0, at.Location())
		if e.After(end) {
			end = e
		}
	}
	return end
}
