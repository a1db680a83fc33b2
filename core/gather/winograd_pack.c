/* DESIGN
 * Plans the Winograd algorithms: what tiles and phases there are, how the work is divided, and the
 * transformed weights.
 *
 * A class with one tap less than the others has a last weight of zero, and so no product at the
 * last point: its panels leave that out. Sizes are such that V and M of a block stay in a second
 * level cache of 1 MB, and that V of one point and a panel's weights stay in the first. */
#include <math.h>
#include <string.h>

#include "core/gather/winograd.h"

enum {
    TILES_STEP = 12,              /* rows of the largest tile of any instruction set */
    PART_COLUMNS = 128,           /* the input is transformed once for so many at least */
    UNITS_WANTED = 32,            /* blocks are divided where they are fewer, */
    UNIT_MACS = 1 << 18,          /* but into no less work than this */
    GRAIN_MACS = 1 << 16,         /* worth handing to another thread */
    PRODUCTS_MIN = 1024,          /* of channels and columns: fewer are better done line by line */
    WEIGHT_BYTES_MAX = 256 << 20, /* past that nobody wants four times the kernel */
    NEAR_BYTES = 16 << 20,        /* weights that may stay in a cache */
    SLICE = 16,                   /* channels that are packed at once */
};

/* What takes as much time as so many multiply-adds at the peak: one of a product; a value of the
 * input's transform, and one of the output's; and, of one vector's lanes, a row of a product that
 * is computed, one that may be left out, and a weight that is not near. Fitted to 111 random layers
 * and 17 well-known ones under AVX-512, whose times they tell within a sixth, beside the cost of
 * the direct sums. */
static const double PRODUCT = 1.24, INPUT = 20.5, OUTPUT = 13, ROW = 9.8, ROW_POINT = 13.5,
                    FETCH = 0.65;

/* Larger weights could overflow where the direct sum does not. */
static const double squares_max = 1e20;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t divided(size_t a, size_t b)
{
    return (a - 1) / b + 1;
}

/* --- Shape ---------------------------------------------------------------------------------- */

/* What the taps of an axis are like: `count` inputs in a row of every class, or one less. */
struct run {
    size_t count, fewest;
    int64_t spread; /* between the first inputs of two classes */
};

static bool axis_form(const struct up_axis *a, const struct up_gather *gather, uint32_t axis,
                      struct run *run, struct up_winograd_axis *ret)
{
    int64_t lowest = INT64_MAX, highest = INT64_MIN, high;
    *run = (struct run){0, SIZE_MAX, 0};
    for (size_t c = 0; c < a->classes; c++) {
        const size_t count = up_axis_span(gather, axis, c, &ret->low[c], &high);
        if (count == 0 || (size_t)(high - ret->low[c]) + 1 != count)
            return false;
        run->count = count > run->count ? count : run->count;
        run->fewest = least(run->fewest, count);
        lowest = ret->low[c] < lowest ? ret->low[c] : lowest;
        highest = ret->low[c] > highest ? ret->low[c] : highest;
    }
    run->spread = highest - lowest;
    ret->base = lowest;
    return a->advance == 1 || (run->count == 1 && a->classes == 1);
}

/* Sets what follows from an axis being transformed with `taps`, or with 1: not at all. */
static void axis_set(const struct up_axis *a, size_t taps, size_t offsets,
                     struct up_winograd_axis *ret)
{
    ret->taps = taps;
    ret->offsets = offsets;
    ret->points = taps > 1 ? UP_WINOGRAD_BASE : 1;
    ret->side = ret->points - taps + 1;
    ret->step = (int64_t)ret->side * a->advance;
    ret->tiles = 0;
    for (size_t c = 0; c < a->classes; c++) {
        const size_t last = up_axis_outputs(a, c) - 1 + (size_t)(ret->low[c] - ret->base);
        ret->tiles = last / ret->side >= ret->tiles ? last / ret->side + 1 : ret->tiles;
    }
}

/* How each axis would be computed with `taps`; returns how many are transformed, 0 when it cannot
 * be. The deep axis is the first whose taps are not `taps`, or the first of three that are. */
