/* Groups, communicators, intercommunicators and names (MPI 5.0, chapter 7). */
#include "check.h"

static void groups(void) {
    MPI_Group world, odd, even, g, h;
    int n = -1, r = -1, result, *odds = malloc(sizeof(int) * size), k = 0;
    OK(MPI_Comm_group(MPI_COMM_WORLD, &world));
    OK(MPI_Group_size(world, &n));
    OK(MPI_Group_rank(world, &r));
    CHECK(n == size && r == rank);
    for (int i = 1; i < size; i += 2)
        odds[k++] = i;
    OK(MPI_Group_incl(world, k, odds, &odd));
    OK(MPI_Group_excl(world, k, odds, &even));
    OK(MPI_Group_size(odd, &n));
    CHECK(n == size / 2);
    OK(MPI_Group_rank(odd, &r));
    CHECK(r == (rank % 2 ? rank / 2 : MPI_UNDEFINED));
    OK(MPI_Group_union(odd, even, &g));
    OK(MPI_Group_compare(g, world, &result));
    CHECK(result == (size > 1 ? MPI_SIMILAR : MPI_IDENT));
    OK(MPI_Group_free(&g));
    CHECK(g == MPI_GROUP_NULL);
    OK(MPI_Group_intersection(world, odd, &g));
    OK(MPI_Group_compare(g, odd, &result));
    CHECK(result == MPI_IDENT);
    OK(MPI_Group_free(&g));
    OK(MPI_Group_intersection(even, odd, &g));
    OK(MPI_Group_compare(g, MPI_GROUP_EMPTY, &result));
    CHECK(result == MPI_IDENT);
    OK(MPI_Group_difference(world, odd, &h));
    OK(MPI_Group_compare(h, even, &result));
    CHECK(result == MPI_IDENT);
    OK(MPI_Group_free(&h));
    int range[1][3] = {{size - 1, 0, -1}}, all[2] = {0, size - 1}, there[2];
    OK(MPI_Group_range_incl(world, 1, range, &h)); /* from the last to the first */
    OK(MPI_Group_rank(h, &r));
    CHECK(r == size - 1 - rank);
    OK(MPI_Group_translate_ranks(world, 2, all, h, there));
    CHECK(there[0] == size - 1 && there[1] == 0);
    OK(MPI_Group_free(&h));
    range[0][0] = 0;
    range[0][1] = size - 1;
    range[0][2] = 2;
    OK(MPI_Group_range_excl(world, 1, range, &h));
    OK(MPI_Group_compare(h, odd, &result));
    CHECK(result == MPI_IDENT);
    OK(MPI_Group_translate_ranks(even, 1, all, h, there));
    CHECK(there[0] == MPI_UNDEFINED);
    int nobody = MPI_PROC_NULL;
    OK(MPI_Group_translate_ranks(even, 1, &nobody, h, there));
    CHECK(size == 1 || there[0] == MPI_PROC_NULL);
    OK(MPI_Group_free(&h));
    OK(MPI_Group_free(&odd));
    OK(MPI_Group_free(&even));
    OK(MPI_Group_free(&world));
    free(odds);
}

static int sum(MPI_Comm c, int v) {
    int s = -1;
    OK(MPI_Allreduce(&v, &s, 1, MPI_INT, MPI_SUM, c));
    return s;
}

