/* DESIGN
 * The direct algorithm: one dense correlation a phase (core/gather/axes.h), as a matrix product
 * whose rows are found by pointers.
 *
 * A unit of work is a block of pixels of one phase, over lines and images, and a part of the panels
 * of output channels. A table of input pointers (positions outside the input point at a row of
 * zeros) serves all panels; a panel, as long as it stays near, serves all tiles of the block. Few
 * filters have a kernel of their own and another order of weights; the rest is the same. */
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/axes.h"

enum {
    BLOCK_PIXELS = 192,    /* a panel is fetched once for so many */
    TABLE_POINTERS = 2304, /* on the stack */
    TAPS_A_CALL = 64,
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    UNITS_WANTED = 64,     /* panels are divided where blocks and phases are fewer, */
    UNIT_MACS = 1 << 18,   /* but into no less work than this */
    GRAIN_MACS = 1 << 16,  /* worth handing to another thread */
};

struct prepared {
    struct up_gather gather;
    struct up_axis axis[3];
    bool few;       /* filters: the kernel of that name computes */
    size_t columns; /* of a panel */
    size_t taps, taps_a_call, channels_a_call;
    size_t phases, block, blocks;     /* pixels a block, blocks of the largest phase */
    size_t parts, panels_a_part;      /* of the panels of all groups */
    size_t channels, filters, panels; /* of one group */
    float *packed; /* [group][panel][phase, in class order][tap][channel][column]; few: ...
                  [tap][column][channel] */
    float *zeros;  /* as many as the input has channels */
};

/* --- Planning ------------------------------------------------------------------------------- */

/* One tap into one panel: [channel][column], zeros past the last filter. `first` is the panel's
 * first filter, of all groups. */
static void tap_pack(const struct prepared *p, const struct up_tap *const tap[3], size_t first,
                     float *ret)
{
    const struct up_gather *g = &p->gather;
    const size_t columns = p->columns, left = p->filters - first % p->filters;
    const size_t width = left < columns ? left : columns;
    size_t position;
    const bool single = up_axes_single(p->axis, tap, &position);
    const float *kernel = g->kernel + position * g->position_stride + first * g->filter_stride;
    if (width < columns)
        memset(ret, 0, p->channels * columns * sizeof *ret);
    if (single && !p->few && g->filter_stride == 1) {
        for (size_t c = 0; c < p->channels; c++)
            memcpy(ret + c * columns, kernel + c * g->channel_stride, width * sizeof *ret);
        return;
    }
    for (size_t f = 0; f < width; f++)
        for (size_t c = 0; c < p->channels; c++) {
            const size_t at = c * g->channel_stride + f * g->filter_stride;
            ret[p->few ? f * p->channels + c : c * columns + f] =
                single ? kernel[at] : up_axes_value(p->axis, tap, g, first * g->filter_stride + at);
        }
}

static float *phase_pack(const struct prepared *p, const size_t class[3], size_t first, float *at)
{
    const struct up_axis *d = &p->axis[0], *h = &p->axis[1], *w = &p->axis[2];
    const struct up_class *cd = &d->class[class[0]], *ch = &h->class[class[1]],
                          *cw = &w->class[class[2]];
    for (size_t i = 0; i < cd->count; i++)
        for (size_t j = 0; j < ch->count; j++)
            for (size_t k = 0; k < cw->count; k++) {
                const struct up_tap *const tap[3] = {&d->tap[cd->first + i], &h->tap[ch->first + j],
                                                     &w->tap[cw->first + k]};
                tap_pack(p, tap, first, at);
                at += p->channels * p->columns;
            }
    return at;
}

static float *panel_pack(const struct prepared *p, size_t first, float *at)
{
    size_t class[3];
    for (class[0] = 0; class[0] < p -> axis[0].classes; class[0]++)
        for (class[1] = 0; class[1] < p -> axis[1].classes; class[1]++)
            for (class[2] = 0; class[2] < p -> axis[2].classes; class[2]++)
                at = phase_pack(p, class, first, at);
    return at;
}

static enum up_code pack(struct prepared *p, struct up_arena *arena, struct up_error *err)
{
    const size_t panels = p->gather.groups * p->panels;
    p->taps = up_size_mul_saturated(up_size_mul_saturated(p->axis[0].taps, p->axis[1].taps),
                                    p->axis[2].taps);
    p->packed = up_arena_alloc(
        arena,
        up_size_mul_saturated(up_size_mul_saturated(p->taps, panels), p->channels * p->columns),
        sizeof(float), err);
    p->zeros = up_arena_zalloc(arena, p->gather.in.channels, sizeof(float), err);
    if (p->packed == NULL || p->zeros == NULL)
        return err->code;
    float *at = p->packed;
    for (size_t i = 0; i < panels; i++)
        at = panel_pack(p, i / p->panels * p->filters + i % p->panels * p->columns, at);
    return UP_OK;
}

