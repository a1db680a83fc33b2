/* DESIGN
 * Outputs of a transposed convolution with the same (o + crop) mod stride form a class: they use
 * the same kernel positions, each at a fixed distance from the output's own input position. So the
 * outputs of one class along every axis, a phase, are a dense correlation without a wasted
 * multiply. A convolution is the case of one class.
 *
 * A unit of work is a block of pixels of one phase, over lines and images, and a part of the panels
 * of output channels. A table of input pointers (positions outside the input point at a row of
 * zeros) serves all panels; a panel, as long as it stays near, serves all tiles of the block. Few
 * filters have a kernel of their own and another order of weights; the rest is the same. */
#include "core/layers/gather.h"

#include <string.h>

enum {
    BLOCK_PIXELS = 192,    /* a panel is fetched once for so many */
    TABLE_POINTERS = 2304, /* on the stack */
    TAPS_A_CALL = 64,
    PRODUCTS_A_CALL = 256, /* of one output: sums of short sums lose less than one long sum */
    UNITS_WANTED = 64,     /* panels are divided where blocks and phases are fewer, */
    UNIT_MACS = 1 << 18,   /* but into no less work than this */
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

uint32_t up_gather_weights(const struct up_shape *kernel, const struct up_initializer *kernel_init,
                           size_t filters, const struct up_initializer *bias_init,
                           struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct up_shape bias = {.rank = 1, .dim = {filters}};
    ret[0] = (struct up_weight){"kernel", *kernel, kernel_init, "kernel_initializer"};
    ret[1] = (struct up_weight){"bias", bias, bias_init, "bias_initializer"};
    return bias_init == NULL ? 1 : 2;
}

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
static void tap_pack(const struct prepared *p, const float *kernel, size_t first, float *ret)
{
    const struct up_gather *g = &p->gather;
    const size_t columns = p->columns;
    if (p->few) {
        for (size_t f = 0; f < columns; f++)
            for (size_t c = 0; c < p->channels; c++)
                *ret++ = kernel[c * g->channel_stride + f * g->filter_stride];
        return;
    }
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
                         size_t first, float *at)
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
                tap_pack(p, kernel + (size_t)position * p->gather.position_stride, first, at);
                at += p->channels * p->columns;
            }
    return at;
}

static float *panel_pack(const struct prepared *p, size_t group, size_t panel, float *at)
{
    /* A group's filters follow one another; its channels are those of every kernel position. */
    const float *kernel = p->gather.kernel + group * p->filters * p->gather.filter_stride;
    size_t class[3];
    for (class[0] = 0; class[0] < p -> axis[0].classes; class[0]++)
        for (class[1] = 0; class[1] < p -> axis[1].classes; class[1]++)
            for (class[2] = 0; class[2] < p -> axis[2].classes; class[2]++)
                at = phase_pack(p, kernel, class, panel * p->columns, at);
    return at;
}

static enum up_code pack(struct prepared *p, struct up_arena *arena, struct up_error *err)
{
    const size_t panels = p->gather.groups * p->panels;
    p->taps = p->axis[0].used * p->axis[1].used * p->axis[2].used;
    p->packed =
        up_arena_alloc(arena, up_size_mul_saturated(p->taps * panels, p->channels * p->columns),
                       sizeof(float), err);
    p->zeros = up_arena_zalloc(arena, p->gather.in.channels, sizeof(float), err);
    if (p->packed == NULL || p->zeros == NULL)
        return err->code;
    float *at = p->packed;
    for (size_t i = 0; i < panels; i++)
        at = panel_pack(p, i / p->panels, i % p->panels, at);
    return UP_OK;
}

/* Outputs of one class along an axis. */
static size_t class_outputs(const struct prepared *p, uint32_t axis, size_t class)
{
    return (p->gather.out.spatial[axis] - class - 1) / (size_t)p->axis[axis].period + 1;
}

/* How much of a sum a call takes. Where lanes sum apart, it is that much for each of them. */
static void calls_bound(struct prepared *p, const struct up_kernels *kernels)
{
    size_t taps = 1;
    for (uint32_t i = 0; i < 3; i++) {
        size_t most = 1;
        for (size_t k = 0; k < p->axis[i].classes; k++)
            most = p->axis[i].class[k].count > most ? p->axis[i].class[k].count : most;
        taps = up_size_mul_saturated(taps, most);
    }
    p->channels_a_call = p->few ? PRODUCTS_A_CALL * kernels->lanes : PRODUCTS_A_CALL;
    p->taps_a_call = p->channels < p->channels_a_call ? p->channels_a_call / p->channels : 1;
    if (p->taps_a_call > taps)
        p->taps_a_call = taps;
    if (p->taps_a_call > TAPS_A_CALL)
        p->taps_a_call = TAPS_A_CALL;
}

