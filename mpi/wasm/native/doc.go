// Package native compiles WebAssembly modules and runs instances of them through wasmtime's C API.
//
// It does not use the Go API of wasmtime-go, which it only links for the library. That API has no
// call for what this package needs (pooled instances, memories that do not move, the stack's size),
// and its calls from a program into the host, which is what MPI programs do most, take some 500 ns
// and several allocations. Here a host function is an "unchecked" one of the C API: its parameters
// lie in memory as the program left them, instance.c puts them side by side and calls Go once, with
// no allocation. What is not checked by wasmtime then is that the host reads and writes the types
// that it was defined with; both come from one [Function], and what the module imports was compared
// with it before.
//
// wasmtime.h declares what is used of the C API, and a test compares it with the headers that
// wasmtime-go comes with. The functions are found when the executable, or the plugin, is linked.
//
// # Who owns what
//
// A [Program] holds the module's code: it must outlive its instances, and the [Engine] the program.
// An [Instance], its store and its memory belong to the goroutine that runs it, which wasmtime's
// frames bind to one thread meanwhile. A [StopFlag] is shared by instances and set by anyone.
//
// # How instances are stopped
//
// The code has safepoints, at which it looks at the first word of a memory that the program itself
// cannot reach, and traps if it is set (module.AddSafepoints). A [StopFlag] sets the words of its
// instances, and of no others.
//
// # Errors
//
// No message of wasmtime's is read of what ended while a program ran: it would contain a backtrace
// with names that the program chose, and to demangle those can take seconds and all memory.
package native
