/* DESIGN
 * The direct algorithm: one dense correlation a phase (core/gather/axes.h), as a matrix product
 * whose rows are found by pointers.
 *
 * A unit of work is a block of pixels, over lines and images, of all phases along the line, and a
 * part of the panels of output channels. A table of input pointers serves all panels; a panel, as
 * long as it stays near, serves all tiles of the block. Channels are few where images are large, so
 * the taps of one input line are one run of products, a segment: its inputs are neighbours. Where
 * they are not, or reach over the line's end, they are copied; a segment that is outside altogether
 * is a row of zeros, and left out where it is so for the whole block.
 *
 * Results that no cache would hold leave the registers for memory, where they are whole cache lines
 * and one call's. Others come to lie in a buffer first, all phases along the line, and leave it in
 * whole lines: so a block is computed in strips that the buffer takes.
 *
 * The inputs of the next block are fetched from memory meanwhile: there are many sums of few
 * products where they are large.
 *
 * Few filters have a kernel of their own and another order of weights; the rest is the same. */
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/panels.h"

enum {
    STRIP_FLOATS = 24576, /* of outputs, of a strip that is to be streamed, */
    LINE = 16,            /* floats of a cache line */
    STRIP_PIXELS = 12,    /* which is worth it from so many of each class on */
};

/* Neighbours on an output line: pixels of the class along it that has most. */
struct line {
    size_t first, pixels;
    const float *image; /* the batch item's first value */
    int64_t base[2];    /* of the inputs, along the other axes */
    size_t out;         /* the first pixel of class 0, in pixels of the output */
};

/* One unit of work. */
struct block {
    const struct up_gather_call *call;
    const struct up_panels *p;
    size_t first, end;                /* panels */
    const struct up_class *across[2]; /* classes along the other axes */
    size_t before;                    /* taps of the phases before all of these */
    size_t lines;
    struct line line[UP_BLOCK_PIXELS];
    float *strip; /* where the outputs of all lines follow one another; NULL: where they belong */
    bool stream;  /* from the registers */
    struct up_ahead *ahead;

    /* Of one phase: */
    size_t class;
    struct up_segments segments;
    size_t phase; /* taps of the phases before this one */
    size_t pixels;
    size_t count[UP_BLOCK_PIXELS]; /* of each line */
    float *out[UP_BLOCK_PIXELS];
    const float *add[UP_BLOCK_PIXELS]; /* of a gather with `add` */
};

/* Segments of a phase, numbered (depth, height, along the line), that one call sums. */
struct chunk {
    size_t first, count;
};

/* --- Pixels --------------------------------------------------------------------------------- */

/* At most `most` pixels from number `first` on of the classes at[0], at[1] across the line. */
static void lines_set(struct block *b, const size_t at[2], size_t first, size_t most)
{
    const struct up_grid *in = &b->p->gather.in, *out = &b->p->gather.out;
    const struct up_axis *axis = b->p->axis;
    const size_t size[3] = {up_axis_outputs(&axis[0], at[0]), up_axis_outputs(&axis[1], at[1]),
                            up_axis_outputs(&axis[2], 0)};
    const size_t all = out->batch * size[0] * size[1] * size[2];
    const size_t end = first + most < all ? first + most : all;
    b->lines = 0;
    for (size_t m = first; m < end; m += b->line[b->lines++].pixels) {
        const size_t line = m / size[2], plane = line / size[1], image = plane / size[0];
        const size_t d = plane % size[0], h = line % size[1], w = m % size[2];
        const size_t o[3] = {at[0] + d * axis[0].period, at[1] + h * axis[1].period,
                             w * axis[2].period};
        b->line[b->lines] = (struct line){
            .first = w,
            .pixels = size[2] - w < end - m ? size[2] - w : end - m,
            .image = b->call->in +
                     image * in->spatial[0] * in->spatial[1] * in->spatial[2] * in->channels,
            .base = {(int64_t)d * axis[0].advance, (int64_t)h * axis[1].advance},
            .out = ((image * out->spatial[0] + o[0]) * out->spatial[1] + o[1]) * out->spatial[2] +
                   o[2],
        };
    }
}

/* Outputs of a line, of all classes along it. */
static size_t line_outputs(const struct block *b, const struct line *l)
{
    const struct up_axis *axis = &b->p->axis[2];
    const size_t there = l->pixels * axis->period, left = axis->outputs - l->first * axis->period;
    return there < left ? there : left;
}

