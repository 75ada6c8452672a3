/*
 * Fail ends in the way that its data asks for, so that tests and operators can see what a node does
 * about it. README.md lists the modes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handler.h"

static const char usage[] =
    "fail: the data must be one of: ok TEXT, silent, many N, size N, slow MS, at PEER MODE, trap, exit N, loop, memory, "
    "stack, flood, flood-stderr [BYTES], garbage, forge [PEER], badto, badpid";

/* The compiler must not optimise these away. */
static volatile unsigned long long sink;
static volatile int always = 1;

static _Noreturn void loop(void) {
    while (always) sink++;
    abort();
}

/* memory allocates blocks until there are no more, and uses every page of them. */
static _Noreturn void memory(void) {
    enum { block = 1 << 20, page = 4 << 10 };
    for (size_t blocks = 0;; blocks++) {
        char *p = malloc(block);
        if (!p) {
            char line[64];
            snprintf(line, sizeof line, "fail: out of memory after %zu MiB", blocks);
            handler_fail(line);
        }
        for (size_t i = 0; i < block; i += page) ((volatile char *)p)[i] = 1;
    }
}

static unsigned long long deeper(unsigned long long depth) {
    if (always) depth = deeper(depth + 1) + 1;
    sink = depth; /* so that the call is not a tail call */
    return depth;
}

/* flood writes the byte to fd, in lines, the given number of times. */
static void flood(int fd, char byte, unsigned long long bytes) {
    static char lines[64 << 10];
    memset(lines, byte, sizeof lines);
    for (size_t i = 79; i < sizeof lines; i += 80) lines[i] = '\n';
    while (bytes > 0) {
        size_t n = bytes < sizeof lines ? (size_t)bytes : sizeof lines;
        handler_write(fd, lines, n);
        bytes -= n;
    }
}

static void slow(long long ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0) continue;
}

static void many(const struct handler_message *in, long long n) {
    char data[24];
    for (long long i = 0; i < n; i++) {
        int size = snprintf(data, sizeof data, "%lld", i);
        handler_send(in->from, data, (size_t)size);
    }
}

static void big(const struct handler_message *in, long long n) {
    void *data = calloc(1, (size_t)n);
    if (!data) handler_fail("fail: out of memory");
    handler_send(in->from, data, (size_t)n);
}

/* forge sends an answer with the wrong sender, which the SDK cannot do. */
static void forge(const struct handler_message *in, const char *as) {
    char first[128] = "";
    if (!*as) {
        sscanf(handler_peers(), "%127s", first);
        as = *first ? first : "12D3KooWFake";
    }
    printf("{\"Pid\":%lld,\"messages\":[{\"Pid\":%lld,\"To\":\"%s\",\"From\":\"%s\",\"Data\":[1]}]}", in->pid, in->pid, in->from, as);
}

/* at sends the rest of the data to a peer, which fails there. */
static void at(char *peer) {
    char *mode = strchr(peer, ' ');
    if (!mode) handler_fail(usage);
    *mode++ = 0;
    handler_send(peer, mode, strlen(mode));
}

int main(void) {
    struct handler_message in = handler_read();
    char *mode = (char *)in.data, *arg = strchr(mode, ' ');
    if (arg) *arg++ = 0;
    else arg = mode + strlen(mode);
    long long n = strtoll(arg, NULL, 10);
#define IS(name) (!strcmp(mode, name))
    if (IS("ok")) handler_send(in.from, arg, in.size - (size_t)(arg - mode));
    else if (IS("silent")) return 0; /* no output at all */
    else if (IS("many")) many(&in, n);
    else if (IS("size") && n >= 0) big(&in, n);
    else if (IS("slow") && n >= 0) slow(n), handler_send(in.from, arg, strlen(arg));
    else if (IS("at")) at(arg);
    else if (IS("trap")) __builtin_trap();
    else if (IS("exit")) fprintf(stderr, "fail: exit %lld\n", n), exit((int)n);
    else if (IS("loop")) loop();
    else if (IS("memory")) memory();
    else if (IS("stack")) deeper(0);
    else if (IS("flood")) flood(1, 'x', -1ull);
    else if (IS("flood-stderr")) flood(2, 'e', *arg ? (unsigned long long)n : -1ull);
    else if (IS("garbage")) return puts("this is not JSON") < 0;
    else if (IS("forge")) return forge(&in, arg), 0;
    else if (IS("badto")) handler_send("nobody", "x", 1);
    else if (IS("badpid")) handler_state.pid++, handler_send(in.from, "x", 1);
    else handler_fail(usage);
    return handler_done();
}
