/* DESIGN
 * Outputs of a transposed convolution with the same (o + crop) mod stride form a class: they use
 * the same kernel positions, each at a fixed distance from the output's own input position. So the
 * outputs of one class along every axis, a phase, are a dense correlation without a wasted
 * multiply. A convolution is the case of one class.
 *
 * A unit of work is a span of one output line. For each phase of the span, tiles of pixels go
 * through the matrix kernel: a table of input pointers for the tile (positions outside the input
 * point at a row of zeros), then one call per panel of output channels. */
#include "core/layers/gather.h"

#include <string.h>

enum {
    TILES_A_SPAN = 16,     /* of one phase: work enough to hide the call, small enough to share */
    TAPS_A_CALL = 64,      /* bounds the pointer table on the stack */
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    GRAIN_MACS = 1 << 16,  /* worth handing to another thread */
};

/* One kernel position of a class: input = base of the output + shift. */
struct tap {
    int64_t index, shift;
};

struct class
{
    uint32_t first, count, filled; /* in `tap` */
};

/* Output o belongs to class o mod `period`; classes that the output never reaches are left out.
 * Its base is (o * scale + crop) / divisor. */
struct axis {
    struct tap *tap; /* kernel positions grouped by class */
    struct class *class;
    size_t classes, used; /* used: entries of `tap` */
    int64_t period, scale, crop, divisor, kernel;
};

struct prepared {
    struct up_gather gather;
    struct axis axis[3];
    size_t taps, taps_a_call;
    size_t span, spans;               /* outputs a span, spans a line */
    size_t channels, filters, panels; /* of one group */
    float *packed; /* [group][panel][phase, in class order][tap][channel][tile column] */
    float *zeros;  /* `channels` of them */
};

/* --- Planning ----------------------------------------------------------------------------------
 */

/* The class of outputs that kernel position j reaches. */
static size_t class_of(const struct axis *a, const struct up_gather_axis *size, int64_t j)
{
    const int64_t r = (j * size->dilation - size->crop) % a->period;
    return (size_t)(r < 0 ? r + a->period : r);
}

/* Groups the kernel positions by class: a counting sort. */
static enum up_code axis_prepare(const struct prepared *p, uint32_t i, struct axis *a,
                                 struct up_arena *arena, struct up_error *err)
{
    const struct up_gather_axis *size = &p->gather.axis[i];
    const bool transposed = p->gather.transposed;
    const size_t out = p->gather.out.spatial[i];
    *a = (struct axis){.period = transposed ? size->stride : 1,
                       .scale = transposed ? 1 : size->stride,
                       .crop = transposed ? size->crop : 0,
                       .divisor = transposed ? size->stride : 1,
                       .kernel = size->kernel};
    a->classes = (size_t)a->period < out ? (size_t)a->period : out;
    a->tap = up_arena_alloc(arena, (size_t)size->kernel, sizeof *a->tap, err);
    a->class = up_arena_zalloc(arena, a->classes, sizeof *a->class, err);
    if (a->tap == NULL || a->class == NULL)
        return err->code;
    for (int64_t j = 0; j < size->kernel; j++)
        if (class_of(a, size, j) < a->classes)
            a->class[class_of(a, size, j)].count++;
    for (size_t k = 1; k < a->classes; k++)
        a->class[k].first = a->class[k - 1].first + a->class[k - 1].count;
    for (int64_t j = 0; j < size->kernel; j++) {
        const size_t k = class_of(a, size, j);
        if (k >= a->classes)
            continue;
        const int64_t phase = ((int64_t)k + size->crop) % a->period;
        const int64_t shift = transposed ? (phase - j * size->dilation) / size->stride
                                         : j * size->dilation - size->crop;
        a->tap[a->class[k].first + a->class[k].filled++] = (struct tap){j, shift};
        a->used++;
    }
    return UP_OK;
}

