//go:build unix && !linux

package guests

func tries(string, *Config) {}
