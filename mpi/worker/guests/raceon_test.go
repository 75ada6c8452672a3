//go:build race

package guests

// underRace says that the race detector is on. It maps gigabytes that RLIMIT_DATA counts.
const underRace = true
