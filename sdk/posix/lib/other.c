/* Shared libraries, jumps, backtraces and the log of the system. */
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static const char *refused;

WEAK void *dlopen(const char *name, int flags) {
    (void)name, (void)flags;
    refused = "WebAssembly programs have no shared libraries";
    return NULL;
}

WEAK void *dlsym(void *library, const char *name) { return (void)name, dlopen(library, 0); }
WEAK int dlclose(void *library) { return dlopen(library, 0), -1; }
WEAK int dladdr(const void *at, Dl_info *info) { return (void)at, (void)info, 0; }

WEAK char *dlerror(void) {
    const char *text = refused;
    refused = NULL;
    return (char *)text;
}

WEAK int setjmp(jmp_buf at) { return (void)at, 0; }
WEAK int _setjmp(jmp_buf at) { return (void)at, 0; }
WEAK int sigsetjmp(sigjmp_buf at, int mask) { return (void)at, (void)mask, 0; }

WEAK _Noreturn void longjmp(jmp_buf to, int value) {
    (void)to, (void)value;
    fputs("longjmp: WebAssembly cannot jump out of functions: return error codes instead\n", stderr);
    abort();
}

WEAK _Noreturn void _longjmp(jmp_buf to, int value) { longjmp(to, value); }
WEAK _Noreturn void siglongjmp(sigjmp_buf to, int value) { longjmp(to, value); }

WEAK int backtrace(void **list, int n) { return (void)list, (void)n, 0; }
WEAK char **backtrace_symbols(void *const *list, int n) { return (void)list, (void)n, NULL; }
WEAK void backtrace_symbols_fd(void *const *list, int n, int fd) { (void)list, (void)n, (void)fd; }

static const char *identity = "";
static int logged;

WEAK void openlog(const char *name, int options, int facility) {
    (void)facility;
    identity = name ? name : "";
    logged = options & LOG_PERROR;
}

WEAK void closelog(void) { logged = 0; }
WEAK int setlogmask(int mask) { return (void)mask, 0xff; }

WEAK void vsyslog(int priority, const char *format, va_list arguments) {
    (void)priority;
    if (!logged)
        return;
    fprintf(stderr, "%s%s", identity, *identity ? ": " : "");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

WEAK void syslog(int priority, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

/* err.h, which wasi-libc declares. */
WEAK void vwarnx(const char *format, va_list arguments) {
    if (format)
        vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

WEAK void vwarn(const char *format, va_list arguments) {
    const char *why = strerror(errno);
    if (format) {
        vfprintf(stderr, format, arguments);
        fputs(": ", stderr);
    }
    fprintf(stderr, "%s\n", why);
}

WEAK void warn(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
}

WEAK void warnx(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
}

WEAK _Noreturn void err(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
    exit(code);
}

WEAK _Noreturn void errx(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
    exit(code);
}
