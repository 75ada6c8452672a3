/*
 * Linked first, so that its function is the first in the function table. In the ABI of MPI the
 * address 1 is MPI_COMM_DUP_FN, so no function of a program may have it.
 */
static void first(void) {}

__attribute__((constructor)) static void keep(void) { __asm__ volatile("" : : "r"(first)); }

/*
 * The stack is at the beginning of memory and grows down to address 0. This section says how many
 * of its last bytes it does without: a node makes an access to them a trap, since it is one through
 * a NULL pointer. 0 is none.
 */
#ifndef GUARD
#define GUARD 4096
#endif
#define TEXT(x) #x
#define GUARD_SECTION(bytes) \
    __asm__(".section .custom_section.ipfs_mpi.guard,\"\",@\n\t.int32 " TEXT(bytes) "\n\t.text\n")
GUARD_SECTION(GUARD);
