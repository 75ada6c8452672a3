#include "engine.h"

#include <pthread.h>
#include <sys/mman.h>

// memory_size is the address space reserved for each memory: all that 32 bits can address. A memory
// never moves, and code needs no check of its bounds.
static const uint64_t memory_size = (uint64_t)1 << 32;

static void set_pool(wasm_config_t *config, const struct engine_config *c) {
  wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
  wasmtime_pooling_allocation_config_total_core_instances_set(pool, c->slots);
  wasmtime_pooling_allocation_config_max_core_instance_size_set(pool, c->instance_size);
  wasmtime_pooling_allocation_config_total_memories_set(pool, 2 * c->slots);
  wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, 2);
  wasmtime_pooling_allocation_config_max_memory_size_set(pool, memory_size);
  wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, c->keep_resident);
  wasmtime_pooling_allocation_config_total_tables_set(pool, c->tables * c->slots);
  wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, c->tables);
  wasmtime_pooling_allocation_config_table_elements_set(pool, c->elements);
  wasmtime_pooling_allocation_config_table_keep_resident_set(pool, 64 << 10);
  wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, c->slots);
  wasmtime_pooling_allocation_config_total_component_instances_set(pool, 0);
  wasmtime_pooling_allocation_config_total_gc_heaps_set(pool, 0);
  wasmtime_pooling_allocation_config_total_stacks_set(pool, 0);
  wasmtime_pooling_allocation_strategy_set(config, pool);
  wasmtime_pooling_allocation_config_delete(pool);
}

wasm_engine_t *ipfsmpi_engine_new(const struct engine_config *c) {
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_memory_init_cow_set(config, true);
  wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);

  // What compilers emit for wasm32-wasip1.
  wasmtime_config_wasm_bulk_memory_set(config, true);
  wasmtime_config_wasm_multi_value_set(config, true);
  wasmtime_config_wasm_reference_types_set(config, true);
  wasmtime_config_wasm_tail_call_set(config, true);
  wasmtime_config_wasm_simd_set(config, true);
  wasmtime_config_wasm_relaxed_simd_set(config, true);
  // The same answer from peers with different processors.
  wasmtime_config_wasm_relaxed_simd_deterministic_set(config, true);

  // What would give a program more than one thread, one memory of 32 bits and tables of functions.
  // Safepoints load atomically from a second memory. A program is validated without these before it
  // gets them.
  wasmtime_config_wasm_threads_set(config, c->safepoints);
  wasmtime_config_wasm_multi_memory_set(config, c->safepoints);
  wasmtime_config_wasm_custom_page_sizes_set(config, c->safepoints);
  wasmtime_config_wasm_memory64_set(config, false);

  // Exceptions and externref need wasmtime's garbage collector, whose heap is outside the limits of
  // a store.
  wasmtime_config_wasm_gc_set(config, false);
  wasmtime_config_wasm_function_references_set(config, false);
  wasmtime_config_gc_support_set(config, false);

  // NaNs are not canonicalised: it costs float code up to a tenth of its speed, and the answers of
  // different peers are not compared bit by bit.
  wasmtime_config_cranelift_nan_canonicalization_set(config, false);

  // Linear memory never moves.
  wasmtime_config_memory_may_move_set(config, false);
  wasmtime_config_memory_reservation_set(config, memory_size);

  // wasmtime wants the stack of asynchronous calls, of which there are none, to be larger.
  wasmtime_config_async_stack_size_set(config, c->stack + (1 << 20));
  wasmtime_config_max_wasm_stack_set(config, c->stack);

  if (c->slots) set_pool(config, c);
  return wasm_engine_new_with_config(config);
}

// ipfsmpi_can_reserve reports whether the process may reserve so much address space. wasmtime
// aborts the process where it may not.
bool ipfsmpi_can_reserve(uint64_t size) {
  void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  munmap(at, size);
  return true;
}

// ipfsmpi_thread_stack is the size of a stack of the threads that the Go runtime makes: it asks for
// no other, but for that of the calling thread on macOS.
size_t ipfsmpi_thread_stack(void) {
#ifdef __APPLE__
  return pthread_get_stacksize_np(pthread_self());
#endif
  size_t size = 0;
  pthread_attr_t attr;
  if (pthread_attr_init(&attr)) return 0;
  pthread_attr_getstacksize(&attr, &size);
  pthread_attr_destroy(&attr);
  return size;
}
