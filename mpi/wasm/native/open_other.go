//go:build !linux

package native

// openNames is where the names of open files are.
const openNames = "/dev/fd/"