/* The taps, weights and outputs of one class along the line. */
static void phase_set(struct block *b, size_t class)
{
    const struct up_panels *p = b->p;
    const size_t channels = p->gather.out.channels, outputs = up_axis_outputs(&p->axis[2], class);
    const size_t step = p->axis[2].period * channels;
    b->class = class;
    b->segments = up_panels_segments(p, class);
    b->phase =
        b->before + b->across[0]->count * b->across[1]->count * p->axis[2].class[class].first;
    b->pixels = 0;
    float *strip = b->strip;
    for (size_t i = 0; i < b->lines; i++) {
        const struct line *l = &b->line[i];
        const size_t left = l->first < outputs ? outputs - l->first : 0;
        const size_t to = (l->out + class) * channels;
        float *out = strip == NULL ? b->call->out + to : strip + class * channels;
        b->count[i] = left < l->pixels ? left : l->pixels;
        for (size_t j = 0; j < b->count[i]; j++)
            b->out[b->pixels + j] = out + j * step;
        if (strip != NULL)
            strip += line_outputs(b, l) * channels;
        for (size_t j = 0; p->gather.add && j < b->count[i]; j++)
            b->add[b->pixels + j] = b->call->add + to + j * step;
        b->pixels += b->count[i];
    }
}

/* --- Segments ------------------------------------------------------------------------------- */

/* Where a segment meets the input of a line; false: nowhere. */
struct meeting {
    const float *from; /* the input line */
    int64_t first;     /* along it, for the line's first pixel and the segment's first tap */
    size_t tap, taps;  /* of the class along the line */
};

static bool meets(const struct block *b, const struct line *l, size_t segment, struct meeting *ret)
{
    const struct up_panels *p = b->p;
    const struct up_grid *in = &p->gather.in;
    const size_t across = segment / b->segments.count, height = b->across[1]->count;
    const struct up_tap *td = &p->axis[0].tap[b->across[0]->first + across / height],
                        *th = &p->axis[1].tap[b->across[1]->first + across % height];
    const int64_t d = l->base[0] + td->shift, h = l->base[1] + th->shift;
    if (d < 0 || d >= (int64_t)in->spatial[0] || h < 0 || h >= (int64_t)in->spatial[1])
        return false;
    const size_t all = p->axis[2].class[b->class].count;
    ret->tap = segment % b->segments.count * b->segments.taps;
    ret->taps = all - ret->tap < b->segments.taps ? all - ret->tap : b->segments.taps;
    ret->from = l->image + ((size_t)d * in->spatial[1] + (size_t)h) * in->spatial[2] * in->channels;
    ret->first =
        (int64_t)l->first * p->axis[2].advance + up_panels_tap(p, b->class, ret->tap)->shift;
    return true;
}

/* Whether some pixel of the block meets the segment. */
static bool needed(const struct block *b, size_t segment)
{
    struct meeting m;
    for (size_t i = 0; i < b->lines; i++) {
        if (b->count[i] == 0 || !meets(b, &b->line[i], segment, &m))
            continue;
        const struct up_panels *p = b->p;
        const int64_t last = m.first + (int64_t)(b->count[i] - 1) * p->axis[2].advance;
        const int64_t reach = up_panels_tap(p, b->class, m.tap + m.taps - 1)->shift -
                              up_panels_tap(p, b->class, m.tap)->shift;
        if (last + reach >= 0 && m.first < (int64_t)p->gather.in.spatial[2])
            return true;
    }
    return false;
}

/* The next needed segments from number `from` on: as many as one call takes; none: the end. */
static struct chunk chunk_after(const struct block *b, size_t from)
{
    const size_t taps = b->p->axis[2].class[b->class].count;
    const size_t all = b->across[0]->count * b->across[1]->count * b->segments.count;
    const size_t length = b->segments.taps * b->p->channels;
    size_t most = 1;
    if (taps > 0 && taps % b->segments.taps == 0 && length < b->p->products_a_call)
        most = b->p->products_a_call / length;
    if (b->pixels > 0 && most > UP_TABLE_POINTERS / b->pixels)
        most = UP_TABLE_POINTERS / b->pixels;
    while (from < all && !needed(b, from))
        from++;
    struct chunk c = {from, 0};
    while (c.count < most && from + c.count < all && needed(b, from + c.count))
        c.count++;
    return c;
}

