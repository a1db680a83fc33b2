/* DESIGN
 * Winograd's algorithms: F(3, 2) for transposed convolutions whose kernel is twice the stride, and
 * for convolutions over an upsampled input; F(2, 3) for plain convolutions of three taps. Of
 * three axes two are transformed, and the taps of the other are summed as channels are.
 *
 * A unit of work is a block of tiles and some parts of the columns. For each part, each offset
 * along that axis and each UP_WINOGRAD_CHANNELS channels the inputs are transformed (V) and
 * multiplied with the weights at each point (M); the outputs are made from M. Inputs of one block
 * that are not finite, or so large that a transform could overflow, show in the sum of squares that
 * the transform returns: then the part is computed again as the direct sum that it is. So what is
 * not finite spreads to no output that does not depend on it. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/panels.h"
#include "core/gather/winograd.h"

struct block {
    const struct up_gather_call *call;
    const struct up_winograd *p;
    size_t first, tiles;
    const float *x[UP_WINOGRAD_TABLE];    /* [tile][point] */
    size_t at[UP_WINOGRAD_TABLE];         /* [tile][output], of one phase */
    size_t phase, offset;                 /* of `at`, SIZE_MAX: none; of x */
    const float *v_at[UP_WINOGRAD_TILES]; /* rows of V and M, at the first point */
    float *m_at[UP_WINOGRAD_TILES];
    _Alignas(UP_ALIGN_BYTES) float v[UP_WINOGRAD_V_FLOATS];
    _Alignas(UP_ALIGN_BYTES) float m[UP_WINOGRAD_M_FLOATS];
};

/* The rows of a direct sum: outputs of the block that are there. */
struct rows {
    size_t count, number[UP_WINOGRAD_TABLE]; /* [tile][output] */
    const float *a[UP_WINOGRAD_TABLE], *add[UP_WINOGRAD_TABLE];
    float *c[UP_WINOGRAD_TABLE];
};

static_assert(sizeof(struct block) + sizeof(struct rows) + UP_STACK_BYTES / 8 <= UP_STACK_BYTES,
              "a block does not fit the stack");

/* --- Places --------------------------------------------------------------------------------- */

/* The batch item of a tile, and its number along each axis. */
static size_t tile_at(const struct up_winograd *p, size_t tile, size_t ret[3])
{
    for (uint32_t i = 3; i-- > 0; tile /= p->form[i].tiles)
        ret[i] = tile % p->form[i].tiles;
    return tile;
}

/* Places along each axis, in floats; UP_WINOGRAD_NOWHERE: outside. */
struct places {
    size_t count[3], at[3][UP_WINOGRAD_BASE];
};

/* All combinations of a place of each axis, the last axis fastest; returns where to go on. */
static size_t *combine(const struct places *p, size_t first, size_t *ret)
{
    const size_t count = p->count[2];
    for (size_t d = 0; d < p->count[0]; d++)
        for (size_t h = 0; h < p->count[1]; h++, ret += count) {
            const size_t a = p->at[0][d], b = p->at[1][h], line = first + a + b;
            const bool inside = a != UP_WINOGRAD_NOWHERE && b != UP_WINOGRAD_NOWHERE;
            for (size_t w = 0; w < count; w++) {
                const size_t c = p->at[2][w];
                ret[w] = inside && c != UP_WINOGRAD_NOWHERE ? line + c : UP_WINOGRAD_NOWHERE;
            }
        }
    return ret;
}

