/*
 * Linked into programs that are built with "cc --debug": what undefined behaviour ends in, and an
 * allocator that finds misuse of its blocks. The linker puts it before the C library's.
 *
 * A block has a guard on either side, which free, realloc and the end of the program look at. What
 * is freed is overwritten and kept for a while, so that writing to it is found, and reading from it
 * gives 0xdddddddd. New memory is 0xcdcdcdcd, up to 4 MiB of a block.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Why the program trapped itself: the node reads it. */
char ipfs_mpi_words[200];

static void say(const char *text) {
    size_t n = strlen(ipfs_mpi_words);
    while (*text && n + 1 < sizeof ipfs_mpi_words) ipfs_mpi_words[n++] = *text++;
    ipfs_mpi_words[n] = 0;
}

static void say_number(uint64_t v) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = 0;
    do *--p = '0' + v % 10; while (v /= 10);
    say(p);
}

static void ipfs_mpi_fail(void) {
    write(2, ipfs_mpi_words, strlen(ipfs_mpi_words));
    write(2, "\n", 1);
    __builtin_trap();
}

/* What clang calls: the names are its own, of -fsanitize-minimal-runtime. */
#define HANDLER(name, words) \
    __attribute__((noinline)) void __ubsan_handle_##name##_minimal_abort(void) { \
        say("undefined behaviour: " words); \
        ipfs_mpi_fail(); \
    } \
    __attribute__((noinline)) void __ubsan_handle_##name##_minimal(void) { __ubsan_handle_##name##_minimal_abort(); }

HANDLER(type_mismatch, "access to memory that is misaligned, or outside of its object")
HANDLER(alignment_assumption, "a pointer is not aligned as it was promised")
HANDLER(add_overflow, "signed addition overflows")
HANDLER(sub_overflow, "signed subtraction overflows")
HANDLER(mul_overflow, "signed multiplication overflows")
HANDLER(negate_overflow, "negation overflows")
HANDLER(divrem_overflow, "division by zero, or one that overflows")
HANDLER(shift_out_of_bounds, "shift by more bits than there are, or of a negative number")
HANDLER(out_of_bounds, "array index out of bounds")
HANDLER(builtin_unreachable, "unreachable code reached")
HANDLER(missing_return, "a function ends without the value that it returns")
HANDLER(vla_bound_not_positive, "array of variable length that is not positive")
HANDLER(float_cast_overflow, "conversion of a floating-point number that does not fit")
HANDLER(load_invalid_value, "value that its type cannot have")
HANDLER(invalid_builtin, "builtin function with an argument it is not defined for")
HANDLER(function_type_mismatch, "call of a function of another type")
HANDLER(implicit_conversion, "implicit conversion changes a value")
HANDLER(nonnull_arg, "NULL for a parameter that must not be")
HANDLER(nonnull_return, "NULL returned where it must not be")
HANDLER(nullability_arg, "NULL for a parameter that must not be")
HANDLER(nullability_return, "NULL returned where it must not be")
HANDLER(pointer_overflow, "pointer arithmetic overflows, or begins at NULL")

/* The C library's own, by the linker's --wrap. */
void *__real_malloc(size_t);
void __real_free(void *);

enum { live = 0x51a7e5ed, freed = 0xf4eed0ff };
enum { fresh = 0xcd, gone = 0xdd, guard = 0xab };

struct block {
    uint32_t state;
    uint32_t number; /* which allocation it was, from 1 */
    size_t size;
    void *raw;
    struct block *before, *after; /* of the list that it is in */
    uint8_t front[24];
};

enum { back = 16, kept_most = 4 << 20 };

static struct block all = {.before = &all, .after = &all};
static struct block kept = {.before = &kept, .after = &kept};
static size_t kept_bytes;
static uint32_t count;

/* stop_at reports whether the program is to stop at an allocation, and say so: a second run shows
   where a block is allocated that the first has found misused. */
static int stop_at(uint32_t number) {
    static int asked;
    static uint32_t wanted;
    if (!asked) {
        asked = 1; /* before getenv, which may allocate */
        const char *s = getenv("IPFS_MPI_ALLOCATION");
        for (; s && *s >= '0' && *s <= '9'; s++) wanted = wanted * 10 + (*s - '0');
    }
    return number == wanted;
}

static void into(struct block *list, struct block *b) {
    b->before = list->before;
    b->after = list;
    list->before->after = b;
    list->before = b;
}

static void out_of(struct block *b) {
    b->before->after = b->after;
    b->after->before = b->before;
}

static uint8_t *data(struct block *b) { return (uint8_t *)(b + 1); }

/* footprint is what a block takes with its guards: small blocks are mostly that. */
static size_t footprint(const struct block *b) { return sizeof *b + b->size + back; }

static size_t other_than(const uint8_t *p, size_t n, uint8_t value) {
    size_t others = 0;
    for (size_t i = 0; i < n; i++) others += p[i] != value;
    return others;
}

static void ipfs_mpi_blame(const struct block *b, const char *what, const char *when) {
    ipfs_mpi_words[0] = 0;
    say("heap: ");
    say(what);
    say(" a block of ");
    say_number(b->size);
    say(" bytes, allocation ");
    say_number(b->number);
    say(when);
    ipfs_mpi_fail();
}

