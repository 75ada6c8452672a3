/* A status holds any MPI_Count of MPI_BYTE, as a generalized request may set it (MPI 5.0, 13.3). */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    MPI_Count in[2] = {(MPI_Count)1 << 61, 0x7fffffffffffffffLL}, out[2] = {0, 0};
    MPI_Status s;
    MPI_Init(&argc, &argv);
    for (int i = 0; i < 2; i++) {
        MPI_Status_set_elements_x(&s, MPI_BYTE, in[i]);
        MPI_Get_elements_x(&s, MPI_BYTE, &out[i]);
    }
    printf("%lld %lld\n", (long long)out[0], (long long)out[1]);
    MPI_Finalize();
    return 0;
}