/* One kernel position into one panel: [channel][column], zeros past the last filter. */
static void tap_pack(const struct prepared *p, const float *kernel, size_t first, size_t columns,
                     float *ret)
{
    const struct up_gather *g = &p->gather;
    const size_t width = p->filters - first < columns ? p->filters - first : columns;
    if (width < columns)
        memset(ret, 0, p->channels * columns * sizeof *ret);
    if (g->filter_stride == 1) {
        for (size_t c = 0; c < p->channels; c++)
            memcpy(ret + c * columns, kernel + c * g->channel_stride + first, width * sizeof *ret);
        return;
    }
    for (size_t f = 0; f < width; f++)
        for (size_t c = 0; c < p->channels; c++)
            ret[c * columns + f] = kernel[c * g->channel_stride + (first + f) * g->filter_stride];
}

static float *phase_pack(const struct prepared *p, const float *kernel, const size_t class[3],
                         size_t first, size_t columns, float *at)
{
    const struct axis *d = &p->axis[0], *h = &p->axis[1], *w = &p->axis[2];
    const struct class *cd = &d->class[class[0]], *ch = &h->class[class[1]],
                       *cw = &w->class[class[2]];
    for (size_t i = 0; i < cd->count; i++)
        for (size_t j = 0; j < ch->count; j++)
            for (size_t k = 0; k < cw->count; k++) {
                const int64_t row =
                    d->tap[cd->first + i].index * h->kernel + h->tap[ch->first + j].index;
                const int64_t position = row * w->kernel + w->tap[cw->first + k].index;
                tap_pack(p, kernel + (size_t)position * p->gather.position_stride, first, columns,
                         at);
                at += p->channels * columns;
            }
    return at;
}

static float *panel_pack(const struct prepared *p, size_t group, size_t panel, size_t columns,
                         float *at)
{
    /* A group's filters follow one another; its channels are those of every kernel position. */
    const float *kernel = p->gather.kernel + group * p->filters * p->gather.filter_stride;
    size_t class[3];
    for (class[0] = 0; class[0] < p -> axis[0].classes; class[0]++)
        for (class[1] = 0; class[1] < p -> axis[1].classes; class[1]++)
            for (class[2] = 0; class[2] < p -> axis[2].classes; class[2]++)
                at = phase_pack(p, kernel, class, panel * columns, columns, at);
    return at;
}

static enum up_code pack(struct prepared *p, size_t columns, struct up_arena *arena,
                         struct up_error *err)
{
    const size_t panels = p->gather.groups * p->panels;
    p->taps = p->axis[0].used * p->axis[1].used * p->axis[2].used;
    p->packed = up_arena_alloc(
        arena, up_size_mul_saturated(p->taps * panels, p->channels * columns), sizeof(float), err);
    p->zeros = up_arena_zalloc(arena, p->channels, sizeof(float), err);
    if (p->packed == NULL || p->zeros == NULL)
        return err->code;
    float *at = p->packed;
    for (size_t i = 0; i < panels; i++)
        at = panel_pack(p, i / p->panels, i % p->panels, columns, at);
    return UP_OK;
}

enum up_code up_gather_prepare(const struct up_gather *gather, struct up_step *step,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    const struct up_grid *out = &gather->out, *over = gather->transposed ? &gather->in : out;
    p->gather = *gather;
    p->channels = gather->in.channels / gather->groups;
    p->filters = out->channels / gather->groups;
    p->taps_a_call = p->channels < PRODUCTS_A_CALL ? PRODUCTS_A_CALL / p->channels : 1;
    if (p->taps_a_call > TAPS_A_CALL)
        p->taps_a_call = TAPS_A_CALL;
    p->panels = (p->filters + kernels->tile_columns - 1) / kernels->tile_columns;
    step->macs = (double)out->batch * (double)p->channels * (double)out->channels;
    for (uint32_t i = 0; i < 3; i++) {
        if (axis_prepare(p, i, &p->axis[i], arena, err) != UP_OK)
            return err->code;
        step->macs *= (double)over->spatial[i] * (double)gather->axis[i].kernel;
    }
    if (pack(p, kernels->tile_columns, arena, err) != UP_OK)
        return err->code;
    p->span = up_size_mul_saturated(p->axis[2].classes, kernels->tile_rows * TILES_A_SPAN);
    p->spans = (out->spatial[2] - 1) / p->span + 1;
    step->prepared = p;
    step->rows = out->batch * out->spatial[0] * out->spatial[1] * p->spans;
    step->grain = (size_t)(GRAIN_MACS / (step->macs / (double)step->rows + 1)) + 1;
    step->algorithm = gather->transposed ? "phases" : "direct";
    return UP_OK;
}

