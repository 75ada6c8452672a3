#include <stdio.h>

int main(void) {
    fputs("initfail: no such device\n", stderr);
    return 3;
}
