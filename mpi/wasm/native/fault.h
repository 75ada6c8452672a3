// Where programs touched memory that is not there.
#ifndef MPI_FAULT_H
#define MPI_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault {
  uintptr_t address; // 0 for none
  bool write;        // known to be a store
};

#pragma GCC visibility push(hidden)

void ipfsmpi_faults_record(void);
void ipfsmpi_fault_clear(void);
const struct fault *ipfsmpi_fault(void);
size_t ipfsmpi_page_size(void);

#pragma GCC visibility pop

#endif
