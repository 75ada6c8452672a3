/* Probe answers with what it gets from its node, for tests: the data "args", "env KEY", "read
   PATH", or "write PATH". */
#include <fcntl.h>
#include <stdio.h>

#include "handler.h"

static void report(const struct handler_message *in, const char *text) { handler_send(in->from, text, strlen(text)); }

static void open_and(const struct handler_message *in, const char *path, int flags) {
    char text[4096];
    int fd = open(path, flags, 0644);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0) n = snprintf(text, sizeof text, "error: %s", strerror(errno));
    handler_send(in->from, text, (size_t)n);
}

int main(int argc, char **argv) {
    struct handler_message in = handler_read();
    char *verb = (char *)in.data, *arg = strchr(verb, ' ');
    if (arg) *arg++ = 0;
    else arg = "";
    if (!strcmp(verb, "args")) for (int i = 0; i < argc; i++) report(&in, argv[i]);
    else if (!strcmp(verb, "env")) report(&in, handler_env(arg));
    else if (!strcmp(verb, "read")) open_and(&in, arg, O_RDONLY);
    else if (!strcmp(verb, "write")) open_and(&in, arg, O_RDWR | O_CREAT);
    else handler_fail("probe: unknown verb");
    return handler_done();
}
