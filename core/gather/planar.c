/* DESIGN
 * Few channels: lanes run along the lines of the input, each channel of which is moved to a plane
 * of its own first; its outputs are moved back to where pixels have their channels side by side.
 *
 * Outputs of all classes of an axis are computed at the same step (core/gather/frame.h), so that
 * the values which one load brings serve as many outputs as possible; which of them use a tap is a
 * mask. They come in groups of whole output lines, and these in parts that one kernel call takes.
 *
 * A unit of work is a block of steps along the height and a span of them along the width. Its
 * planes hold what it needs of the input between zeros, of so many channels that sums stay short.
 * With an advance along an axis, planes are divided by the remainder of the input's place, so that
 * the inputs of neighbouring steps are neighbours. Narrow lines are computed as one: what comes out
 * between them is left. */
#include <math.h>
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/finish.h"
#include "core/gather/planar.h"

enum { PRODUCTS_A_CALL = 256 /* of one output: sums of short sums lose less than one long sum */ };

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t advance_of(const struct up_planar_layout *l, uint32_t axis)
{
    return (size_t)l->frame[axis].advance;
}

struct work {
    const struct up_gather_call *call;
    const struct up_planar_plan *p;
    size_t image, set[2];                     /* of the depth's lines and of the height's */
    size_t depth, row, rows, column, columns; /* steps; the unit's first, and how many */
    _Alignas(UP_ALIGN_BYTES) float planes[UP_PLANAR_PLANE_FLOATS + UP_PLANAR_LANES_MAX];
    _Alignas(UP_ALIGN_BYTES) float sums[UP_PLANAR_SUM_FLOATS];
    _Alignas(UP_ALIGN_BYTES) float line[UP_PLANAR_LINE_FLOATS];
};

/* Where the unit's planes begin along an axis, in inputs. */
static int64_t begin_of(const struct work *w, uint32_t axis, size_t step)
{
    const struct up_frame *f = &w->p->layout.frame[axis];
    return (f->first_step + (int64_t)step) * f->advance + f->first;
}

/* Where the set's input line is along the depth or the height, maybe outside. */
static int64_t line_in(const struct work *w, uint32_t axis, int64_t line)
{
    const struct up_gather *g = &w->p->gather;
    const int64_t apart = (int64_t)w->p->layout.apart[axis], crop = g->axis[axis].crop;
    if (apart == 1) /* the frame knows of the crop */
        return line;
    return (int64_t)w->set[axis] + (g->transposed ? crop : -crop) + line * apart;
}

/* Output r of step q in the whole output; -1 when it is outside. */
static int64_t line_out(const struct work *w, uint32_t axis, size_t q, size_t r)
{
    const struct up_planar_layout *l = &w->p->layout;
    const int64_t line = up_frame_output(&l->frame[axis], q, r);
    const int64_t o = (int64_t)w->set[axis] + line * (int64_t)l->apart[axis];
    return line < 0 || o >= (int64_t)w->p->gather.out.spatial[axis] ? -1 : o;
}

/* Inputs of one remainder of their place on a line, of steps from `step` on. */
static void steps_split(struct work *w, const float *x, float *to, const size_t channels[2],
                        const size_t steps[2])
{
    const struct up_planar_layout *l = &w->p->layout;
    const int64_t advance = l->frame[2].advance, begin = begin_of(w, 2, w->column);
    const int64_t width = (int64_t)w->p->gather.in.spatial[2];
    const size_t all = w->p->gather.in.channels;
    for (int64_t r = 0; r < advance; r++, to += up_planar_remainder(l)) {
        const int64_t at = begin + r;
        const int64_t before = at < 0 ? (-at + advance - 1) / advance : 0;
        const int64_t past = at < width ? (width - at + advance - 1) / advance : 0;
        const int64_t from = before > (int64_t)steps[0] ? before : (int64_t)steps[0];
        const int64_t end = past < (int64_t)steps[1] ? past : (int64_t)steps[1];
        if (from < end)
            w->call->kernels->transpose(x + (size_t)(at + from * advance) * all + channels[0],
                                        (size_t)advance * all, (size_t)(end - from), channels[1],
                                        to + from, l->plane);
    }
}

/* One line of the input into the planes of channels[1] channels from channels[0] on. Where these
 * are all, steps that are whole are moved with all remainders at once. */
