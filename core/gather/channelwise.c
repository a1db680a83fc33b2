/* DESIGN
 * The pixels of a line are runs that see the input through the same taps: those whose window lies
 * inside along the line, and each of the others alone. The depthwise kernel gets a run's taps as
 * pointers to inputs and weights; where one tap's inputs are the next one's neighbours it is told
 * so, and loads them once. */
#include "core/gather/channelwise.h"

enum { TAPS_A_CALL = 240 }; /* pointers on the stack: whole lines of most kernels */

/* Positions of a window along one axis: first .. end - 1. */
struct reach {
    int64_t first, end;
};

/* Those that see one of `in` inputs from output o. */
static struct reach reach_of(const struct up_gather_axis *a, size_t in, size_t o)
{
    const int64_t from = (int64_t)o * a->stride - a->crop, left = (int64_t)in - from;
    struct reach r = {.first = from < 0 ? (a->dilation - 1 - from) / a->dilation : 0,
                      .end = left > 0 ? (left - 1) / a->dilation + 1 : 0};
    r.end = r.end < a->kernel ? r.end : a->kernel;
    r.first = r.first < r.end ? r.first : r.end;
    return r;
}

/* How many pixels from x on, at most `pixels`, see the input through the same columns. */
static size_t alike(const struct up_channelwise *c, struct reach columns, size_t x, size_t pixels)
{
    const struct up_gather_axis *a = &c->axis[2];
    if (columns.first > 0 || columns.end < a->kernel)
        return 1;
    const int64_t last = (int64_t)c->in.spatial[2] - 1 + a->crop - (a->kernel - 1) * a->dilation;
    const size_t inside = (size_t)(last / a->stride) + 1 - x;
    return inside < pixels ? inside : pixels;
}

/* Where the output at[] meets the input at a position of the window. */
static size_t place(const struct up_channelwise *c, const size_t at[3], const int64_t position[3])
{
    size_t place = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_gather_axis *a = &c->axis[i];
        place = place * c->in.spatial[i] +
                (size_t)((int64_t)at[i] * a->stride + position[i] * a->dilation - a->crop);
    }
    return place * c->in.channels;
}

/* Pixels from at[] on whose inputs may be read over to whole vectors: what the last position sees
 * is the last in memory. */
static size_t readable(const struct up_channelwise *c, const struct up_channelwise_run *run,
                       const struct reach window[3], const size_t at[3], size_t pixels)
{
    const struct up_grid *in = &c->in;
    const int64_t last[3] = {window[0].end - 1, window[1].end - 1, window[2].end - 1};
    const size_t end = place(c, at, last) + run->channel + run->channels + UP_LANES_MAX;
    const size_t all = in->spatial[0] * in->spatial[1] * in->spatial[2] * in->channels;
    const size_t there =
        end > all ? 0 : (all - end) / ((size_t)c->axis[2].stride * in->channels) + 1;
    return there < pixels ? there : pixels;
}

/* The position of a window after `position`; false: there is none. */
static bool next(const struct reach window[3], int64_t position[3])
{
    for (uint32_t i = 3; i-- > 0;) {
        if (++position[i] < window[i].end)
            return true;
        position[i] = window[i].first;
    }
    return false;
}

/* The pixels from at[] on see the input through the same `window`. */
static void window_sum(const struct up_channelwise *c, const struct up_kernels *kernels,
                       const struct up_channelwise_run *run, const struct reach window[3],
                       const size_t at[3], struct up_depthwise *call)
{
    const float *inputs[TAPS_A_CALL], *weights[TAPS_A_CALL];
    const int64_t width = window[2].end - window[2].first;
    int64_t position[3] = {window[0].first, window[1].first, window[2].first};
    bool more = width > 0 && window[0].end > window[0].first && window[1].end > window[1].first;
    call->x = inputs;
    call->w = weights;
    if (more)
        call->readable = readable(c, run, window, at, call->pixels);
    if (c->axis[2].dilation == c->axis[2].stride && width > 0 && TAPS_A_CALL % width == 0)
        call->line = (size_t)width;
    do {
        for (call->taps = 0; call->taps < TAPS_A_CALL && more; call->taps++) {
            const int64_t tap =
                (position[0] * c->axis[1].kernel + position[1]) * c->axis[2].kernel + position[2];
            inputs[call->taps] = run->image + place(c, at, position) + run->channel;
            weights[call->taps] = run->weights + (size_t)tap * c->weights;
            more = next(window, position);
        }
        call->bias = more ? NULL : run->bias;
        kernels->depthwise(call);
        call->accumulate = true;
    } while (more);
}

void up_channelwise_sum(const struct up_channelwise *c, const struct up_kernels *kernels,
                        const struct up_channelwise_run *run)
{
    struct reach window[3];
    for (uint32_t i = 0; i < 2; i++)
        window[i] = reach_of(&c->axis[i], c->in.spatial[i], run->at[i]);
    for (size_t done = 0, pixels; done < run->pixels; done += pixels) {
        const size_t at[3] = {run->at[0], run->at[1], run->at[2] + done};
        window[2] = reach_of(&c->axis[2], c->in.spatial[2], at[2]);
        pixels = alike(c, window[2], at[2], run->pixels - done);
        struct up_depthwise call = {.y = run->y + done * run->y_stride,
                                    .pixels = pixels,
                                    .x_stride = (size_t)c->axis[2].stride * c->in.channels,
                                    .y_stride = run->y_stride,
                                    .channels = run->channels,
                                    .multiplier = run->multiplier};
        window_sum(c, kernels, run, window, at, &call);
    }
}
