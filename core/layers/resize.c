/* DESIGN
 * Resampling is separable: the input rows that reach an output line are summed, and then the pixels
 * along the sum. So output lines depend on nothing but the input, and are written from end to end,
 * which is what caches and memory like; lines that the same rows reach are computed together, so
 * that these are read once for both. Weights are made by the plan, in float and in TensorFlow's
 * order of operations: where the place of a pixel far from the origin is rounded, the rounding
 * belongs to the weights that a model was trained with.
 *
 * Lines are computed in pieces so short that the summed rows stay in the nearest cache; of pixels
 * of very many channels these have a chunk at a time. Where pixels are so small, and taps so few,
 * that registers hold what a vector of outputs needs, the rows' sums are never stored. An axis
 * whose weights change nothing (a factor of 1) is left out.
 */
#include "core/layers/resize.h"

#include <float.h>
#include <math.h>

#include "core/geometry.h"

enum {
    TAPS_MAX = 11,     /* of one output: lanczos5 */
    LINES_MAX = 2,     /* computed together */
    ROW_VALUES = 4096, /* of a summed row, at most */
    ROW_NEAR = 512,    /* of one that is not woven: the fewer, the nearer are both lines' sums */
    CHUNK_UNIT = 16,   /* channels: a cache line */
    PIECE_PIXELS = 16, /* where they fit, pieces are a multiple of it: of vectors, then */
    BICUBIC_PHASES = 1024, /* between two inputs */
};

/* --- Weights -------------------------------------------------------------------------------- */

/* The inputs of one output: first .. first + count - 1. */
struct taps {
    size_t first, count;
    float weight[TAPS_MAX];
};

struct method {
    void (*taps)(const struct method *method, size_t in, size_t out, size_t o, struct taps *ret);
    size_t taps_max;
    float (*kernel)(float x, float radius); /* of `sampled`: x >= 0 */
    float radius;
};

/* Where output o lies among inputs whose centres are at 0, 1, 2, ... */
static float source(size_t in, size_t out, size_t o)
{
    const float scale = (float)in / (float)out;
    return ((float)o + 0.5F) * scale - 0.5F;
}

static size_t clamped(float x, size_t in)
{
    return x <= 0 ? 0 : (size_t)x < in ? (size_t)x : in - 1;
}

static void normalize(struct taps *t)
{
    float sum = 0;
    for (size_t k = 0; k < t->count; k++)
        sum += t->weight[k];
    const float scale = fabsf(sum) >= 1000 * FLT_MIN ? 1 / sum : 1;
    for (size_t k = 0; k < t->count; k++)
        t->weight[k] *= scale;
}

static void bilinear(const struct method *method, size_t in, size_t out, size_t o, struct taps *ret)
{
    (void)method;
    const float place = source(in, out, o), below = floorf(place), t = place - below;
    const size_t low = clamped(below, in), high = clamped(ceilf(place), in);
    ret->first = low;
    ret->count = high > low ? 2 : 1;
    ret->weight[0] = high > low ? 1 - t : 1;
    ret->weight[1] = t;
}

/* Keys' cubic with a = -0.5, at a distance of up to 1 and of 1 to 2. */
static float cubic_near(double x)
{
    return (float)((1.5 * x - 2.5) * x * x + 1);
}

static float cubic_far(double x)
{
    return (float)(((-0.5 * x + 2.5) * x - 4) * x + 2);
}

static void bicubic(const struct method *method, size_t in, size_t out, size_t o, struct taps *ret)
{
    (void)method;
    const float place = source(in, out, o), below = floorf(place);
    const double phase = rint((double)((place - below) * BICUBIC_PHASES)) / BICUBIC_PHASES;
    const float weight[] = {cubic_far(phase + 1), cubic_near(phase), cubic_near(1 - phase),
                            cubic_far(2 - phase)};
    /* Far out, floats are so coarse that a place may be rounded past the end. */
    const int64_t length = (int64_t)in, base = (int64_t)below;
    const int64_t first = (base < length ? base : length - 1) - 1;
    ret->first = first > 0 ? (size_t)first : 0;
    ret->count = 0;
    for (int k = 0; k < 4; k++)
        if (first + k >= 0 && first + k < length)
            ret->weight[ret->count++] = weight[k];
    normalize(ret);
}

