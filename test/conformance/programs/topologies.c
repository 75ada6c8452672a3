/* Process topologies: grids, graphs, distributed graphs, and collective operations among neighbours
   (MPI 5.0, chapter 8). */
#include "check.h"

static void dimensions(void) {
    static const struct { int nodes, n, dims[3], want[3]; } list[] = {
        {6, 2, {0, 0}, {3, 2}}, {7, 2, {0, 0}, {7, 1}}, {6, 3, {0, 3, 0}, {2, 3, 1}}, {12, 3, {0, 0, 0}, {3, 2, 2}},
        {16, 2, {0, 0}, {4, 4}}, {1, 2, {0, 0}, {1, 1}}, {30, 3, {0, 0, 0}, {5, 3, 2}}, {8, 1, {0}, {8}}, {8, 2, {4, 0}, {4, 2}}};
    for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
        int dims[3] = {list[i].dims[0], list[i].dims[1], list[i].dims[2]};
        OK(MPI_Dims_create(list[i].nodes, list[i].n, dims));
        for (int d = 0; d < list[i].n; d++)
            CHECK(dims[d] == list[i].want[d]);
    }
}

static void grids(void) {
    int dims[2] = {0, 0}, periods[2] = {1, 0}, at[2], n = -1, r, result, from, to, got[2], wraps[2];
    MPI_Comm grid, row;
    MPI_Dims_create(size, 2, dims);
    OK(MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid));
    OK(MPI_Topo_test(grid, &result));
    CHECK(result == MPI_CART);
    OK(MPI_Topo_test(MPI_COMM_WORLD, &result));
    CHECK(result == MPI_UNDEFINED);
    OK(MPI_Cartdim_get(grid, &n));
    CHECK(n == 2);
    OK(MPI_Cart_get(grid, 2, got, wraps, at));
    CHECK(got[0] == dims[0] && got[1] == dims[1] && wraps[0] == 1 && wraps[1] == 0);
    CHECK(at[0] == rank / dims[1] && at[1] == rank % dims[1]);
    OK(MPI_Cart_rank(grid, at, &r));
    CHECK(r == rank);
    for (int i = 0; i < size; i++) {
        OK(MPI_Cart_coords(grid, i, 2, at));
        CHECK(at[0] == i / dims[1] && at[1] == i % dims[1]);
    }
    OK(MPI_Cart_coords(grid, rank, 2, at));
    int around[2] = {at[0] + 3 * dims[0], at[1]}; /* a periodic dimension wraps around */
    OK(MPI_Cart_rank(grid, around, &r));
    CHECK(r == rank);
    OK(MPI_Cart_shift(grid, 0, 1, &from, &to));
    CHECK(to == (at[0] + 1) % dims[0] * dims[1] + at[1] && from == (at[0] + dims[0] - 1) % dims[0] * dims[1] + at[1]);
    OK(MPI_Cart_shift(grid, 1, 1, &from, &to));
    CHECK(to == (at[1] + 1 < dims[1] ? rank + 1 : MPI_PROC_NULL) && from == (at[1] > 0 ? rank - 1 : MPI_PROC_NULL));
    int v = -1;
    OK(MPI_Sendrecv(&rank, 1, MPI_INT, to, 0, &v, 1, MPI_INT, from, 0, grid, MPI_STATUS_IGNORE));
    CHECK(v == (at[1] > 0 ? rank - 1 : -1));

    int keep[2] = {0, 1}, sum = -1; /* the rows */
    OK(MPI_Cart_sub(grid, keep, &row));
    MPI_Comm_rank(row, &r);
    MPI_Comm_size(row, &n);
    CHECK(r == at[1] && n == dims[1]);
    OK(MPI_Allreduce(&at[0], &sum, 1, MPI_INT, MPI_SUM, row));
    CHECK(sum == at[0] * dims[1]);
    OK(MPI_Cartdim_get(row, &n));
    CHECK(n == 1);
    OK(MPI_Comm_free(&row));
    keep[1] = 0; /* one communicator for each rank */
    OK(MPI_Cart_sub(grid, keep, &row));
    MPI_Comm_size(row, &n);
    CHECK(n == 1);
    OK(MPI_Comm_free(&row));

    MPI_Comm copy; /* a duplicate has the topology */
    OK(MPI_Comm_dup(grid, &copy));
    OK(MPI_Topo_test(copy, &result));
    CHECK(result == MPI_CART);
    OK(MPI_Comm_free(&copy));
    OK(MPI_Comm_free(&grid));
    OK(MPI_Cart_map(MPI_COMM_WORLD, 2, dims, periods, &r));
    CHECK(r == MPI_UNDEFINED || (r >= 0 && r < size));

    int one[1] = {size > 1 ? size - 1 : 1}; /* smaller than the group: the last rank is left out */
    OK(MPI_Cart_create(MPI_COMM_WORLD, 1, one, periods, 0, &grid));
    CHECK((grid == MPI_COMM_NULL) == (size > 1 && rank == size - 1));
    if (grid != MPI_COMM_NULL)
        OK(MPI_Comm_free(&grid));
}

