/* DESIGN
 * Few filters, or kernels that reach past small images: the filters of a whole kernel line are the
 * columns of one matrix product. An input's products with it lie side by side in the output, where
 * they are added to those of the inputs beside it: overlap-add. No product falls outside an output
 * line's inputs, and none is made twice.
 *
 * Only along the line are sums scattered; across lines they are gathered as elsewhere. A unit of
 * work is a span of some output lines, for a block of filters, and its sums stay on the stack until
 * they are finished: nobody else adds to them. For each pair of taps across the lines, the inputs
 * of all lines that have it are the rows of the product.
 *
 * The taps of a dilated kernel are neighbours where every dilation-th position is: the sums are
 * ordered so. Rows that overlap are kept apart, for what one tile stores it should not load. */
#include <math.h>
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/panels.h"

enum {
    SUM_FLOATS = 32768,    /* of a unit, on the stack */
    ROWS_MAX = 1024,       /* of one product */
    LINES_MAX = 64,        /* of a unit */
    BLOCK_VECTORS = 4,     /* of filters, of a unit */
    SPAN_MIN = 128,        /* outputs, where a line is divided */
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    UNITS_WANTED = 16,
    UNIT_MACS = 1 << 18,  /* but units are no smaller, */
    ROWS_MIN = 96,        /* nor are weights fetched for fewer rows, */
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
};

struct prepared {
    struct up_gather gather;
    struct up_axis axis[3];         /* of the last one only the list of kernel positions */
    int64_t stride, dilation, crop; /* position i * stride + j * dilation is output + crop */
    size_t kernel;                  /* along the line */
    size_t block, blocks;           /* of filters; the last may have fewer */
    size_t columns;                 /* of a panel */
    size_t span, spans;             /* outputs along the line */
    size_t lines, groups;           /* output lines of all images */
    size_t block_floats;            /* of `packed` */
    float *packed; /* [block][tap of the depth][of the height][panel][channel][column], columns
                    * are (position along the line, filter of the block) */
};

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t div_up(size_t a, size_t b)
{
    return (a - 1) / b + 1;
}

/* --- Planning ------------------------------------------------------------------------------- */

/* Positions that the sums of a span have at most, whole dilations. */
static size_t positions_of(const struct prepared *p, size_t span)
{
    const size_t reach = (p->kernel - 1) * (size_t)p->dilation;
    return div_up(span + 2 * reach, (size_t)p->dilation) * (size_t)p->dilation;
}

/* False where sums would not find room. */
static bool sizes_make(const struct up_gather *g, const struct up_kernels *kernels,
                       struct prepared *p)
{
    const struct up_gather_axis *a = &g->axis[2];
    const size_t outputs = g->out.spatial[2], reach = (size_t)((a->kernel - 1) * a->dilation);
    p->gather = *g;
    p->kernel = (size_t)a->kernel;
    p->stride = g->transposed ? a->stride : 1;
    p->dilation = a->dilation;
    p->crop = g->transposed ? a->crop : (int64_t)reach - a->crop;
    if (g->groups > 1 || (!g->transposed && a->stride > 1) || a->repeat > 1 ||
        (a->stride > 1 && a->dilation > 1) || reach > SUM_FLOATS)
        return false;
    p->blocks = div_up(g->out.channels, BLOCK_VECTORS * kernels->lanes);
    p->block = div_up(g->out.channels, p->blocks);
    p->columns = at_most(kernels->tile_columns,
                         div_up(p->kernel * p->block, kernels->lanes) * kernels->lanes);
    const size_t room = SUM_FLOATS / p->block;
    p->span = outputs;
    if (positions_of(p, outputs) > room) {
        const size_t beyond = 2 * reach + (size_t)a->dilation;
        if (room < beyond + SPAN_MIN)
            return false;
        p->span = room - beyond;
    }
    p->spans = div_up(outputs, p->span);
    p->span = div_up(outputs, p->spans);
    return true;
}

/* Lines of a unit: as many as find room, but fewer where that leaves too few units. */
static void lines_make(struct prepared *p, struct up_sum *sum)
{
    const struct up_grid *in = &p->gather.in, *out = &p->gather.out;
    const size_t all = out->batch * out->spatial[0] * out->spatial[1];
    const size_t inputs = in->batch * in->spatial[0] * in->spatial[1] * in->spatial[2];
    const double macs = up_gather_macs(&p->gather);
    const double worth = macs / (double)(p->blocks * p->spans) / UNIT_MACS + 1;
    const size_t wanted =
        at_most(div_up(UNITS_WANTED, p->blocks * p->spans), inputs / p->spans / ROWS_MIN + 1);
    const size_t groups = worth < (double)wanted ? (size_t)worth : wanted;
    p->lines = at_most(SUM_FLOATS / (positions_of(p, p->span) * p->block), LINES_MAX);
    p->lines = at_most(p->lines, div_up(all, groups));
    p->groups = div_up(all, p->lines);
    p->lines = div_up(all, p->groups);
    sum->units = p->blocks * p->spans * p->groups;
    sum->grain = (size_t)(GRAIN_MACS / (macs / (double)sum->units + 1)) + 1;
}