static size_t forms(const struct up_gather *gather, size_t taps, struct up_winograd_axis form[3])
{
    size_t transformed = 0, deep = 0;
    for (uint32_t i = 3; i-- > 0;) {
        struct up_axis a;
        struct run run;
        up_axis_measure(gather, i, &a);
        if (a.period > UP_WINOGRAD_PERIOD_MAX || !axis_form(&a, gather, i, &run, &form[i]) ||
            run.spread > 1)
            return 0;
        const bool fit = run.count == taps && run.fewest + 1 >= taps && a.kernel <= taps * a.period;
        if (run.count > 1 && fit && transformed < UP_WINOGRAD_AXES_MAX) {
            transformed++;
            axis_set(&a, taps, 1, &form[i]);
        } else {
            deep += run.count > 1;
            axis_set(&a, 1, run.count, &form[i]);
        }
    }
    return deep <= 1 ? transformed : 0;
}

bool up_winograd_applies(const struct up_gather *gather, size_t taps)
{
    struct up_winograd_axis form[3];
    return gather->groups == 1 && forms(gather, taps, form) >= 1;
}

/* The panels' width that wastes least. */
static size_t columns_of(const struct up_kernels *kernels, size_t all)
{
    size_t best = kernels->tile_columns;
    for (size_t vectors = 1; vectors <= 3; vectors += 2) {
        const size_t columns = vectors * kernels->lanes;
        if (divided(all, columns) * columns < divided(all, best) * best)
            best = columns;
    }
    return best;
}

/* What there is to do for one image pixel's channel and one filter, along all axes. */
struct effort {
    double tiles, points, phases;
    double offsets;
    double products; /* of a tile: points at which there are weights, of all phases and offsets */
};

static struct effort effort_of(const struct up_gather *gather, size_t taps)
{
    struct effort e = {(double)gather->out.batch, 1, 1, 1, 1};
    struct up_winograd_axis form[3];
    (void)forms(gather, taps, form);
    for (uint32_t i = 0; i < 3; i++) {
        struct up_axis a;
        int64_t low, high;
        double products = 0;
        up_axis_measure(gather, i, &a);
        for (size_t c = 0; c < a.classes; c++) {
            const size_t count = up_axis_span(gather, i, c, &low, &high);
            products +=
                (double)(form[i].points > 1 ? form[i].points - (count < form[i].taps) : count);
        }
        e.tiles *= (double)form[i].tiles;
        e.points *= (double)form[i].points;
        e.phases *= (double)a.classes;
        e.offsets *= (double)form[i].offsets;
        e.products *= products;
    }
    return e;
}

/* Whatever else there is to do is counted as some multiply-adds. */
double up_winograd_cost(const struct up_gather *gather, size_t taps,
                        const struct up_kernels *kernels)
{
    const struct effort e = effort_of(gather, taps);
    const double channels = (double)gather->in.channels, lanes = (double)kernels->lanes;
    const size_t all = (size_t)e.phases * gather->out.channels;
    const double columns = (double)columns_of(kernels, all);
    const double panels = ceil((double)all / columns), share = e.products / e.phases;
    const double weights = e.points * e.offsets * channels * panels * columns;
    const double fetch = weights * sizeof(float) > NEAR_BYTES ? FETCH : 0;
    const double values = ceil(channels / SLICE) * SLICE, tiles = e.tiles * e.points;
    if (channels * (double)all < PRODUCTS_MIN || weights * sizeof(float) > WEIGHT_BYTES_MAX)
        return INFINITY;
    return e.tiles * share * panels * (columns * channels * PRODUCT + ROW * lanes) +
           tiles * e.offsets * (values * INPUT + panels * lanes * ROW_POINT) +
           tiles * panels * columns * OUTPUT + weights * lanes * fetch;
}

/* Divides the work: see UP_WINOGRAD_* for what has to fit. */
static void divide(struct up_winograd *p, struct up_sum *sum)
{
    p->channels_a_call = p->channels / divided(p->channels, UP_WINOGRAD_CHANNELS);
    p->channels_a_call = least(p->channels, divided(p->channels_a_call, SLICE) * SLICE);
    p->v_row = divided(p->channels_a_call, SLICE) * SLICE + UP_WINOGRAD_V_PAD;
    size_t most = least(UP_WINOGRAD_TILES, UP_WINOGRAD_TABLE / p->points);
    most = least(most, UP_WINOGRAD_V_FLOATS / p->points / p->v_row) / TILES_STEP * TILES_STEP;
    p->blocks = divided(p->tiles, most);
    p->block = divided(p->tiles, p->blocks);

    const size_t room = UP_WINOGRAD_M_FLOATS / p->points / p->block;
    const double macs = up_gather_macs(&p->gather), units = macs / UNIT_MACS;
    p->panels_a_part = least(room, PART_COLUMNS) / p->columns;
    p->parts = divided(p->panels, p->panels_a_part);
    p->shares = least(divided(UNITS_WANTED, p->blocks), p->parts);
    if (units < (double)(p->shares * p->blocks))
        p->shares = units > (double)p->blocks ? (size_t)(units / (double)p->blocks) : 1;
    p->parts_a_unit = divided(p->parts, p->shares);
    p->shares = divided(p->parts, p->parts_a_unit);
    sum->units = p->blocks * p->shares;
    sum->grain = (size_t)(GRAIN_MACS / (macs / (double)sum->units + 1)) + 1;
}

