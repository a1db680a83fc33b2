/* DESIGN
 * A panel holds the weights of some filters for all phases, in the order in which a sum takes them.
 * Filters that do not fill whole panels get a last one that is as narrow as vectors allow, or one
 * vector wider than the others. Where few pixels use them, reading the weights is what takes time:
 * panels then are as wide as can be, and each is read from its beginning to its end. */
#include "core/gather/panels.h"

#include <math.h>
#include <string.h>

enum {
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    FEW_PRODUCTS = 1024,   /* where lanes sum apart, and are few outputs */
    MERGED_CHANNELS = 64,  /* runs of more are long enough without their neighbours */
    UNITS_WANTED = 64,     /* panels are divided where blocks and phases are fewer, */
    UNIT_MACS = 1 << 18,   /* but into no less work than this */
    GRAIN_MACS = 1 << 16,  /* worth handing to another thread */
    LINE = 16,             /* floats of a cache line */
};

const struct up_tap *up_panels_tap(const struct up_panels *p, size_t class, size_t number)
{
    const struct up_class *c = &p->axis[2].class[class];
    return &p->axis[2].tap[c->first + (p->gather.transposed ? c->count - 1 - number : number)];
}

struct up_segments up_panels_segments(const struct up_panels *p, size_t class)
{
    const size_t taps = p->axis[2].class[class].count;
    struct up_segments s = {.taps = 1, .count = taps, .step = 1};
    if (taps < 2 || p->gather.groups > 1 || p->channels >= MERGED_CHANNELS)
        return s;
    const size_t most = PRODUCTS_A_CALL / p->channels;
    s.count = (taps - 1) / most + 1;
    s.taps = (taps - 1) / s.count + 1;
    s.step = up_panels_tap(p, class, 1)->shift - up_panels_tap(p, class, 0)->shift;
    for (size_t i = 2; i < taps; i++)
        if (up_panels_tap(p, class, i)->shift - up_panels_tap(p, class, i - 1)->shift != s.step)
            s.step = 0;
    return s;
}

/* --- Packing -------------------------------------------------------------------------------- */

/* Where a tap goes: value (channel, column) to to[channel * channel_step + column * column_step].
 */
struct place {
    float *to;
    size_t channel_step, column_step;
};

/* One tap of `width` filters from number `first` of all groups on. */
static void tap_pack(const struct up_panels *p, const struct up_tap *const tap[3], size_t first,
                     size_t width, const struct place *place)
{
    const struct up_gather *g = &p->gather;
    size_t position;
    const bool single = up_axes_single(p->axis, tap, &position);
    const float *kernel = g->kernel + position * g->position_stride + first * g->filter_stride;
    if (place->column_step == 1 && g->filter_stride == 1) {
        for (size_t c = 0; c < p->channels; c++) {
            float *to = place->to + c * place->channel_step;
            if (single)
                memcpy(to, kernel + c * g->channel_stride, width * sizeof *to);
            else
                up_axes_values(p->axis, tap, g, first + c * g->channel_stride, width, to);
        }
        return;
    }
    for (size_t f = 0; f < width; f++)
        for (size_t c = 0; c < p->channels; c++) {
            const size_t at = c * g->channel_stride + f * g->filter_stride;
            place->to[c * place->channel_step + f * place->column_step] =
                single ? kernel[at] : up_axes_value(p->axis, tap, g, first * g->filter_stride + at);
        }
}

/* The taps along a line of one class; returns the place after them. */
static float *line_pack(const struct up_panels *p, const struct up_tap *const across[2],
                        size_t class, const size_t panel[3], float *at)
{
    const size_t first = panel[0], width = panel[1], columns = panel[2];
    const struct up_segments s = up_panels_segments(p, class);
    const size_t taps = p->axis[2].class[class].count;
    for (size_t t = 0; t < taps; t++) {
        const struct up_tap *const tap[3] = {across[0], across[1], up_panels_tap(p, class, t)};
        const size_t before = t / s.taps * s.taps, left = taps - before;
        const size_t length = (left < s.taps ? left : s.taps) * p->channels;
        const struct place few = {at + before * p->channels * columns + t % s.taps * p->channels, 1,
                                  length},
                           wide = {at + t * p->channels * columns, columns, 1};
        tap_pack(p, tap, first, width, p->few ? &few : &wide);
    }
    return at + taps * p->channels * columns;
}

