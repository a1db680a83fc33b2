/* Floats as the digits of decimals: the loop over core/kernels/decimal.h, which compilers make
 * vectors of. */
#include "core/kernels/decimal.h"
#include "core/kernels/vec.h"

void UP_KERNEL(decimals)(const float *restrict x, size_t count, struct up_decimals *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const struct up_decimal d = up_decimal(bits);
        ret->point[i] = d.point;
        ret->first[i] = d.first;
        ret->front[i] = d.front;
        ret->back[i] = d.back;
    }
}