static size_t filters_of(const struct prepared *p, size_t block)
{
    return at_most(p->block, p->gather.out.channels - block * p->block);
}

/* Floats of one pair of taps. */
static size_t tap_floats(const struct prepared *p)
{
    return div_up(p->kernel * p->block, p->columns) * p->columns * p->gather.in.channels;
}

/* One column of a pair of taps. */
static void column_pack(const struct prepared *p, const struct up_tap *const tap[3], size_t filter,
                        float *to)
{
    const struct up_gather *g = &p->gather;
    size_t position;
    const bool single = up_axes_single(p->axis, tap, &position);
    for (size_t c = 0; c < g->in.channels; c++) {
        const size_t at = c * g->channel_stride + filter * g->filter_stride;
        to[c * p->columns] = single ? g->kernel[position * g->position_stride + at]
                                    : up_axes_value(p->axis, tap, g, at);
    }
}

static void tap_pack(const struct prepared *p, size_t block, const struct up_tap *depth,
                     const struct up_tap *height, float *to)
{
    const size_t filters = filters_of(p, block), channels = p->gather.in.channels;
    for (size_t m = 0; m < p->kernel * filters; m++) {
        const size_t j = m / filters;
        const struct up_tap line = {p->gather.transposed ? j : p->kernel - 1 - j, 1, 0};
        const struct up_tap *const tap[3] = {depth, height, &line};
        column_pack(p, tap, block * p->block + m % filters,
                    to + m / p->columns * p->columns * channels + m % p->columns);
    }
}

static enum up_code prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    (void)sizes_make(gather, kernels, p); /* as `applies` did */
    lines_make(p, ret);
    for (uint32_t i = 0; i < 2; i++)
        if (up_axis_prepare(gather, i, arena, &p->axis[i], err) != UP_OK)
            return err->code;
    const size_t taps = p->axis[0].taps * p->axis[1].taps;
    p->axis[2] = (struct up_axis){.kernel = p->kernel};
    p->axis[2].index = up_arena_alloc(arena, p->kernel, sizeof *p->axis[2].index, err);
    p->block_floats = up_size_mul_saturated(taps, tap_floats(p));
    p->packed = up_arena_zalloc(arena, up_size_mul_saturated(p->blocks, p->block_floats),
                                sizeof *p->packed, err);
    if (p->axis[2].index == NULL || p->packed == NULL)
        return err->code;
    for (size_t j = 0; j < p->kernel; j++)
        p->axis[2].index[j] = j;
    for (size_t i = 0; i < p->blocks * taps; i++)
        tap_pack(p, i / taps, &p->axis[0].tap[i % taps / p->axis[1].taps],
                 &p->axis[1].tap[i % taps % p->axis[1].taps], p->packed + i * tap_floats(p));
    ret->prepared = p;
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

struct work {
    const struct up_gather_call *call;
    const struct prepared *p;
    size_t block, filters;     /* the unit's, and how many they are */
    size_t output, outputs;    /* along the line */
    size_t line, lines;        /* output lines of all images */
    size_t input, inputs;      /* that reach the outputs */
    int64_t low;               /* the first position that there are sums of, */
    size_t pitch, line_floats; /* how many of each remainder, and floats of a line's */
    _Alignas(UP_ALIGN_BYTES) float sums[SUM_FLOATS]; /* [line][remainder of the
                                                        position][quotient][filter] */
};

/* Lines that have a pair of taps: where their inputs are, and their sums. */
struct pairs {
    size_t count;
    const float *from[LINES_MAX];
    float *to[LINES_MAX];
};

/* What the span needs. */
static void span_set(struct work *w)
{
    const struct prepared *p = w->p;
    const int64_t reach = (int64_t)(p->kernel - 1) * p->dilation;
    const int64_t first = (int64_t)w->output + p->crop, last = first + (int64_t)w->outputs - 1;
    const int64_t before = first - reach + p->stride - 1;
    const int64_t inputs = (int64_t)p->gather.in.spatial[2];
    const int64_t from = before < 0 ? 0 : before / p->stride;
    const int64_t end = last < 0 ? 0 : lower(inputs, last / p->stride + 1);
    w->input = (size_t)from;
    w->inputs = from < end ? (size_t)(end - from) : 0;
    w->low = w->inputs > 0 ? lower(from * p->stride, first) : first;
    const int64_t most = w->inputs > 0 ? (end - 1) * p->stride + reach : last;
    w->pitch = (size_t)((most > last ? most : last) - w->low) / (size_t)p->dilation + 1;
    w->line_floats = w->pitch * (size_t)p->dilation * w->filters;
}

