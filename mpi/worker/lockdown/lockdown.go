package lockdown

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Config says what is left to the process.
type Config struct {
	// Socket is the descriptor that stays open, besides 0, 1 and 2; 0 for none.
	Socket int
	// Stderr leaves descriptor 2 as it is, if it is a pipe: faults of this process are told there.
	Stderr bool
	// Memory bounds the bytes of writable private memory of the process; 0 for no bound.
	Memory int64
	// Nice is the least nice value of the process, 0 to 19.
	Nice int
	// Cores is on how many cores the process runs at most: the last of those it may; 0 for all.
	Cores int
	// Parent is the ID of the process whose end must end this one. Apply fails if it has ended
	// already. 0 for whichever process is the parent now.
	Parent int
	// Demand makes a missing measure an error.
	Demand bool
}

// Measure names one thing that [Apply] does.
type Measure string

// The measures, in the order in which they are taken. The package's documentation says what each
// does.
const (
	Environment  Measure = "environment"
	Descriptors  Measure = "descriptors"
	OOMScore     Measure = "oom-score"
	Nice         Measure = "nice"
	Cores        Measure = "cores"
	ParentDeath  Measure = "parent-death"
	CoreDumps    Measure = "core-dumps"
	Limits       Measure = "limits"
	Memory       Measure = "memory"
	Undumpable   Measure = "undumpable"
	NewPrivs     Measure = "new-privs"
	Capabilities Measure = "capabilities"
	Landlock     Measure = "landlock"
	Seccomp      Measure = "seccomp"
)

// Measures lists all of them.
var Measures = []Measure{Environment, Descriptors, OOMScore, Nice, Cores, ParentDeath, CoreDumps, Limits,
	Memory, Undumpable, NewPrivs, Capabilities, Landlock, Seccomp}

// Missing is a measure that could not be taken, or not wholly.
type Missing struct {
	Measure Measure
	Why     string
}

// Report says what Apply did. A measure that was taken in part is in both lists.
type Report struct {
	Applied []Measure
	Missing []Missing
}

// Whole reports whether nothing is missing.
func (r Report) Whole() bool { return len(r.Missing) == 0 }

// Has reports whether a measure was applied, at least in part.
func (r Report) Has(m Measure) bool {
	for _, a := range r.Applied {
		if a == m {
			return true
		}
	}
	return false
}

// String is one line for a log.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString("applied:")
	for _, m := range r.Applied {
		b.WriteString(" " + string(m))
	}
	for i, m := range r.Missing {
		sep := "; "
		if i == 0 {
			sep = "; missing: "
		}
		fmt.Fprintf(&b, "%s%s (%s)", sep, m.Measure, m.Why)
	}
	return b.String()
}

// ErrIncomplete is wrapped by the error of [Apply] when Config.Demand is set and a measure is
// missing.
var ErrIncomplete = errors.New("the system cannot lock down a worker wholly")

// unsupported is the error of a step that this system has no means for.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// partial is the error of a step that was taken, but lacks something.
type partial string

func (p partial) Error() string { return string(p) }

var errParentGone = errors.New("the process that started this one has ended")

// parentLives returns errParentGone if the parent is not the process that it should be.
func parentLives(c Config) error {
	if c.Parent != 0 && os.Getppid() != c.Parent {
		return errParentGone
	}
	return nil
}

// step takes one measure.
type step struct {
	measure Measure
	take    func(Config) error
}

// Apply locks the process down, for good. Without an error the process may run a guest: each
// measure of the report's Applied holds for every thread, and for those to come. With an error the
// process must end; some measures may hold.
//
// Apply is called once. The calls of other goroutines that it forbids fail from then on.
func Apply(c Config) (Report, error) { return apply(c, steps()) }

func apply(c Config, steps []step) (Report, error) {
	var r Report
	if c.Nice < 0 || c.Nice > 19 || c.Memory < 0 || c.Socket < 0 || c.Cores < 0 {
		return r, fmt.Errorf("lockdown: nice %d, cores %d, memory %d, socket %d: out of range", c.Nice, c.Cores, c.Memory, c.Socket)
	}
	for _, s := range steps {
		err := s.take(c)
		if errors.Is(err, errParentGone) {
			return r, fmt.Errorf("lockdown: process %d: %w", c.Parent, err)
		}
		var part partial
		if err == nil || errors.As(err, &part) {
			r.Applied = append(r.Applied, s.measure)
		}
		if err != nil {
			r.Missing = append(r.Missing, Missing{s.measure, err.Error()})
		}
	}
	if err := verify(r); err != nil {
		return r, fmt.Errorf("lockdown: %w", err)
	}
	if c.Demand && !r.Whole() {
		return r, fmt.Errorf("lockdown: %w: %s", ErrIncomplete, r)
	}
	return r, nil
}

func clearEnvironment(Config) error {
	os.Clearenv()
	return nil
}
