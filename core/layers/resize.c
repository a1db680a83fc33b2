/* DESIGN
 * Resampling is separable: pixels are summed along each input row that reaches an output line, then
 * the summed rows are. Weights are made by the plan, in float and in TensorFlow's order of
 * operations: where the place of a pixel far from the origin is rounded, the rounding belongs to
 * the weights that a model was trained with.
 *
 * A line is cut into pieces so short that all the summed rows of one lie on the stack. A unit of
 * work is one piece of one output line; the units that follow it are the piece of the next lines,
 * which need mostly the same summed rows: these stay until the piece changes. An axis whose weights
 * change nothing (a factor of 1) is left out. */
#include "core/layers/resize.h"

#include <float.h>
#include <math.h>

#include "core/geometry.h"

enum {
    TAPS_MAX = 11,         /* of one output: lanczos5 */
    BUFFER_VALUES = 8192,  /* of the summed rows of a piece */
    PIECE_VALUES = 1024,   /* of a piece, at most */
    PIECE_PIXELS = 16,     /* where they fit, pieces are a multiple of it: of cache lines, then */
    LINES_PER_TAP = 8,     /* that make it worth summing a piece's first rows */
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
    size_t piece, pieces; /* pixels of a piece, pieces of a line */
    size_t chunk, chunks; /* channels of a piece, pieces of a pixel */
    size_t row_values;    /* of a piece */
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
    const size_t taps = method->taps_max < in ? method->taps_max : in;
    struct axis axis = {.out = out, .taps = taps, .identity = out == in};
    axis.span = up_arena_alloc(arena, out, sizeof *axis.span, err);
    axis.weight = up_arena_alloc(arena, out, taps * sizeof *axis.weight, err);
    if (axis.span == NULL || axis.weight == NULL)
        return err->code;
    for (size_t o = 0; o < out; o++) {
        struct taps t;
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

static void pieces_make(struct prepared *p)
{
    const size_t channels = p->in.channels;
    const size_t fit = BUFFER_VALUES / p->y.taps / PIECE_PIXELS * PIECE_PIXELS;
    p->row_values = fit < PIECE_VALUES ? fit : PIECE_VALUES;
    p->chunk = channels < p->row_values ? channels : p->row_values;
    p->chunks = (channels + p->chunk - 1) / p->chunk;
    p->piece = p->row_values / p->chunk;
    if (p->piece >= PIECE_PIXELS)
        p->piece = p->piece / PIECE_PIXELS * PIECE_PIXELS;
    p->pieces = (p->x.out + p->piece - 1) / p->piece;
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
        weave_make(p, kernels, arena, err) != UP_OK)
        return err->code;
    pieces_make(p);
    step->prepared = p;
    step->rows = p->out.batch * p->pieces * p->chunks * p->out.spatial[1];
    const size_t each = up_shape_size(&step->out) / step->rows + 1;
    const size_t lines = LINES_PER_TAP * p->y.taps;
    step->grain = UP_GRAIN_VALUES / each + 1 > lines ? UP_GRAIN_VALUES / each + 1 : lines;
    step->macs =
        (double)(p->in.batch * p->in.channels) *
        (p->x.products * (double)p->in.spatial[1] + p->y.products * (double)p->out.spatial[2]);
    step->algorithm = "columns, then rows";
    return UP_OK;
}

/* --- Run ------------------------------------------------------------------------------------ */

/* A piece, and the rows of it that are summed: row i lies in slot i % taps. */
struct strip {
    size_t number;               /* of the piece, among all */
    size_t image, first, pixels; /* outputs of a line */
    size_t channel, channels;
    size_t begin, end; /* rows that are summed */
    float *buffer;
};

static struct strip strip_of(const struct prepared *p, size_t number, float *buffer)
{
    const size_t piece = number / p->chunks;
    struct strip s = {.number = number,
                      .image = piece / p->pieces,
                      .first = piece % p->pieces * p->piece,
                      .channel = number % p->chunks * p->chunk,
                      .buffer = buffer};
    const size_t pixels = p->x.out - s.first, channels = p->in.channels - s.channel;
    s.pixels = pixels < p->piece ? pixels : p->piece;
    s.channels = channels < p->chunk ? channels : p->chunk;
    return s;
}

static const float *input_of(const struct up_call *call, const struct strip *s, size_t i)
{
    const struct prepared *p = call->step->prepared;
    const size_t row = s->image * p->in.spatial[1] + i;
    return call->in[0] + row * p->in.spatial[2] * p->in.channels + s->channel;
}

/* The next row's piece is too far away, and too short, for the processor to see it coming. */
static void fetch(const struct up_call *call, const struct strip *s, size_t i)
{
    const struct prepared *p = call->step->prepared;
    if (i >= p->in.spatial[1] || p->chunks > 1)
        return;
    const struct up_span *last = &p->x.span[s->first + s->pixels - 1];
    const float *x = input_of(call, s, i);
    const size_t end = (last->first + last->count) * p->in.channels;
    for (size_t at = p->x.span[s->first].first * p->in.channels; at < end; at += 16)
        __builtin_prefetch(x + at);
}

/* Row i of the input's image, summed along the piece. */
static const float *row_summed(const struct up_call *call, struct strip *s, size_t i)
{
    const struct prepared *p = call->step->prepared;
    const float *x = input_of(call, s, i);
    if (p->x.identity)
        return x + s->first * p->in.channels;
    float *y = s->buffer + i % p->y.taps * p->row_values;
    if (i >= s->begin && i < s->end)
        return y;
    fetch(call, s, i + 1);
    s->end = i + 1;
    s->begin = s->end > p->y.taps + s->begin ? s->end - p->y.taps : s->begin;
    if (p->woven) {
        call->kernels->weave(&p->along, &p->weave, (struct up_span){s->first, s->pixels}, x, y);
        return y;
    }
    struct up_blend blend = p->along;
    blend.span += s->first;
    blend.weight += s->first * p->x.taps;
    blend.pixels = s->pixels;
    blend.channels = blend.y_stride = s->channels;
    call->kernels->blend_pixels(&blend, x, y);
    return y;
}

static void line_compute(const struct up_call *call, struct strip *s, size_t line)
{
    const struct prepared *p = call->step->prepared;
    const struct up_span *span = &p->y.span[line];
    const float *x[TAPS_MAX];
    if (span->first >= s->end) /* no row of before is needed */
        s->begin = s->end = span->first;
    for (size_t k = 0; k < span->count; k++)
        x[k] = row_summed(call, s, span->first + k);
    const struct up_blend_rows blend = {.weight = &p->y.weight[line * p->y.taps],
                                        .taps = span->count,
                                        .count = s->pixels * s->channels,
                                        .stream = call->step->stream};
    const size_t pixel = (s->image * p->out.spatial[1] + line) * p->out.spatial[2] + s->first;
    call->kernels->blend_rows(&blend, x, call->out + pixel * p->in.channels + s->channel);
}

void up_resize_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    _Alignas(64) float buffer[BUFFER_VALUES];
    struct strip s = {.number = SIZE_MAX};
    for (size_t row = begin; row < end; row++) {
        const size_t number = row / p->out.spatial[1];
        if (number != s.number)
            s = strip_of(p, number, buffer);
        line_compute(call, &s, row % p->out.spatial[1]);
    }
}
