// Package native runs instances of WebAssembly programs through wasmtime's C API, where wasmtime-go's way is too slow: a call
// from a program into the host is what MPI programs do most.
//
// wasmtime-go gives a host function its parameters as a slice of tagged values, made for each call along with a Caller and
// a lookup of the store under a lock: some 500 ns and several allocations. Here a host function is an "unchecked" one of the C
// API: its parameters lie in memory as the program left them, instance.c puts them side by side and calls Go once, with no
// allocation. What is not checked by wasmtime then is that the host reads and writes the types that it was defined with; both come
// from one [Function], and what the module imports was compared with it before.
//
// Engines and modules are wasmtime-go's. wasmtime.h declares the rest, and a test compares it with the headers that wasmtime-go
// comes with. The functions are found when the executable, or the plugin, is linked, in the library that wasmtime-go brings.
//
// # Who owns what
//
// A [Program] holds the module's code: it must outlive its instances, and the engine the program. An [Instance], its store and its
// memory belong to the goroutine that runs it, which wasmtime's frames bind to one thread meanwhile. A [Brake] is shared by
// instances and pulled by anyone.
//
// # How instances are stopped
//
// The code has safepoints, at which it looks at the first word of a memory that the program itself cannot reach, and traps if it is set
// (module.AddSafepoints). A pull of a brake sets the words of its instances, and of no others.
package native
