// Does to files what programs do, and says what is not as it should be.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int MPI_Comm_rank(int comm, int *rank) __attribute__((import_module("env"), import_name("MPI_Comm_rank")));

static int failures;
#define CHECK(x) ((x) ? (void)0 : (void)(failures++, printf("line %d: %s: errno %d\n", __LINE__, #x, errno)))

static const char *text(const char *name) {
  static char b[1000];
  memset(b, 0, sizeof b);
  FILE *f = fopen(name, "r");
  if (!f) return "(none)";
  fread(b, 1, sizeof b - 1, f);
  fclose(f);
  return b;
}

static void picture(void) {
  FILE *f = fopen("out.png", "wb");
  CHECK(f);
  if (!f) return;
  CHECK(fprintf(f, "P6 %d %d\n", 640, 480) == 11);
  CHECK(fwrite("abcdef", 1, 6, f) == 6);
  CHECK(fseek(f, 3, SEEK_SET) == 0);
  CHECK(fprintf(f, "x") == 1);
  CHECK(ftell(f) == 4);
  CHECK(fclose(f) == 0);
  CHECK(strcmp(text("out.png"), "P6 x40 480\nabcdef") == 0);
  f = fopen("/out.png", "a+");
  fputs("!", f);
  rewind(f);
  char b[40] = {0};
  CHECK(fread(b, 1, 39, f) == 18);
  CHECK(strcmp(b, "P6 x40 480\nabcdef!") == 0);
  fclose(f);
}

static void names(void) {
  struct stat st;
  CHECK(mkdir("dir", 0777) == 0);
  CHECK(mkdir("dir", 0777) == -1 && errno == EEXIST);
  CHECK(mkdir("none/dir", 0777) == -1 && errno == ENOENT);
  int fd = open("dir/a", O_CREAT | O_EXCL | O_RDWR, 0666);
  CHECK(fd >= 0);
  CHECK(write(fd, "hello", 5) == 5);
  CHECK(ftruncate(fd, 3) == 0 && lseek(fd, 0, SEEK_END) == 3);
  CHECK(pwrite(fd, "Z", 1, 6) == 1);
  char b[10];
  CHECK(pread(fd, b, 10, 0) == 7 && memcmp(b, "hel\0\0\0Z", 7) == 0);
  CHECK(fstat(fd, &st) == 0 && st.st_size == 7 && S_ISREG(st.st_mode));
  close(fd);
  CHECK(open("dir/a", O_CREAT | O_EXCL | O_RDWR, 0666) == -1 && errno == EEXIST);
  CHECK(rmdir("dir") == -1 && errno == ENOTEMPTY);
  CHECK(rename("dir", "dir2") == 0);
  CHECK(stat("dir/a", &st) == -1 && errno == ENOENT);
  CHECK(rename("dir2/a", "b") == 0 && stat("b", &st) == 0 && st.st_size == 7);
  CHECK(rmdir("dir2") == 0);
  CHECK(unlink("b") == 0 && unlink("b") == -1 && errno == ENOENT);
}

static void below(void) {
  CHECK(strcmp(text("data/in"), "given") == 0);
  FILE *f = fopen("data/in", "r+");
  CHECK(f);
  if (!f) return;
  fputs("GI", f);
  fclose(f);
  CHECK(strcmp(text("data/in"), "GIven") == 0);
  CHECK(rename("data/in", "data/moved") == 0);
  CHECK(strcmp(text("data/in"), "(none)") == 0);
  CHECK(remove("data/other") == 0);
  int n = 0;
  DIR *d = opendir("data");
  CHECK(d);
  for (struct dirent *e; d && (e = readdir(d));)
    if (e->d_name[0] != '.') n += strcmp(e->d_name, "moved") == 0 ? 1 : 100;
  CHECK(n == 1);
  if (d) closedir(d);
}

static void space(void) {
  FILE *f = fopen("large", "w");
  static char b[4096];
  size_t n = 0;
  for (int i = 0; i < 1000; i++) n += fwrite(b, 1, sizeof b, f);
  CHECK(ferror(f) && errno == ENOSPC && n < 1 << 20);
  fclose(f);
  CHECK(unlink("large") == 0);
  f = fopen("small", "w"); // the space is there again
  CHECK(fwrite(b, 1, sizeof b, f) == sizeof b && fclose(f) == 0);
}

int main(void) {
  int rank;
  MPI_Comm_rank(0, &rank);
  picture();
  names();
  below();
  space();
  char line[100];
  while (fgets(line, sizeof line, stdin)) printf("%d: %s", rank, line);
  fprintf(stderr, "done\n");
  return failures;
}
