// Instances of a program and their way into Go. See doc.go for who owns what.
#ifndef MPI_INSTANCE_H
#define MPI_INSTANCE_H

#include "wasmtime.h"

enum { max_args = 16 }; // parameters of a host function

// A function of the host. It belongs to its program.
struct function {
  uint32_t id;     // what Go knows it as
  uint32_t wide;   // bit i: parameter i has 64 bits
  uint8_t params;
  uint8_t result;  // 0 for none, or 'i', 'I', 'F'
};

// Functions of the host and the program they are linked to.
struct program {
  wasm_engine_t *engine; // borrowed from Go
  wasmtime_linker_t *linker; // until it is linked
  wasmtime_instance_pre_t *pre;
  struct function *functions;
  size_t count;
  bool pooled; // instances have places that are used again
};

// One run of a program. It belongs to the thread that runs it, but for what stop points to.
struct instance {
  uint32_t number;      // what Go knows it by
  // once it is made, a word of its own that is not 0 when the program must end; written by any
  // thread
  uint32_t *stop;
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_instance_t instance;
  wasmtime_memory_t memory;
  wasmtime_table_t table;
  bool has_memory, has_table;
  bool refused; // a call of the host, because it was to stop
  bool ended;   // by a call of the host
  uint8_t *base; // of the memory
  size_t size;   // of the memory, when last looked at
  size_t guard;  // bytes at base that nobody may touch, if it is guarded
  bool guarded;
  bool pooled;
  const void *checked; // the function that the last invoke called
  uint32_t checked_args;
  uint8_t checked_result;
};

// How a call of the program ended, if not well. At most one of trap and error is set;
// ipfsmpi_exit_free frees both.
struct exit {
  int32_t what; // one of the constants below
  wasm_trap_t *trap;
  wasmtime_error_t *error;
  bool fault;       // a trap by an access to memory that is not there, at address
  bool write;       // known to be a store
  uint64_t address; // in the program's memory
  bool has_stack;   // stack is the stack pointer of the program
  uint32_t stack;
};

enum {
  exit_ok = 0,
  exit_trap,         // trap
  exit_made,         // error: the instance could not be made, for a limit of the store or the pool
  exit_failed,       // error: of wasmtime itself
  exit_stopped,      // because it had to stop
  exit_host,         // by a call of the host
  exit_no_export,    // there is no function of that name
  exit_no_table,     // there is no table of functions
  exit_no_function,  // the table has no such element
  exit_null,         // the element is null
  exit_signature,    // the function has another type
};

// These are no business of others in the process, nor are theirs ours.
#pragma GCC visibility push(hidden)

const char *ipfsmpi_program_define(struct program *p, size_t i, const char *module, size_t module_len, const char *name, size_t name_len,
                           const char *params, size_t nparams);
wasmtime_error_t *ipfsmpi_program_link(struct program *p, const wasmtime_module_t *module);
struct instance *ipfsmpi_instance_new(const struct program *p, uint32_t number, int64_t memory, int64_t elements, int64_t tables,
                                       size_t guard);
void ipfsmpi_instance_make(struct instance *in, const struct program *p, const char *table, size_t table_len, const char *safepoint,
                           size_t safepoint_len, struct exit *e);
void ipfsmpi_instance_run(struct instance *in, const char *name, size_t name_len, bool optional, struct exit *e);
uint64_t ipfsmpi_instance_invoke(struct instance *in, uint32_t index, const uint64_t *args, uint32_t n, struct exit *e);
bool ipfsmpi_instance_grow(struct instance *in, uint64_t pages, uint64_t *before);
bool ipfsmpi_instance_global(struct instance *in, const char *name, size_t len, uint32_t *value);
void ipfsmpi_instance_look(struct instance *in);
void ipfsmpi_instance_free(struct instance *in);

void ipfsmpi_exit_free(struct exit *e);
int ipfsmpi_exit_code(const struct exit *e);

#pragma GCC visibility pop

#endif
