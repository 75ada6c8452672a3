#define _GNU_SOURCE // REG_ERR

#include "fault.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

// wasmtime makes traps of faults in a signal handler, and tells the address only within a text that
// also has the names of the program's functions in it. So a handler before its own notes the
// address of the last fault of each thread.

static _Thread_local struct fault last;

void ipfsmpi_fault_clear(void) { last = (struct fault){0}; }

const struct fault *ipfsmpi_fault(void) { return &last; }

static struct sigaction next_segv, next_bus;

static void record(int number, siginfo_t *info, void *context) {
  const struct sigaction *next = number == SIGBUS ? &next_bus : &next_segv;
  last.address = (uintptr_t)info->si_addr;
#if defined(__linux__) && defined(__x86_64__)
  last.write = ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2; // of a page fault
#endif
  if (next->sa_flags & SA_SIGINFO) {
    next->sa_sigaction(number, info, context);
  } else if (next->sa_handler == SIG_DFL || next->sa_handler == SIG_IGN) {
    sigaction(number, next, NULL); // the access is repeated, and ends the process
  } else {
    next->sa_handler(number);
  }
}

// ipfsmpi_faults_record is called once, after wasmtime has its handlers.
void ipfsmpi_faults_record(void) {
  struct sigaction mine;
  memset(&mine, 0, sizeof mine);
  sigemptyset(&mine.sa_mask);
  mine.sa_sigaction = record;
  mine.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER; // as wasmtime has it
  sigaction(SIGSEGV, NULL, &next_segv);
  sigaction(SIGBUS, NULL, &next_bus);
  sigaction(SIGSEGV, &mine, NULL);
  sigaction(SIGBUS, &mine, NULL);
}

size_t ipfsmpi_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }
