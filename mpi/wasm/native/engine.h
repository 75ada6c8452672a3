// Engines: what compiles modules, and how the memories of their instances are made.
#ifndef MPI_ENGINE_H
#define MPI_ENGINE_H

#include "wasmtime.h"

// engine_config is what engines differ in. Code compiled by one runs in all that have the same
// guests.
struct engine_config {
  bool safepoints;        // modules have safepoints: threads, a second memory, pages of a byte
  size_t stack;           // bytes of the thread's stack that a program may use
  uint32_t slots;         // instances in the pool; 0 for none: each makes its memory when it starts
  size_t keep_resident;   // bytes of a memory in the pool that are cleared, not given back
  uint32_t tables;        // of an instance in the pool
  size_t elements;        // of a table in the pool
  size_t instance_size;   // bytes of an instance in the pool besides memories and tables
};

#pragma GCC visibility push(hidden)

wasm_engine_t *ipfsmpi_engine_new(const struct engine_config *c);
bool ipfsmpi_can_reserve(uint64_t size);
size_t ipfsmpi_thread_stack(void);

#pragma GCC visibility pop

#endif