/* A kernel, sampled at the inputs within its radius. */
static void sampled(const struct method *method, size_t in, size_t out, size_t o, struct taps *ret)
{
    const float step = 1 / ((float)out / (float)in), place = ((float)o + 0.5F) * step;
    ret->first = clamped(ceilf(place - method->radius - 0.5F), in);
    const size_t last = clamped(floorf(place + method->radius - 0.5F), in);
    ret->count =
        last - ret->first + 1 < method->taps_max ? last - ret->first + 1 : method->taps_max;
    for (size_t k = 0; k < ret->count; k++)
        ret->weight[k] =
            method->kernel(fabsf((float)(ret->first + k) + 0.5F - place), method->radius);
    normalize(ret);
}

static float lanczos(float x, float radius)
{
    const float pi = 3.14159265359F;
    if (x > radius)
        return 0;
    if (x <= 1e-3F)
        return 1;
    return radius * sinf(pi * x) * sinf(pi * x / radius) / (pi * pi * x * x);
}

static float gaussian(float x, float radius)
{
    return x >= radius ? 0 : (float)exp((double)(-x * x) / 0.5);
}

static float mitchell(float x, float radius)
{
    if (x >= radius)
        return 0;
    if (x >= 1)
        return ((-7.0F / 18 * x + 2) * x - 10.0F / 3) * x + 16.0F / 9;
    return (7.0F / 6 * x - 2) * x * x + 8.0F / 9;
}

static const struct method methods[] = {
    [UP_RESIZE_BILINEAR] = {.taps = bilinear, .taps_max = 2},
    [UP_RESIZE_BICUBIC] = {.taps = bicubic, .taps_max = 4},
    [UP_RESIZE_LANCZOS3] = {sampled, 7, lanczos, 3},
    [UP_RESIZE_LANCZOS5] = {sampled, 11, lanczos, 5},
    [UP_RESIZE_GAUSSIAN] = {sampled, 5, gaussian, 1.5F},
    [UP_RESIZE_MITCHELL] = {sampled, 5, mitchell, 2},
};

/* --- Plan ----------------------------------------------------------------------------------- */

struct axis {
    size_t out, taps; /* taps: weights kept for each output */
    struct up_span *span;
    float *weight;
    bool identity;   /* every output is its input */
    double products; /* of all outputs together */
};

struct prepared {
    struct up_grid in, out;
    struct axis y, x;
    struct up_blend along; /* the whole line */
    struct up_weave weave;
    bool woven;
    size_t piece, chunk;   /* pixels and channels that are computed at a time */
    struct up_span *group; /* output lines that are computed together */
    size_t groups;
};

static bool unchanged(const struct taps *t, size_t o)
{
    for (size_t k = 0; k < t->count; k++)
        if (t->weight[k] != (t->first + k == o ? 1 : 0))
            return false;
    return true;
}

static enum up_code axis_make(const struct method *method, size_t in, size_t out, struct axis *ret,
                              struct up_arena *arena, struct up_error *err)
{
    struct axis axis = {.out = out, .taps = 1, .identity = out == in};
    struct taps t;
    for (size_t o = 0; o < out; o++) {
        method->taps(method, in, out, o, &t);
        axis.taps = t.count > axis.taps ? t.count : axis.taps;
    }
    const size_t taps = axis.taps;
    axis.span = up_arena_alloc(arena, out, sizeof *axis.span, err);
    axis.weight = up_arena_alloc(arena, out, taps * sizeof *axis.weight, err);
    if (axis.span == NULL || axis.weight == NULL)
        return err->code;
    for (size_t o = 0; o < out; o++) {
        method->taps(method, in, out, o, &t);
        axis.span[o] = (struct up_span){t.first, t.count};
        for (size_t k = 0; k < taps; k++)
            axis.weight[o * taps + k] = k < t.count ? t.weight[k] : 0;
        axis.identity = axis.identity && unchanged(&t, o);
        axis.products += (double)t.count;
    }
    for (size_t o = 0; axis.identity && o < out; o++) {
        axis.span[o] = (struct up_span){o, 1};
        axis.weight[o * taps] = 1;
    }
    if (axis.identity)
        axis.products = 0;
    *ret = axis;
    return UP_OK;
}

static enum up_code weave_make(struct prepared *p, const struct up_kernels *kernels,
                               struct up_arena *arena, struct up_error *err)
{
    const size_t lanes = kernels->lanes, values = p->x.out * p->in.channels;
    const size_t vectors = (values + lanes - 1) / lanes;
    p->along = (struct up_blend){.span = p->x.span,
                                 .weight = p->x.weight,
                                 .taps = p->x.taps,
                                 .pixels = p->x.out,
                                 .channels = p->in.channels,
                                 .x_stride = p->in.channels,
                                 .y_stride = p->in.channels};
    if (p->in.channels > UP_WEAVE_CHANNELS || p->x.identity)
        return UP_OK;
    struct up_weave *w = &p->weave;
    w->base = up_arena_alloc(arena, vectors, sizeof *w->base, err);
    w->index = up_arena_alloc(arena, vectors, lanes * sizeof *w->index, err);
    w->weight = up_arena_alloc(arena, vectors * lanes, p->x.taps * sizeof *w->weight, err);
    if (w->base == NULL || w->index == NULL || w->weight == NULL)
        return err->code;
    p->woven = kernels->weave_make(&p->along, p->in.spatial[2], w);
    return UP_OK;
}