/* The windows at an offset. */
static void inputs_set(struct block *b, size_t offset)
{
    const struct up_winograd *p = b->p;
    const struct up_grid *in = &p->gather.in;
    size_t *to = b->at;
    for (size_t t = 0; t < b->tiles; t++) {
        struct places places;
        size_t at[3], size = in->channels;
        const size_t image = tile_at(p, b->first + t, at);
        for (uint32_t i = 3; i-- > 0; size *= in->spatial[i]) {
            const struct up_winograd_axis *f = &p->form[i];
            const size_t first = (size_t)(f->base + (int64_t)at[i] * f->step) /* may wrap */
                                 + (i == p->deep ? offset : 0);
            places.count[i] = f->points;
            for (size_t k = 0; k < f->points; k++)
                places.at[i][k] =
                    first + k < in->spatial[i] ? (first + k) * size : UP_WINOGRAD_NOWHERE;
        }
        to = combine(&places, image * size, to);
    }
    for (size_t i = 0; i < b->tiles * p->points; i++)
        b->x[i] = b->at[i] == UP_WINOGRAD_NOWHERE ? p->zeros : b->call->in + b->at[i];
    b->offset = offset;
    b->phase = SIZE_MAX;
}

static void outputs_set(struct block *b, size_t phase)
{
    const struct up_winograd *p = b->p;
    const struct up_grid *out = &p->gather.out;
    size_t class[3], *to = b->at;
    up_winograd_classes(p, phase, class);
    for (size_t t = 0; t < b->tiles; t++) {
        struct places places;
        size_t at[3], size = out->channels;
        const size_t image = tile_at(p, b->first + t, at);
        for (uint32_t i = 3; i-- > 0; size *= out->spatial[i]) {
            const struct up_winograd_axis *f = &p->form[i];
            const size_t first =
                at[i] * f->side + (size_t)(f->base - f->low[class[i]]); /* may wrap */
            places.count[i] = f->side;
            for (size_t k = 0; k < f->side; k++) {
                const size_t o = (first + k) * p->axis[i].period + class[i];
                const bool inside = first + k < out->spatial[i] && o < out->spatial[i];
                places.at[i][k] = inside ? o * size : UP_WINOGRAD_NOWHERE;
            }
        }
        to = combine(&places, image * size, to);
    }
    b->phase = phase;
}

/* --- The direct sum --------------------------------------------------------------------------- */

static void rows_set(const struct block *b, struct rows *rows)
{
    rows->count = 0;
    for (size_t i = 0; i < b->tiles * b->p->outputs; i++) {
        if (b->at[i] == UP_WINOGRAD_NOWHERE)
            continue;
        rows->number[rows->count] = i;
        rows->c[rows->count] = b->call->out + b->at[i];
        rows->add[rows->count++] = b->p->gather.add ? b->call->add + b->at[i] : NULL;
    }
}

/* The rows' inputs that are `shift` into their own part of the window. */
static void rows_shift(const struct block *b, struct rows *rows, const size_t shift[3])
{
    const struct up_winograd *p = b->p;
    for (size_t r = 0; r < rows->count; r++) {
        const size_t tile = rows->number[r] / p->outputs;
        size_t rest = rows->number[r] % p->outputs, point = 0, scale = 1;
        for (uint32_t i = 3; i-- > 0; rest /= p->form[i].side) {
            if (i != p->deep)
                point += (rest % p->form[i].side + shift[i]) * scale;
            scale *= p->form[i].points;
        }
        rows->a[r] = b->x[tile * p->points + point];
    }
}

/* One segment's outputs through one tap. */
static void tap_direct(const struct block *b, const struct up_winograd_segment *s,
                       const struct up_tap *const tap[3], const struct rows *rows, bool first,
                       bool last)
{
    const struct up_winograd *p = b->p;
    const float *bias = p->gather.bias;
    _Alignas(UP_ALIGN_BYTES) float packed[UP_WINOGRAD_CHANNELS * UP_TILE_COLUMNS_MAX];
    struct up_tile call = {.b = packed,
                           .c_first = s->filter,
                           .bias = bias == NULL ? NULL : bias + s->filter,
                           .columns = p->columns,
                           .taps = 1,
                           .width = s->width,
                           .activation = p->gather.activation};
    memset(packed, 0, sizeof packed);
    for (size_t c = 0; c < p->channels; c += call.depth) {
        const size_t left = p->channels - c;
        call.depth = left < UP_WINOGRAD_CHANNELS ? left : UP_WINOGRAD_CHANNELS;
        call.a_first = c;
        call.accumulate = !first || c > 0;
        call.finish = last && call.depth == left;
        call.a = rows->a, call.c = rows->c, call.next = packed;
        call.add = p->gather.add ? rows->add : NULL;
        up_winograd_tap(p, tap, c, call.depth, s->filter, s->width, packed);
        up_panels_rows(b->call->kernels, &call, rows->count, NULL);
    }
}