/* How much of a sum a call takes. Where lanes sum apart, it is that much for each of them. */
static void calls_bound(struct prepared *p, const struct up_kernels *kernels)
{
    size_t taps = 1;
    for (uint32_t i = 0; i < 3; i++) {
        const size_t most = up_axis_taps_max(&p->axis[i]);
        taps = up_size_mul_saturated(taps, most > 1 ? most : 1);
    }
    p->channels_a_call = p->few ? PRODUCTS_A_CALL * kernels->lanes : PRODUCTS_A_CALL;
    p->taps_a_call = p->channels < p->channels_a_call ? p->channels_a_call / p->channels : 1;
    if (p->taps_a_call > taps)
        p->taps_a_call = taps;
    if (p->taps_a_call > TAPS_A_CALL)
        p->taps_a_call = TAPS_A_CALL;
}

/* Divides the work into units of much the same size. */
static void divide(struct prepared *p, const struct up_kernels *kernels, struct up_sum *sum)
{
    size_t pixels = p->gather.out.batch;
    p->phases = 1;
    for (uint32_t i = 0; i < 3; i++) {
        pixels *= up_axis_outputs(&p->axis[i], 0);
        p->phases *= p->axis[i].classes;
    }
    const size_t room = TABLE_POINTERS / p->taps_a_call / kernels->tile_rows * kernels->tile_rows;
    const size_t most = room < BLOCK_PIXELS ? room : BLOCK_PIXELS;
    p->blocks = (pixels - 1) / most + 1;
    p->block = (pixels - 1) / p->blocks + 1;
    const size_t panels = p->gather.groups * p->panels, units = p->blocks * p->phases;
    const double macs = up_gather_macs(&p->gather), parts = macs / (double)units / UNIT_MACS;
    p->parts = (UNITS_WANTED - 1) / units + 1;
    if (parts < (double)p->parts)
        p->parts = parts > 1 ? (size_t)parts : 1;
    p->panels_a_part = (panels - 1) / p->parts + 1;
    p->parts = (panels - 1) / p->panels_a_part + 1;
    sum->units = units * p->parts;
    sum->grain = (size_t)(GRAIN_MACS / (macs / (double)sum->units + 1)) + 1;
}

static enum up_code prepare(const struct up_gather *gather, bool few,
                            const struct up_kernels *kernels, struct up_arena *arena,
                            struct up_sum *ret, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->gather = *gather;
    p->channels = gather->in.channels / gather->groups;
    p->filters = gather->out.channels / gather->groups;
    p->few = few;
    p->columns = p->few ? p->filters : kernels->tile_columns;
    p->panels = (p->filters - 1) / p->columns + 1;
    for (uint32_t i = 0; i < 3; i++)
        if (up_axis_prepare(gather, i, arena, &p->axis[i], err) != UP_OK)
            return err->code;
    calls_bound(p, kernels);
    if (pack(p, arena, err) != UP_OK)
        return err->code;
    divide(p, kernels, ret);
    ret->prepared = p;
    return UP_OK;
}

static enum up_code tiles_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                                  struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    return prepare(gather, false, kernels, arena, ret, err);
}

static enum up_code few_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                                struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    return prepare(gather, true, kernels, arena, ret, err);
}

/* --- Running -------------------------------------------------------------------------------- */

/* Neighbours on an output line; the next pixel's base is the axis' advance further. */
struct run {
    size_t pixels;
    const float *image; /* the batch item's first value */
    int64_t base[3];
};

/* One unit of work. */
struct block {
    const struct up_gather_call *call;
    const struct prepared *p;
    const float *packed; /* the first panel, at the phase's first tap */
    const struct up_tap *tap[3];
    size_t count[3];   /* taps along each axis */
    size_t first, end; /* panels */
    size_t pixels, runs;
    struct run run[BLOCK_PIXELS];
    float *out[BLOCK_PIXELS];
    const float *add[BLOCK_PIXELS]; /* of a gather with `add` */
};

