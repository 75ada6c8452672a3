/* Initfail would echo, but its init.wasm fails. For tests. */
#include "handler.h"

int main(void) {
    struct handler_message in = handler_read();
    handler_send(in.from, in.data, in.size);
    return handler_done();
}
