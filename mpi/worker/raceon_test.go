//go:build race

package worker

// raced is whether the race detector's own memory is in what a process takes.
const raced = true
