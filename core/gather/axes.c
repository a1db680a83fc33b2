#include "core/gather/axes.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The kernel positions that outputs of a class use: first, first + step, ... */
struct positions {
    size_t first, step;
};

static struct positions positions_of(const struct up_gather_axis *a, bool transposed, size_t class)
{
    if (!transposed)
        return (struct positions){0, 1};
    const int64_t step = a->stride / gcd(a->stride, a->dilation), at = (int64_t) class + a->crop;
    int64_t first = a->dilation == 1 ? at - floor_div(at, a->stride) * a->stride : 0;
    while (first < a->kernel && (at - first * a->dilation) % a->stride != 0)
        first = first < step ? first + 1 : a->kernel;
    return (struct positions){(size_t)first, (size_t)step};
}

/* The shift of such a position. */
static int64_t shift_of(const struct up_gather_axis *a, bool transposed, size_t class, size_t j)
{
    const int64_t o = (int64_t) class, at = (int64_t)j * a->dilation - a->crop;
    return transposed ? floor_div(o - at, a->stride) : floor_div(o * a->stride + at, a->repeat);
}

/* A position that meets the input of the tap before it joins that tap. */
static void class_fill(const struct up_gather_axis *size, bool transposed, size_t class,
                       struct up_axis *a, size_t *indices)
{
    struct up_class *c = &a->class[class];
    const struct positions used = positions_of(size, transposed, class);
    c->first = class == 0 ? 0 : c[-1].first + c[-1].count;
    for (size_t j = used.first; j < a->kernel; j += used.step) {
        const int64_t shift = shift_of(size, transposed, class, j);
        struct up_tap *next = &a->tap[c->first + c->count];
        a->index[*indices] = j;
        if (c->count > 0 && next[-1].shift == shift) {
            next[-1].count++;
        } else {
            *next = (struct up_tap){*indices, 1, shift};
            c->count++;
        }
        ++*indices;
    }
}

/* Shifts rise, or fall, with the kernel's positions. */
size_t up_axis_span(const struct up_gather *gather, uint32_t axis, size_t class, int64_t *ret_low,
                    int64_t *ret_high)
{
    const struct up_gather_axis *size = &gather->axis[axis];
    const struct positions used = positions_of(size, gather->transposed, class);
    size_t taps = 0;
    int64_t last = 0;
    for (size_t j = used.first; j < (size_t)size->kernel; j += used.step) {
        const int64_t shift = shift_of(size, gather->transposed, class, j);
        *ret_low = taps == 0 || shift < *ret_low ? shift : *ret_low;
        *ret_high = taps == 0 || shift > *ret_high ? shift : *ret_high;
        taps += taps == 0 || shift != last;
        last = shift;
    }
    return taps;
}

void up_axis_measure(const struct up_gather *gather, uint32_t axis, struct up_axis *ret)
{
    const struct up_gather_axis *size = &gather->axis[axis];
    const int64_t common = gcd(size->stride, size->repeat);
    *ret = (struct up_axis){.outputs = gather->out.spatial[axis], .kernel = (size_t)size->kernel};
    ret->period = (size_t)(gather->transposed ? size->stride : size->repeat / common);
    ret->advance = gather->transposed ? 1 : size->stride / common;
    ret->classes = ret->period < ret->outputs ? ret->period : ret->outputs;
    int64_t low, high;
    for (size_t c = 0; c < ret->classes; c++)
        ret->taps += up_axis_span(gather, axis, c, &low, &high);
}

/* Outputs of a class whose input through a tap is there. */
static size_t outputs_inside(const struct up_axis *a, size_t class, int64_t shift, int64_t inputs)
{
    const int64_t first = shift < 0 ? (-shift - 1) / a->advance + 1 : 0;
    const int64_t end = shift < inputs ? (inputs - 1 - shift) / a->advance + 1 : 0;
    const int64_t outputs = (int64_t)up_axis_outputs(a, class),
                  last = end < outputs ? end : outputs;
    return first < last ? (size_t)(last - first) : 0;
}

