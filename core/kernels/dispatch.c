/* Which table serves: the rows of isa.inc come from the Makefile's list, best first. */
#include <stdint.h>
#include <string.h>

#include "core/kernels/kernels.h"

#define ISA(name, usable) extern const struct up_kernels up_kernels_##name;
#include "isa.inc"
#undef ISA

struct row {
    const struct up_kernels *kernels;
    bool usable;
};

enum { ROWS_MAX = 16 };

static size_t rows_read(struct row rows[ROWS_MAX])
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
#endif
    size_t n = 0;
#define ISA(name, condition) rows[n++] = (struct row){&up_kernels_##name, condition};
#include "isa.inc"
#undef ISA
    return n;
}

size_t up_kernels_usable(const struct up_kernels **ret, size_t max)
{
    struct row rows[ROWS_MAX];
    const size_t n = rows_read(rows);
    size_t count = 0;
    for (size_t i = 0; i < n && count < max; i++)
        if (rows[i].usable)
            ret[count++] = rows[i].kernels;
    return count;
}

const struct up_kernels *up_kernels_select(const char *cap)
{
    struct row rows[ROWS_MAX];
    const size_t n = rows_read(rows);
    const bool capped = cap != NULL && cap[0] != '\0';
    bool below = !capped;
    for (size_t i = 0; i < n; i++) {
        below = below || strcmp(rows[i].kernels->isa, cap) == 0;
        if (below && rows[i].usable)
            return rows[i].kernels;
    }
    return NULL;
}

const char *up_kernels_name(size_t index)
{
    struct row rows[ROWS_MAX];
    return index < rows_read(rows) ? rows[index].kernels->isa : NULL;
}
