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
#include "core/gather/frame.h"

enum {
    PLANE_FLOATS = 32768,  /* of a unit, on the stack: all channels that are there at a time, */
    NEAR_FLOATS = 8192,    /* and what stays in the nearest cache */
    SUM_FLOATS = 16384,    /* likewise: sums of lines that wait for more channels */
    LINE_FLOATS = 4096,    /* a line of a group, or of the output */
    LANES_MAX = 16,        /* a line is read and written to a multiple of them */
    WIDTH_MIN = 64,        /* steps of a span, where there are as many */
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    PRODUCTS_MIN = 64,     /* less is not worth adding up */
    UNITS_WANTED = 8,
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
};

/* Sizes, which follow from the geometry alone. */
struct layout {
    struct up_frame frame[3];
    size_t line_outputs;  /* of one output line at one step: period * filters */
    size_t lines_a_group; /* output lines that are computed together: classes of the height */
    size_t groups;        /* of one class of the depth */
    size_t span, spans, rows, blocks; /* steps along the width and the height, of one unit */
    size_t pitch, lines, plane;       /* floats of a line; lines of one remainder; floats */
    size_t channels;                  /* whose planes are there at a time */
    size_t run, runs;                 /* steps that are computed as one line; how often */
    size_t sums;                      /* floats from output to output of the sums */
};

/* What one call of the kernel computes: some outputs of a group. */
struct part {
    size_t outputs, taps;
    struct up_planar_tap *tap;
    float *w; /* [channel][tap][output] */
};

struct prepared {
    struct up_gather gather;
    struct layout layout;
    size_t parts; /* of a group */
    struct part *part;
    float *bias; /* of the outputs of a line, again and again; NULL: none */
};

/* --- Layout --------------------------------------------------------------------------------- */

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t div_up(size_t a, size_t b)
{
    return (a - 1) / b + 1;
}

static size_t advance_of(const struct layout *l, uint32_t axis)
{
    return (size_t)l->frame[axis].advance;
}

/* Steps beyond the last one whose inputs are in reach. */
static size_t reach(const struct layout *l, uint32_t axis)
{
    return (l->frame[axis].range - 1) / advance_of(l, axis);
}

static size_t plane_floats(const struct layout *l, size_t rows)
{
    return advance_of(l, 2) * l->frame[0].range * advance_of(l, 1) * (rows + reach(l, 1)) *
           l->pitch;
}

/* Output lines are computed together where one alone has too few outputs to keep the multipliers
 * busy with what a load brings. */
static bool frames_make(const struct up_gather *g, const struct up_kernels *kernels,
                        struct layout *l)
{
    enum { OUTPUTS_WANTED = 4 };
    for (uint32_t i = 0; i < 3; i++)
        if (!up_frame_make(g, i, 1, &l->frame[i]))
            return false;
    l->line_outputs = l->frame[2].period * g->out.channels;
    const size_t folded = div_up(OUTPUTS_WANTED, l->line_outputs);
    if (l->frame[1].period == 1 && g->axis[1].kernel > 1 && l->frame[1].outputs >= folded &&
        !up_frame_make(g, 1, folded, &l->frame[1]))
        return false;
    const size_t most = kernels->planar_outputs / l->line_outputs;
    l->groups = div_up(l->frame[1].period, most > 1 ? most : 1);
    l->lines_a_group = div_up(l->frame[1].period, l->groups);
    l->groups = div_up(l->frame[1].period, l->lines_a_group);
    return true;
}

/* Outputs of all classes at a step. */
static size_t outputs_of(const struct layout *l)
{
    return l->frame[0].period * l->frame[1].period * l->line_outputs;
}