static size_t at_most(size_t x, size_t most)
{
    return x < most ? x : most;
}

/* Outputs `piece` pixels long are reached by piece / factor + taps + 1 inputs at most; vectors of
 * inputs begin and end a little outside. */
static void pieces_make(struct prepared *p)
{
    const size_t channels = p->in.channels, reach = p->x.taps + 1;
    const size_t few = ROW_VALUES / (4 * reach) / CHUNK_UNIT * CHUNK_UNIT;
    p->chunk = p->x.identity ? channels : at_most(channels, few);
    const size_t fit = ROW_VALUES / at_most(p->chunk, ROW_VALUES);
    const size_t near = ROW_NEAR / channels;
    const size_t useful = near > 4 * p->x.taps ? near : 4 * p->x.taps;
    const size_t inputs = p->woven        ? fit - 2 * reach - UP_LANES_MAX / channels
                          : p->x.identity ? fit
                                          : at_most(fit - reach, useful);
    p->piece = inputs * (p->x.out / p->in.spatial[2]);
    if (p->piece >= PIECE_PIXELS)
        p->piece = p->piece / PIECE_PIXELS * PIECE_PIXELS;
}

static bool together(const struct axis *y, size_t line, size_t next)
{
    return next < y->out && y->span[next].first == y->span[line].first &&
           y->span[next].count == y->span[line].count;
}

static enum up_code groups_make(struct prepared *p, struct up_arena *arena, struct up_error *err)
{
    p->group = up_arena_alloc(arena, p->y.out, sizeof *p->group, err);
    if (p->group == NULL)
        return err->code;
    for (size_t line = 0; line < p->y.out; line += p->group[p->groups++].count)
        p->group[p->groups] = (struct up_span){line, together(&p->y, line, line + 1) ? 2 : 1};
    return UP_OK;
}

enum up_code up_resize_prepare(enum up_resize_method method, struct up_step *step,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], 2);
    p->out = up_grid_of(&step->out, 2);
    const struct method *m = &methods[method];
    if (axis_make(m, p->in.spatial[1], p->out.spatial[1], &p->y, arena, err) != UP_OK ||
        axis_make(m, p->in.spatial[2], p->out.spatial[2], &p->x, arena, err) != UP_OK ||
        weave_make(p, kernels, arena, err) != UP_OK || groups_make(p, arena, err) != UP_OK)
        return err->code;
    pieces_make(p);
    step->prepared = p;
    step->rows = p->out.batch * p->groups;
    step->grain = UP_GRAIN_VALUES / (up_shape_size(&step->out) / step->rows + 1) + 1;
    step->macs =
        (double)(p->in.batch * p->in.channels) *
        (p->y.products * (double)p->in.spatial[2] + p->x.products * (double)p->out.spatial[1]);
    step->algorithm = "rows, then columns";
    return UP_OK;
}

/* --- Run ------------------------------------------------------------------------------------ */

/* What is computed at a time. */
struct piece {
    size_t image, line, lines, first, pixels; /* outputs */
    size_t channel, channels;
    struct up_span inputs; /* values of an input row that reach the pixels */
};

/* Of pixels of all channels; vectors of outputs read whole vectors. */
static struct up_span reached_by(const struct prepared *p, const struct piece *s, size_t lanes)
{
    const size_t c = p->in.channels, end = s->first + s->pixels;
    if (p->x.identity)
        return (struct up_span){s->first * c, s->pixels * c};
    if (p->woven) {
        const size_t first = p->weave.base[s->first * c / lanes];
        const size_t last = p->weave.base[(end * c - 1) / lanes];
        return (struct up_span){first, last + (p->x.taps - 1) * c + lanes - first};
    }
    const struct up_span *first = &p->x.span[s->first], *last = &p->x.span[end - 1];
    return (struct up_span){first->first * c, (last->first + last->count - first->first) * c};
}

