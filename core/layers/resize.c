/* DESIGN
 * Resampling is separable: the input rows that reach an output line are summed into one line, then
 * the pixels of that line are summed along it. Weights are made by the plan, in float and in
 * TensorFlow's order of operations: where the place of a pixel far from the origin is rounded, the
 * rounding belongs to the weights that a model was trained with.
 *
 * A unit of work is a piece of one output line and a chunk of its channels, both so short that the
 * summed line between the two steps lies on the stack. An axis whose weights change nothing (a
 * factor of 1) is left out. */
#include "core/layers/resize.h"

#include <float.h>
#include <math.h>

#include "core/geometry.h"

enum {
    TAPS_MAX = 11,         /* of one output: lanczos5 */
    BUFFER_VALUES = 4096,  /* of a summed line */
    CHUNK_CHANNELS = 128,  /* BUFFER_VALUES / CHUNK_CHANNELS pixels hold any output's taps */
    PIECE_PIXELS = 4096,   /* of the output */
    BICUBIC_PHASES = 1024, /* between two inputs */
};

_Static_assert(BUFFER_VALUES / CHUNK_CHANNELS >= TAPS_MAX, "one output's taps fit the buffer");

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

/* Outputs begin .. end - 1 of a line, and the inputs that reach them. */
struct piece {
    size_t begin, end, origin, reach;
};

struct prepared {
    struct up_grid in, out;
    struct axis y, x;
    struct piece *piece;
    size_t pieces, chunks; /* of a line, of its channels */
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

/* The longest piece from output `begin` on whose inputs are at most `pixels`. */
static struct piece piece_from(const struct axis *x, size_t begin, size_t pixels)
{
    struct piece piece = {.begin = begin, .end = begin, .origin = x->span[begin].first};
    while (piece.end < x->out && piece.end - begin < PIECE_PIXELS) {
        const struct up_span *span = &x->span[piece.end];
        if (span->first + span->count - piece.origin > pixels)
            break;
        piece.reach = span->first + span->count - piece.origin;
        piece.end++;
    }
    return piece;
}

static enum up_code pieces_make(struct prepared *p, struct up_arena *arena, struct up_error *err)
{
    const size_t channels = p->in.channels < CHUNK_CHANNELS ? p->in.channels : CHUNK_CHANNELS;
    const size_t pixels = BUFFER_VALUES / channels;
    for (size_t begin = 0; begin < p->x.out; p->pieces++)
        begin = piece_from(&p->x, begin, pixels).end;
    p->piece = up_arena_alloc(arena, p->pieces, sizeof *p->piece, err);
    if (p->piece == NULL)
        return err->code;
    for (size_t i = 0, begin = 0; i < p->pieces; begin = p->piece[i++].end)
        p->piece[i] = piece_from(&p->x, begin, pixels);
    p->chunks = (p->in.channels + CHUNK_CHANNELS - 1) / CHUNK_CHANNELS;
    return UP_OK;
}

enum up_code up_resize_prepare(enum up_resize_method method, struct up_step *step,
                               struct up_arena *arena, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], 2);
    p->out = up_grid_of(&step->out, 2);
    const struct method *m = &methods[method];
    if (axis_make(m, p->in.spatial[1], p->out.spatial[1], &p->y, arena, err) != UP_OK ||
        axis_make(m, p->in.spatial[2], p->out.spatial[2], &p->x, arena, err) != UP_OK ||
        pieces_make(p, arena, err) != UP_OK)
        return err->code;
    step->prepared = p;
    step->rows = p->out.batch * p->out.spatial[1] * p->pieces * p->chunks;
    step->grain = UP_GRAIN_VALUES / (up_shape_size(&step->out) / step->rows + 1) + 1;
    step->macs =
        (double)(p->in.batch * p->in.channels) *
        (p->y.products * (double)p->in.spatial[2] + p->x.products * (double)p->out.spatial[1]);
    step->algorithm = "rows, then columns";
    return UP_OK;
}

/* --- Run ------------------------------------------------------------------------------------ */

/* A piece of one line, and the channels of it that are computed together. */
struct place {
    const struct piece *piece;
    size_t image, line, channel, channels;
};

static struct place place_of(const struct prepared *p, size_t row)
{
    const size_t lines = row / p->chunks / p->pieces;
    struct place at = {.piece = &p->piece[row / p->chunks % p->pieces],
                       .image = lines / p->out.spatial[1],
                       .line = lines % p->out.spatial[1],
                       .channel = row % p->chunks * CHUNK_CHANNELS};
    const size_t left = p->in.channels - at.channel;
    at.channels = left < CHUNK_CHANNELS ? left : CHUNK_CHANNELS;
    return at;
}

/* Sums the input rows under a place into y, whose pixels are y_stride apart. */
static void rows_blend(const struct up_call *call, const struct place *at, float *y,
                       size_t y_stride)
{
    const struct prepared *p = call->step->prepared;
    const size_t all = p->in.channels, reach = at->piece->reach;
    const struct up_span *span = &p->y.span[at->line];
    const bool whole = at->channels == all; /* pixels follow one another on both sides */
    const float *x[TAPS_MAX];
    for (size_t i = 0; i < (whole ? 1 : reach); i++) {
        for (size_t k = 0; k < span->count; k++) {
            const size_t line = at->image * p->in.spatial[1] + span->first + k;
            const size_t pixel = line * p->in.spatial[2] + at->piece->origin + i;
            x[k] = call->in[0] + pixel * all + at->channel;
        }
        call->kernels->blend_rows(x, &p->y.weight[at->line * p->y.taps], span->count,
                                  whole ? reach * all : at->channels, y + i * y_stride);
    }
}

static void piece_compute(const struct up_call *call, const struct place *at)
{
    float buffer[BUFFER_VALUES];
    const struct prepared *p = call->step->prepared;
    const struct piece *piece = at->piece;
    const size_t all = p->in.channels;
    const size_t line = at->image * p->out.spatial[1] + at->line;
    float *y = call->out + (line * p->out.spatial[2] + piece->begin) * all + at->channel;
    if (p->x.identity) {
        rows_blend(call, at, y, all);
        return;
    }
    struct up_blend blend = {.span = &p->x.span[piece->begin],
                             .weight = &p->x.weight[piece->begin * p->x.taps],
                             .taps = p->x.taps,
                             .origin = piece->origin,
                             .pixels = piece->end - piece->begin,
                             .channels = at->channels,
                             .x_stride = p->y.identity ? all : at->channels,
                             .y_stride = all};
    const float *x = buffer;
    if (p->y.identity) /* the output's line is the input's */
        x = call->in[0] + (line * p->in.spatial[2] + piece->origin) * all + at->channel;
    else
        rows_blend(call, at, buffer, at->channels);
    call->kernels->blend_pixels(&blend, x, y);
}

void up_resize_rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++) {
        const struct place at = place_of(call->step->prepared, row);
        piece_compute(call, &at);
    }
}