/* --- Columns -------------------------------------------------------------------------------- */

void up_winograd_classes(const struct up_winograd *p, size_t phase, size_t ret[3])
{
    for (uint32_t i = 3; i-- > 0; phase /= p->axis[i].classes)
        ret[i] = phase % p->axis[i].classes;
}

bool up_winograd_segment(const struct up_winograd *p, size_t panel, size_t column,
                         struct up_winograd_segment *ret)
{
    const size_t at = panel * p->columns + column;
    if (column >= p->columns || at >= p->phases * p->filters)
        return false;
    const size_t filter = at % p->filters;
    *ret = (struct up_winograd_segment){column, least(p->filters - filter, p->columns - column),
                                        at / p->filters, filter};
    return true;
}

size_t up_winograd_panels(const struct up_winograd *p, size_t part)
{
    return least(p->panels_a_part, p->panels - part * p->panels_a_part);
}

size_t up_winograd_weights_at(const struct up_winograd *p, size_t part, size_t offset,
                              size_t channel)
{
    const size_t before = part * p->panels_a_part * p->offsets * p->channels;
    const size_t within = up_winograd_panels(p, part) * (offset * p->channels + channel);
    return (before + within) * p->points * p->columns;
}

/* --- Weights -------------------------------------------------------------------------------- */

void up_winograd_tap(const struct up_winograd *p, const struct up_tap *const tap[3], size_t first,
                     size_t count, size_t filter, size_t width, float *ret)
{
    const struct up_gather *g = &p->gather;
    size_t position;
    const bool single = up_axes_single(p->axis, tap, &position);
    const float *kernel = g->kernel + position * g->position_stride;
    for (size_t c = 0; c < count; c++)
        for (size_t f = 0; f < width; f++) {
            const size_t at = (first + c) * g->channel_stride + (filter + f) * g->filter_stride;
            ret[c * p->columns + f] = single ? kernel[at] : up_axes_value(p->axis, tap, g, at);
        }
}

/* Some of the weights: channels first .. first + count - 1 of a panel, at an offset. */
struct slice {
    size_t panel, offset, first, count;
};

/* A segment's part of a slice: g[tap][channel][column]. */
static void taps_pack(const struct up_winograd *p, const struct up_winograd_segment *s,
                      const struct slice *slice, float *g)
{
    size_t class[3], from[3], taps[3];
    up_winograd_classes(p, s->phase, class);
    for (uint32_t i = 0; i < 3; i++) {
        from[i] = p->axis[i].class[class[i]].first;
        taps[i] = p->axis[i].class[class[i]].count;
    }
    for (size_t t = 0; t < taps[0] * taps[1] * taps[2]; t++) {
        const size_t number[3] = {t / taps[2] / taps[1], t / taps[2] % taps[1], t % taps[2]};
        const struct up_tap *tap[3];
        size_t at = 0, shift[3];
        for (uint32_t i = 0; i < 3; i++) {
            tap[i] = &p->axis[i].tap[from[i] + number[i]];
            shift[i] = (size_t)(tap[i]->shift - p->form[i].low[class[i]]);
            if (i != p->deep)
                at = at * p->form[i].taps + shift[i];
        }
        if (shift[p->deep] == slice->offset)
            up_winograd_tap(p, tap, slice->first, slice->count, s->filter, s->width,
                            g + at * slice->count * p->columns + s->column);
    }
}

/* Transforms a slice; returns its sum of squares. */
static double slice_pack(const struct up_winograd *p, const struct up_kernels *kernels,
                         const struct slice *slice, float *u, size_t u_point)
{
    float g[9 * SLICE * UP_TILE_COLUMNS_MAX];
    double squares = 0;
    for (size_t c = 0; c < slice->count; c += SLICE) {
        const struct slice some = {slice->panel, slice->offset, slice->first + c,
                                   least(SLICE, slice->count - c)};
        struct up_winograd_segment s = {.column = 0};
        memset(g, 0, sizeof g);
        for (size_t column = 0; up_winograd_segment(p, some.panel, column, &s); column += s.width)
            taps_pack(p, &s, &some, g);
        const struct up_winograd_weights w = {g,       u + c * p->columns,      p->axes,
                                              p->taps, some.count * p->columns, u_point};
        squares += kernels->winograd_weights(&w);
    }
    return squares;
}

