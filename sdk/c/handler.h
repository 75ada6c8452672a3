/* handler.h: a handler for ipfs-mpi in C, in one header and without stdio.
 *
 * A handler is a program, compiled to WebAssembly, that a node runs once for each message: a fresh
 * instance, nothing kept between two. It reads the message on standard input and writes the
 * messages to send, none or many, to standard output (docs/interpreters.md).
 *
 *     #include "handler.h"
 *
 *     int main(void) {
 *         struct handler_message in = handler_read();
 *         handler_send(in.from, in.data, in.size);
 *         return handler_done();
 *     }
 *
 * Include it in one file of the program. What it cannot read or has no memory for ends the program
 * with exit code 1 and a line on standard error; the origin is told both.
 */
#ifndef HANDLER_H
#define HANDLER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The message to handle. The strings are zero-terminated, and data has a zero byte after its size
   bytes. */
struct handler_message {
    long long pid;       /* of the request */
    const char *to;      /* this peer */
    const char *from;    /* the peer that sent it */
    unsigned char *data; /* the handler may write to it */
    size_t size;         /* number of bytes in data */
};

/* handler_read reads the message on standard input. Call it once, first. */
static inline struct handler_message handler_read(void);

/*
 * handler_send adds a message to the output. A message to the origin is an answer and goes to the
 * waiting request. A message to any other peer of the pool goes to the same interpreter there.
 */
static inline void handler_send(const char *to, const void *data, size_t size);

/* handler_done writes the output and returns 0. A program that ends without it sends nothing. */
static inline int handler_done(void);

/* handler_fail ends the program with exit code 1 and writes the line to standard error. Nothing is
   sent. */
static inline _Noreturn void handler_fail(const char *line);

/* What the node tells the program. Never null. */
static inline const char *handler_env(const char *key) {
    const char *v = getenv(key);
    return v ? v : "";
}
/* this node's peer ID */
static inline const char *handler_host(void) { return handler_env("MPI_HOST"); }
/* peer ID of the request's origin */
static inline const char *handler_origin(void) { return handler_env("MPI_ORIGIN"); }
/* peer IDs of the pool's others, separated by spaces */
static inline const char *handler_peers(void) { return handler_env("MPI_PEERS"); }

/* ---- Implementation ---- */

static struct {
    char *at, *end;       /* unread input */
    long long pid;        /* of the request */
    char *out;            /* output so far */
    size_t size, room, sent; /* sent: number of messages in it */
} handler_state;

static inline void handler_write(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            _Exit(1);
        }
        p += k;
        n -= (size_t)k;
    }
}

static inline _Noreturn void handler_fail(const char *line) {
    handler_write(2, line, strlen(line));
    handler_write(2, "\n", 1);
    _Exit(1);
}

static inline _Noreturn void handler_bad(void) { handler_fail("handler: standard input is not the JSON of a message"); }

/* handler_peek skips white space and returns the next byte; 0 at the end, which JSON has only
   within strings. */