static float *sums_at(struct work *w, size_t line, int64_t position)
{
    const size_t at = (size_t)(position - w->low), d = (size_t)w->p->dilation;
    return w->sums + line * w->line_floats + (at % d * w->pitch + at / d) * w->filters;
}

static void bias_set(struct work *w)
{
    const float *bias = w->p->gather.bias;
    const size_t all = w->lines * w->line_floats;
    if (bias == NULL) {
        memset(w->sums, 0, all * sizeof *w->sums);
        return;
    }
    memcpy(w->sums, bias + w->block * w->p->block, w->filters * sizeof *w->sums);
    for (size_t done = w->filters; done < all; done *= 2)
        memcpy(w->sums + done, w->sums, at_most(done, all - done) * sizeof *w->sums);
}

static void pairs_find(struct work *w, size_t class_depth, const struct up_tap *depth,
                       size_t class_height, const struct up_tap *height, struct pairs *ret)
{
    const struct up_grid *in = &w->p->gather.in, *out = &w->p->gather.out;
    const struct up_axis *d = &w->p->axis[0], *h = &w->p->axis[1];
    ret->count = 0;
    for (size_t i = 0; i < w->lines; i++) {
        const size_t line = w->line + i, plane = line / out->spatial[1];
        const size_t y = line % out->spatial[1], z = plane % out->spatial[0];
        if (z % d->period != class_depth || y % h->period != class_height)
            continue;
        const int64_t from_z = (int64_t)(z / d->period) * d->advance + depth->shift,
                      from_y = (int64_t)(y / h->period) * h->advance + height->shift;
        if (from_z < 0 || from_z >= (int64_t)in->spatial[0] || from_y < 0 ||
            from_y >= (int64_t)in->spatial[1])
            continue;
        const size_t image = plane / out->spatial[0];
        const size_t from = (image * in->spatial[0] + (size_t)from_z) * in->spatial[1];
        ret->from[ret->count] =
            w->call->in + ((from + (size_t)from_y) * in->spatial[2] + w->input) * in->channels;
        ret->to[ret->count++] = w->sums + i * w->line_floats;
    }
}

/* Adds the products of `rows` inputs with all columns. */
static void product(const struct work *w, const float *weights, const float *const *a,
                    float *const *c, size_t rows)
{
    const struct prepared *p = w->p;
    const size_t all = p->kernel * w->filters, channels = p->gather.in.channels;
    struct up_tile call = {.columns = p->columns, .taps = 1, .accumulate = true};
    for (size_t column = 0; column < all; column += p->columns) {
        call.b = weights + column * channels;
        call.c_first = column;
        call.width = at_most(p->columns, all - column);
        for (size_t k = 0; k < channels; k += call.depth) {
            call.depth = at_most(PRODUCTS_A_CALL, channels - k);
            call.a_first = k;
            call.a = a;
            call.c = c;
            call.next = column + p->columns < all || k + call.depth < channels
                            ? call.b + call.depth * p->columns
                            : weights;
            up_panels_rows(w->call->kernels, &call, rows, NULL);
            call.b += call.depth * p->columns;
        }
    }
}

/* All inputs of the lines that have a pair of taps. */
static void pairs_sum(struct work *w, const struct pairs *pairs, const float *weights)
{
    const struct prepared *p = w->p;
    const size_t apart = p->dilation > 1 ? 1 : div_up(p->kernel, (size_t)p->stride);
    const size_t step = apart * (size_t)p->stride * w->filters;
    const size_t channels = p->gather.in.channels;
    const float *a[ROWS_MAX];
    float *c[ROWS_MAX];
    size_t rows = 0;
    for (size_t first = 0; first < apart; first++)
        for (size_t i = 0; i < pairs->count; i++) {
            const int64_t position = (int64_t)(w->input + first) * p->stride;
            float *to = pairs->to[i] + (sums_at(w, 0, position) - w->sums);
            for (size_t x = first; x < w->inputs; x += apart, to += step) {
                if (p->dilation > 1)
                    to = pairs->to[i] + (sums_at(w, 0, (int64_t)(w->input + x)) - w->sums);
                a[rows] = pairs->from[i] + x * channels;
                c[rows++] = to;
                if (rows == ROWS_MAX) {
                    product(w, weights, a, c, rows);
                    rows = 0;
                }
            }
        }
    if (rows > 0)
        product(w, weights, a, c, rows);
}