/* The input rows that reach the lines, from the first value on that reaches the pixels. */
static struct up_blend_rows rows_of(const struct up_call *call, const struct piece *s,
                                    const float *x[TAPS_MAX])
{
    const struct prepared *p = call->step->prepared;
    const struct up_span *span = &p->y.span[s->line];
    const size_t c = p->in.channels, row = p->in.spatial[2] * c;
    for (size_t k = 0; k < span->count; k++)
        x[k] = call->in[0] + (s->image * p->in.spatial[1] + span->first + k) * row +
               s->inputs.first + s->channel;
    return (struct up_blend_rows){.weight = &p->y.weight[s->line * p->y.taps],
                                  .taps = span->count,
                                  .lines = s->lines,
                                  .weight_stride = p->y.taps};
}

/* Summed for each of the lines into y, line_stride apart. */
static void rows_sum(const struct up_call *call, const struct piece *s, size_t line_stride,
                     bool stream, float *y)
{
    const struct prepared *p = call->step->prepared;
    const size_t c = p->in.channels, runs = s->channels == c ? 1 : s->inputs.count / c;
    const float *x[TAPS_MAX];
    struct up_blend_rows blend = rows_of(call, s, x);
    blend.count = runs == 1 ? s->inputs.count : s->channels;
    blend.line_stride = line_stride;
    blend.stream = stream;
    for (size_t run = 0; run < runs; run++, y += s->channels) {
        call->kernels->blend_rows(&blend, x, y);
        for (size_t k = 0; k < blend.taps; k++)
            x[k] += c;
    }
}

/* What sums along the lines have in common. */
static struct up_blend along_of(const struct up_call *call, const struct piece *s)
{
    const struct prepared *p = call->step->prepared;
    struct up_blend blend = p->along;
    blend.lines = s->lines;
    blend.y_line = p->x.out * p->in.channels;
    blend.stream = call->step->stream;
    return blend;
}

/* Pixels along the lines' rows, x_line apart. */
static void columns_sum(const struct up_call *call, const struct piece *s, const float *x,
                        size_t x_line, float *y)
{
    const struct prepared *p = call->step->prepared;
    struct up_blend blend = along_of(call, s);
    blend.x_line = x_line;
    if (p->woven) {
        call->kernels->weave(&blend, &p->weave, (struct up_span){s->first, s->pixels}, x, y);
        return;
    }
    blend.span += s->first;
    blend.weight += s->first * p->x.taps;
    blend.origin = blend.span[0].first;
    blend.pixels = s->pixels;
    blend.channels = s->channels;
    blend.x_stride = p->y.identity ? p->in.channels : s->channels;
    call->kernels->blend_pixels(&blend, x, y + s->channel);
}

/* Rows and pixels in one go. */
static void both_sum(const struct up_call *call, const struct piece *s, float *y)
{
    const struct prepared *p = call->step->prepared;
    const float *x[TAPS_MAX];
    const struct up_blend along = along_of(call, s);
    const struct up_blend_rows rows = rows_of(call, s, x);
    call->kernels->weave_rows(&along, &p->weave, &rows, (struct up_span){s->first, s->pixels}, x,
                              y);
}

static void piece_compute(const struct up_call *call, struct piece *s, float *y)
{
    enum { APART = ROW_VALUES + CHUNK_UNIT }; /* so that the sums' cache lines do not collide */
    _Alignas(UP_ALIGN_BYTES) float sums[LINES_MAX][APART];
    const struct prepared *p = call->step->prepared;
    const size_t c = p->in.channels, row = s->image * p->in.spatial[1] + s->line;
    s->inputs = reached_by(p, s, call->kernels->lanes);
    for (s->channel = 0; s->channel < c; s->channel += s->channels) {
        s->channels = at_most(c - s->channel, p->chunk);
        if (p->x.identity) /* then a chunk is all channels */
            rows_sum(call, s, p->x.out * c, call->step->stream, y);
        else if (p->y.identity) {
            const float *x = call->in[0] + row * p->in.spatial[2] * c + s->inputs.first;
            columns_sum(call, s, x + s->channel, 0, y);
        } else if (p->woven && p->weave.near && p->y.taps <= UP_WEAVE_ROWS)
            both_sum(call, s, y);
        else {
            rows_sum(call, s, APART, false, sums[0]);
            columns_sum(call, s, sums[0], APART, y);
        }
    }
}

void up_resize_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    for (size_t row = begin; row < end; row++) {
        const struct up_span *group = &p->group[row % p->groups];
        struct piece s = {.image = row / p->groups, .line = group->first, .lines = group->count};
        const size_t line = s.image * p->out.spatial[1] + s.line;
        for (; s.first < p->x.out; s.first += s.pixels) {
            s.pixels = at_most(p->x.out - s.first, p->piece);
            piece_compute(call, &s, call->out + (line * p->x.out + s.first) * p->in.channels);
        }
    }
}