/* Spans of the width, which is divided where lines of sums or the planes would be too large. */
static bool spans_make(struct layout *l)
{
    const size_t steps = l->frame[2].steps, beyond = reach(l, 2) + LANES_MAX;
    const size_t outputs = l->lines_a_group * l->line_outputs;
    const size_t lines = advance_of(l, 2) * l->frame[0].range * advance_of(l, 1);
    const size_t room =
        at_most(PLANE_FLOATS / lines / (1 + reach(l, 1)), SUM_FLOATS / outputs_of(l));
    if (outputs > LINE_FLOATS / WIDTH_MIN || room < beyond + at_most(WIDTH_MIN, steps))
        return false;
    l->spans = div_up(steps, at_most(room - beyond, LINE_FLOATS / outputs));
    l->span = div_up(steps, l->spans);
    l->pitch = l->span + reach(l, 2);
    return true;
}

/* Channels that lie in whole cache lines, or else are moved four at a time. */
static size_t whole(size_t channels, size_t all)
{
    enum { LINE = 16, SQUARE = 4 };
    const size_t unit = channels >= LINE ? LINE : channels >= SQUARE ? SQUARE : 1;
    return channels == all ? all : channels / unit * unit;
}

/* Rows of a unit and the channels of its planes: as many rows as make enough units, but fewer where
 * memory is short; and then rather fewer channels, as long as sums do not become too short. */
static void rows_make(const struct up_gather *g, struct layout *l)
{
    const struct up_frame *f = l->frame;
    size_t taps = 1;
    for (uint32_t i = 0; i < 3; i++)
        taps = up_size_mul_saturated(
            taps, at_most(f[i].range, (size_t)g->axis[i].kernel + f[i].period - 1));
    const size_t most =
        at_most(g->in.channels, taps < PRODUCTS_A_CALL ? PRODUCTS_A_CALL / taps : 1);
    const size_t fewest =
        at_most(most, taps < PRODUCTS_MIN ? div_up(PRODUCTS_MIN / taps, 4) * 4 : 1);
    const bool once = most == g->in.channels && plane_floats(l, 1) * most <= PLANE_FLOATS;
    const size_t outputs = once ? l->lines_a_group * l->line_outputs : outputs_of(l);
    const size_t units = g->out.batch * f[0].steps * l->spans;
    size_t rows = div_up(f[1].steps, div_up(UNITS_WANTED, units));
    while (rows > 1 && (outputs * rows * (l->pitch + LANES_MAX) > SUM_FLOATS ||
                        plane_floats(l, rows) * (once ? most : fewest) > PLANE_FLOATS ||
                        (once && rows > f[1].range && plane_floats(l, rows) * most > NEAR_FLOATS)))
        rows--;
    l->blocks = div_up(f[1].steps, rows);
    l->rows = div_up(f[1].steps, l->blocks);
    l->lines = l->rows + reach(l, 1);
    l->plane = plane_floats(l, l->rows);
    l->channels = whole(at_most(most, PLANE_FLOATS / l->plane), g->in.channels);
}

/* False where a unit's memory would not be enough. */
static bool layout_make(const struct up_gather *g, const struct up_kernels *kernels,
                        struct layout *l)
{
    if (g->groups > 1 || !frames_make(g, kernels, l) || !spans_make(l))
        return false;
    rows_make(g, l);
    const bool narrow = l->pitch < div_up(l->span, kernels->lanes) * kernels->lanes;
    l->run = narrow ? (l->rows - 1) * l->pitch + l->span : l->span;
    l->runs = narrow ? 1 : l->rows;
    l->sums = div_up(l->run, LANES_MAX) * LANES_MAX;
    return true;
}

/* --- Planning ------------------------------------------------------------------------------- */

/* A part's outputs are first .. first + outputs - 1 of all that there are at a step: [class of the
 * depth][class of the height][class of the width][filter]. */
static void taps_of(const struct prepared *p, size_t output, const size_t at[3],
                    const struct up_tap *ret[3])
{
    const struct up_frame *f = p->layout.frame;
    const size_t line = output / p->layout.line_outputs;
    const size_t class[3] = {line / f[1].period, line % f[1].period,
                             output % p->layout.line_outputs / p->gather.out.channels};
    for (uint32_t i = 0; i < 3; i++)
        ret[i] = f[i].tap[class[i] * f[i].range + at[i]];
}