static void line_split(struct work *w, const float *x, float *to, const size_t channels[2])
{
    const struct up_planar_layout *l = &w->p->layout;
    const int64_t advance = l->frame[2].advance, begin = begin_of(w, 2, w->column);
    const int64_t width = (int64_t)w->p->gather.in.spatial[2], pitch = (int64_t)l->pitch;
    const size_t all = w->p->gather.in.channels;
    const int64_t before = begin < 0 ? (-begin + advance - 1) / advance : 0;
    const int64_t past = begin < width ? (width - begin) / advance : 0;
    const int64_t end = past < pitch ? past : pitch;
    if (advance == 1 || channels[1] < all || channels[1] < l->channels || before >= end) {
        steps_split(w, x, to, channels, (const size_t[]){0, l->pitch});
        return;
    }
    w->call->kernels->transpose(x + (size_t)(begin + before * advance) * all, (size_t)advance * all,
                                (size_t)(end - before), (size_t)advance * all, to + before,
                                l->plane);
    steps_split(w, x, to, channels, (const size_t[]){0, (size_t)before});
    steps_split(w, x, to, channels, (const size_t[]){(size_t)end, l->pitch});
}

/* What the unit needs of some channels; what is outside the input stays zero. */
static void planes_fill(struct work *w, size_t first, size_t count)
{
    const struct up_planar_layout *l = &w->p->layout;
    const struct up_grid *in = &w->p->gather.in;
    const int64_t depth = begin_of(w, 0, w->depth), row = begin_of(w, 1, w->row);
    const size_t lines = (w->rows - 1) * advance_of(l, 1) + l->frame[1].range;
    for (size_t i = 0; i < l->frame[0].range; i++)
        for (size_t j = 0; j < lines; j++) {
            const int64_t z = line_in(w, 0, depth + (int64_t)i);
            const int64_t y = line_in(w, 1, row + (int64_t)j);
            if (z < 0 || z >= (int64_t)in->spatial[0] || y < 0 || y >= (int64_t)in->spatial[1])
                continue;
            const size_t line =
                (w->image * in->spatial[0] + (size_t)z) * in->spatial[1] + (size_t)y;
            const size_t at[3] = {i, j, 0}, channels[2] = {first, count};
            line_split(w, w->call->in + line * in->spatial[2] * in->channels,
                       w->planes + up_planar_offset(l, at), channels);
        }
}

/* A line of outputs to where it belongs. `sums` has a line for each of its outputs. */
static void line_put(struct work *w, const float *sums, int64_t depth, int64_t row)
{
    const struct up_gather *g = &w->p->gather;
    const struct up_planar_layout *l = &w->p->layout;
    const struct up_frame_span span = up_frame_span(&l->frame[2], w->column, w->columns);
    const size_t *n = g->out.spatial, filters = g->out.channels;
    const size_t line = (w->image * n[0] + (size_t)depth) * n[1] + (size_t)row;
    const size_t first = (line * n[2] + span.first) * filters;
    const bool whole = span.count == w->columns * l->frame[2].period;
    float *y = whole && !w->call->stream ? w->call->out + first : w->line + span.skip * filters;
    w->call->kernels->transpose(sums, l->sums, l->line_outputs, w->columns, y - span.skip * filters,
                                l->line_outputs);
    up_finish(g, w->call, y, span.count * filters, first);
}

/* The lines of a group that a run has computed. */
static void group_put(struct work *w, size_t group, size_t run, const float *sums)
{
    const struct up_planar_layout *l = &w->p->layout;
    const size_t rows = l->runs == 1 ? w->rows : 1, class = group % l->groups * l->lines_a_group;
    const int64_t depth = line_out(w, 0, w->depth, group / l->groups);
    for (size_t i = 0; depth >= 0 && i < rows; i++)
        for (size_t j = 0; j < up_planar_group_lines(l, group); j++) {
            const int64_t row = line_out(w, 1, w->row + run + i, class + j);
            if (row >= 0)
                line_put(w, sums + j * l->line_outputs * l->sums + i * l->pitch, depth, row);
        }
}