static void segment_direct(struct block *b, const struct up_winograd_segment *s)
{
    const struct up_winograd *p = b->p;
    struct rows rows;
    const struct up_class *classes[3];
    size_t class[3], shift[3];
    up_winograd_classes(p, s->phase, class);
    for (uint32_t i = 0; i < 3; i++)
        classes[i] = &p->axis[i].class[class[i]];
    const size_t across = classes[2]->count, plane = across * classes[1]->count;
    const size_t taps = plane * classes[0]->count;
    rows_set(b, &rows);
    for (size_t t = 0; t < taps && rows.count > 0; t++) {
        const size_t number[3] = {t / plane, t / across % classes[1]->count, t % across};
        const struct up_tap *tap[3];
        for (uint32_t i = 0; i < 3; i++) {
            tap[i] = &p->axis[i].tap[classes[i]->first + number[i]];
            shift[i] = (size_t)(tap[i]->shift - p->form[i].low[class[i]]);
        }
        if (b->offset != shift[p->deep])
            inputs_set(b, shift[p->deep]);
        rows_shift(b, &rows, shift);
        tap_direct(b, s, tap, &rows, t == 0, t + 1 == taps);
    }
}

/* --- Winograd --------------------------------------------------------------------------------- */

/* V of some channels; whether it is fit to be multiplied. */
static bool transform(struct block *b, size_t channel, size_t count)
{
    const struct up_winograd *p = b->p;
    const struct up_winograd_input input = {
        b->x, b->v, p->axes, b->tiles, channel, count, b->tiles * p->v_row, p->v_row};
    return isfinite(b->call->kernels->winograd_input(&input));
}

/* Adds the products of some channels, at the block's offset, to M: [point][panel][tile][column]. */
static void multiply(struct block *b, size_t part, size_t channel, size_t count)
{
    const struct up_winograd *p = b->p;
    const size_t panels = up_winograd_panels(p, part), plane = b->tiles * p->columns;
    const uint16_t *needs = p->needs + part * p->panels_a_part * p->offsets + b->offset;
    const bool first = b->offset == 0 && channel == 0;
    const float *packed = p->packed + up_winograd_weights_at(p, part, b->offset, channel);
    struct up_tile call = {.columns = p->columns,
                           .taps = 1,
                           .depth = count,
                           .width = p->columns,
                           .accumulate = !first};
    for (size_t point = 0; point < p->points; point++)
        for (size_t i = 0; i < panels; i++, call.c_first += plane) {
            call.a = b->v_at, call.c = b->m_at, call.b = packed;
            call.a_first = point * b->tiles * p->v_row;
            call.next = packed += count * p->columns;
            if (needs[i * p->offsets] >> point & 1)
                up_panels_rows(b->call->kernels, &call, b->tiles, NULL);
            else if (first)
                memset(b->m + call.c_first, 0, plane * sizeof(float));
        }
}