/* One panel: filters panel[0] and on, panel[1] of them, in panel[2] columns. */
static float *panel_pack(const struct up_panels *p, const size_t panel[3], float *at)
{
    const struct up_axis *d = &p->axis[0], *h = &p->axis[1];
    const size_t lines = d->classes * h->classes * p->axis[2].classes;
    for (size_t phase = 0; phase < lines; phase++) {
        const size_t class = phase % p->axis[2].classes, line = phase / p->axis[2].classes;
        const struct up_class *cd = &d->class[line / h->classes],
                              *ch = &h->class[line % h->classes];
        for (size_t i = 0; i < cd->count * ch->count; i++) {
            const struct up_tap *const across[2] = {&d->tap[cd->first + i / ch->count],
                                                    &h->tap[ch->first + i % ch->count]};
            at = line_pack(p, across, class, panel, at);
        }
    }
    return at;
}

static enum up_code pack(struct up_panels *p, struct up_arena *arena, struct up_error *err)
{
    const size_t products =
        up_size_mul_saturated(up_size_mul_saturated(p->taps, p->gather.groups), p->channels);
    const size_t floats = up_size_mul_saturated(products, p->width);
    p->packed = p->width > p->filters ? up_arena_zalloc(arena, floats, sizeof(float), err)
                                      : up_arena_alloc(arena, floats, sizeof(float), err);
    p->zeros = up_arena_zalloc(arena, p->gather.in.channels + PRODUCTS_A_CALL, sizeof(float), err);
    if (p->packed == NULL || p->zeros == NULL)
        return err->code;
    float *at = p->packed;
    for (size_t i = 0; i < p->gather.groups * p->panels; i++) {
        const size_t column = i % p->panels * p->columns, left = p->filters - column;
        const bool last = i % p->panels + 1 == p->panels;
        const size_t panel[3] = {i / p->panels * p->filters + column, last ? left : p->columns,
                                 last ? p->last_columns : p->columns};
        at = panel_pack(p, panel, at);
    }
    return UP_OK;
}

/* --- Dividing ------------------------------------------------------------------------------- */

/* Pixels of the class along each axis that has most. */
static size_t pixels_of(const struct up_panels *p)
{
    return p->gather.out.batch * up_axis_outputs(&p->axis[0], 0) * up_axis_outputs(&p->axis[1], 0) *
           up_axis_outputs(&p->axis[2], 0);
}

/* Whether one tile of the widest panels takes all pixels. */
static bool weights_bound(const struct up_panels *p, const struct up_kernels *kernels)
{
    return !p->few && pixels_of(p) <= kernels->rows_of[UP_TILE_VECTORS_MAX];
}

/* The widths of panels for `filters`. An odd vector is the third of the last panel, but for the
 * only one. */
static void columns_set(struct up_panels *p, const struct up_kernels *kernels)
{
    if (p->few) {
        p->columns = p->last_columns = p->width = p->filters;
        p->panels = 1;
        return;
    }
    const size_t vectors = (p->filters - 1) / kernels->lanes + 1;
    p->width = vectors * kernels->lanes;
    const size_t most =
        weights_bound(p, kernels) ? UP_TILE_VECTORS_MAX * kernels->lanes : kernels->tile_columns;
    p->columns = most < p->width ? most : p->width;
    p->panels = p->width / p->columns;
    p->last_columns = p->width - (p->panels - 1) * p->columns;
    if (p->last_columns > UP_TILE_VECTORS_MAX * kernels->lanes) {
        p->last_columns -= p->columns;
        p->panels++;
    }
}

/* The most segments that one call may take. */
static size_t segments_a_call(const struct up_panels *p)
{
    size_t most = 1;
    for (size_t c = 0; c < p->axis[2].classes; c++) {
        const struct up_segments s = up_panels_segments(p, c);
        const size_t length = s.taps * p->channels;
        const size_t room = length < p->products_a_call ? p->products_a_call / length : 1;
        const size_t lines =
            up_size_mul_saturated(up_axis_taps_max(&p->axis[0]), up_axis_taps_max(&p->axis[1]));
        const size_t there = up_size_mul_saturated(lines, s.count);
        const size_t taken = room < there ? room : there;
        most = taken > most ? taken : most;
    }
    return most;
}