/* A star: rank 0 is a neighbour of all, and the only one of each. */
static void graphs(void) {
    int *index = malloc(sizeof(int) * size), *edges = malloc(sizeof(int) * 2 * size), nodes = -1, n = -1, result;
    for (int i = 0; i < size; i++) {
        index[i] = size - 1 + i;
        if (i > 0) {
            edges[i - 1] = i;
            edges[size - 2 + i] = 0;
        }
    }
    MPI_Comm star;
    OK(MPI_Graph_create(MPI_COMM_WORLD, size, index, edges, 0, &star));
    OK(MPI_Topo_test(star, &result));
    CHECK(result == MPI_GRAPH);
    OK(MPI_Graphdims_get(star, &nodes, &n));
    CHECK(nodes == size && n == 2 * (size - 1));
    int *got = malloc(sizeof(int) * (2 * size + 1)), *gotx = malloc(sizeof(int) * (size + 1));
    OK(MPI_Graph_get(star, size, 2 * (size - 1), gotx, got));
    CHECK(memcmp(gotx, index, sizeof(int) * size) == 0 && memcmp(got, edges, sizeof(int) * 2 * (size - 1)) == 0);
    OK(MPI_Graph_neighbors_count(star, rank, &n));
    CHECK(n == (rank ? 1 : size - 1));
    OK(MPI_Graph_neighbors(star, rank, n, got));
    CHECK(rank ? got[0] == 0 : n == 0 || got[n - 1] == size - 1);
    int *heard = malloc(sizeof(int) * (size + 1));
    heard[0] = -1;
    OK(MPI_Neighbor_allgather(&rank, 1, MPI_INT, heard, 1, MPI_INT, star));
    for (int i = 0; i < n; i++)
        CHECK(heard[i] == got[i]);
    OK(MPI_Comm_free(&star));
    free(heard);
    free(got);
    free(gotx);
    free(index);
    free(edges);
}

