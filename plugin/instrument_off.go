//go:build !bench

package plugin

import "context"

// instrument does nothing in what users run; see instrument.go for what benchmarks run.
func (*Service) instrument() (stop func(context.Context) error, err error) {
	return func(context.Context) error { return nil }, nil
}