/* Pixel x of the input line, or zeros where it is outside. */
static void input_copy(const struct block *b, const struct meeting *m, int64_t x, float *to)
{
    const struct up_panels *p = b->p;
    const bool inside = x >= 0 && x < (int64_t)p->gather.in.spatial[2];
    const float *from = inside ? m->from + (size_t)x * p->channels : p->zeros;
    if (p->channels == 1)
        *to = *from;
    else
        memcpy(to, from, p->channels * sizeof *to);
}

/* The inputs of pixels first .. end - 1, each on its own; returns what is left of `edge`. */
static float *pixels_copy(const struct block *b, const struct meeting *m, size_t first, size_t end,
                          const float **a, float *edge)
{
    const struct up_panels *p = b->p;
    const int64_t shift = up_panels_tap(p, b->class, m->tap)->shift;
    for (size_t i = first; i < end; i++) {
        const int64_t x = m->first + (int64_t)i * p->axis[2].advance;
        a[i] = m->taps == 1 ? p->zeros : edge;
        for (size_t t = 0; m->taps > 1 && t < m->taps; t++, edge += p->channels)
            input_copy(b, m, x + up_panels_tap(p, b->class, m->tap + t)->shift - shift, edge);
    }
    return edge;
}

/* A dilated kernel's taps are as far apart as pixel i is from pixel i + apart. The inputs of pixels
 * r, r + apart, ... become a line of their own, where taps are neighbours. */
static float *line_copy(const struct block *b, const struct meeting *m, size_t pixels, size_t apart,
                        const float **a, float *edge)
{
    const size_t channels = b->p->channels;
    for (size_t r = 0; r < apart && r < pixels; r++) {
        const size_t there = (pixels - r - 1) / apart + 1;
        int64_t x = m->first + (int64_t)r * b->p->axis[2].advance;
        for (size_t i = 0; i < there; i++)
            a[r + i * apart] = edge + i * channels;
        for (size_t i = 0; i < there + m->taps - 1; i++, x += b->segments.step, edge += channels)
            input_copy(b, m, x, edge);
    }
    return edge;
}

/* Pointers of one line's pixels to the inputs of a segment; returns what is left of `edge`. */
static float *line_table(const struct block *b, const struct meeting *m, size_t pixels,
                         const float **a, float *edge)
{
    const size_t channels = b->p->gather.in.channels;
    const int64_t advance = b->p->axis[2].advance, step = b->segments.step;
    if (m->taps > 1 && step > 1 && step % advance == 0)
        return line_copy(b, m, pixels, (size_t)(step / advance), a, edge);
    if (m->taps > 1 && step != 1)
        return pixels_copy(b, m, 0, pixels, a, edge);
    const int64_t last = (int64_t)b->p->gather.in.spatial[2] - (int64_t)m->taps;
    size_t first = m->first < 0 ? (size_t)((advance - 1 - m->first) / advance) : 0;
    size_t end = last < m->first ? 0 : (size_t)((last - m->first) / advance) + 1;
    end = end < pixels ? end : pixels;
    first = first < end ? first : end;
    edge = pixels_copy(b, m, 0, first, a, edge);
    for (size_t i = first; i < end; i++)
        a[i] = m->from + (size_t)(m->first + (int64_t)i * advance) * channels;
    return pixels_copy(b, m, end, pixels, a, edge);
}

/* Pointers a[segment * pixels + pixel]. */
static void table(const struct block *b, const struct chunk *c, const float **a, float *edge)
{
    struct meeting m;
    for (size_t s = c->first; s < c->first + c->count; s++)
        for (size_t i = 0; i < b->lines; a += b->count[i++]) {
            if (meets(b, &b->line[i], s, &m))
                edge = line_table(b, &m, b->count[i], a, edge);
            else
                for (size_t j = 0; j < b->count[i]; j++)
                    a[j] = b->p->zeros;
        }
}

/* --- Sums ----------------------------------------------------------------------------------- */

static size_t columns_of(const struct up_panels *p, size_t panel)
{
    return panel % p->panels + 1 == p->panels ? p->last_columns : p->columns;
}

