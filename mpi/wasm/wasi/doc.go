// Package wasi is a host for WASI preview 1 (module "wasi_snapshot_preview1"): the 46
// functions that programs built against wasi-libc, GOOS=wasip1 or Rust's wasm32-wasip1
// import. It knows no engine. A function takes the guest's memory as bytes and its
// arguments as integers and returns an errno, so all of it can be tested, and fuzzed,
// without WebAssembly.
//
// A [Host] is the world of one program: its arguments, its standard streams, a clock, a source of
// randomness and, if given, a tree of files that it can only read, and a scratch above it that it
// can write, in memory. Nothing of the machine shows through: no path, no environment, no network,
// no uptime.
//
// # What the caller owes it
//
// Link every function of [Functions] to [Host.Call]. When Call answers [Stop] the
// program has to be ended at once, by a trap; [Host.End] says why. After the program's
// end call [Host.Close]. A Host belongs to the goroutine that runs its program; only
// [Host.Abandon] may be called from another.
//
// # What a guest can do to it
//
// Nothing. Pointers and lengths are checked against the memory in 64 bits, where no sum or product
// of the guest's 32-bit values can overflow; counts are bounded; a single call moves at most a
// mebibyte, so that none takes long; open files, directory entries, output and what is written to
// files are bounded. docs/wasi.md has the limits and says what each function does.
package wasi