/* --- Running -----------------------------------------------------------------------------------
 */

/* The outputs of one phase in one span, for one group of channels. */
struct phase {
    const struct up_call *call;
    const struct prepared *p;
    const float *image; /* the batch item's first input value of the group */
    float *line;        /* the output line's first value of the group */
    const float *panel; /* the group's first panel, at the phase's first tap */
    const float *bias;  /* of the group; NULL: none */
    const struct tap *tap[3];
    size_t count[3]; /* taps along each axis */
    int64_t base[2]; /* along depth and height */
};

static const float *input_at(const struct phase *f, size_t t, int64_t base)
{
    const struct up_grid *in = &f->p->gather.in;
    const size_t across = f->count[1] * f->count[2];
    const int64_t d = f->base[0] + f->tap[0][t / across].shift;
    const int64_t h = f->base[1] + f->tap[1][t / f->count[2] % f->count[1]].shift;
    const int64_t w = base + f->tap[2][t % f->count[2]].shift;
    if (d < 0 || d >= (int64_t)in->spatial[0] || h < 0 || h >= (int64_t)in->spatial[1] || w < 0 ||
        w >= (int64_t)in->spatial[2])
        return f->p->zeros;
    const size_t pixel = ((size_t)d * in->spatial[1] + (size_t)h) * in->spatial[2] + (size_t)w;
    return f->image + pixel * in->channels;
}

/* One call of the matrix kernel per panel; `call` says all but the panel. `done` products of each
 * output are in already. */
static void panels(const struct phase *f, struct up_tile *call, float *const *first, size_t done)
{
    const struct up_kernels *kernels = f->call->kernels;
    const struct prepared *p = f->p;
    float *out[UP_TILE_ROWS_MAX];
    const size_t rows = call->rows;
    call->accumulate = done > 0;
    for (size_t panel = 0; panel < p->panels; panel++) {
        const size_t column = panel * kernels->tile_columns, left = p->filters - column;
        for (size_t r = 0; r < rows; r++)
            out[r] = first[r] + column;
        call->c = out;
        call->b = f->panel + (panel * p->taps * p->channels + done) * kernels->tile_columns;
        call->bias = f->bias == NULL ? NULL : f->bias + column;
        call->width = left < kernels->tile_columns ? left : kernels->tile_columns;
        kernels->tile(call);
    }
}

/* The taps of `call`, whose channels are many, a few channels at a time. */
static void pieces(const struct phase *f, struct up_tile *call, const float **a,
                   float *const *first, size_t done)
{
    const size_t channels = f->p->channels;
    const bool last = call->finish;
    for (size_t c = 0; c < channels; c += PRODUCTS_A_CALL) {
        const size_t left = channels - c;
        call->depth = left < PRODUCTS_A_CALL ? left : PRODUCTS_A_CALL;
        call->finish = last && call->depth == left;
        panels(f, call, first, done + c);
        for (size_t r = 0; r < call->rows; r++)
            a[r] += call->depth;
    }
}