/* Where a panel's weights are for products `done` and on of each output of the phase. */
static const float *panel_at(const struct block *b, size_t panel, size_t done)
{
    const struct up_panels *p = b->p;
    const size_t before = panel / p->panels * p->width + panel % p->panels * p->columns;
    return p->packed + before * p->taps * p->channels +
           (b->phase * p->channels + done) * columns_of(p, panel);
}

static void tiles(const struct block *b, struct up_tile *call, const float *const *a)
{
    call->a = a;
    call->c = b->out;
    call->add = b->p->gather.add ? b->add : NULL;
    up_panels_rows(b->call->kernels, call, b->pixels, b->ahead);
}

/* A panel of few columns, whose weights lie [segment][column][product]. */
static void few(const struct block *b, struct up_tile *call, const float *const *a, size_t length,
                size_t channel)
{
    call->b = call->b - channel * call->columns + channel;
    call->b_stride = length;
    call->a = a;
    call->c = b->out;
    call->add = b->p->gather.add ? b->add : NULL;
    call->rows = b->pixels;
    b->call->kernels->few(call);
}

/* All panels of the block; `call` says what they share. These are products `done` and on of each
 * output, from `channel` on of segments of `length`. */
static void panels(const struct block *b, struct up_tile *call, const float *const *a, size_t done,
                   size_t length, size_t channel)
{
    const struct up_panels *p = b->p;
    const float *bias = p->gather.bias;
    for (size_t panel = b->first; panel < b->end; panel++) {
        const size_t group = panel / p->panels;
        const size_t column = panel % p->panels * p->columns, left = p->filters - column;
        const bool last = panel + 1 == b->end;
        call->columns = columns_of(p, panel);
        call->b = panel_at(b, panel, done);
        call->next = last ? panel_at(b, b->first, done + call->taps * call->depth)
                          : panel_at(b, panel + 1, done);
        call->a_first = group * p->channels + channel;
        call->c_first = group * p->filters + column;
        call->bias = bias == NULL ? NULL : bias + call->c_first;
        call->width = left < call->columns ? left : call->columns;
        if (p->few)
            few(b, call, a, length, channel);
        else
            tiles(b, call, a);
    }
}

/* The segments of one chunk; `last`: of the phase. */
static void chunk_run(const struct block *b, struct up_tile *call, const struct chunk *c, bool last)
{
    const float *a[UP_TABLE_POINTERS];
    _Alignas(UP_ALIGN_BYTES) float edge[UP_EDGE_FLOATS];
    const struct up_panels *p = b->p;
    const size_t taps = p->axis[2].class[b->class].count, along = b->segments.count;
    const size_t tap = along == 0 ? 0 : c->first % along * b->segments.taps;
    const size_t before = along == 0 ? 0 : c->first / along * taps + tap;
    const size_t left = taps - tap;
    const size_t each = left < b->segments.taps ? left : b->segments.taps;
    const size_t length = c->count == 0 ? 0 : each * p->channels;
    table(b, c, a, edge);
    call->taps = c->count;
    size_t channel = 0;
    do { /* without segments once, for the bias */
        const size_t rest = length - channel;
        call->depth = rest < p->products_a_call ? rest : p->products_a_call;
        call->finish = last && call->depth == rest;
        panels(b, call, a, before * p->channels + channel, length, channel);
        call->accumulate = true;
        channel += call->depth;
    } while (channel < length && call->taps > 0);
}

static void phase_run(const struct block *b)
{
    struct up_tile call = {.a_stride = b->pixels, .activation = b->p->gather.activation};
    struct chunk next = chunk_after(b, 0);
    do {
        const struct chunk now = next;
        next = chunk_after(b, now.first + now.count);
        call.stream = b->stream && next.count == 0 && !call.accumulate;
        chunk_run(b, &call, &now, next.count == 0);
    } while (next.count > 0);
}

/* The lines that were set, with all phases along them. */
static void lines_run(struct block *b)
{
    const size_t channels = b->p->gather.out.channels;
    for (size_t class = 0; class < b->p->axis[2].classes && b->lines > 0; class ++) {
        phase_set(b, class);
        if (b->pixels > 0)
            phase_run(b);
    }
    const float *strip = b->strip;
    for (size_t i = 0; strip != NULL && i < b->lines; i++) {
        const size_t count = line_outputs(b, &b->line[i]) * channels;
        b->call->kernels->stream(strip, count, b->call->out + b->line[i].out * channels);
        strip += count;
    }
}

