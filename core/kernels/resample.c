/* Moving values without arithmetic: repetition and transposition. */
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

void UP_KERNEL(transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                          size_t y_stride)
{
    enum { BLOCK = 16 }; /* one cache line each way */
    for (size_t r0 = 0; r0 < rows; r0 += BLOCK)
        for (size_t c0 = 0; c0 < columns; c0 += BLOCK)
            for (size_t c = c0; c < c0 + BLOCK && c < columns; c++)
                for (size_t r = r0; r < r0 + BLOCK && r < rows; r++)
                    y[c * y_stride + r] = x[r * x_stride + c];
}
