#include "instance.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "_cgo_export.h"
#include "fault.h"

static bool stopped(const struct instance *in) { return in->stop && __atomic_load_n(in->stop, __ATOMIC_ACQUIRE) != 0; }

// Functions of the host.

void ipfsmpi_instance_look(struct instance *in) {
  if (!in->has_memory) return;
  in->base = wasmtime_memory_data(in->context, &in->memory);
  in->size = wasmtime_memory_data_size(in->context, &in->memory);
}

// call_host is what wasmtime calls for every function of the host: env says which. Parameters come
// in slots of 16 bytes, of which only what the type says is meaningful; Go gets them side by side,
// as 64 bits each.
static wasm_trap_t *call_host(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *raw, size_t slots) {
  const struct function *f = env;
  struct instance *in = wasmtime_context_get_data(wasmtime_caller_context(caller));
  uint64_t args[max_args];
  for (unsigned i = 0; i < f->params; i++) args[i] = f->wide >> i & 1 ? (uint64_t)raw[i].i64 : (uint32_t)raw[i].i32;
  if (stopped(in)) in->refused = true;
  if (!in->refused && !ipfsmpi_call_host(in->number, f->id, args, f->params)) in->ended = true;
  if (in->refused || in->ended) return wasmtime_trap_new("ended", 5); // see finish
  switch (f->result) {
  case 'i':
    raw[0].i32 = (int32_t)args[0];
    break;
  case 'I':
  case 'F':
    raw[0].i64 = (int64_t)args[0];
  }
  (void)slots;
  return NULL;
}

static wasm_valkind_t kind_of(char letter) { return letter == 'I' ? WASM_I64 : letter == 'F' ? WASM_F64 : WASM_I32; }

// ipfsmpi_program_define makes function i of the program known to its linker. It returns NULL, or
// what is wrong.
const char *ipfsmpi_program_define(struct program *p, size_t i, const char *module, size_t module_len, const char *name, size_t name_len,
                           const char *params, size_t nparams) {
  struct function *f = &p->functions[i];
  wasm_valtype_t *types[max_args], *result[1];
  if (nparams > max_args) return "too many parameters";
  f->params = nparams;
  for (size_t k = 0; k < nparams; k++) {
    types[k] = wasm_valtype_new(kind_of(params[k]));
    if (params[k] != 'i') f->wide |= 1u << k;
  }
  if (f->result) result[0] = wasm_valtype_new(kind_of(f->result));
  wasm_valtype_vec_t in, out;
  wasm_valtype_vec_new(&in, nparams, types);
  wasm_valtype_vec_new(&out, f->result ? 1 : 0, result);
  wasm_functype_t *type = wasm_functype_new(&in, &out);
  wasmtime_error_t *error =
      wasmtime_linker_define_func_unchecked(p->linker, module, module_len, name, name_len, type, call_host, f, NULL);
  wasm_functype_delete(type);
  if (!error) return NULL;
  wasmtime_error_delete(error);
  return "it is defined already";
}

wasmtime_error_t *ipfsmpi_program_link(struct program *p, const wasmtime_module_t *module) {
  wasmtime_error_t *error = wasmtime_linker_instantiate_pre(p->linker, module, &p->pre);
  wasmtime_linker_delete(p->linker);
  p->linker = NULL;
  return error;
}

// Instances.

struct instance *ipfsmpi_instance_new(const struct program *p, uint32_t number, int64_t memory, int64_t elements, int64_t tables,
                                       size_t guard) {
  struct instance *in = calloc(1, sizeof *in);
  if (!in) return NULL;
  in->number = number;
  in->guard = guard;
  in->pooled = p->pooled;
  in->store = wasmtime_store_new(p->engine, in, NULL);
  in->context = wasmtime_store_context(in->store);
  // memories: its own, and that of safepoints
  wasmtime_store_limiter(in->store, memory, elements, 1, tables, 2);
  return in;
}

static bool find(struct instance *in, const char *name, size_t len, uint8_t kind, wasmtime_extern_t *item) {
  return len && wasmtime_instance_export_get(in->context, &in->instance, name, len, item) && item->kind == kind;
}