static void made(void) {
    MPI_Comm c, d;
    MPI_Group world, g;
    int result = -1, n, r, flag;
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    OK(MPI_Comm_compare(MPI_COMM_WORLD, c, &result));
    CHECK(result == MPI_CONGRUENT && sum(c, 1) == size);
    OK(MPI_Comm_compare(c, c, &result));
    CHECK(result == MPI_IDENT);
    MPI_Request q;
    OK(MPI_Comm_idup(c, &d, &q));
    OK(MPI_Wait(&q, MPI_STATUS_IGNORE));
    CHECK(sum(d, 2) == 2 * size);
    OK(MPI_Comm_free(&d));
    CHECK(d == MPI_COMM_NULL);
    OK(MPI_Comm_free(&c));

    OK(MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &c)); /* odd and even, in reverse order */
    MPI_Comm_size(c, &n);
    MPI_Comm_rank(c, &r);
    CHECK(n == (size + 1 - rank % 2) / 2 && r == (size - 1 - rank) / 2);
    CHECK(sum(c, rank % 2) == n * (rank % 2));
    OK(MPI_Comm_test_inter(c, &flag));
    CHECK(!flag);
    OK(MPI_Comm_compare(MPI_COMM_WORLD, c, &result));
    CHECK(size == 1 ? result == MPI_CONGRUENT : result == MPI_UNEQUAL);
    OK(MPI_Comm_free(&c));
    OK(MPI_Comm_split(MPI_COMM_WORLD, rank == 0 ? MPI_UNDEFINED : 5, 0, &c));
    CHECK((c == MPI_COMM_NULL) == (rank == 0));
    if (c != MPI_COMM_NULL) {
        CHECK(sum(c, 1) == size - 1);
        OK(MPI_Comm_free(&c));
    }

    int first = 0, last = size - 1, two[2] = {last, first};
    OK(MPI_Comm_group(MPI_COMM_WORLD, &world));
    OK(MPI_Group_incl(world, size > 1 ? 2 : 1, two, &g));
    OK(MPI_Comm_create(MPI_COMM_WORLD, g, &c));
    CHECK((c != MPI_COMM_NULL) == (rank == first || rank == last));
    if (c != MPI_COMM_NULL) {
        MPI_Comm_rank(c, &r);
        CHECK(r == (rank == last ? 0 : 1));
        /* only members of the group take part */
        OK(MPI_Comm_create_group(MPI_COMM_WORLD, g, 3, &d));
        CHECK(sum(d, 1) == (size > 1 ? 2 : 1));
        OK(MPI_Comm_compare(c, d, &result));
        CHECK(result == MPI_CONGRUENT);
        OK(MPI_Comm_free(&d));
        OK(MPI_Comm_free(&c));
    }
    OK(MPI_Group_free(&g));
    OK(MPI_Group_free(&world));

    OK(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &c));
    MPI_Comm_size(c, &n);
    CHECK(n >= 1 && n <= size && sum(c, 1) == n);
    OK(MPI_Comm_free(&c));
}

static void names(void) {
    char name[MPI_MAX_OBJECT_NAME];
    int n = -1;
    MPI_Comm c;
    OK(MPI_Comm_get_name(MPI_COMM_WORLD, name, &n));
    CHECK(strcmp(name, "MPI_COMM_WORLD") == 0 && n == 14);
    OK(MPI_Comm_get_name(MPI_COMM_SELF, name, &n));
    CHECK(strcmp(name, "MPI_COMM_SELF") == 0);
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    OK(MPI_Comm_set_name(c, "ours"));
    OK(MPI_Comm_get_name(c, name, &n));
    CHECK(strcmp(name, "ours") == 0 && n == 4);
    OK(MPI_Comm_free(&c));
}

/* Many communicators, made and freed: no resource runs out. */
static void many(void) {
    MPI_Comm c, d;
    for (int i = 0; i < 300; i++) {
        OK(MPI_Comm_split(MPI_COMM_WORLD, rank % 3, i % 2 ? rank : -rank, &c));
        OK(MPI_Comm_dup(c, &d));
        if (i % 20 == 0)
            CHECK(sum(d, 1) == (size + 2 - rank % 3) / 3);
        OK(MPI_Comm_free(&c));
        OK(MPI_Comm_free(&d));
    }
}