/* Adds what planes `from` .. `end` - 1, the first of which is channel `first`, give to a part. */
static void part_sum(struct work *w, const struct up_planar_part *part, struct up_planar *call,
                     const size_t channels[2])
{
    const size_t first = channels[0], from = part->channel > first ? part->channel : first;
    const size_t last = part->channel + w->p->channels, end = at_most(first + channels[1], last);
    if (part->outputs == 0 || from >= end)
        return;
    const float *x = call->x;
    call->x += (from - first) * call->x_stride;
    call->channels = end - from;
    call->outputs = part->outputs;
    call->w_stride = part->taps * part->outputs;
    call->w = part->w + (from - part->channel) * call->w_stride;
    call->tap = part->tap;
    call->accumulate = from > part->channel;
    size_t left = part->taps;
    do { /* without taps once, for the bias */
        call->taps = at_most(left, PRODUCTS_A_CALL);
        left -= call->taps;
        call->bias = left == 0 && end == last ? part->bias : NULL;
        w->call->kernels->planar(call);
        call->accumulate = true;
        call->tap += call->taps;
        call->w += call->taps * call->outputs;
    } while (left > 0);
    call->x = x;
}

/* Adds what some channels give to the sums of a group in one run. */
static void group_sum(struct work *w, size_t group, size_t run, const size_t channels[2],
                      float *sums)
{
    const struct up_planar_plan *p = w->p;
    const struct up_planar_layout *l = &p->layout;
    struct up_planar call = {.x = w->planes + run * l->pitch,
                             .x_stride = l->plane,
                             .count =
                                 l->runs == 1 ? (w->rows - 1) * l->pitch + w->columns : w->columns};
    for (size_t i = 0; i < p->parts; i++) {
        const struct up_planar_part *part = &p->part[group * p->parts + i];
        call.y = sums + part->first * l->sums;
        call.y_stride = part->step * l->sums;
        part_sum(w, part, &call, channels);
    }
}

/* Whether inputs outside the image are among those that the unit needs. */
static bool borders(const struct work *w)
{
    const struct up_planar_layout *l = &w->p->layout;
    const size_t inputs[3] = {l->frame[0].range, l->lines * advance_of(l, 1),
                              l->pitch * advance_of(l, 2)};
    const size_t step[3] = {w->depth, w->row, w->column};
    for (uint32_t i = 0; i < 3; i++) {
        int64_t first = begin_of(w, i, step[i]), last = first + (int64_t)inputs[i] - 1;
        if (i < 2) {
            first = line_in(w, i, first);
            last = line_in(w, i, last);
        }
        if (first < 0 || last >= (int64_t)w->p->gather.in.spatial[i])
            return true;
    }
    return false;
}

static void work_run(struct work *w)
{
    const struct up_planar_layout *l = &w->p->layout;
    const size_t channels = w->p->gather.in.channels, groups = l->frame[0].period * l->groups;
    const size_t runs = l->runs == 1 ? 1 : w->rows;
    const size_t outputs = l->lines_a_group * l->line_outputs;
    if (borders(w))
        memset(w->planes, 0,
               sizeof *w->planes *
                   (advance_of(l, 2) * up_planar_remainder(l) + UP_PLANAR_LANES_MAX));
    for (size_t c = 0; c < channels; c += l->channels) {
        const size_t count = at_most(l->channels, channels - c), some[2] = {c, count};
        planes_fill(w, c, count);
        for (size_t group = 0; group < groups; group++)
            for (size_t run = 0; run < runs; run++) {
                float *sums = w->sums;
                if (l->channels < channels) /* others come before the next channels */
                    sums += (group * l->runs + run) * outputs * l->sums;
                group_sum(w, group, run, some, sums);
                if (c + count == channels)
                    group_put(w, group, run, sums);
            }
    }
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    const struct up_planar_plan *p = prepared;
    const struct up_planar_layout *l = &p->layout;
    struct work w;
    w.call = call;
    w.p = p;
    for (size_t i = begin; i < end; i++) {
        const size_t line = i / l->spans, plane = line / l->blocks / l->sets[1];
        const size_t block = line % l->blocks;
        w.set[1] = line / l->blocks % l->sets[1];
        w.set[0] = plane / l->frame[0].steps % l->sets[0];
        w.column = i % l->spans * l->span;
        w.columns = at_most(l->span, l->frame[2].steps - w.column);
        w.row = block * l->rows;
        w.rows = at_most(l->rows, l->frame[1].steps - w.row);
        w.depth = plane % l->frame[0].steps;
        w.image = plane / l->frame[0].steps / l->sets[0];
        work_run(&w);
    }
}

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    struct up_planar_layout layout;
    return up_planar_layout_make(gather, kernels, &layout);
}

const struct up_gather_algorithm up_gather_planar = {.name = "planar",
                                                     .applies = applies,
                                                     .cost = up_planar_cost,
                                                     .prepare = up_planar_prepare,
                                                     .units = units};
