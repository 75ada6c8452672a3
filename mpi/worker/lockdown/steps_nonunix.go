//go:build !linux && !unix

package lockdown

func systemSteps() map[Measure]func(Config) error {
	return map[Measure]func(Config) error{Environment: clearEnvironment}
}