/* The outputs of one segment from M, or from the inputs themselves. */
static void segment_finish(struct block *b, size_t panels, size_t panel,
                           const struct up_winograd_segment *s, bool direct)
{
    const struct up_winograd *p = b->p;
    const struct up_gather *g = &p->gather;
    if (b->phase != s->phase)
        outputs_set(b, s->phase);
    if (direct) {
        segment_direct(b, s);
        return;
    }
    const struct up_winograd_output output = {.m = b->m + panel * b->tiles * p->columns + s->column,
                                              .at = b->at,
                                              .bias = g->bias == NULL ? NULL : g->bias + s->filter,
                                              .add = g->add ? b->call->add + s->filter : NULL,
                                              .y = b->call->out + s->filter,
                                              .axes = p->axes,
                                              .taps = p->taps,
                                              .tiles = b->tiles,
                                              .width = s->width,
                                              .m_point = panels * b->tiles * p->columns,
                                              .m_row = p->columns,
                                              .activation = g->activation};
    b->call->kernels->winograd_output(&output);
}

/* All products of a part; false when its inputs are not fit. Where one transform is all there is,
 * the parts share it. */
static bool products(struct block *b, size_t part, bool transformed)
{
    const struct up_winograd *p = b->p;
    for (size_t offset = 0; offset < p->offsets; offset++) {
        if (b->offset != offset)
            inputs_set(b, offset);
        for (size_t c = 0; c < p->channels; c += p->channels_a_call) {
            const size_t left = p->channels - c;
            const size_t count = left < p->channels_a_call ? left : p->channels_a_call;
            if (!transformed && !transform(b, c, count))
                return false;
            multiply(b, part, c, count);
        }
    }
    return true;
}

static void finish(struct block *b, size_t part, bool direct)
{
    const struct up_winograd *p = b->p;
    const size_t panels = up_winograd_panels(p, part);
    for (size_t i = 0; i < panels; i++) {
        struct up_winograd_segment s;
        const size_t panel = part * p->panels_a_part + i;
        for (size_t column = 0; up_winograd_segment(p, panel, column, &s); column += s.width)
            segment_finish(b, panels, i, &s, direct);
    }
}

static void unit(const struct up_winograd *p, const struct up_gather_call *call, size_t number)
{
    struct block b;
    bool fit = !p->exact, transformed = false;
    const size_t first = number % p->shares * p->parts_a_unit;
    b.call = call;
    b.p = p;
    b.first = number / p->shares * p->block;
    b.tiles = p->tiles - b.first < p->block ? p->tiles - b.first : p->block;
    for (size_t t = 0; t < b.tiles; t++) {
        b.v_at[t] = b.v + t * p->v_row;
        b.m_at[t] = b.m + t * p->columns;
    }
    inputs_set(&b, 0);
    for (size_t part = first; part < first + p->parts_a_unit && part < p->parts; part++) {
        fit = fit && products(&b, part, transformed);
        finish(&b, part, !fit);
        transformed = p->offsets == 1 && p->channels_a_call == p->channels;
    }
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        unit(prepared, call, i);
}

/* --- The two rows ----------------------------------------------------------------------------- */

#define ROW(f, taps)                                                                               \
    static bool applies_##f(const struct up_gather *gather, const struct up_kernels *kernels)      \
    {                                                                                              \
        (void)kernels;                                                                             \
        return up_winograd_applies(gather, taps);                                                  \
    }                                                                                              \
    static double cost_##f(const struct up_gather *gather, const struct up_kernels *kernels)       \
    {                                                                                              \
        return up_winograd_cost(gather, taps, kernels);                                            \
    }                                                                                              \
    static enum up_code prepare_##f(const struct up_gather *gather,                                \
                                    const struct up_kernels *kernels, struct up_arena *arena,      \
                                    struct up_sum *ret, struct up_error *err)                      \
    {                                                                                              \
        return up_winograd_prepare(gather, taps, kernels, arena, ret, err);                        \
    }                                                                                              \
    const struct up_gather_algorithm up_gather_winograd_##f = {.name = "winograd_" #f,             \
                                                               .applies = applies_##f,             \
                                                               .cost = cost_##f,                   \
                                                               .prepare = prepare_##f,             \
                                                               .units = units}

ROW(f3x2, 2);
ROW(f2x3, 3);
