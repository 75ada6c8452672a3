//go:build !linux

package lockdown

import "runtime"

// steps takes what this system has; the rest is reported as missing.
func steps() []step {
	has := systemSteps()
	var all []step
	for _, m := range Measures {
		take, ok := has[m]
		switch {
		case m == ParentDeath:
			take = func(c Config) error {
				if err := parentLives(c); err != nil {
					return err
				}
				return unsupported(runtime.GOOS + " has no parent's death signal: the socket's end ends the worker")
			}
		case !ok:
			take = func(Config) error { return unsupported(runtime.GOOS + " has no such measure") }
		}
		all = append(all, step{m, take})
	}
	return all
}

func verify(Report) error { return nil }