/* check_guards looks at the guards of a block. The front one comes first: what is before it may be
   damaged as well. */
static void ipfs_mpi_check_guards(struct block *b, const char *when) {
    if (other_than(b->front, sizeof b->front, guard)) ipfs_mpi_blame(b, "bytes were written before", when);
    if (other_than(data(b) + b->size, back, guard)) ipfs_mpi_blame(b, "bytes were written behind", when);
}

static void ipfs_mpi_check_kept(struct block *b, const char *when) {
    if (other_than(b->front, sizeof b->front, guard)) ipfs_mpi_blame(b, "bytes were written before", when);
    if (other_than(data(b), b->size + back, gone)) ipfs_mpi_blame(b, "after it was freed, bytes were written to", when);
}

static void ipfs_mpi_forget_oldest(void) {
    struct block *b = kept.after;
    ipfs_mpi_check_kept(b, "");
    out_of(b);
    kept_bytes -= footprint(b);
    b->state = 0;
    __real_free(b->raw);
}

static void *ipfs_mpi_allocate(size_t n, size_t align) {
    uint32_t number = ++count;
    if (stop_at(number)) {
        ipfs_mpi_words[0] = 0;
        say("heap: allocation ");
        say_number(number);
        say(", a block of ");
        say_number(n);
        say(" bytes,");
        ipfs_mpi_fail();
    }
    size_t more = sizeof(struct block) + back + align;
    if (n > SIZE_MAX - more) return NULL;
    uint8_t *raw = __real_malloc(n + more);
    while (!raw && kept.after != &kept) {
        ipfs_mpi_forget_oldest();
        raw = __real_malloc(n + more);
    }
    if (!raw) return NULL;
    uintptr_t at = ((uintptr_t)raw + sizeof(struct block) + align - 1) & ~(uintptr_t)(align - 1);
    struct block *b = (struct block *)at - 1;
    b->state = live;
    b->number = number;
    b->size = n;
    b->raw = raw;
    memset(b->front, guard, sizeof b->front);
    memset(data(b), fresh, n < kept_most ? n : kept_most);
    memset(data(b) + n, guard, back);
    into(&all, b);
    return data(b);
}

/* block_of finds the block of a pointer that is to be freed, or ends the program. */
static struct block *ipfs_mpi_block_of(void *p) {
    struct block *b = (struct block *)p - 1;
    int there = (uintptr_t)p % 16 == 0 && (uintptr_t)p >= 65536 + sizeof *b;
    if (there && b->state == freed) ipfs_mpi_blame(b, "free of what is free already:", "");
    if (there && b->state != live && !other_than(b->front, 8, guard) && b->size < SIZE_MAX / 2)
        ipfs_mpi_blame(b, "bytes were written far before", "");
    if (!there || b->state != live) {
        ipfs_mpi_words[0] = 0;
        say("heap: a pointer is freed that malloc did not return, or what is before its block is damaged");
        ipfs_mpi_fail();
    }
    ipfs_mpi_check_guards(b, "");
    return b;
}

void *__wrap_malloc(size_t n) { return ipfs_mpi_allocate(n, 16); }

void __wrap_free(void *p) {
    if (!p) return;
    struct block *b = ipfs_mpi_block_of(p);
    out_of(b);
    b->state = freed;
    if (b->size > kept_most / 4) {
        __real_free(b->raw);
        return;
    }
    memset(data(b), gone, b->size + back);
    into(&kept, b);
    kept_bytes += footprint(b);
    while (kept_bytes > kept_most) ipfs_mpi_forget_oldest();
}

void *__wrap_calloc(size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) return NULL;
    void *p = ipfs_mpi_allocate(bytes, 16);
    return p ? memset(p, 0, bytes) : NULL;
}

void *__wrap_realloc(void *p, size_t n) {
    if (!p) return ipfs_mpi_allocate(n, 16);
    struct block *b = ipfs_mpi_block_of(p);
    void *to = ipfs_mpi_allocate(n, 16);
    if (!to) return NULL;
    memcpy(to, p, b->size < n ? b->size : n);
    __wrap_free(p);
    return to;
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
    if (align & (align - 1)) return NULL;
    return ipfs_mpi_allocate(n, align < 16 ? 16 : align);
}

void *__wrap_memalign(size_t align, size_t n) { return __wrap_aligned_alloc(align, n); }

int __wrap_posix_memalign(void **to, size_t align, size_t n) {
    if (align < sizeof *to || align & (align - 1)) return 28; /* EINVAL */
    void *p = __wrap_aligned_alloc(align, n);
    if (!p) return 48; /* ENOMEM */
    *to = p;
    return 0;
}

size_t __wrap_malloc_usable_size(void *p) { return p ? ipfs_mpi_block_of(p)->size : 0; }

__attribute__((destructor(101))) static void ipfs_mpi_look_at_all(void) {
    for (struct block *b = all.after; b != &all; b = b->after) ipfs_mpi_check_guards(b, ", found at the end");
    for (struct block *b = kept.after; b != &kept; b = b->after) ipfs_mpi_check_kept(b, ", found at the end");
}