/* Pixels of each class in a strip; 0: not to be streamed. */
static size_t strip_pixels(const struct up_panels *p, const struct up_gather_call *call)
{
    const struct up_grid *out = &p->gather.out;
    const size_t pixels = STRIP_FLOATS / (p->axis[2].period * out->channels);
    return call->stream && p->parts == 1 && pixels >= STRIP_PIXELS ? pixels : 0;
}

/* The inputs that pixels from number `first` on are the first to want. */
static const float *inputs_from(const struct up_panels *p, const float *in, size_t first)
{
    const struct up_grid *grid = &p->gather.in;
    size_t size = grid->channels, at = 0;
    for (uint32_t i = 3; i-- > 0; size *= grid->spatial[i]) {
        const size_t outputs = up_axis_outputs(&p->axis[i], 0);
        const size_t place = first % outputs * (size_t)p->axis[i].advance;
        at += (place < grid->spatial[i] ? place : grid->spatial[i]) * size;
        first /= outputs;
    }
    const size_t there = first * size + at + p->reach, all = grid->batch * size;
    return in + (there < all ? there : all);
}

/* Beside the tiles of a unit whose block begins at pixel `first`. */
static struct up_ahead ahead_of(const struct up_panels *p, const struct up_gather_call *call,
                                size_t first)
{
    const size_t tiles =
        p->axis[2].classes * p->panels_a_part * (p->block / call->kernels->tile_rows + 1);
    struct up_ahead ahead = {.at = inputs_from(p, call->in, first + p->block),
                             .end = inputs_from(p, call->in, first + 2 * p->block)};
    ahead.lines = (size_t)(ahead.end - ahead.at) / LINE / tiles + 1;
    return ahead;
}

static void unit(const struct up_panels *p, const struct up_gather_call *call, size_t number)
{
    const size_t line = number / p->parts % p->lines, part = number % p->parts;
    const size_t all = p->gather.groups * p->panels;
    const bool whole =
        call->stream && p->whole && (uintptr_t)call->out % (LINE * sizeof(float)) == 0;
    const size_t pixels = whole ? 0 : strip_pixels(p, call);
    const size_t at[2] = {line / p->axis[1].classes, line % p->axis[1].classes};
    const size_t first = number / p->parts / p->lines * p->block, end = first + p->block;
    struct up_ahead ahead = ahead_of(p, call, first);
    _Alignas(UP_ALIGN_BYTES) float strip[STRIP_FLOATS];
    struct block b;
    b.call = call;
    b.p = p;
    b.strip = pixels > 0 ? strip : NULL;
    b.stream = whole;
    b.ahead = p->dense && line == 0 && part == 0 ? &ahead : NULL;
    b.first = part * p->panels_a_part;
    b.end = all - b.first < p->panels_a_part ? all : b.first + p->panels_a_part;
    b.across[0] = &p->axis[0].class[at[0]];
    b.across[1] = &p->axis[1].class[at[1]];
    b.before = (b.across[0]->first * p->axis[1].taps + b.across[0]->count * b.across[1]->first) *
               p->axis[2].taps;
    for (size_t i = first; i<end; i += pixels> 0 ? pixels : p->block) {
        const size_t left = end - i;
        lines_set(&b, at, i, pixels > 0 && pixels < left ? pixels : left);
        lines_run(&b);
    }
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        unit(prepared, call, i);
}

/* --- The two rows --------------------------------------------------------------------------- */

static enum up_code tiles_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                                  struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    return up_panels_prepare(gather, false, kernels, arena, ret, err);
}

static enum up_code few_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                                struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    return up_panels_prepare(gather, true, kernels, arena, ret, err);
}

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    (void)gather, (void)kernels;
    return true;
}

static bool few_applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    (void)kernels;
    return gather->out.channels / gather->groups <= UP_FEW_COLUMNS;
}

static double tiles_cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    return up_panels_cost(gather, false, kernels);
}

static double few_cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    return up_panels_cost(gather, true, kernels);
}

const struct up_gather_algorithm up_gather_few = {.name = "dot",
                                                  .applies = few_applies,
                                                  .cost = few_cost,
                                                  .prepare = few_prepare,
                                                  .units = units};
const struct up_gather_algorithm up_gather_tiles = {.name = "direct",
                                                    .applies = applies,
                                                    .cost = tiles_cost,
                                                    .prepare = tiles_prepare,
                                                    .units = units};