/* Whether the products of an output are never more than one call takes. */
static bool call_is_all(const struct up_panels *p)
{
    size_t taps = 1;
    for (uint32_t i = 0; i < 3; i++)
        taps = up_size_mul_saturated(taps, up_axis_taps_max(&p->axis[i]));
    return up_size_mul_saturated(taps, p->channels) <= p->products_a_call;
}

/* Whether so many taps of an axis miss the image that outputs which differ along it had better not
 * share a block: a block takes the taps of all. */
static bool apart(struct up_axis_work work)
{
    return work.taps > 1.25 * work.inside;
}

/* Divides the work into units of much the same size. */
static void divide(struct up_panels *p, const struct up_kernels *kernels, struct up_sum *sum)
{
    const size_t line = up_axis_outputs(&p->axis[2], 0), rows = kernels->tile_rows;
    const size_t pixels = pixels_of(p);
    const size_t segments = segments_a_call(p);
    size_t most = p->few ? UP_EDGE_FLOATS / FEW_PRODUCTS : UP_BLOCK_PIXELS;
    if (segments > UP_TABLE_POINTERS / most)
        most = segments < UP_TABLE_POINTERS / rows ? UP_TABLE_POINTERS / segments : rows;
    const size_t alike = apart(up_axis_work(&p->gather, 1)) ? line
                         : apart(up_axis_work(&p->gather, 0))
                             ? line * up_axis_outputs(&p->axis[1], 0)
                             : most;
    if (alike < most)
        most = alike > rows ? alike : rows;
    p->lines = p->axis[0].classes * p->axis[1].classes;
    p->blocks = (pixels - 1) / most + 1;
    p->block = (pixels - 1) / p->blocks + 1;
    const size_t panels = p->gather.groups * p->panels, units = p->blocks * p->lines;
    const double macs = up_gather_macs(&p->gather), parts = macs / (double)units / UNIT_MACS;
    p->parts = (UNITS_WANTED - 1) / units + 1;
    if (parts < (double)p->parts)
        p->parts = parts > 1 ? (size_t)parts : 1;
    p->panels_a_part = (panels - 1) / p->parts + 1;
    if (weights_bound(p, kernels) && !call_is_all(p))
        p->panels_a_part = 1; /* read from its beginning to its end */
    p->parts = (panels - 1) / p->panels_a_part + 1;
    sum->units = units * p->parts;
    sum->grain = (size_t)(GRAIN_MACS / (macs / (double)sum->units + 1)) + 1;
}

/* Whether the taps of neighbours along an axis leave no input out. */
static bool dense(const struct up_axis *axis)
{
    return axis->outputs == 1 || up_axis_taps_max(axis) >= (size_t)axis->advance;
}

/* How far past its own place, in input values, an output may take some. */
static size_t reach_of(const struct up_panels *p)
{
    const struct up_grid *in = &p->gather.in;
    size_t reach = 0, step = in->spatial[2] * in->channels;
    for (uint32_t i = 2; i-- > 0; step *= in->spatial[1]) {
        int64_t most = 0;
        for (size_t t = 0; t < p->axis[i].taps; t++)
            most = p->axis[i].tap[t].shift > most ? p->axis[i].tap[t].shift : most;
        reach += (size_t)most * step;
    }
    return reach;
}

enum up_code up_panels_prepare(const struct up_gather *gather, bool few,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_sum *ret, struct up_error *err)
{
    struct up_panels *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->gather = *gather;
    p->few = few;
    p->channels = gather->in.channels / gather->groups;
    p->filters = gather->out.channels / gather->groups;
    p->products_a_call = few ? FEW_PRODUCTS : PRODUCTS_A_CALL;
    for (uint32_t i = 0; i < 3; i++)
        if (up_axis_prepare(gather, i, arena, &p->axis[i], err) != UP_OK)
            return err->code;
    columns_set(p, kernels);
    p->taps = up_size_mul_saturated(up_size_mul_saturated(p->axis[0].taps, p->axis[1].taps),
                                    p->axis[2].taps);
    if (pack(p, arena, err) != UP_OK)
        return err->code;
    divide(p, kernels, ret);
    p->dense = dense(&p->axis[0]) && dense(&p->axis[1]) && dense(&p->axis[2]);
    p->reach = reach_of(p);
    p->whole = !few && gather->groups == 1 && p->width == p->filters && p->filters % LINE == 0 &&
               p->columns % LINE == 0 && call_is_all(p);
    ret->prepared = p;
    return UP_OK;
}