// keep_apart keeps the system from joining the guard with the memory behind it when both may be
// used again, and from dividing them for the next instance in this place: that takes three times as
// long as the protection. Places are known by a hash: one that another has driven out is told
// again.
static void keep_apart(uint8_t *base, size_t size) {
#ifdef MADV_DONTDUMP
  static _Atomic(uint8_t *) told[512];
  _Atomic(uint8_t *) *mine = &told[((uintptr_t)base >> 32) * 0x9e3779b1u % 512];
  if (*mine == base) return;
  madvise(base, size, MADV_DONTDUMP);
  *mine = base;
#endif
}

// set_guard takes the first bytes of the memory away from the program and from everybody else.
// Where the system does not do so, there is no guard.
static void set_guard(struct instance *in) {
  ipfsmpi_instance_look(in);
  if (in->has_memory && in->guard <= in->size && in->pooled) keep_apart(in->base, in->guard);
  in->guarded = in->has_memory && in->guard <= in->size && !mprotect(in->base, in->guard, PROT_NONE);
}

// ipfsmpi_instance_global reads a global of 32 bits that the program exports.
bool ipfsmpi_instance_global(struct instance *in, const char *name, size_t len, uint32_t *value) {
  wasmtime_extern_t item;
  wasmtime_val_t v;
  if (!find(in, name, len, WASMTIME_EXTERN_GLOBAL, &item)) return false;
  wasmtime_global_get(in->context, &item.of.global, &v);
  *value = (uint32_t)v.of.i32;
  return v.kind == WASMTIME_I32;
}

// explain_fault says which access to memory trapped.
static void explain_fault(struct instance *in, struct exit *e) {
  const struct fault *f = ipfsmpi_fault();
  wasmtime_trap_code_t code;
  const uint64_t reach = (uint64_t)8 << 30; // beyond the base, of an address and an offset
  if (!e->trap || !in->has_memory || !wasmtime_trap_code(e->trap, &code) || code != WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS) return;
  e->has_stack = ipfsmpi_instance_global(in, "__stack_pointer", 15, &e->stack);
  if (f->address < (uintptr_t)in->base || f->address - (uintptr_t)in->base >= reach) return;
  e->fault = true;
  e->write = f->write;
  e->address = f->address - (uintptr_t)in->base;
}

// finish says how a call of the program ended. What a function of the host returns as a trap comes
// back as an error. An unreachable instruction of the program's own is taken for a safepoint once
// it has to stop anyway.
static void finish(struct instance *in, struct exit *e) {
  wasmtime_trap_code_t code;
  bool safepoint =
      e->trap && wasmtime_trap_code(e->trap, &code) && code == WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED;
  ipfsmpi_instance_look(in);
  if (e->error && (in->ended || in->refused))
    e->what = in->ended ? exit_host : exit_stopped;
  else if (safepoint && stopped(in))
    e->what = exit_stopped;
  else
    e->what = e->trap ? exit_trap : e->error ? exit_failed : exit_ok;
  if (e->what == exit_trap) explain_fault(in, e);
}

// ipfsmpi_instance_make makes the instance and finds what it exports. It runs nothing of the
// program.
void ipfsmpi_instance_make(struct instance *in, const struct program *p, const char *table, size_t table_len, const char *safepoint,
                           size_t safepoint_len, struct exit *e) {
  wasmtime_extern_t item;
  ipfsmpi_fault_clear();
  e->error = wasmtime_instance_pre_instantiate(p->pre, in->context, &in->instance, &e->trap);
  if (!e->error && !e->trap) {
    if (find(in, "memory", 6, WASMTIME_EXTERN_MEMORY, &item)) {
      in->memory = item.of.memory;
      in->has_memory = true;
    }
    if (find(in, table, table_len, WASMTIME_EXTERN_TABLE, &item)) {
      in->table = item.of.table;
      in->has_table = true;
    }
    if (find(in, safepoint, safepoint_len, WASMTIME_EXTERN_MEMORY, &item))
      in->stop = (uint32_t *)wasmtime_memory_data(in->context, &item.of.memory);
    else
      e->error = wasmtime_error_new("no safepoints");
  }
  if (in->guard) set_guard(in);
  finish(in, e);
  if (e->error) e->what = exit_made;
}

