#include <stdint.h>
enum { LOCAL = 64, DEGREE = 4 };
int64_t search(int64_t root, int64_t *parents);
