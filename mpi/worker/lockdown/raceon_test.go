//go:build race && linux

package lockdown

// underRace is whether the race detector is on. Its own memory counts as the process's, so tests
// set no limit then.
const underRace = true