/* The taps and packed weights of a phase. */
static void phase_set(struct block *b, const size_t class[3])
{
    const struct prepared *p = b->p;
    size_t first[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_class *c = &p->axis[i].class[class[i]];
        first[i] = c->first;
        b->count[i] = c->count;
        b->tap[i] = p->axis[i].tap + c->first;
    }
    const size_t before = (first[0] * p->axis[1].taps + b->count[0] * first[1]) * p->axis[2].taps +
                          b->count[0] * b->count[1] * first[2];
    b->packed = p->packed + before * p->channels * p->columns;
}

/* The next `count` pixels' values start at `first` of the output, each `step` after the other. */
static void outputs_set(struct block *b, size_t first, size_t step, size_t count)
{
    for (size_t i = 0; i < count; i++)
        b->out[b->pixels + i] = b->call->out + first + i * step;
    for (size_t i = 0; b->p->gather.add && i < count; i++)
        b->add[b->pixels + i] = b->call->add + first + i * step;
    b->pixels += count;
}

/* Pixels of the phase from number `first` on, as runs; none past its last. */
static void pixels_set(struct block *b, const size_t class[3], size_t first)
{
    const struct up_grid *in = &b->p->gather.in, *out = &b->p->gather.out;
    const struct up_axis *axis = b->p->axis;
    const size_t size[3] = {up_axis_outputs(&axis[0], class[0]),
                            up_axis_outputs(&axis[1], class[1]),
                            up_axis_outputs(&axis[2], class[2])};
    const size_t all = out->batch * size[0] * size[1] * size[2];
    const size_t end = first + b->p->block < all ? first + b->p->block : all;
    const size_t step = axis[2].period * out->channels;
    for (size_t m = first; m < end;) {
        struct run *run = &b->run[b->runs++];
        const size_t line = m / size[2], plane = line / size[1], image = plane / size[0];
        const size_t at[3] = {plane % size[0], line % size[1], m % size[2]};
        size_t o[3];
        for (uint32_t i = 0; i < 3; i++) {
            o[i] = class[i] + at[i] * axis[i].period;
            run->base[i] = (int64_t)at[i] * axis[i].advance;
        }
        run->image =
            b->call->in + image * in->spatial[0] * in->spatial[1] * in->spatial[2] * in->channels;
        run->pixels = size[2] - at[2] < end - m ? size[2] - at[2] : end - m;
        const size_t pixel =
            ((image * out->spatial[0] + o[0]) * out->spatial[1] + o[1]) * out->spatial[2] + o[2];
        outputs_set(b, pixel * out->channels, step, run->pixels);
        m += run->pixels;
    }
}

/* The inputs of a run's pixels through one tap. */
static void run_table(const struct block *b, const struct run *run, const int64_t shift[3],
                      const float **a)
{
    const struct prepared *p = b->p;
    const struct up_grid *in = &p->gather.in;
    const int64_t d = run->base[0] + shift[0], h = run->base[1] + shift[1];
    const bool inside =
        d >= 0 && d < (int64_t)in->spatial[0] && h >= 0 && h < (int64_t)in->spatial[1];
    const size_t width = inside ? in->spatial[2] : 0;
    const size_t line = inside ? ((size_t)d * in->spatial[1] + (size_t)h) * in->spatial[2] : 0;
    const float *first = run->image + line * in->channels;
    size_t w = (size_t)(run->base[2] + shift[2]); /* wraps below zero, which is past `width` too */
    for (size_t i = 0; i < run->pixels; i++, w += (size_t)p->axis[2].advance)
        a[i] = w < width ? first + w * in->channels : p->zeros;
}

/* Pointers for taps first .. first + count - 1: a[tap * pixels + pixel]. */
static void table(const struct block *b, size_t first, size_t count, const float **a)
{
    const size_t across = b->count[1] * b->count[2];
    for (size_t t = first; t < first + count; t++) {
        const int64_t shift[3] = {b->tap[0][t / across].shift,
                                  b->tap[1][t / b->count[2] % b->count[1]].shift,
                                  b->tap[2][t % b->count[2]].shift};
        for (size_t i = 0; i < b->runs; a += b->run[i++].pixels)
            run_table(b, &b->run[i], shift, a);
    }
}

/* Where a panel's weights are for products `done` and on of each output. */
static const float *panel_at(const struct block *b, size_t panel, size_t done)
{
    const size_t products = panel * b->p->taps * b->p->channels + done;
    return b->packed + products * b->p->columns;
}

