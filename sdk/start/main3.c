/*
 * Linked into programs whose main has a third parameter, the environment, as on most systems. The C
 * library calls a main of two.
 */
extern char **environ;

int real(int argc, char **argv, char **envp) __asm__("main");
int __main_argc_argv(int argc, char **argv) { return real(argc, argv, environ); }
