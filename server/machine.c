#include "server/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* The numbers at the start of a file, as many as there are; "max" is none. */
static int numbers_read(const char *path, unsigned long long *a, unsigned long long *b)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    char line[128] = "";
    const char *read = fgets(line, sizeof line, f);
    (void)fclose(f);
    unsigned long long *const to[] = {a, b};
    char *at = line;
    int count = 0;
    while (read != NULL && count < 2) {
        char *end;
        const unsigned long long number = strtoull(at, &end, 10);
        if (end == at)
            break;
        *to[count++] = number;
        at = end;
    }
    return count;
}

/* A quota of microseconds in each period, of control groups 2 and 1; 0: none. */
static unsigned long long quota_cores(void)
{
    unsigned long long quota = 0, period = 0, unused;
    if (numbers_read("/sys/fs/cgroup/cpu.max", &quota, &period) != 2 &&
        (numbers_read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &unused) < 1 ||
         numbers_read("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &unused) < 1))
        return 0;
    /* Version 1 writes -1 for "no quota", which reads as a huge number. */
    return period == 0 || quota > (1ull << 40) ? 0 : (quota + period - 1) / period;
}

unsigned srv_machine_cores(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned cores = online < 1 ? 1 : (unsigned)online;
    const unsigned long long quota = quota_cores();
    if (quota != 0 && quota < cores)
        cores = (unsigned)quota;
    return cores;
}

size_t srv_machine_memory(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    size_t memory = pages < 1 || page_bytes < 1 ? SIZE_MAX / 4 : (size_t)pages * (size_t)page_bytes;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        unsigned long long limit, unused;
        if (numbers_read(limits[i], &limit, &unused) >= 1 && limit < memory)
            memory = (size_t)limit;
    }
    return memory;
}

size_t srv_machine_resident(void)
{
    unsigned long long total, resident;
    const long page_bytes = sysconf(_SC_PAGESIZE);
    if (numbers_read("/proc/self/statm", &total, &resident) != 2 || page_bytes < 1)
        return 0;
    return (size_t)resident * (size_t)page_bytes;
}

void srv_machine_memory_tune(void)
{
#ifdef __GLIBC__
    /* A fixed threshold: else the first large block that is freed raises it to 32 MB, and blocks
     * below that stay in the heap for ever. */
    (void)mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    (void)mallopt(M_ARENA_MAX, 4);
#endif
}

void srv_machine_memory_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

size_t srv_machine_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 1024;
    files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return getrlimit(RLIMIT_NOFILE, &files) == 0 ? (size_t)files.rlim_cur : 1024;
}