/* `rows` outputs of the phase, from output x on: all channels of the group. */
static void tile(const struct phase *f, size_t x, size_t rows)
{
    const struct prepared *p = f->p;
    const struct axis *axis = &p->axis[2];
    const size_t taps = f->count[0] * f->count[1] * f->count[2];
    const float *a[TAPS_A_CALL * UP_TILE_ROWS_MAX];
    float *out[UP_TILE_ROWS_MAX];
    int64_t base[UP_TILE_ROWS_MAX];
    for (size_t r = 0; r < rows; r++) {
        const size_t o = x + r * (size_t)axis->period;
        base[r] = ((int64_t)o * axis->scale + axis->crop) / axis->divisor;
        out[r] = f->line + o * p->gather.out.channels;
    }
    size_t done = 0;
    do {
        const size_t left = taps - done, now = left < p->taps_a_call ? left : p->taps_a_call;
        for (size_t t = 0; t < now; t++)
            for (size_t r = 0; r < rows; r++)
                a[t * rows + r] = input_at(f, done + t, base[r]);
        struct up_tile call = {.a = a,
                               .rows = rows,
                               .taps = now,
                               .depth = p->channels,
                               .finish = done + now == taps,
                               .activation = p->gather.activation};
        if (p->channels > PRODUCTS_A_CALL && now > 0)
            pieces(f, &call, a, out, done * p->channels);
        else
            panels(f, &call, out, done * p->channels);
        done += now;
    } while (done < taps);
}

/* The taps and packed weights of the phase that output `at` belongs to, for the first group. */
static struct phase phase_of(const struct up_call *call, const size_t at[3])
{
    const struct prepared *p = call->step->prepared;
    struct phase f = {.call = call, .p = p};
    size_t first[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct axis *a = &p->axis[i];
        const struct class *class = &a->class[at[i] % (size_t)a->period];
        first[i] = class->first;
        f.count[i] = class->count;
        f.tap[i] = a->tap + class->first;
        if (i < 2)
            f.base[i] = ((int64_t)at[i] * a->scale + a->crop) / a->divisor;
    }
    const size_t before = (first[0] * p->axis[1].used + f.count[0] * first[1]) * p->axis[2].used +
                          f.count[0] * f.count[1] * first[2];
    f.panel = p->packed + before * p->channels * call->kernels->tile_columns;
    return f;
}

static void phase_run(const struct phase *f, size_t begin, size_t end)
{
    const size_t period = (size_t)f->p->axis[2].period, rows = f->call->kernels->tile_rows;
    for (size_t x = begin; x < end; x += period * rows) {
        const size_t outputs = (end - x - 1) / period + 1;
        tile(f, x, outputs < rows ? outputs : rows);
    }
}

static void span(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const struct up_grid *in = &p->gather.in, *out = &p->gather.out;
    const size_t line = row / p->spans, image = line / out->spatial[1] / out->spatial[0];
    const size_t x0 = row % p->spans * p->span, left = out->spatial[2] - x0;
    const size_t x1 = x0 + (left < p->span ? left : p->span);
    const size_t group_panels = p->panels * p->taps * p->channels * call->kernels->tile_columns;
    for (size_t class = 0; class < p->axis[2].classes && x0 + class < x1; class ++) {
        const size_t at[3] = {line / out->spatial[1] % out->spatial[0], line % out->spatial[1],
                              x0 + class};
        struct phase f = phase_of(call, at);
        const float *first = f.panel;
        for (size_t g = 0; g < p->gather.groups; g++) {
            f.panel = first + g * group_panels;
            f.image = call->in[0] + g * p->channels +
                      image * in->spatial[0] * in->spatial[1] * in->spatial[2] * in->channels;
            f.line = call->out + line * out->spatial[2] * out->channels + g * p->filters;
            f.bias = p->gather.bias == NULL ? NULL : p->gather.bias + g * p->filters;
            phase_run(&f, x0 + class, x1);
        }
    }
}

void up_gather_rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++)
        span(call, row);
}
