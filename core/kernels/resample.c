/* Moving values without arithmetic: repetition. */
#include "core/kernels/vec.h"

void UP_KERNEL(repeat)(const float *x, size_t pixels, size_t channels, size_t factor, float *y)
{
    if (channels == 1) {
        for (size_t p = 0; p < pixels; p++)
            for (size_t f = 0; f < factor; f++)
                *y++ = x[p];
        return;
    }
    for (size_t p = 0; p < pixels; p++, x += channels)
        for (size_t f = 0; f < factor; f++, y += channels)
            memcpy(y, x, channels * sizeof *y);
}
