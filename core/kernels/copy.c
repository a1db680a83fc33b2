/* DESIGN
 * A strided tensor, made dense plane by plane: a plane is the last axis and one other. Where the
 * last axis is contiguous in x too, its lines are copied; where another axis is, the plane is
 * transposed in blocks, so that neither side is read or written a float a cache line. */
#include "core/kernels/vec.h"

void UP_KERNEL(stream)(const float *x, size_t count, float *y)
{
    const size_t rest = up_line_rest(y), head = rest < count ? rest : count;
    memcpy(y, x, head * sizeof *y);
    size_t i = head;
    for (; i + UP_LINE_FLOATS <= count; i += UP_LINE_FLOATS)
        for (size_t k = 0; k < UP_LINE_FLOATS; k += UP_LANES)
            up_stream(y + i + k, up_load(x + i + k));
    memcpy(y + i, x + i, (count - i) * sizeof *y);
}

void UP_KERNEL(fence)(void)
{
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

/* The axis that makes a plane with the last one. */
static size_t partner(const struct up_strided *s)
{
    const size_t last = s->rank - 1;
    if (s->stride[last] > 1)
        for (size_t k = 0; k < last; k++)
            if (s->stride[k] == 1)
                return k;
    return last == 0 ? 0 : last - 1;
}

static void plane(const struct up_strided *s, size_t k, const float *x, float *y, size_t y_stride)
{
    const size_t last = s->rank - 1, width = s->dim[last], step = s->stride[last];
    const size_t height = k == last ? 1 : s->dim[k];
    if (step > 1 && s->stride[k] == 1 && k != last) {
        UP_KERNEL(transpose)(x, step, width, height, y, y_stride);
        return;
    }
    for (size_t r = 0; r < height; r++, x += s->stride[k], y += y_stride) {
        if (step == 1)
            memcpy(y, x, width * sizeof *y);
        else
            for (size_t i = 0; i < width; i++)
                y[i] = x[i * step];
    }
}

void UP_KERNEL(copy)(const struct up_strided *s, const float *x, float *y)
{
    if (s->rank == 0) {
        y[0] = x[0];
        return;
    }
    size_t dense[UP_STRIDED_RANK_MAX], planes = 1;
    const size_t last = s->rank - 1, k = partner(s);
    dense[last] = 1;
    for (size_t i = last; i-- > 0;)
        dense[i] = dense[i + 1] * s->dim[i + 1];
    for (size_t i = 0; i < last; i++)
        planes *= i == k ? 1 : s->dim[i];
    for (size_t p = 0; p < planes; p++) {
        size_t from = 0, to = 0, rest = p;
        for (size_t i = last; i-- > 0;) {
            if (i == k)
                continue;
            from += rest % s->dim[i] * s->stride[i];
            to += rest % s->dim[i] * dense[i];
            rest /= s->dim[i];
        }
        plane(s, k, x + from, y + to, dense[k]);
    }
}
