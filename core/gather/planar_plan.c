/* DESIGN
 * Plans the planar algorithm: how outputs are grouped, what fits the stack, and the weights of each
 * call of the kernel.
 *
 * The outputs of a call share their loads, so they are of one group of channels: all lines and
 * filters, where all channels are one; else filters that are neighbours or, where a group has one
 * alone, lines and classes of the width. */
#include <math.h>

#include "core/gather/planar.h"

enum {
    NEAR_FLOATS = 8192,    /* of planes, stay in the nearest cache */
    WIDTH_MIN = 64,        /* steps of a span, where there are as many */
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    PRODUCTS_MIN = 64,     /* less is not worth adding up */
    UNITS_WANTED = 8,
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
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

static size_t advance_of(const struct up_planar_layout *l, uint32_t axis)
{
    return (size_t)l->frame[axis].advance;
}

/* Steps beyond the last one whose inputs are in reach. */
static size_t reach(const struct up_planar_layout *l, uint32_t axis)
{
    return (l->frame[axis].range - 1) / advance_of(l, axis);
}

static size_t plane_floats(const struct up_planar_layout *l, size_t rows)
{
    return advance_of(l, 2) * l->frame[0].range * advance_of(l, 1) * (rows + reach(l, 1)) *
           l->pitch;
}

/* What one set of lines is: along the axes that divide them, no more than lines of a kernel without
 * dilation; where these are in the input is line_in's to say in planar.c. */
static struct up_gather set_of(const struct up_gather *g, struct up_planar_layout *l)
{
    struct up_gather set = *g;
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_gather_axis *a = &g->axis[i];
        const bool divided =
            i < 2 && a->dilation > 1 && a->kernel > 1 && a->stride == 1 && a->repeat == 1;
        l->apart[i] = divided ? (size_t)a->dilation : 1;
        l->sets[i] = at_most(l->apart[i], g->out.spatial[i]);
        if (!divided)
            continue;
        set.axis[i] = (struct up_gather_axis){a->kernel, 1, 1, 0, 1};
        set.in.spatial[i] = div_up(g->in.spatial[i], l->apart[i]);
        set.out.spatial[i] = div_up(g->out.spatial[i], l->apart[i]);
    }
    return set;
}

/* Output lines are computed together where one alone has too few outputs to keep the multipliers
 * busy with what a load brings. */
static bool frames_make(const struct up_gather *g, const struct up_kernels *kernels,
                        struct up_planar_layout *l)
{
    enum { OUTPUTS_WANTED = 4, LINE_MIN = 96 };
    for (uint32_t i = 0; i < 3; i++)
        if (!up_frame_make(g, i, 1, &l->frame[i]))
            return false;
    l->line_outputs = l->frame[2].period * g->out.channels;
    const size_t sharing = l->line_outputs / g->groups;
    const size_t room = UP_PLANAR_SUM_FLOATS / LINE_MIN / l->line_outputs;
    const size_t folded = at_most(div_up(OUTPUTS_WANTED, sharing), room > 1 ? room : 1);
    if (l->frame[1].period == 1 && g->axis[1].kernel > 1 && l->frame[1].outputs >= folded &&
        !up_frame_make(g, 1, folded, &l->frame[1]))
        return false;
    const size_t most = at_most(kernels->planar_outputs / sharing, room);
    l->groups = div_up(l->frame[1].period, most > 1 ? most : 1);
    l->lines_a_group = div_up(l->frame[1].period, l->groups);
    l->groups = div_up(l->frame[1].period, l->lines_a_group);
    return true;
}

/* Outputs of all classes at a step. */
static size_t outputs_of(const struct up_planar_layout *l)
{
    return l->frame[0].period * l->frame[1].period * l->line_outputs;
}

/* Spans of the width, which is divided where lines of sums or the planes would be too large. */
static bool spans_make(struct up_planar_layout *l)
{
    const size_t steps = l->frame[2].steps, beyond = reach(l, 2) + UP_PLANAR_LANES_MAX;
    const size_t lines = advance_of(l, 2) * l->frame[0].range * advance_of(l, 1);
    const size_t room = at_most(UP_PLANAR_PLANE_FLOATS / lines / (1 + reach(l, 1)),
                                UP_PLANAR_SUM_FLOATS / outputs_of(l));
    const size_t line = UP_PLANAR_LINE_FLOATS / l->line_outputs;
    if (line < at_most(WIDTH_MIN, steps) || room < beyond + at_most(WIDTH_MIN, steps))
        return false;
    l->spans = div_up(steps, at_most(room - beyond, line));
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
static void rows_make(const struct up_gather *g, struct up_planar_layout *l)
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
    const bool once = most == g->in.channels && plane_floats(l, 1) * most <= UP_PLANAR_PLANE_FLOATS;
    const size_t outputs = once ? l->lines_a_group * l->line_outputs : outputs_of(l);
    const size_t units = g->out.batch * l->sets[0] * l->sets[1] * f[0].steps * l->spans;
    size_t rows = div_up(f[1].steps, div_up(UNITS_WANTED, units));
    while (rows > 1 && (outputs * rows * (l->pitch + UP_PLANAR_LANES_MAX) > UP_PLANAR_SUM_FLOATS ||
                        plane_floats(l, rows) * (once ? most : fewest) > UP_PLANAR_PLANE_FLOATS ||
                        (once && rows > f[1].range && plane_floats(l, rows) * most > NEAR_FLOATS)))
        rows--;
    l->blocks = div_up(f[1].steps, rows);
    l->rows = div_up(f[1].steps, l->blocks);
    l->lines = l->rows + reach(l, 1);
    l->plane = plane_floats(l, l->rows) / advance_of(l, 2);
    l->channels =
        whole(at_most(most, UP_PLANAR_PLANE_FLOATS / plane_floats(l, l->rows)), g->in.channels);
}