/* --- Choosing ------------------------------------------------------------------------------- */

/* Costs are in what one vector's multiply-adds take, and were fitted to 491 random layers of
 * `tiles` and 410 of `few` under AVX-512, whose times they tell within a sixth and a fifth.
 *
 * Of `few`: a vector of a segment's products, which are `length`, and one that is loaded, of the
 * input or the weights, which as many rows share; a quad of products, a segment of an output, and a
 * filter's sum over the lanes. */
static double few_cost(double segments, double length, double filters, double outputs, double lanes)
{
    const double VECTOR = 0.7, LOAD = 3.7, QUAD = 2.6, ROW = 19, SUM = 13, quad = 4;
    const double full = floor(length / lanes), left = length - full * lanes;
    const double rows = fmin(8, fmax(3, floor(16 / filters))), loads = 1 + filters / rows;
    return lanes * (segments * (full * (filters * VECTOR + loads * LOAD) +
                                filters * ceil(left / quad) * QUAD + ROW) +
                    outputs * filters * SUM);
}

/* Of `tiles`: a vector of products, a vector of results, a segment of an output, and of each of its
 * vectors. */
double up_panels_cost(const struct up_gather *gather, bool few, const struct up_kernels *kernels)
{
    const double PRODUCT = 1.15, STORE = 17, ROW = 14, ROW_VECTOR = 3.5;
    const struct up_axis_work d = up_axis_work(gather, 0), h = up_axis_work(gather, 1),
                              w = up_axis_work(gather, 2);
    const double channels = (double)gather->in.channels / (double)gather->groups;
    const double filters = (double)gather->out.channels / (double)gather->groups;
    const double lanes = (double)kernels->lanes, groups = (double)gather->groups;
    const double line = (double)gather->out.spatial[2], taps = w.taps / line;
    const double lines = (double)gather->out.batch * d.inside * h.inside;
    const double outputs = (double)gather->out.batch * (double)gather->out.spatial[0] *
                           (double)gather->out.spatial[1] * line;
    const double products = (double)(d.taps_max * h.taps_max * w.taps_max) * channels;
    const bool merged = gather->groups == 1 && channels < MERGED_CHANNELS;
    const double segments = merged ? ceil(taps * channels / PRODUCTS_A_CALL) : taps;
    if (few)
        return few_cost(lines * line * segments * groups, taps * channels / fmax(segments, 1),
                        filters, outputs * groups * ceil(products / FEW_PRODUCTS), lanes);
    const double vectors = groups * ceil(filters / lanes);
    return lanes * (lines * w.taps * channels * vectors * PRODUCT +
                    lines * line * segments * (ROW + vectors * ROW_VECTOR) +
                    outputs * vectors * ceil(products / PRODUCTS_A_CALL) * STORE);
}

/* --- Computing ------------------------------------------------------------------------------ */

static void fetch(struct up_ahead *ahead)
{
    for (size_t i = 0; i < ahead->lines && ahead->at < ahead->end; i++, ahead->at += LINE)
        __builtin_prefetch(ahead->at, 0, 2);
}

void up_panels_rows(const struct up_kernels *kernels, struct up_tile *call, size_t rows,
                    struct up_ahead *ahead)
{
    const size_t most = kernels->rows_of[call->columns / kernels->lanes];
    const size_t count = (rows - 1) / most + 1, each = rows / count, longer = rows % count;
    call->next_step = call->columns / count;
    for (size_t i = 0; i < count; i++) {
        call->rows = i < longer ? each + 1 : each;
        if (ahead != NULL)
            fetch(ahead);
        kernels->tile(call);
        call->a += call->rows;
        call->c += call->rows;
        if (call->add != NULL)
            call->add += call->rows;
        call->next += call->taps * call->depth * call->next_step;
    }
}