static bool has(const struct up_tap *const tap[3])
{
    return tap[0] != NULL && tap[1] != NULL && tap[2] != NULL;
}

static unsigned mask(const struct prepared *p, size_t first, size_t outputs, const size_t at[3])
{
    const struct up_tap *tap[3];
    unsigned ret = 0;
    for (size_t j = 0; j < outputs; j++) {
        taps_of(p, first + j, at, tap);
        ret |= (unsigned)has(tap) << j;
    }
    return ret;
}

/* Where input `at` of step 0 is in a plane. */
static size_t offset_of(const struct layout *l, const size_t at[3])
{
    const size_t h = advance_of(l, 1), w = advance_of(l, 2);
    const size_t line = ((at[2] % w * l->frame[0].range + at[0]) * h + at[1] % h) * l->lines;
    return (line + at[1] / h) * l->pitch + at[2] / w;
}

static void weights_fill(const struct prepared *p, const struct up_axis axis[3], size_t first,
                         const struct part *part, size_t t, const size_t at[3])
{
    const struct up_gather *g = &p->gather;
    const struct up_tap *tap[3];
    for (size_t j = 0; j < part->outputs; j++) {
        taps_of(p, first + j, at, tap);
        const size_t filter = (first + j) % g->out.channels;
        for (size_t c = 0; c < g->in.channels; c++)
            part->w[(c * part->taps + t) * part->outputs + j] =
                has(tap)
                    ? up_axes_value(axis, tap, g, filter * g->filter_stride + c * g->channel_stride)
                    : 0;
    }
}

#define EACH(at, f)                                                                                \
    for (at[0] = 0; at[0] < (f)[0].range; at[0]++)                                                 \
        for (at[1] = 0; at[1] < (f)[1].range; at[1]++)                                             \
            for (at[2] = 0; at[2] < (f)[2].range; at[2]++)

static enum up_code part_make(const struct prepared *p, const struct up_axis axis[3], size_t first,
                              struct part *part, struct up_arena *arena, struct up_error *err)
{
    const struct up_frame *f = p->layout.frame;
    size_t at[3], t = 0;
    EACH(at, f)
    part->taps += mask(p, first, part->outputs, at) != 0;
    part->tap = up_arena_alloc(arena, part->taps, sizeof *part->tap, err);
    part->w = up_arena_alloc(arena, p->gather.in.channels,
                             part->taps * part->outputs * sizeof *part->w, err);
    if (part->tap == NULL || part->w == NULL)
        return err->code;
    EACH(at, f)
    {
        const unsigned outputs = mask(p, first, part->outputs, at);
        if (outputs == 0)
            continue;
        part->tap[t] = (struct up_planar_tap){offset_of(&p->layout, at), outputs};
        weights_fill(p, axis, first, part, t++, at);
    }
    return UP_OK;
}

/* Lines of a group: the last may have fewer. */
static size_t group_lines(const struct layout *l, size_t group)
{
    return at_most(l->lines_a_group, l->frame[1].period - group % l->groups * l->lines_a_group);
}

static enum up_code parts_make(struct prepared *p, const struct up_kernels *kernels,
                               const struct up_axis axis[3], struct up_arena *arena,
                               struct up_error *err)
{
    const struct layout *l = &p->layout;
    const size_t groups = l->frame[0].period * l->groups;
    p->parts = div_up(l->lines_a_group * l->line_outputs, kernels->planar_outputs);
    p->part = up_arena_zalloc(arena, groups * p->parts, sizeof *p->part, err);
    if (p->part == NULL)
        return err->code;
    size_t first = 0;
    for (size_t i = 0; i < groups; i++) {
        size_t left = group_lines(l, i) * l->line_outputs;
        for (size_t j = 0; j < p->parts; j++) {
            struct part *part = &p->part[i * p->parts + j];
            part->outputs = left / (p->parts - j);
            if (part_make(p, axis, first, part, arena, err) != UP_OK)
                return err->code;
            first += part->outputs;
            left -= part->outputs;
        }
    }
    return UP_OK;
}

