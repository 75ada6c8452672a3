// Package burst tells what comes alone from what comes in a burst: what is alone is best passed on
// at once, and what follows it fast is best gathered.
package burst

import "time"

// Gap is the time between two things after which they are not of one burst.
const Gap = 10 * time.Microsecond

// Pace is how things follow each other. Its owner guards it. The zero value is that after a pause.
type Pace struct {
	last   time.Time // when Alone was called
	burst  int       // things up to the last one that followed each other fast
	before int       // the same, of the burst before
}

// Alone counts a thing, and reports whether it is likely that none follows at once: it came alone,
// and so did the one before.
func (p *Pace) Alone() bool {
	now := time.Now()
	if now.Sub(p.last) <= Gap {
		p.burst++
	} else {
		p.before, p.burst = p.burst, 1
	}
	p.last = now
	return p.burst == 1 && p.before <= 1
}

// Follow counts a thing that came while the one before was still being passed on.
func (p *Pace) Follow() { p.burst++ }