static void lines_sum(struct work *w)
{
    const struct up_axis *d = &w->p->axis[0], *h = &w->p->axis[1];
    const float *weights = w->p->packed + w->block * w->p->block_floats;
    struct pairs pairs;
    for (size_t cd = 0; cd < d->classes; cd++)
        for (size_t td = d->class[cd].first; td < d->class[cd].first + d->class[cd].count; td++)
            for (size_t ch = 0; ch < h->classes; ch++) {
                const struct up_class *class = &h->class[ch];
                for (size_t th = class->first; th < class->first + class->count; th++) {
                    pairs_find(w, cd, &d->tap[td], ch, &h->tap[th], &pairs);
                    pairs_sum(w, &pairs, weights + (td * h->taps + th) * tap_floats(w->p));
                }
            }
}

/* The outputs of a line whose positions have a remainder, from its sums to where they belong. */
static void run_put(struct work *w, size_t line, size_t first)
{
    const struct prepared *p = w->p;
    const struct up_gather *g = &p->gather;
    const struct up_kernels *kernels = w->call->kernels;
    const size_t d = (size_t)p->dilation, count = (w->outputs - first - 1) / d + 1;
    const size_t to = ((w->line + line) * g->out.spatial[2] + w->output + first) * g->out.channels +
                      w->block * p->block;
    float *sums = sums_at(w, line, (int64_t)(w->output + first) + p->crop);
    float *out = w->call->out + to;
    if (g->add) {
        const struct up_combination add = {.operation = UP_ADD,
                                           .rows = count,
                                           .columns = w->filters,
                                           .a_row = w->filters,
                                           .a_column = 1,
                                           .b_row = d * g->out.channels,
                                           .b_column = 1};
        kernels->combine(&add, sums, w->call->add + to, sums);
    }
    if (g->activation.id != UP_ACT_LINEAR)
        kernels->activate(&g->activation, sums, count * w->filters, sums);
    if (d == 1 && p->blocks == 1 && w->call->stream)
        kernels->stream(sums, count * w->filters, out);
    else if (d == 1 && p->blocks == 1)
        memcpy(out, sums, count * w->filters * sizeof *out);
    else
        for (size_t i = 0; i < count; i++, sums += w->filters, out += d * g->out.channels)
            memcpy(out, sums, w->filters * sizeof *out);
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    const struct prepared *p = prepared;
    const struct up_grid *out = &p->gather.out;
    const size_t lines = out->batch * out->spatial[0] * out->spatial[1];
    struct work w;
    w.call = call;
    w.p = p;
    for (size_t i = begin; i < end; i++) {
        w.block = i / p->spans / p->groups;
        w.filters = filters_of(p, w.block);
        w.output = i % p->spans * p->span;
        w.outputs = at_most(p->span, out->spatial[2] - w.output);
        w.line = i / p->spans % p->groups * p->lines;
        w.lines = at_most(p->lines, lines - w.line);
        span_set(&w);
        bias_set(&w);
        lines_sum(&w);
        for (size_t line = 0; line < w.lines; line++)
            for (size_t first = 0; first < (size_t)p->dilation && first < w.outputs; first++)
                run_put(&w, line, first);
    }
}

/* --- The row -------------------------------------------------------------------------------- */

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    struct prepared p;
    return sizes_make(gather, kernels, &p);
}

/* In what one vector's multiply-adds take: a vector of a product, of adding it to sums, an input's
 * row of products, an output value, and a vector of weights from afar. Fitted to 371 random layers
 * under AVX-512, whose times it tells within an eighth. */
static double cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double PRODUCT = 1.2, SUM = 11, ROW = 47, VALUE = 2, FETCH = 0.4, FAR = 4 << 20;
    struct prepared p;
    (void)sizes_make(gather, kernels, &p);
    const double channels = (double)gather->in.channels, lanes = (double)kernels->lanes;
    const double rows = (double)gather->out.batch * up_axis_work(gather, 0).inside *
                        up_axis_work(gather, 1).inside * (double)gather->in.spatial[2];
    const double vectors = (double)(p.blocks * div_up(p.kernel * p.block, kernels->lanes));
    const double outputs = (double)(gather->out.batch * gather->out.spatial[0] *
                                    gather->out.spatial[1] * gather->out.spatial[2]);
    const double weights =
        (double)(gather->axis[0].kernel * gather->axis[1].kernel) * channels * vectors * lanes;
    const double products = vectors * (channels * PRODUCT + ceil(channels / PRODUCTS_A_CALL) * SUM);
    return lanes *
           (rows * (products + (double)p.blocks * ROW) +
            outputs * (double)gather->out.channels * VALUE + (weights > FAR ? weights * FETCH : 0));
}

const struct up_gather_algorithm up_gather_overlap = {
    .name = "overlap_add", .applies = applies, .cost = cost, .prepare = prepare, .units = units};
