/* What the machine's cache is said to be, against the system's files as another program reads them.
 */
#include "core/cache_size.h"

#include <criterion/criterion.h>
#include <stdio.h>

static size_t size_of(unsigned index)
{
    char command[128], unit = 0;
    size_t size = 0;
    (void)snprintf(command, sizeof command,
                   "cat /sys/devices/system/cpu/cpu0/cache/index%u/size 2>/dev/null", index);
    FILE *pipe = popen(command, "r");
    cr_assert(pipe != NULL, "no shell");
    const int read = fscanf(pipe, "%zu%c", &size, &unit);
    (void)pclose(pipe);
    return read == 2 && unit == 'K' ? size * 1024 : 0;
}

Test(cache_size, is_that_of_the_largest_cache_of_the_first_processor, .timeout = 20)
{
    size_t largest = 0;
    for (unsigned i = 0; i < 5; i++)
        largest = size_of(i) > largest ? size_of(i) : largest;
    cr_assert(up_cache_bytes() == largest, "%zu, not %zu", up_cache_bytes(), largest);
    cr_assert(up_cache_bytes() == up_cache_bytes());
}
