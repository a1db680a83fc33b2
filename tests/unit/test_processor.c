#define _GNU_SOURCE /* cpu_set_t */
#include "core/processor.h"

#include <criterion/criterion.h>
#include <sched.h>

Test(processor, a_thread_that_leaves_runs_elsewhere_and_may_use_what_it_might_before)
{
    cpu_set_t before, after;
    cr_assert(sched_getaffinity(0, sizeof before, &before) == 0);
    const int here = up_processor();
    cr_assert(here >= 0 && CPU_ISSET((size_t)here, &before), "%d is not ours", here);
    for (size_t i = 0; i < CPU_SETSIZE; i++) /* away from each of them: the last one is kept */
        up_processor_leave((int)i);
    cr_assert(sched_getaffinity(0, sizeof after, &after) == 0);
    cr_assert(CPU_EQUAL(&before, &after), "the processors that may be used are others");
}

Test(processor, no_thread_leaves_the_only_one_it_may_use)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    const int here = up_processor();
    CPU_SET((size_t)here, &one);
    cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
    up_processor_leave(here);
    cr_assert(up_processor() == here, "%d instead of %d", up_processor(), here);
}
