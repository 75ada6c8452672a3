// Package module reads WebAssembly modules in binary form, without an engine: what a module imports
// and exports, how large it is, and what of that this host does not provide. And it adds to them
// what the host needs: an export of their table, and safepoints.
//
// It is strict where it looks (the order of sections, lengths, indices, numbers of more bytes than
// they may have) and does not check the code of functions, which is for the engine: what [Inspect]
// takes may still be refused there. It may be given any bytes: it allocates in proportion to them,
// some 100 MB at most, or two and a half times the module's size to change it.
//
//	m, err := module.Inspect(wasm)
//	use := m.Use()
//	use.MPI              // functions of MPI that it calls; none: it is a handler
//	err = use.Err()      // what this host lacks
//	err = CheckCost(wasm) // why it would take an engine too much to compile
package module
