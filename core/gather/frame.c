#include "core/gather/frame.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

/* The input of output o of a convolution through kernel position j. */
static int64_t input_of(const struct up_gather_axis *a, int64_t o, int64_t j)
{
    return floor_div(o * a->stride + j * a->dilation - a->crop, a->repeat);
}

/* The step of output o, where frames are counted from step 0. */
static int64_t step_of(const struct up_frame *f, size_t o)
{
    return floor_div((int64_t)o + f->before, (int64_t)f->period);
}

/* The lowest and highest input at step 0. A class's inputs grow with the kernel position, or, of a
 * transposed convolution, fall. */
static void range_set(const struct up_gather_axis *a, bool transposed, struct up_frame *f)
{
    int64_t low = 0, high = 0;
    if (transposed && a->stride > 1) {
        low = -((a->kernel - 1) / a->stride);
    } else if (transposed) {
        low = a->crop - (a->kernel - 1) * a->dilation;
        high = a->crop + (int64_t)f->period - 1;
    } else {
        for (size_t c = 0; c < f->period; c++) {
            const int64_t ahead = step_of(f, c) * f->advance, o = (int64_t)c;
            const int64_t from = input_of(a, o, 0) - ahead;
            const int64_t to = input_of(a, o, a->kernel - 1) - ahead;
            low = c == 0 || from < low ? from : low;
            high = c == 0 || to > high ? to : high;
        }
    }
    f->first = low;
    f->range = (size_t)(high - low) + 1;
}

bool up_frame_make(const struct up_gather *gather, uint32_t axis, size_t folded,
                   struct up_frame *ret)
{
    const struct up_gather_axis *a = &gather->axis[axis];
    const int64_t common = gcd(a->stride, a->repeat);
    const int64_t period = gather->transposed ? a->stride : a->repeat / common;
    *ret = (struct up_frame){.outputs = gather->out.spatial[axis]};
    if (period > UP_FRAME_PERIOD_MAX || (size_t)period > ret->outputs ||
        (period > 1 && a->dilation > 1))
        return false;
    ret->period = (size_t)period * folded;
    ret->advance = (gather->transposed ? 1 : a->stride / common) * (int64_t)folded;
    if (period > 1)
        ret->before = gather->transposed
                          ? a->crop
                          : floor_div((a->kernel - 1) * a->dilation - a->crop, a->stride);
    ret->first_step = floor_div(ret->before, (int64_t)ret->period);
    ret->steps = (size_t)(step_of(ret, ret->outputs - 1) - ret->first_step) + 1;
    range_set(a, gather->transposed, ret);
    return true;
}

enum up_code up_frame_prepare(const struct up_axis *axis, struct up_arena *arena,
                              struct up_frame *frame, struct up_error *err)
{
    frame->tap = up_arena_zalloc(arena, frame->period, frame->range * sizeof *frame->tap, err);
    if (frame->tap == NULL)
        return err->code;
    for (size_t c = 0; c < frame->period; c++) {
        const struct up_class *class = &axis->class[c % axis->period];
        const int64_t on = (int64_t)(c / axis->period) * axis->advance;
        const int64_t ahead = step_of(frame, c);
        const size_t r = (size_t)((int64_t)c + frame->before - ahead * (int64_t)frame->period);
        const struct up_tap **to = frame->tap + r * frame->range;
        for (size_t i = 0; i < class->count; i++) {
            const struct up_tap *tap = &axis->tap[class->first + i];
            to[tap->shift + on - ahead * frame->advance - frame->first] = tap;
        }
    }
    return UP_OK;
}

int64_t up_frame_output(const struct up_frame *frame, size_t step, size_t r)
{
    const int64_t o =
        (frame->first_step + (int64_t)step) * (int64_t)frame->period - frame->before + (int64_t)r;
    return o < 0 || o >= (int64_t)frame->outputs ? -1 : o;
}

struct up_frame_span up_frame_span(const struct up_frame *frame, size_t step, size_t steps)
{
    const int64_t at = (frame->first_step + (int64_t)step) * (int64_t)frame->period - frame->before;
    struct up_frame_span span = {.skip = at < 0 ? (size_t)-at : 0};
    span.first = (size_t)(at + (int64_t)span.skip);
    const size_t most = steps * frame->period - span.skip, left = frame->outputs - span.first;
    span.count = most < left ? most : left;
    return span;
}