/* Divides the work into units of much the same size. */
static void divide(struct prepared *p, const struct up_kernels *kernels, struct up_step *step)
{
    size_t pixels = p->gather.out.batch;
    p->phases = 1;
    for (uint32_t i = 0; i < 3; i++) {
        pixels *= class_outputs(p, i, 0);
        p->phases *= p->axis[i].classes;
    }
    const size_t room = TABLE_POINTERS / p->taps_a_call / kernels->tile_rows * kernels->tile_rows;
    const size_t most = room < BLOCK_PIXELS ? room : BLOCK_PIXELS;
    p->blocks = (pixels - 1) / most + 1;
    p->block = (pixels - 1) / p->blocks + 1;
    const size_t panels = p->gather.groups * p->panels, units = p->blocks * p->phases;
    const double parts = step->macs / (double)units / UNIT_MACS;
    p->parts = (UNITS_WANTED - 1) / units + 1;
    if (parts < (double)p->parts)
        p->parts = parts > 1 ? (size_t)parts : 1;
    p->panels_a_part = (panels - 1) / p->parts + 1;
    p->parts = (panels - 1) / p->panels_a_part + 1;
    step->rows = units * p->parts;
    step->grain = (size_t)(GRAIN_MACS / (step->macs / (double)step->rows + 1)) + 1;
}

static const char *const algorithms[2][2] = {{"direct", "direct, few filters"},
                                             {"phases", "phases, few filters"}};

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
    p->few = p->filters <= UP_FEW_COLUMNS;
    p->columns = p->few ? p->filters : kernels->tile_columns;
    p->panels = (p->filters - 1) / p->columns + 1;
    step->macs = (double)out->batch * (double)p->channels * (double)out->channels;
    for (uint32_t i = 0; i < 3; i++) {
        if (axis_prepare(p, i, &p->axis[i], arena, err) != UP_OK)
            return err->code;
        step->macs *= (double)over->spatial[i] * (double)gather->axis[i].kernel;
    }
    calls_bound(p, kernels);
    if (pack(p, arena, err) != UP_OK)
        return err->code;
    divide(p, kernels, step);
    step->prepared = p;
    step->algorithm = algorithms[gather->transposed][p->few];
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

/* Neighbours on an output line; the next pixel's base is the axis' scale further. */
struct run {
    size_t pixels;
    const float *image; /* the batch item's first value */
    int64_t base[3];
};

/* One unit of work. */
struct block {
    const struct up_call *call;
    const struct prepared *p;
    const float *packed; /* the first panel, at the phase's first tap */
    const struct tap *tap[3];
    size_t count[3];   /* taps along each axis */
    size_t first, end; /* panels */
    size_t pixels, runs;
    struct run run[BLOCK_PIXELS];
    float *out[BLOCK_PIXELS];
};

/* The taps and packed weights of a phase. */
static void phase_set(struct block *b, const size_t class[3])
{
    const struct prepared *p = b->p;
    size_t first[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct class *c = &p->axis[i].class[class[i]];
        first[i] = c->first;
        b->count[i] = c->count;
        b->tap[i] = p->axis[i].tap + c->first;
    }
    const size_t before = (first[0] * p->axis[1].used + b->count[0] * first[1]) * p->axis[2].used +
                          b->count[0] * b->count[1] * first[2];
    b->packed = p->packed + before * p->channels * p->columns;
}

/* Pixels of the phase from number `first` on, as runs; none past its last. */
static void pixels_set(struct block *b, const size_t class[3], size_t first)
{
    const struct up_grid *in = &b->p->gather.in, *out = &b->p->gather.out;
    const struct axis *axis = b->p->axis;
    const size_t size[3] = {class_outputs(b->p, 0, class[0]), class_outputs(b->p, 1, class[1]),
                            class_outputs(b->p, 2, class[2])};
    const size_t all = out->batch * size[0] * size[1] * size[2];
    const size_t end = first + b->p->block < all ? first + b->p->block : all;
    const size_t step = (size_t)axis[2].period * out->channels;
    for (size_t m = first; m < end;) {
        struct run *run = &b->run[b->runs++];
        const size_t line = m / size[2], plane = line / size[1], image = plane / size[0];
        const size_t at[3] = {plane % size[0], line % size[1], m % size[2]};
        size_t o[3];
        for (uint32_t i = 0; i < 3; i++) {
            o[i] = class[i] + at[i] * (size_t)axis[i].period;
            run->base[i] = ((int64_t)o[i] * axis[i].scale + axis[i].crop) / axis[i].divisor;
        }
        run->image = b->call->in[0] +
                     image * in->spatial[0] * in->spatial[1] * in->spatial[2] * in->channels;
        run->pixels = size[2] - at[2] < end - m ? size[2] - at[2] : end - m;
        float *to =
            b->call->out +
            (((image * out->spatial[0] + o[0]) * out->spatial[1] + o[1]) * out->spatial[2] + o[2]) *
                out->channels;
        for (size_t i = 0; i < run->pixels; i++)
            b->out[b->pixels++] = to + i * step;
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
    for (size_t i = 0; i < run->pixels; i++, w += (size_t)p->axis[2].scale)
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
    for (size_t i = 0; i < count; i++) {
        call->rows = i < longer ? rows + 1 : rows;
        kernels->tile(call);
        call->a += call->rows;
        call->c += call->rows;
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

static void unit(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const size_t phase = row / p->parts % p->phases, part = row % p->parts;
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
    pixels_set(&b, class, row / p->parts / p->phases * p->block);
    if (b.pixels > 0)
        block_run(&b);
}

void up_gather_rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++)
        unit(call, row);
}