/* The panels of a part at an offset; returns the sum of squares. */
static double part_pack(struct up_winograd *p, const struct up_kernels *kernels, size_t part,
                        size_t offset)
{
    const size_t panels = up_winograd_panels(p, part);
    double squares = 0;
    for (size_t c = 0; c < p->channels; c += p->channels_a_call) {
        const size_t some = least(p->channels_a_call, p->channels - c), one = some * p->columns;
        const size_t at = up_winograd_weights_at(p, part, offset, c);
        for (size_t i = 0; i < panels; i++) {
            const struct slice slice = {part * p->panels_a_part + i, offset, c, some};
            squares += slice_pack(p, kernels, &slice, p->packed + at + i * one, panels * one);
        }
    }
    return squares;
}

/* Bits of the points at which a phase has weights at an offset. */
static uint16_t phase_needs(const struct up_winograd *p, size_t phase, size_t offset)
{
    size_t class[3];
    uint16_t bits = 0;
    up_winograd_classes(p, phase, class);
    for (size_t point = 0; point < p->points; point++) {
        bool there = offset < p->axis[p->deep].class[class[p->deep]].count;
        size_t rest = point;
        for (uint32_t i = 3; i-- > 0; rest /= p->form[i].points)
            there = there && (p->form[i].points == 1 ||
                              p->axis[i].class[class[i]].count == p->form[i].taps ||
                              rest % p->form[i].points + 1 < p->form[i].points);
        bits |= (uint16_t)(there << point);
    }
    return bits;
}

static void needs_set(struct up_winograd *p)
{
    struct up_winograd_segment s;
    for (size_t i = 0; i < p->panels * p->offsets; i++)
        for (size_t column = 0; up_winograd_segment(p, i / p->offsets, column, &s);
             column += s.width)
            p->needs[i] |= phase_needs(p, s.phase, i % p->offsets);
}

static enum up_code pack(struct up_winograd *p, const struct up_kernels *kernels,
                         struct up_arena *arena, struct up_error *err)
{
    const size_t columns = up_size_mul_saturated(p->panels * p->columns, p->channels);
    const size_t count = up_size_mul_saturated(columns, p->points * p->offsets);
    p->packed = up_arena_alloc(arena, count, sizeof(float), err);
    p->needs = up_arena_zalloc(arena, p->panels * p->offsets, sizeof *p->needs, err);
    p->zeros = up_arena_zalloc(arena, p->channels, sizeof(float), err);
    if (p->packed == NULL || p->needs == NULL || p->zeros == NULL)
        return err->code;
    double squares = 0;
    for (size_t part = 0; part < p->parts; part++)
        for (size_t offset = 0; offset < p->offsets; offset++)
            squares += part_pack(p, kernels, part, offset);
    p->exact = !(squares <= squares_max);
    needs_set(p);
    return UP_OK;
}

enum up_code up_winograd_prepare(const struct up_gather *gather, size_t taps,
                                 const struct up_kernels *kernels, struct up_arena *arena,
                                 struct up_sum *ret, struct up_error *err)
{
    struct up_winograd *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->gather = *gather;
    p->taps = taps;
    p->channels = gather->in.channels;
    p->filters = gather->out.channels;
    p->points = p->outputs = p->phases = p->offsets = 1;
    p->tiles = gather->out.batch;
    p->axes = forms(gather, taps, p->form);
    for (uint32_t i = 0; i < 3; i++) {
        if (up_axis_prepare(gather, i, arena, &p->axis[i], err) != UP_OK)
            return err->code;
        if (p->form[i].points == 1 && p->form[i].offsets >= p->offsets) {
            p->deep = i;
            p->offsets = p->form[i].offsets;
        }
        p->points *= p->form[i].points;
        p->outputs *= p->form[i].side;
        p->tiles *= p->form[i].tiles;
        p->phases *= p->axis[i].classes;
    }
    p->columns = columns_of(kernels, p->phases * p->filters);
    p->panels = divided(p->phases * p->filters, p->columns);
    divide(p, ret);
    if (pack(p, kernels, arena, err) != UP_OK)
        return err->code;
    ret->prepared = p;
    return UP_OK;
}
