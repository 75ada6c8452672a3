/* Temporary files, names and modes of files. Expected output (n=1): "1 1 kept 0 0 -1 1 /". */
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char name[] = "x.XXXXXX", path[4096], line[8] = "";
    MPI_Init(&argc, &argv);
    int fd = mkstemp(name);
    FILE *f = tmpfile();
    if (!f) {
        perror("tmpfile");
        return 1;
    }
    fputs("kept", f);
    rewind(f);
    if (!fgets(line, sizeof line, f))
        return 1;
    umask(027);
    printf("%d %d %s %d %d %d %d %s\n", fd >= 0, strcmp(name, "x.XXXXXX") != 0, line, flock(fd, LOCK_EX), chmod(name, 0600),
        chmod("nothing", 0600), umask(0) == 027, realpath("././/", path));
    MPI_Finalize();
    return 0;
}
