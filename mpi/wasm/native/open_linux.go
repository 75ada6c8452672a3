package native

// The linker has the engine call open_linux.c for these.

// #cgo LDFLAGS: -Wl,--wrap=open64 -Wl,--wrap=fstat64 -Wl,--wrap=statx
import "C"

// openNames is where the names of open files are.
const openNames = "/proc/self/fd/"
