/* Linux's name for sys/statfs.h. A C library's own sys/vfs.h takes precedence. */
#if __has_include_next(<sys/vfs.h>)
#include_next <sys/vfs.h>
#else
#include <sys/statfs.h>
#endif