static enum up_code bias_make(struct prepared *p, struct up_arena *arena, struct up_error *err)
{
    const size_t outputs = p->layout.lines_a_group * p->layout.line_outputs;
    if (p->gather.bias == NULL)
        return UP_OK;
    p->bias = up_arena_alloc(arena, outputs, sizeof *p->bias, err);
    for (size_t j = 0; p->bias != NULL && j < outputs; j++)
        p->bias[j] = p->gather.bias[j % p->gather.out.channels];
    return p->bias == NULL ? err->code : UP_OK;
}

static enum up_code prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct up_axis axis[3];
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    struct layout *l = &p->layout;
    p->gather = *gather;
    (void)layout_make(gather, kernels, l); /* as `applies` did */
    for (uint32_t i = 0; i < 3; i++)
        if (up_axis_prepare(gather, i, arena, &axis[i], err) != UP_OK ||
            up_frame_prepare(&axis[i], arena, &l->frame[i], err) != UP_OK)
            return err->code;
    if (parts_make(p, kernels, axis, arena, err) != UP_OK || bias_make(p, arena, err) != UP_OK)
        return err->code;
    ret->prepared = p;
    ret->units = gather->out.batch * l->frame[0].steps * l->blocks * l->spans;
    ret->grain = (size_t)(GRAIN_MACS / (up_gather_macs(gather) / (double)ret->units + 1)) + 1;
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

struct work {
    const struct up_gather_call *call;
    const struct prepared *p;
    size_t image, depth, row, rows, column, columns; /* steps; the unit's first, and how many */
    float planes[PLANE_FLOATS + LANES_MAX];
    float sums[SUM_FLOATS];
    float line[LINE_FLOATS];
};

/* One line of the input into the planes of channels first .. first + count - 1. */
static void line_split(struct work *w, const float *x, float *to, size_t first, size_t count)
{
    const struct layout *l = &w->p->layout;
    const struct up_frame *f = &l->frame[2];
    const int64_t advance = f->advance, width = (int64_t)w->p->gather.in.spatial[2];
    const size_t channels = w->p->gather.in.channels;
    for (int64_t r = 0; r < advance;
         r++, to += l->frame[0].range * advance_of(l, 1) * l->lines * l->pitch) {
        const int64_t at = (f->first_step + (int64_t)w->column) * advance + f->first + r;
        const int64_t before = at < 0 ? (-at + advance - 1) / advance : 0;
        const int64_t past = at < width ? (width - at + advance - 1) / advance : 0;
        const int64_t end = past < (int64_t)l->pitch ? past : (int64_t)l->pitch;
        if (before < end)
            w->call->kernels->transpose(x + (size_t)(at + before * advance) * channels + first,
                                        (size_t)advance * channels, (size_t)(end - before), count,
                                        to + before, l->plane);
    }
}

/* What the unit needs of some channels; what is outside the input stays zero. */
static void planes_fill(struct work *w, size_t first, size_t count)
{
    const struct layout *l = &w->p->layout;
    const struct up_frame *d = &l->frame[0], *h = &l->frame[1];
    const struct up_grid *in = &w->p->gather.in;
    const int64_t depth = (d->first_step + (int64_t)w->depth) * d->advance + d->first;
    const int64_t row = (h->first_step + (int64_t)w->row) * h->advance + h->first;
    const size_t lines = (w->rows - 1) * advance_of(l, 1) + h->range;
    for (size_t i = 0; i < d->range; i++)
        for (size_t j = 0; j < lines; j++) {
            const int64_t y = row + (int64_t)j, z = depth + (int64_t)i;
            if (z < 0 || z >= (int64_t)in->spatial[0] || y < 0 || y >= (int64_t)in->spatial[1])
                continue;
            const size_t line =
                (w->image * in->spatial[0] + (size_t)z) * in->spatial[1] + (size_t)y;
            const size_t at[3] = {i, j, 0};
            line_split(w, w->call->in + line * in->spatial[2] * in->channels,
                       w->planes + offset_of(l, at), first, count);
        }
}

