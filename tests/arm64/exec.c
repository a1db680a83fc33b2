/* Programs that start programs, under an emulator. The kernel cannot start a binary of another
 * architecture, and registering an emulator with it takes root and changes the machine; so what is
 * preloaded with this starts ARM64_EMULATOR instead, with the binary as its first argument.
 * Criterion starts every test by execve, the tests of the server start it by execv. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

extern char **environ;

int execve(const char *path, char *const arguments[], char *const environment[])
{
    char *emulated[ARGUMENTS_MAX] = {getenv("ARM64_EMULATOR"), (char *)path};
    for (size_t i = 1; arguments[i] != NULL; i++) {
        if (i + 2 == ARGUMENTS_MAX) {
            errno = E2BIG;
            return -1;
        }
        emulated[i + 1] = arguments[i];
    }
    return (int)syscall(SYS_execve, emulated[0], emulated, environment);
}

int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}