// ipfsmpi_instance_run runs a function without parameters and results, which is there unless it is
// optional.
void ipfsmpi_instance_run(struct instance *in, const char *name, size_t name_len, bool optional, struct exit *e) {
  wasmtime_extern_t item;
  wasmtime_val_raw_t none[1];
  bool found = find(in, name, name_len, WASMTIME_EXTERN_FUNC, &item);
  ipfsmpi_fault_clear();
  if (found) e->error = wasmtime_func_call_unchecked(in->context, &item.of.func, none, 1, &e->trap);
  finish(in, e);
  if (!found && !optional) e->what = exit_no_export;
}

// check_type reports whether a function takes at most n parameters, of 32 bits, and returns one
// value of those or none. The answer for the last function is kept: it is likely to be asked for
// again.
static bool check_type(struct instance *in, const wasmtime_func_t *f, uint32_t n) {
  if (in->checked == f->__private && in->checked_args == n) return true;
  wasm_functype_t *type = wasmtime_func_type(in->context, f);
  const wasm_valtype_vec_t *params = wasm_functype_params(type), *results = wasm_functype_results(type);
  bool ok = params->size <= n && results->size <= 1;
  for (size_t i = 0; ok && i < params->size; i++) ok = wasm_valtype_kind(params->data[i]) == WASM_I32;
  for (size_t i = 0; ok && i < results->size; i++) ok = wasm_valtype_kind(results->data[i]) == WASM_I32;
  if (ok) {
    in->checked = f->__private;
    in->checked_args = n;
    in->checked_result = results->size;
  }
  wasm_functype_delete(type);
  return ok;
}

// ipfsmpi_instance_invoke calls a function of the table. It is called while the program is in a
// call of the host. n is at most max_args.
uint64_t ipfsmpi_instance_invoke(struct instance *in, uint32_t index, const uint64_t *args, uint32_t n, struct exit *e) {
  wasmtime_val_t item;
  wasmtime_val_raw_t raw[max_args + 1];
  e->what = exit_ok;
  if (stopped(in))
    e->what = exit_stopped;
  else if (!in->has_table)
    e->what = exit_no_table;
  else if (!wasmtime_table_get(in->context, &in->table, index, &item) || item.kind != WASMTIME_FUNCREF)
    e->what = exit_no_function;
  else if (item.of.funcref.store_id == 0)
    e->what = exit_null;
  else if (!check_type(in, &item.of.funcref, n))
    e->what = exit_signature;
  if (e->what != exit_ok) return 0;
  memset(raw, 0, sizeof raw);
  for (uint32_t i = 0; i < n; i++) raw[i].i32 = (int32_t)args[i];
  bool result = in->checked_result;
  ipfsmpi_fault_clear();
  e->error = wasmtime_func_call_unchecked(in->context, &item.of.funcref, raw, n ? n : 1, &e->trap);
  finish(in, e);
  return e->what == exit_ok && result ? (uint32_t)raw[0].i32 : 0;
}

bool ipfsmpi_instance_grow(struct instance *in, uint64_t pages, uint64_t *before) {
  if (!in->has_memory) return false;
  wasmtime_error_t *error = wasmtime_memory_grow(in->context, &in->memory, pages, before);
  ipfsmpi_instance_look(in);
  if (!error) return true;
  wasmtime_error_delete(error);
  return false;
}

// ipfsmpi_instance_free gives the memory back to the engine, which may clear it for another
// instance: what was taken away has to be there. If the system refuses that for want of memory, the
// memory stays where it is.
void ipfsmpi_instance_free(struct instance *in) {
  if (in->guarded && mprotect(in->base, in->guard, PROT_READ | PROT_WRITE)) return;
  wasmtime_store_delete(in->store);
  free(in);
}

// Exits.

int ipfsmpi_exit_code(const struct exit *e) {
  wasmtime_trap_code_t code;
  return e->trap && wasmtime_trap_code(e->trap, &code) ? code : -1;
}

void ipfsmpi_exit_free(struct exit *e) {
  if (e->trap) wasm_trap_delete(e->trap);
  if (e->error) wasmtime_error_delete(e->error);
  e->trap = NULL;
  e->error = NULL;
}