static inline char handler_peek(void) {
    char *p = handler_state.at;
    while (p < handler_state.end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    handler_state.at = p;
    return p < handler_state.end ? *p : 0;
}

static inline int handler_take(char c) {
    if (handler_peek() != c) return 0;
    handler_state.at++;
    return 1;
}

static inline void handler_need(char c) {
    if (!handler_take(c)) handler_bad();
}

static inline unsigned handler_hex4(void) {
    unsigned v = 0;
    if (handler_state.end - handler_state.at < 4) handler_bad();
    for (int i = 0; i < 4; i++) {
        char c = *handler_state.at++;
        v <<= 4;
        if (c >= '0' && c <= '9') v |= (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f') v |= (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F') v |= (unsigned)(c - 'A' + 10);
        else handler_bad();
    }
    return v;
}

/* handler_escape reads the rest of an escape and writes the character as UTF-8, which is never
   longer. */
static inline char *handler_escape(char *to) {
    static const char name[] = "\"\\/bfnrt", byte[] = "\"\\/\b\f\n\r\t";
    if (handler_state.at == handler_state.end) handler_bad();
    char e = *handler_state.at++;
    if (e != 'u') {
        const char *p = memchr(name, e, sizeof name - 1);
        if (!p) handler_bad();
        *to = byte[p - name];
        return to + 1;
    }
    unsigned c = handler_hex4();
    if (c >= 0xD800 && c < 0xE000) { /* half of a surrogate pair */
        char *mark = handler_state.at;
        unsigned low = 0;
        if (c < 0xDC00 && handler_state.end - mark >= 6 && mark[0] == '\\' && mark[1] == 'u') {
            handler_state.at += 2;
            low = handler_hex4();
        }
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        } else {
            c = 0xFFFD;
            handler_state.at = mark;
        }
    }
    static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
    int more = (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    *to++ = (char)(first[more] | c >> (6 * more));
    while (more-- > 0) *to++ = (char)(0x80 | (c >> (6 * more) & 63));
    return to;
}

/* handler_utf8 moves the rest of a character that begins with c, at least 0x80 (RFC 3629). */
static inline char *handler_utf8(char *to, unsigned char c) {
    int more = 1 + (c >= 0xE0) + (c >= 0xF0);
    unsigned v = c & (0x3Fu >> more), least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    if (c < 0xC0 || c > 0xF4 || handler_state.end - handler_state.at < more) handler_bad();
    for (*to++ = (char)c; more > 0; more--) {
        c = (unsigned char)*handler_state.at++;
        if ((c & 0xC0) != 0x80) handler_bad();
        v = v << 6 | (c & 63);
        *to++ = (char)c;
    }
    if (v < least || v > 0x10FFFF || v >> 11 == 0xD800 >> 11) handler_bad();
    return to;
}

/* handler_string reads a string in place: the text is never longer than its JSON. */
static inline char *handler_string(void) {
    handler_need('"');
    char *start = handler_state.at, *to = start;
    while (handler_state.at < handler_state.end) {
        char c = *handler_state.at++;
        if (c == '"') {
            *to = 0; /* the closing quote's place, or before it */
            return start;
        }
        if ((unsigned char)c < ' ') handler_bad();
        if (c == '\\') to = handler_escape(to);
        else if (c & 0x80) to = handler_utf8(to, (unsigned char)c);
        else *to++ = c;
    }
    handler_bad();
}

static inline long long handler_integer(void) {
    int minus = handler_take('-');
    unsigned long long v = 0, most = minus ? 1ull << 63 : (1ull << 63) - 1;
    char c = handler_peek();
    if (c < '0' || c > '9') handler_bad();
    for (; handler_state.at < handler_state.end; handler_state.at++) {
        c = *handler_state.at;
        if (c < '0' || c > '9') break;
        if (v > (most - (unsigned)(c - '0')) / 10) handler_bad();
        v = v * 10 + (unsigned)(c - '0');
    }
    return (long long)(minus ? 0 - v : v);
}

/* handler_skip skips the value of an unknown key; later nodes may add keys. */
static inline void handler_skip(int depth) {
    char c = handler_peek();
    if (depth == 0) handler_bad();
    if (c == '"') {
        handler_string();
    } else if (c == '{' || c == '[') {
        char close = c == '{' ? '}' : ']';
        handler_state.at++;
        if (handler_take(close)) return;
        do {
            if (c == '{') {
                handler_string();
                handler_need(':');
            }
            handler_skip(depth - 1);
        } while (handler_take(','));
        handler_need(close);
    } else { /* a number, true, false, null */
        char *start = handler_state.at;
        while (handler_state.at < handler_state.end &&
               memchr("+-.0123456789Eaeflnrstu", *handler_state.at, 23)) handler_state.at++;
        if (handler_state.at == start) handler_bad();
    }
}

/* handler_data reads an array of numbers from 0 to 255 in place. */
static inline void handler_data(struct handler_message *m) {
    if (handler_peek() == 'n') { /* null */
        handler_skip(1);
        return;
    }
    handler_need('[');
    unsigned char *to = (unsigned char *)handler_state.at;
    m->data = to;
    if (!handler_take(']')) {
        do {
            unsigned v = 0;
            int digits = 0;
            handler_peek();
            for (; handler_state.at < handler_state.end && digits < 4; digits++, handler_state.at++) {
                unsigned d = (unsigned)(*handler_state.at - '0');
                if (d > 9) break;
                v = v * 10 + d;
            }
            if (digits == 0 || digits > 3 || v > 255) handler_bad();
            *to++ = (unsigned char)v;
        } while (handler_take(','));
        handler_need(']');
    }
    m->size = (size_t)(to - m->data);
    *to = 0; /* at most where the bracket was */
}

static inline void handler_one(struct handler_message *m) {
    handler_need('{');
    if (handler_take('}')) return;
    do {
        char *key = handler_string();
        handler_need(':');
        if (!strcmp(key, "Data")) handler_data(m);
        else if (!strcmp(key, "From")) m->from = handler_string();
        else if (!strcmp(key, "To")) m->to = handler_string();
        else handler_skip(64);
    } while (handler_take(','));
    handler_need('}');
}

/*
 * handler_larger is realloc for a buffer that begins as a static one. So a small message needs
 * neither a call of the allocator nor a larger memory.
 */
static inline char *handler_larger(char *old, const char *first, size_t size, size_t room) {
    if (old != first) return realloc(old, room);
    char *p = malloc(room);
    return p ? memcpy(p, old, size) : p;
}

static inline void handler_input(void) {
    static char first[16 << 10];
    size_t size = 0, room = sizeof first;
    char *in = first;
    for (;;) {
        ssize_t n = read(0, in + size, room - size);
        if (n < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            handler_fail("handler: standard input cannot be read");
        }
        if (n == 0) break;
        size += (size_t)n;
        if (size < room) continue;
        room = room > (size_t)-1 / 2 ? 0 : 2 * room;
        in = room ? handler_larger(in, first, size, room) : NULL;
        if (!in) handler_fail("handler: the message does not fit in memory");
    }
    handler_state.at = in;
    handler_state.end = in + size;
}

static inline struct handler_message handler_read(void) {
    static unsigned char none[1];
    struct handler_message m = {0, "", "", none, 0};
    int messages = 0;
    handler_input();
    handler_need('{');
    if (!handler_take('}')) {
        do {
            char *key = handler_string();
            handler_need(':');
            if (!strcmp(key, "Pid")) {
                handler_state.pid = handler_integer();
            } else if (!strcmp(key, "messages")) {
                handler_need('[');
                handler_one(&m);
                handler_need(']');
                messages++;
            } else {
                handler_skip(64);
            }
        } while (handler_take(','));
        handler_need('}');
    }
    if (messages != 1 || (handler_peek(), handler_state.at != handler_state.end)) handler_bad();
    m.pid = handler_state.pid;
    return m;
}

/* handler_grow makes room for n more bytes of output and returns their address. */
static inline char *handler_grow(size_t n) {
    static char first[16 << 10];
    if (!handler_state.out) {
        handler_state.out = first;
        handler_state.room = sizeof first;
    }
    if (n > handler_state.room - handler_state.size) {
        size_t half = (size_t)-1 / 4, room = 2 * handler_state.room + n;
        char *out = handler_state.room > half || n > half ? NULL : handler_larger(handler_state.out, first, handler_state.size, room);
        if (!out) handler_fail("handler: the messages to send do not fit in memory");
        handler_state.out = out;
        handler_state.room = room;
    }
    return handler_state.out + handler_state.size;
}

static inline void handler_add(const char *s) {
    size_t n = strlen(s);
    memcpy(handler_grow(n), s, n);
    handler_state.size += n;
}

static inline void handler_add_integer(long long v) {
    char digits[21], *p = digits + sizeof digits;
    unsigned long long u = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    *--p = 0;
    do *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0) handler_add("-");
    handler_add(p);
}

