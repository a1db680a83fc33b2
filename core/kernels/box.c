/* Maxima and means over boxes of pixels. Means are summed in double: a global one has as many terms
 * as an image has pixels. */
#include <math.h>

#include "core/kernels/vec.h"

enum { BLOCK = 64 }; /* channels that are summed together, on the stack */

static const float *line_of(const struct up_box *box, size_t d, size_t h)
{
    return box->x + d * box->depth_stride + h * box->height_stride;
}

/* Of one channel, as the loops over channels below have it. */
static float single_max(const struct up_box *box)
{
    float best = *box->x;
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h);
            for (size_t w = 0; w < box->width; w++) {
                const bool wins = (x[w] > best) | (isnan(x[w]) != 0); /* not ||: no branch */
                best = wins ? x[w] : best;
            }
        }
    return best;
}

static double single_sum(const struct up_box *box)
{
    double sum = 0;
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h);
            for (size_t w = 0; w < box->width; w++)
                sum += (double)x[w];
        }
    return sum;
}

void UP_KERNEL(box_max)(const struct up_box *box, float *y)
{
    if (box->channels == 1) {
        *y = single_max(box);
        return;
    }
    memcpy(y, box->x, box->channels * sizeof *y);
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h);
            for (size_t w = 0; w < box->width; w++, x += box->channels)
                for (size_t c = 0; c < box->channels; c++)
                    y[c] = x[c] > y[c] || isnan(x[c]) ? x[c] : y[c];
        }
}

static double values_of(const struct up_box *box)
{
    return (double)(box->depth * box->height * box->width);
}

static void block_mean(const struct up_box *box, size_t first, size_t count, float *y)
{
    double sum[BLOCK];
    for (size_t c = 0; c < count; c++)
        sum[c] = 0;
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h) + first;
            for (size_t w = 0; w < box->width; w++, x += box->channels)
                for (size_t c = 0; c < count; c++)
                    sum[c] += x[c];
        }
    for (size_t c = 0; c < count; c++)
        y[c] = (float)(sum[c] / values_of(box));
}

void UP_KERNEL(box_mean)(const struct up_box *box, float *y)
{
    if (box->channels == 1) {
        *y = (float)(single_sum(box) / values_of(box));
        return;
    }
    for (size_t c = 0; c < box->channels; c += BLOCK)
        block_mean(box, c, box->channels - c < BLOCK ? box->channels - c : BLOCK, y + c);
}