/* A line of outputs to where it belongs. `sums` has a line for each of its outputs. */
static void line_put(struct work *w, const float *sums, int64_t depth, int64_t row)
{
    const struct up_gather *g = &w->p->gather;
    const struct layout *l = &w->p->layout;
    const struct up_frame *f = &l->frame[2];
    const struct up_kernels *kernels = w->call->kernels;
    const size_t outputs = w->columns * f->period, filters = g->out.channels;
    const int64_t at = (f->first_step + (int64_t)w->column) * (int64_t)f->period - f->before;
    const size_t skip = at < 0 ? (size_t)-at : 0;
    const size_t place = (size_t)(at + (int64_t)skip);
    const size_t count = at_most(outputs - skip, f->outputs - place);
    const size_t first =
        (((w->image * g->out.spatial[0] + (size_t)depth) * g->out.spatial[1] + (size_t)row) *
             g->out.spatial[2] +
         place) *
        filters;
    float *out = w->call->out + first;
    float *y = count == outputs && !w->call->stream ? out : w->line + skip * filters;
    kernels->transpose(sums, l->sums, l->line_outputs, w->columns, y - skip * filters,
                       l->line_outputs);
    if (g->add) {
        const struct up_combination add = {.operation = UP_ADD,
                                           .rows = 1,
                                           .columns = count * filters,
                                           .a_column = 1,
                                           .b_column = 1};
        kernels->combine(&add, y, w->call->add + first, y);
    }
    if (g->activation.id != UP_ACT_LINEAR)
        kernels->activate(&g->activation, y, count * filters, y);
    if (w->call->stream)
        kernels->stream(y, count * filters, out);
    else if (y != out)
        memcpy(out, y, count * filters * sizeof *out);
}

/* The lines of a group that a run has computed. */
static void group_put(struct work *w, size_t group, size_t run, const float *sums)
{
    const struct layout *l = &w->p->layout;
    const size_t rows = l->runs == 1 ? w->rows : 1, class = group % l->groups * l->lines_a_group;
    const int64_t depth = up_frame_output(&l->frame[0], w->depth, group / l->groups);
    for (size_t i = 0; depth >= 0 && i < rows; i++)
        for (size_t j = 0; j < group_lines(l, group); j++) {
            const int64_t row = up_frame_output(&l->frame[1], w->row + run + i, class + j);
            if (row >= 0)
                line_put(w, sums + j * l->line_outputs * l->sums + i * l->pitch, depth, row);
        }
}

/* Adds what some channels give to the sums of a group in one run. */
static void group_sum(struct work *w, size_t group, size_t run, size_t first, size_t count,
                      float *sums)
{
    const struct prepared *p = w->p;
    const struct layout *l = &p->layout;
    const bool last = first + count == p->gather.in.channels;
    const float *bias = last ? p->bias : NULL;
    struct up_planar call = {.x = w->planes + run * l->pitch,
                             .y = sums,
                             .x_stride = l->plane,
                             .y_stride = l->sums,
                             .channels = count,
                             .count =
                                 l->runs == 1 ? (w->rows - 1) * l->pitch + w->columns : w->columns};
    for (size_t i = 0; i < p->parts; i++) {
        const struct part *part = &p->part[group * p->parts + i];
        call.outputs = part->outputs;
        call.w_stride = part->taps * part->outputs;
        call.w = part->w + first * call.w_stride;
        call.tap = part->tap;
        call.accumulate = first > 0;
        size_t left = part->taps;
        do { /* without taps once, for the bias */
            call.taps = at_most(left, PRODUCTS_A_CALL);
            left -= call.taps;
            call.bias = left == 0 ? bias : NULL;
            w->call->kernels->planar(&call);
            call.accumulate = true;
            call.tap += call.taps;
            call.w += call.taps * call.outputs;
        } while (left > 0);
        call.y += part->outputs * l->sums;
        bias = bias == NULL ? NULL : bias + part->outputs;
    }
}