/* Rank r sends to r + 1 and r + 2, around the ring; r receives from r - 1 and r - 2. */
static void distributed(void) {
    int to[2] = {(rank + 1) % size, (rank + 2) % size}, from[2] = {(rank + size - 1) % size, (rank + 2 * size - 2) % size};
    int weights[2] = {3, 4}, in = -1, out = -1, weighted = -1, result, sources[2], wsources[2], targets[2], wtargets[2];
    MPI_Comm g;
    OK(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 2, from, weights, 2, to, weights, MPI_INFO_NULL, 0, &g));
    OK(MPI_Topo_test(g, &result));
    CHECK(result == MPI_DIST_GRAPH);
    OK(MPI_Dist_graph_neighbors_count(g, &in, &out, &weighted));
    CHECK(in == 2 && out == 2 && weighted);
    OK(MPI_Dist_graph_neighbors(g, 2, sources, wsources, 2, targets, wtargets));
    CHECK(sources[0] == from[0] && sources[1] == from[1] && targets[0] == to[0] && targets[1] == to[1] && wsources[1] == 4 && wtargets[0] == 3);

    int a[4] = {10 * rank, 10 * rank + 1, 10 * rank + 2, 10 * rank + 3}, b[4] = {-1, -1, -1, -1};
    OK(MPI_Neighbor_allgather(a, 2, MPI_INT, b, 2, MPI_INT, g));
    CHECK(b[0] == 10 * from[0] && b[1] == 10 * from[0] + 1 && b[2] == 10 * from[1] && b[3] == 10 * from[1] + 1);
    /* the first two go to r + 1, the others to r + 2 */
    OK(MPI_Neighbor_alltoall(a, 2, MPI_INT, b, 2, MPI_INT, g));
    CHECK(size < 3 || (b[0] == 10 * from[0] && b[1] == 10 * from[0] + 1 && b[2] == 10 * from[1] + 2 && b[3] == 10 * from[1] + 3));
    int counts[2] = {1, 3}, places[2] = {3, 0}, bytes[2] = {12, 0};
    memset(b, 0xff, sizeof b);
    int one[2] = {2, 2}, at[2] = {2, 0};
    OK(MPI_Neighbor_allgatherv(a + 1, 2, MPI_INT, b, one, at, MPI_INT, g));
    CHECK(b[2] == 10 * from[0] + 1 && b[0] == 10 * from[1] + 1);
    if (size >= 3) {
        memset(b, 0xff, sizeof b);
        OK(MPI_Neighbor_alltoallv(a, counts, places, MPI_INT, b, counts, places, MPI_INT, g));
        CHECK(b[3] == 10 * from[0] + 3 && b[0] == 10 * from[1] && b[2] == 10 * from[1] + 2);
        MPI_Aint where[2] = {bytes[0], bytes[1]};
        MPI_Datatype types[2] = {MPI_INT, MPI_INT};
        memset(b, 0xff, sizeof b);
        OK(MPI_Neighbor_alltoallw(a, counts, where, types, b, counts, where, types, g));
        CHECK(b[3] == 10 * from[0] + 3 && b[1] == 10 * from[1] + 1);
        MPI_Request r[2];
        int c[4] = {-1, -1, -1, -1};
        OK(MPI_Ineighbor_alltoall(a, 2, MPI_INT, b, 2, MPI_INT, g, &r[0]));
        OK(MPI_Ineighbor_allgather(a, 2, MPI_INT, c, 2, MPI_INT, g, &r[1]));
        OK(MPI_Waitall(2, r, MPI_STATUSES_IGNORE));
        CHECK(b[3] == 10 * from[1] + 3 && c[3] == 10 * from[1] + 1);
        OK(MPI_Ineighbor_allgatherv(a, 2, MPI_INT, c, one, at, MPI_INT, g, &r[0]));
        OK(MPI_Ineighbor_alltoallv(a, counts, places, MPI_INT, b, counts, places, MPI_INT, g, &r[1]));
        OK(MPI_Waitall(2, r, MPI_STATUSES_IGNORE));
        CHECK(c[0] == 10 * from[1] && b[2] == 10 * from[1] + 2);
        OK(MPI_Ineighbor_alltoallw(a, counts, where, types, c, counts, where, types, g, &r[0]));
        OK(MPI_Wait(&r[0], MPI_STATUS_IGNORE));
        CHECK(c[3] == 10 * from[0] + 3);
    }
    OK(MPI_Comm_free(&g));

    /* Rank 0 specifies all edges: a chain, without weights. */
    int *sources_all = malloc(sizeof(int) * size), *degrees = malloc(sizeof(int) * size), *destinations = malloc(sizeof(int) * size);
    for (int i = 0; i < size; i++) {
        sources_all[i] = i;
        degrees[i] = i + 1 < size;
        destinations[i] = i + 1;
    }
    OK(MPI_Dist_graph_create(MPI_COMM_WORLD, rank == 0 ? size : 0, sources_all, degrees, destinations, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &g));
    OK(MPI_Dist_graph_neighbors_count(g, &in, &out, &weighted));
    CHECK(in == (rank > 0) && out == (rank + 1 < size) && !weighted);
    OK(MPI_Dist_graph_neighbors(g, in, sources, MPI_UNWEIGHTED, out, targets, MPI_UNWEIGHTED));
    CHECK((!in || sources[0] == rank - 1) && (!out || targets[0] == rank + 1));
    int v = -1;
    OK(MPI_Neighbor_allgather(&rank, 1, MPI_INT, &v, 1, MPI_INT, g));
    CHECK(v == rank - 1);
    OK(MPI_Comm_free(&g));
    /* no edges at all */
    OK(MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 0, NULL, MPI_WEIGHTS_EMPTY, 0, NULL, MPI_WEIGHTS_EMPTY, MPI_INFO_NULL, 0, &g));
    OK(MPI_Dist_graph_neighbors_count(g, &in, &out, &weighted));
    CHECK(in == 0 && out == 0);
    OK(MPI_Neighbor_alltoall(NULL, 1, MPI_INT, NULL, 1, MPI_INT, g));
    OK(MPI_Comm_free(&g));
    free(sources_all);
    free(degrees);
    free(destinations);
}

/* On a grid the neighbours are ordered by dimension, in each first the lower, then the upper one
   (8.6). */
static void halo(void) {
    int dims[1] = {size}, periods[1] = {0}, out[2] = {10 * rank, 10 * rank + 1}, in[2] = {-1, -1};
    MPI_Comm line;
    OK(MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &line));
    OK(MPI_Neighbor_alltoall(out, 1, MPI_INT, in, 1, MPI_INT, line));
    CHECK(in[0] == (rank > 0 ? 10 * (rank - 1) + 1 : -1) && in[1] == (rank + 1 < size ? 10 * (rank + 1) : -1));
    OK(MPI_Neighbor_allgather(out, 1, MPI_INT, in, 1, MPI_INT, line));
    CHECK(in[0] == (rank > 0 ? 10 * (rank - 1) : -1) && in[1] == (rank + 1 < size ? 10 * (rank + 1) : -1));
    OK(MPI_Comm_free(&line));
}

int main(int argc, char **argv) {
    begin(argc, argv);
    dimensions();
    part("dimensions");
    grids();
    part("grids");
    graphs();
    part("graphs");
    distributed();
    part("distributed graphs");
    halo();
    part("neighbours on a grid");
    return end();
}