/* The tiles of one panel; rows are shared out evenly, few rows keep the multipliers idle. */
static void tiles(const struct block *b, struct up_tile *call, const float *const *a)
{
    const struct up_kernels *kernels = b->call->kernels;
    const size_t count = (b->pixels - 1) / kernels->tile_rows + 1;
    const size_t rows = b->pixels / count, longer = b->pixels % count;
    call->next_step = kernels->tile_columns / count;
    call->a = a;
    call->c = b->out;
    call->add = b->p->gather.add ? b->add : NULL;
    for (size_t i = 0; i < count; i++) {
        call->rows = i < longer ? rows + 1 : rows;
        kernels->tile(call);
        call->a += call->rows;
        call->c += call->rows;
        if (call->add != NULL)
            call->add += call->rows;
        call->next += call->taps * call->depth * call->next_step;
    }
}

/* A panel of few columns, whose weights lie [tap][column][channel]. */
static void few(const struct block *b, struct up_tile *call, const float *const *a, size_t channel)
{
    call->b = call->b - channel * b->p->columns + channel;
    call->b_stride = b->p->channels;
    call->a = a;
    call->c = b->out;
    call->add = b->p->gather.add ? b->add : NULL;
    call->rows = b->pixels;
    b->call->kernels->few(call);
}

/* All panels of the block; `call` says what they share. Of each output `done` products are in, and
 * these start at `channel` of the group. */
static void panels(const struct block *b, struct up_tile *call, const float *const *a, size_t done,
                   size_t channel)
{
    const struct prepared *p = b->p;
    const float *bias = p->gather.bias;
    const size_t columns = p->columns;
    call->accumulate = done > 0;
    for (size_t panel = b->first; panel < b->end; panel++) {
        const size_t group = panel / p->panels;
        const size_t column = panel % p->panels * columns, left = p->filters - column;
        const bool last = panel + 1 == b->end;
        call->b = panel_at(b, panel, done);
        call->next = last ? panel_at(b, b->first, done + call->taps * call->depth)
                          : panel_at(b, panel + 1, done);
        call->a_first = group * p->channels + channel;
        call->c_first = group * p->filters + column;
        call->bias = bias == NULL ? NULL : bias + call->c_first;
        call->width = left < columns ? left : columns;
        if (p->few)
            few(b, call, a, channel);
        else
            tiles(b, call, a);
    }
}

static void block_run(const struct block *b)
{
    const float *a[TABLE_POINTERS];
    const struct prepared *p = b->p;
    const size_t taps = b->count[0] * b->count[1] * b->count[2];
    struct up_tile call = {.a_stride = b->pixels, .activation = p->gather.activation};
    size_t done = 0, channel;
    do {
        const size_t left = taps - done;
        call.taps = left < p->taps_a_call ? left : p->taps_a_call;
        table(b, done, call.taps, a);
        channel = 0;
        do { /* without taps once, for the bias */
            const size_t rest = p->channels - channel;
            call.depth = rest < p->channels_a_call ? rest : p->channels_a_call;
            call.finish = call.taps == left && (left == 0 || call.depth == rest);
            panels(b, &call, a, done * p->channels + channel, channel);
            channel += call.depth;
        } while (call.taps > 0 && channel < p->channels);
        done += call.taps;
    } while (done < taps);
}

static void unit(const struct prepared *p, const struct up_gather_call *call, size_t number)
{
    const size_t phase = number / p->parts % p->phases, part = number % p->parts;
    const size_t all = p->gather.groups * p->panels, across = p->axis[2].classes;
    const size_t class[3] = {phase / across / p->axis[1].classes,
                             phase / across % p->axis[1].classes, phase % across};
    struct block b;
    b.call = call;
    b.p = p;
    b.pixels = b.runs = 0;
    b.first = part * p->panels_a_part;
    b.end = all - b.first < p->panels_a_part ? all : b.first + p->panels_a_part;
    phase_set(&b, class);
    pixels_set(&b, class, number / p->parts / p->phases * p->block);
    if (b.pixels > 0)
        block_run(&b);
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        unit(prepared, call, i);
}

/* --- The two rows --------------------------------------------------------------------------- */

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

const struct up_gather_algorithm up_gather_few = {
    .name = "dot", .applies = few_applies, .pays = applies, .prepare = few_prepare, .units = units};
const struct up_gather_algorithm up_gather_tiles = {.name = "direct",
                                                    .applies = applies,
                                                    .pays = applies,
                                                    .prepare = tiles_prepare,
                                                    .units = units};