static void work_run(struct work *w)
{
    const struct layout *l = &w->p->layout;
    const size_t channels = w->p->gather.in.channels, groups = l->frame[0].period * l->groups;
    const size_t runs = l->runs == 1 ? 1 : w->rows;
    const size_t outputs = l->lines_a_group * l->line_outputs;
    memset(w->planes, 0, (l->channels * l->plane + LANES_MAX) * sizeof *w->planes);
    for (size_t c = 0; c < channels; c += l->channels) {
        const size_t count = at_most(l->channels, channels - c);
        planes_fill(w, c, count);
        for (size_t group = 0; group < groups; group++)
            for (size_t run = 0; run < runs; run++) {
                float *sums = w->sums;
                if (l->channels < channels) /* others come before the next channels */
                    sums += (group * l->runs + run) * outputs * l->sums;
                group_sum(w, group, run, c, count, sums);
                if (c + count == channels)
                    group_put(w, group, run, sums);
            }
    }
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    const struct prepared *p = prepared;
    const struct layout *l = &p->layout;
    struct work w;
    w.call = call;
    w.p = p;
    for (size_t i = begin; i < end; i++) {
        const size_t block = i / l->spans % l->blocks, plane = i / l->spans / l->blocks;
        w.column = i % l->spans * l->span;
        w.columns = at_most(l->span, l->frame[2].steps - w.column);
        w.row = block * l->rows;
        w.rows = at_most(l->rows, l->frame[1].steps - w.row);
        w.depth = plane % l->frame[0].steps;
        w.image = plane / l->frame[0].steps;
        work_run(&w);
    }
}

/* --- The row -------------------------------------------------------------------------------- */

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    struct layout layout;
    return layout_make(gather, kernels, &layout);
}

/* Of one lane a product and a load; in what one vector's multiply-adds take, an input value that is
 * moved to its plane, and so with an advance along the line; an output value that is moved back,
 * and a line of them. Fitted to 270 random layers under AVX-512, whose times it tells within a
 * fifth. */
static double cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double PRODUCT = 1.4, LOAD = 0.9, SPLIT = 3.2, SPLIT_APART = 5.4, JOIN = 1.4, LINE = 200;
    struct layout l;
    (void)layout_make(gather, kernels, &l);
    const struct up_frame *f = l.frame;
    const double channels = (double)gather->in.channels, filters = (double)gather->out.channels;
    const double lanes = (double)kernels->lanes, batch = (double)gather->out.batch;
    double taps = batch, loads = batch, inputs = batch, outputs = batch;
    for (uint32_t i = 0; i < 3; i++) {
        taps *= up_axis_work(gather, i).taps;
        loads *= (double)f[i].steps * (double)at_most(f[i].range, (size_t)gather->axis[i].kernel);
        inputs *= (double)gather->in.spatial[i];
        outputs *= (double)gather->out.spatial[i];
    }
    const double parts = fmax(1, (double)outputs_of(&l) / (double)kernels->planar_outputs);
    return taps * channels * filters * PRODUCT + loads * channels * parts * LOAD +
           lanes * (inputs * channels * (f[2].advance > 1 ? SPLIT_APART : SPLIT) +
                    outputs * filters * JOIN) +
           lanes * outputs / (double)gather->out.spatial[2] * LINE;
}

const struct up_gather_algorithm up_gather_planar = {
    .name = "planar", .applies = applies, .cost = cost, .prepare = prepare, .units = units};