struct up_axis_work up_axis_work(const struct up_gather *gather, uint32_t axis)
{
    struct up_axis_work work = {.taps_max = 0};
    struct up_axis a;
    up_axis_measure(gather, axis, &a);
    for (size_t c = 0; c < a.classes; c++) {
        const struct positions used = positions_of(&gather->axis[axis], gather->transposed, c);
        size_t taps = 0;
        int64_t last = 0;
        for (size_t j = used.first; j < a.kernel; j += used.step) {
            const int64_t shift = shift_of(&gather->axis[axis], gather->transposed, c, j);
            if (taps > 0 && shift == last)
                continue;
            work.inside += (double)outputs_inside(&a, c, shift, (int64_t)gather->in.spatial[axis]);
            last = shift;
            taps++;
        }
        work.taps += (double)(taps * up_axis_outputs(&a, c));
        work.taps_max = taps > work.taps_max ? taps : work.taps_max;
    }
    return work;
}

enum up_code up_axis_prepare(const struct up_gather *gather, uint32_t axis, struct up_arena *arena,
                             struct up_axis *ret, struct up_error *err)
{
    up_axis_measure(gather, axis, ret);
    /* Each position belongs to one class of a transposed convolution, to all of another. */
    const size_t uses =
        gather->transposed ? ret->kernel : up_size_mul_saturated(ret->kernel, ret->classes);
    ret->class = up_arena_zalloc(arena, ret->classes, sizeof *ret->class, err);
    ret->tap = up_arena_alloc(arena, ret->taps, sizeof *ret->tap, err);
    ret->index = up_arena_alloc(arena, uses, sizeof *ret->index, err);
    if (ret->class == NULL || ret->tap == NULL || ret->index == NULL)
        return err->code;
    size_t indices = 0;
    for (size_t c = 0; c < ret->classes; c++)
        class_fill(&gather->axis[axis], gather->transposed, c, ret, &indices);
    return UP_OK;
}

size_t up_axis_outputs(const struct up_axis *axis, size_t class)
{
    return (axis->outputs - class - 1) / axis->period + 1;
}

size_t up_axis_taps_max(const struct up_axis *axis)
{
    size_t most = 0;
    for (size_t c = 0; c < axis->classes; c++)
        most = axis->class[c].count > most ? axis->class[c].count : most;
    return most;
}

static size_t position(const struct up_axis axis[3], size_t d, size_t h, size_t w)
{
    return (d * axis[1].kernel + h) * axis[2].kernel + w;
}

bool up_axes_single(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    size_t *ret_position)
{
    *ret_position = position(axis, axis[0].index[tap[0]->first], axis[1].index[tap[1]->first],
                             axis[2].index[tap[2]->first]);
    return tap[0]->count == 1 && tap[1]->count == 1 && tap[2]->count == 1;
}

enum { SUMS = 32 };

static void sums_add(const float *x, size_t count, double *sum)
{
    if (count >= SUMS) /* a compiler makes vectors of a loop whose length it knows */
        for (size_t i = 0; i < SUMS; i++)
            sum[i] += (double)x[i];
    else
        for (size_t i = 0; i < count; i++)
            sum[i] += (double)x[i];
}

void up_axes_values(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    const struct up_gather *gather, size_t at, size_t count, float *ret)
{
    const size_t *const index[3] = {axis[0].index + tap[0]->first, axis[1].index + tap[1]->first,
                                    axis[2].index + tap[2]->first};
    for (size_t done = 0; done < count; done += SUMS) {
        const size_t left = count - done;
        const float *kernel = gather->kernel + at + done;
        double sum[SUMS] = {0};
        for (size_t i = 0; i < tap[0]->count; i++)
            for (size_t j = 0; j < tap[1]->count; j++)
                for (size_t k = 0; k < tap[2]->count; k++)
                    sums_add(kernel + position(axis, index[0][i], index[1][j], index[2][k]) *
                                          gather->position_stride,
                             left, sum);
        for (size_t i = 0; i < SUMS && i < left; i++)
            ret[done + i] = (float)sum[i];
    }
}

float up_axes_value(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    const struct up_gather *gather, size_t at)
{
    float value;
    up_axes_values(axis, tap, gather, at, 1, &value);
    return value;
}
