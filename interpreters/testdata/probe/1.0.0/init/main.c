/* Succeeds if the interpreter's files are visible. */
#include <stdio.h>

int main(void) {
    FILE *f = fopen("/greeting.txt", "r");
    if (!f) {
        perror("probe: init: /greeting.txt");
        return 1;
    }
    return fclose(f) != 0;
}
