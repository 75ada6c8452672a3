/*
 * Linked before all others, for it to have the first place in the table of functions: in the ABI of MPI the address 1 is
 * MPI_COMM_DUP_FN, so no function of a program may have it.
 */
static void first(void) {}

__attribute__((constructor)) static void keep(void) { __asm__ volatile("" : : "r"(first)); }