bool up_planar_layout_make(const struct up_gather *g, const struct up_kernels *kernels,
                           struct up_planar_layout *l)
{
    const struct up_gather set = set_of(g, l);
    if (!frames_make(&set, kernels, l) || !spans_make(l))
        return false;
    rows_make(&set, l);
    const bool narrow = l->pitch < div_up(l->span, kernels->lanes) * kernels->lanes;
    l->run = narrow ? (l->rows - 1) * l->pitch + l->span : l->span;
    l->runs = narrow ? 1 : l->rows;
    l->sums = div_up(l->run, UP_PLANAR_LANES_MAX) * UP_PLANAR_LANES_MAX;
    return true;
}

size_t up_planar_remainder(const struct up_planar_layout *l)
{
    return l->channels * l->plane;
}

size_t up_planar_offset(const struct up_planar_layout *l, const size_t at[3])
{
    const size_t h = advance_of(l, 1), w = advance_of(l, 2);
    const size_t line = (at[0] * h + at[1] % h) * l->lines + at[1] / h;
    return at[2] % w * up_planar_remainder(l) + line * l->pitch + at[2] / w;
}

size_t up_planar_group_lines(const struct up_planar_layout *l, size_t group)
{
    return at_most(l->lines_a_group, l->frame[1].period - group % l->groups * l->lines_a_group);
}

/* --- Planning ------------------------------------------------------------------------------- */

/* The taps of one of all outputs that there are at a step: [class of the depth][class of the
 * height][class of the width][filter]. */
