/* Maxima and means over boxes of pixels. Means of more than a few are summed in double: a global
 * one has as many terms as an image has pixels. */
#include <math.h>

#include "core/kernels/vec.h"

enum {
    BLOCK = 64,  /* channels that are summed together, on the stack */
    VECTORS = 4, /* of channels that are computed together */
    FEW = 16,    /* values whose sum in float is off by some halves of its last bit */
};

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

/* Of channels first .. end - 1. NaN wins, and the first of equal values. */
static void rest_max(const struct up_box *box, size_t first, size_t end, float *y)
{
    memcpy(y + first, box->x + first, (end - first) * sizeof *y);
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h);
            for (size_t w = 0; w < box->width; w++, x += box->channels)
                for (size_t c = first; c < end; c++)
                    y[c] = x[c] > y[c] || isnan(x[c]) ? x[c] : y[c];
        }
}

/* Of so many vectors of channels from c on, in registers. Inlined where it is a constant. A NaN,
 * and little else, makes a sum of the values NaN: adding them up costs less than asking each. */
UP_INLINE void vectors_max(const struct up_box *box, size_t c, size_t vectors, float *y)
{
    up_vf best[VECTORS], sum[VECTORS] = {{0}}, all = {0};
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++)
        best[v] = up_load(box->x + c + v * UP_LANES);
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h) + c;
            for (size_t w = 0; w < box->width; w++, x += box->channels) {
                UP_UNROLL
                for (size_t v = 0; v < vectors; v++) {
                    const up_vf from = up_load_once(x + v * UP_LANES);
                    best[v] = up_greater(from, best[v]);
                    sum[v] += from;
                }
            }
        }
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++) {
        up_store(y + c + v * UP_LANES, best[v]);
        all += sum[v];
    }
    if (up_any_nan(all))
        rest_max(box, c, c + vectors * UP_LANES, y);
}

void UP_KERNEL(box_max)(const struct up_box *box, float *y)
{
    if (box->channels == 1) {
        *y = single_max(box);
        return;
    }
    size_t c = 0;
    for (; c + VECTORS * UP_LANES <= box->channels; c += VECTORS * UP_LANES)
        vectors_max(box, c, VECTORS, y);
    for (; c + UP_LANES <= box->channels; c += UP_LANES)
        vectors_max(box, c, 1, y);
    if (c < box->channels)
        rest_max(box, c, box->channels, y);
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

/* Of FEW values at most, and of so many vectors of channels from c on. Inlined where that is a
 * constant. */
UP_INLINE void vectors_mean(const struct up_box *box, size_t c, size_t vectors, float *y)
{
    up_vf sum[VECTORS] = {{0}};
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++) {
            const float *x = line_of(box, d, h) + c;
            for (size_t w = 0; w < box->width; w++, x += box->channels) {
                UP_UNROLL
                for (size_t v = 0; v < vectors; v++)
                    sum[v] += up_load(x + v * UP_LANES);
            }
        }
    const up_vf values = up_splat((float)values_of(box));
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++)
        up_store(y + c + v * UP_LANES, sum[v] / values);
}

void UP_KERNEL(box_mean)(const struct up_box *box, float *y)
{
    if (box->channels == 1) {
        *y = (float)(single_sum(box) / values_of(box));
        return;
    }
    size_t c = 0;
    if (values_of(box) <= FEW) {
        for (; c + VECTORS * UP_LANES <= box->channels; c += VECTORS * UP_LANES)
            vectors_mean(box, c, VECTORS, y);
        for (; c + UP_LANES <= box->channels; c += UP_LANES)
            vectors_mean(box, c, 1, y);
    }
    for (; c < box->channels; c += BLOCK)
        block_mean(box, c, box->channels - c < BLOCK ? box->channels - c : BLOCK, y + c);
}
