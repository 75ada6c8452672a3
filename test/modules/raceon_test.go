//go:build race

package modules_test

// raced is whether the race detector's own memory is in what a process takes.
const raced = true