static void taps_of(const struct up_planar_plan *p, size_t output, const size_t at[3],
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

/* Which outputs of a part have a tap there; `base` is the first output of its group of lines. */
static unsigned mask(const struct up_planar_plan *p, const struct up_planar_part *part, size_t base,
                     const size_t at[3])
{
    const struct up_tap *tap[3];
    unsigned ret = 0;
    for (size_t j = 0; j < part->outputs; j++) {
        taps_of(p, base + part->first + j * part->step, at, tap);
        ret |= (unsigned)has(tap) << j;
    }
    return ret;
}

static void weights_fill(const struct up_planar_plan *p, const struct up_axis axis[3],
                         const struct up_planar_part *part, size_t base, size_t t,
                         const size_t at[3])
{
    const struct up_gather *g = &p->gather;
    const struct up_tap *tap[3];
    for (size_t j = 0; j < part->outputs; j++) {
        const size_t output = part->first + j * part->step, filter = output % g->out.channels;
        taps_of(p, base + output, at, tap);
        for (size_t c = 0; c < p->channels; c++)
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

static enum up_code part_fill(const struct up_planar_plan *p, const struct up_axis axis[3],
                              struct up_planar_part *part, size_t base, struct up_arena *arena,
                              struct up_error *err)
{
    const struct up_frame *f = p->layout.frame;
    const struct up_gather *g = &p->gather;
    size_t at[3], t = 0;
    EACH(at, f)
    part->taps += mask(p, part, base, at) != 0;
    part->tap = up_arena_alloc(arena, part->taps, sizeof *part->tap, err);
    part->w = up_arena_alloc(arena, p->channels, part->taps * part->outputs * sizeof *part->w, err);
    part->bias = up_arena_alloc(arena, part->outputs, sizeof *part->bias, err);
    if (part->tap == NULL || part->w == NULL || part->bias == NULL)
        return err->code;
    EACH(at, f)
    {
        const unsigned outputs = mask(p, part, base, at);
        if (outputs == 0)
            continue;
        part->tap[t] = (struct up_planar_tap){up_planar_offset(&p->layout, at), outputs};
        weights_fill(p, axis, part, base, t++, at);
    }
    for (size_t j = 0; g->bias != NULL && j < part->outputs; j++)
        part->bias[j] = g->bias[(part->first + j * part->step) % g->out.channels];
    if (g->bias == NULL)
        part->bias = NULL;
    return UP_OK;
}

/* Runs of outputs that share their loads; parts are pieces of them. */
struct runs {
    size_t count, outputs, step;
};

static struct runs runs_of(const struct up_planar_plan *p, size_t lines)
{
    const size_t groups = p->gather.groups, all = lines * p->layout.line_outputs;
    const size_t filters = p->gather.out.channels;
    if (groups == 1)
        return (struct runs){1, all, 1};
    if (filters == groups)
        return (struct runs){groups, all / groups, filters};
    return (struct runs){all / (filters / groups), filters / groups, 1};
}

/* Cuts the runs of a group of lines into parts. */
static void parts_cut(const struct up_planar_plan *p, size_t lines, size_t pieces,
                      struct up_planar_part *part)
{
    const struct runs runs = runs_of(p, lines);
    const size_t groups = p->gather.groups;
    for (size_t r = 0; r < runs.count; r++) {
        size_t first = runs.step == 1 ? r * runs.outputs : r, left = runs.outputs;
        for (size_t piece = pieces; piece > 0; piece--, part++) {
            part->first = first;
            part->step = runs.step;
            part->outputs = left / piece;
            part->channel = r % groups * p->channels;
            first += part->outputs * runs.step;
            left -= part->outputs;
        }
    }
}

static enum up_code parts_make(struct up_planar_plan *p, const struct up_kernels *kernels,
                               const struct up_axis axis[3], struct up_arena *arena,
                               struct up_error *err)
{
    const struct up_planar_layout *l = &p->layout;
    const size_t groups = l->frame[0].period * l->groups;
    const struct runs runs = runs_of(p, l->lines_a_group);
    const size_t pieces = div_up(runs.outputs, kernels->planar_outputs);
    p->parts = runs.count * pieces;
    p->part = up_arena_zalloc(arena, groups * p->parts, sizeof *p->part, err);
    if (p->part == NULL)
        return err->code;
    size_t base = 0;
    for (size_t i = 0; i < groups; i++) {
        struct up_planar_part *part = &p->part[i * p->parts];
        parts_cut(p, up_planar_group_lines(l, i), pieces, part);
        for (size_t j = 0; j < p->parts; j++)
            if (part[j].outputs > 0 && part_fill(p, axis, &part[j], base, arena, err) != UP_OK)
                return err->code;
        base += up_planar_group_lines(l, i) * l->line_outputs;
    }
    return UP_OK;
}

enum up_code up_planar_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                               struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct up_axis axis[3];
    struct up_planar_plan *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    struct up_planar_layout *l = &p->layout;
    p->gather = *gather;
    p->channels = gather->in.channels / gather->groups;
    (void)up_planar_layout_make(gather, kernels, l); /* as `applies` did */
    const struct up_gather set = set_of(gather, l);
    for (uint32_t i = 0; i < 3; i++)
        if (up_axis_prepare(&set, i, arena, &axis[i], err) != UP_OK ||
            up_frame_prepare(&axis[i], arena, &l->frame[i], err) != UP_OK)
            return err->code;
    if (parts_make(p, kernels, axis, arena, err) != UP_OK)
        return err->code;
    ret->prepared = p;
    ret->units =
        gather->out.batch * l->sets[0] * l->frame[0].steps * l->sets[1] * l->blocks * l->spans;
    ret->grain = (size_t)(GRAIN_MACS / (up_gather_macs(gather) / (double)ret->units + 1)) + 1;
    return UP_OK;
}

/* --- Choosing ------------------------------------------------------------------------------- */

/* Of one lane a product and a load; in what one vector's multiply-adds take, a value of the planes,
 * and so with an advance along the line, and an output value that is moved back. Fitted to 227
 * random layers under AVX-512, whose times it tells within a fifth. */
double up_planar_cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double PRODUCT = 1, LOAD = 1.5, SPLIT = 1.5, SPLIT_APART = 3, JOIN = 1.5;
    struct up_planar_layout l;
    (void)up_planar_layout_make(gather, kernels, &l);
    const struct up_frame *f = l.frame;
    const double channels = (double)gather->in.channels, filters = (double)gather->out.channels;
    const double lanes = (double)kernels->lanes, batch = (double)gather->out.batch;
    const double sets = batch * (double)(l.sets[0] * l.sets[1]);
    double taps = batch, loads = sets, outputs = batch;
    for (uint32_t i = 0; i < 3; i++) {
        taps *= up_axis_work(gather, i).taps;
        loads *= (double)f[i].steps * (double)at_most(f[i].range, (size_t)gather->axis[i].kernel);
        outputs *= (double)gather->out.spatial[i];
    }
    const double parts =
        fmax(1, (double)(outputs_of(&l) / gather->groups) / (double)kernels->planar_outputs);
    const size_t computed = l.runs * div_up(l.run, kernels->lanes) * kernels->lanes;
    const double wasted = (double)computed / (double)(l.rows * l.span);
    const double moved = sets * (double)(f[0].steps * l.blocks * l.spans) *
                         (double)plane_floats(&l, l.rows) * channels;
    return wasted * channels *
               (taps / (double)gather->groups * filters * PRODUCT + loads * parts * LOAD) +
           lanes * (moved * (f[2].advance > 1 ? SPLIT_APART : SPLIT) + outputs * filters * JOIN);
}
