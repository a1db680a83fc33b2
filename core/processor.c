#define _GNU_SOURCE /* sched_getcpu, cpu_set_t */
#include "core/processor.h"

#include <sched.h>

int up_processor(void)
{
    return sched_getcpu();
}

void up_processor_leave(int processor)
{
    cpu_set_t all, others;
    if (processor < 0 || sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    others = all;
    CPU_CLR((size_t)processor, &others);
    if (sched_setaffinity(0, sizeof others, &others) == 0)
        (void)sched_setaffinity(0, sizeof all, &all);
}