static inline void handler_add_string(const char *s) {
    char *to = handler_grow(6 * strlen(s) + 2), *start = to;
    *to++ = '"';
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < ' ') {
            memcpy(to, "\\u00", 4);
            to[4] = "01"[c >> 4];
            to[5] = "0123456789abcdef"[c & 15];
            to += 6;
            continue;
        }
        if (c == '"' || c == '\\') *to++ = '\\';
        *to++ = (char)c;
    }
    *to++ = '"';
    handler_state.size += (size_t)(to - start);
}

static inline void handler_begin(void) {
    handler_add("{\"Pid\":");
    handler_add_integer(handler_state.pid);
    handler_add(",\"messages\":[");
}

static inline void handler_send(const char *to, const void *data, size_t size) {
    if (handler_state.size == 0) handler_begin();
    handler_add(handler_state.sent++ ? ",{\"Pid\":" : "{\"Pid\":");
    handler_add_integer(handler_state.pid);
    handler_add(",\"To\":");
    handler_add_string(to);
    handler_add(",\"Data\":[");
    if (size > (size_t)-1 / 8) handler_fail("handler: the messages to send do not fit in memory");
    char *start = handler_grow(4 * size), *p = start;
    for (const unsigned char *d = data, *end = d + size; d < end; d++) {
        unsigned v = *d;
        if (v >= 100) *p++ = (char)('0' + v / 100);
        if (v >= 10) *p++ = (char)('0' + v / 10 % 10);
        *p++ = (char)('0' + v % 10);
        *p++ = ',';
    }
    if (size > 0) p--; /* the last comma */
    handler_state.size += (size_t)(p - start);
    handler_add("]}");
}

static inline int handler_done(void) {
    if (handler_state.size == 0) handler_begin();
    handler_add("]}");
    handler_write(1, handler_state.out, handler_state.size);
    return 0;
}

#endif