/* 7.6: even ranks on one side, odd ranks on the other. */
static void inter(void) {
    if (size < 2)
        return;
    MPI_Comm mine, between, again, merged;
    MPI_Group remote;
    int side = rank % 2, n, r, flag, v, others = side ? (size + 1) / 2 : size / 2;
    OK(MPI_Comm_split(MPI_COMM_WORLD, side, rank, &mine));
    OK(MPI_Intercomm_create(mine, 0, MPI_COMM_WORLD, side ? 0 : 1, 12, &between));
    OK(MPI_Comm_test_inter(between, &flag));
    OK(MPI_Comm_remote_size(between, &n));
    MPI_Comm_rank(between, &r);
    CHECK(flag && n == others && r == rank / 2);
    OK(MPI_Comm_remote_group(between, &remote));
    OK(MPI_Group_size(remote, &n));
    CHECK(n == others);
    OK(MPI_Group_free(&remote));

    /* Messages go to a rank of the other group. */
    MPI_Status s;
    if (r < others) {
        v = -1;
        OK(MPI_Sendrecv(&rank, 1, MPI_INT, r, 4, &v, 1, MPI_INT, r, 4, between, &s));
        CHECK(v == (side ? rank - 1 : rank + 1) && s.MPI_SOURCE == r);
    }

    /* Collective operations: those with a root go from one group to the other. */
    OK(MPI_Barrier(between));
    v = side ? -1 : 77;
    OK(MPI_Bcast(&v, 1, MPI_INT, side ? 0 : r == 0 ? MPI_ROOT : MPI_PROC_NULL, between));
    CHECK(v == 77);
    int total = -1, odd_sum = 0, even_sum = 0;
    for (int i = 0; i < size; i++)
        *(i % 2 ? &odd_sum : &even_sum) += i;
    OK(MPI_Allreduce(&rank, &total, 1, MPI_INT, MPI_SUM, between));
    CHECK(total == (side ? even_sum : odd_sum));
    total = -1;
    OK(MPI_Reduce(&rank, &total, 1, MPI_INT, MPI_SUM, side ? (r == 0 ? MPI_ROOT : MPI_PROC_NULL) : 0, between));
    CHECK(total == (side && r == 0 ? even_sum : -1));
    int *list = malloc(sizeof(int) * size);
    OK(MPI_Allgather(&rank, 1, MPI_INT, list, 1, MPI_INT, between));
    for (int i = 0; i < others; i++)
        CHECK(list[i] == 2 * i + !side);
    OK(MPI_Gather(&rank, 1, MPI_INT, list, 1, MPI_INT, side ? 0 : r == 0 ? MPI_ROOT : MPI_PROC_NULL, between));
    for (int i = 0; !side && r == 0 && i < others; i++)
        CHECK(list[i] == 2 * i + 1);
    int *out = malloc(sizeof(int) * size);
    for (int i = 0; i < others; i++)
        out[i] = 100 * rank + i;
    OK(MPI_Alltoall(out, 1, MPI_INT, list, 1, MPI_INT, between));
    for (int i = 0; i < others; i++)
        CHECK(list[i] == 100 * (2 * i + !side) + r);

    /* 7.6.3: one group of both, with a choice of which comes first. */
    OK(MPI_Intercomm_merge(between, side, &merged));
    MPI_Comm_rank(merged, &n);
    CHECK(n == (side ? (size + 1) / 2 + r : r) && sum(merged, rank) == size * (size - 1) / 2);
    OK(MPI_Comm_dup(between, &again));
    OK(MPI_Comm_test_inter(again, &flag));
    CHECK(flag);
    OK(MPI_Barrier(again));
    free(list);
    free(out);
    OK(MPI_Comm_free(&again));
    OK(MPI_Comm_free(&merged));
    OK(MPI_Comm_free(&between));
    OK(MPI_Comm_free(&mine));
}

/* 7.4.4: hints of a communicator. */
static void hints(void) {
    MPI_Info info, got;
    MPI_Comm c;
    OK(MPI_Info_create(&info));
    OK(MPI_Info_set(info, "no_such_hint", "1"));
    OK(MPI_Comm_dup_with_info(MPI_COMM_WORLD, info, &c));
    OK(MPI_Comm_set_info(c, info));
    OK(MPI_Comm_get_info(c, &got));
    CHECK(got != MPI_INFO_NULL);
    OK(MPI_Info_free(&got));
    OK(MPI_Info_free(&info));
    OK(MPI_Comm_free(&c));
}

int main(int argc, char **argv) {
    begin(argc, argv);
    groups();
    part("groups");
    made();
    part("dup, split, create");
    names();
    part("names");
    many();
    part("many");
    inter();
    part("intercommunicators");
    hints();
    part("hints");
    return end();
}
