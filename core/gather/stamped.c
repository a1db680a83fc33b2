/* DESIGN
 * Few inputs, many outputs: the pixels of an output line come one after the other in whole vectors
 * (core/kernels/stamped.c), from input lines as they lie. Outputs of all classes of the width are
 * one period of weights, which a step of the frame (core/gather/frame.h) moves by; each class of
 * the depth and of the height has a stamp of its own: the taps that its lines have.
 *
 * A unit of work is one step of depth and height, and a span of steps along the width. The input
 * lines that it needs go to a tape first, with zeros for what is outside. */
#include <math.h>
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/finish.h"
#include "core/gather/frame.h"

enum {
    TAPE_FLOATS = 16384, /* of a unit, on the stack */
    LINE_FLOATS = 8192,  /* of outputs that are not finished */
    PERIOD_MAX = 1024,   /* outputs */
    TAPS_MAX = 64,       /* of an output line, with all channels */
    LANES_MAX = 16,
    SPAN_MIN = 16, /* steps, where there are as many */
    GRAIN_MACS = 1 << 16,
};

struct layout {
    struct up_frame frame[3];
    size_t period, step;         /* outputs of a step along the width, and its floats of inputs */
    size_t taps;                 /* of the line that has most of them */
    size_t span, spans;          /* steps along the width */
    size_t pixels, pitch, lines; /* of the tape: of a line, floats of it, lines at most */
};

/* The taps of lines of one class of the depth and one of the height. */
struct stamp {
    struct up_stamped_tap *tap; /* those first that all outputs have */
    size_t taps, whole;
};

struct prepared {
    struct up_gather gather;
    struct layout layout;
    size_t lines;
    size_t (*line)[2]; /* of the frames' ranges: what is on the tape */
    float *bias;       /* a period and some more; NULL: none */
    struct stamp *stamp;
};

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t div_up(size_t a, size_t b)
{
    return (a - 1) / b + 1;
}

static bool spans_make(struct layout *l)
{
    const size_t beyond = l->frame[2].range * l->step + LANES_MAX; /* more than is needed */
    const size_t room = TAPE_FLOATS / l->lines, steps = l->frame[2].steps;
    const size_t least = at_most(SPAN_MIN, steps);
    if (room < beyond + least * l->step || LINE_FLOATS / l->period < least)
        return false;
    l->spans = div_up(steps, at_most((room - beyond) / l->step, LINE_FLOATS / l->period));
    l->span = div_up(steps, l->spans);
    return true;
}

static bool layout_make(const struct up_gather *g, const struct up_kernels *kernels,
                        struct layout *l)
{
    if (g->groups > 1)
        return false;
    for (uint32_t i = 0; i < 3; i++)
        if (!up_frame_make(g, i, 1, &l->frame[i]))
            return false;
    const struct up_frame *f = l->frame;
    l->period = f[2].period * g->out.channels;
    l->step = (size_t)f[2].advance * g->in.channels;
    l->taps =
        up_axis_work(g, 0).taps_max * up_axis_work(g, 1).taps_max * f[2].range * g->in.channels;
    l->lines = 1;
    for (uint32_t i = 0; i < 2; i++)
        l->lines *= at_most(f[i].range, (size_t)g->axis[i].kernel * f[i].period);
    const size_t reach = (l->period + kernels->lanes - 2) / l->period * l->step;
    if (l->period > PERIOD_MAX || l->taps > TAPS_MAX || reach >= kernels->lanes || !spans_make(l))
        return false;
    l->pixels = (l->span - 1) * (size_t)f[2].advance + f[2].range;
    l->pitch = l->pixels * g->in.channels + LANES_MAX;
    return true;
}

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    struct layout layout;
    return layout_make(gather, kernels, &layout);
}

/* --- Planning ------------------------------------------------------------------------------- */

/* What is being prepared. */
struct making {
    struct prepared *p;
    const struct up_kernels *kernels;
    struct up_axis axis[3];
    const uint8_t **place; /* of each input along the width; NULL: no class has such a tap */
    bool *whole;           /* all of them have */
    struct up_arena *arena;
    struct up_error *err;
};

static const struct up_tap *tap_of(const struct up_frame *f, size_t class, size_t input)
{
    return f->tap[class * f->range + input];
}

static bool any_tap(const struct up_frame *f, size_t input)
{
    bool any = false;
    for (size_t r = 0; r < f->period; r++)
        any = any || tap_of(f, r, input) != NULL;
    return any;
}

static uint8_t *place_make(struct making *m, size_t k)
{
    const struct layout *l = &m->p->layout;
    const size_t lanes = m->kernels->lanes, filters = m->p->gather.out.channels;
    uint8_t *place = up_arena_alloc(m->arena, l->period, lanes, m->err);
    for (size_t i = 0; place != NULL && i < l->period * lanes; i++) {
        const size_t q = i / lanes + i % lanes;
        const bool taken = tap_of(&l->frame[2], q % l->period / filters, k) != NULL;
        place[i] = (uint8_t)(q / l->period * l->step + (taken ? UP_STAMPED_TAKEN : 0));
    }
    return place;
}

static enum up_code places_make(struct making *m)
{
    const struct up_frame *f = &m->p->layout.frame[2];
    for (size_t k = 0; k < f->range; k++) {
        m->whole[k] = true;
        for (size_t r = 0; r < f->period; r++)
            m->whole[k] = m->whole[k] && tap_of(f, r, k) != NULL;
        if (!any_tap(f, k))
            continue;
        m->place[k] = place_make(m, k);
        if (m->place[k] == NULL)
            return m->err->code;
    }
    return UP_OK;
}

/* Lines that some output has a tap on. */
static enum up_code lines_make(struct making *m)
{
    struct prepared *p = m->p;
    const struct up_frame *f = p->layout.frame;
    p->line = up_arena_alloc(m->arena, p->layout.lines, sizeof *p->line, m->err);
    if (p->line == NULL)
        return m->err->code;
    for (size_t i = 0; i < f[0].range; i++)
        for (size_t j = 0; j < f[1].range; j++)
            if (any_tap(&f[0], i) && any_tap(&f[1], j)) {
                p->line[p->lines][0] = i;
                p->line[p->lines++][1] = j;
            }
    return UP_OK;
}

/* One tap of a stamp: `taps` are those of the depth and the height, the third is set here. */
static float *weights_make(struct making *m, const struct up_tap *taps[3], size_t k, size_t channel)
{
    const struct up_gather *g = &m->p->gather;
    const size_t period = m->p->layout.period, filters = g->out.channels;
    float *w = up_arena_alloc(m->arena, period + m->kernels->lanes, sizeof *w, m->err);
    for (size_t q = 0; w != NULL && q < period; q++) {
        taps[2] = tap_of(&m->p->layout.frame[2], q / filters, k);
        w[q] = taps[2] == NULL
                   ? 0
                   : up_axes_value(m->axis, taps, g,
                                   q % filters * g->filter_stride + channel * g->channel_stride);
    }
    for (size_t i = 0; w != NULL && i < m->kernels->lanes; i++)
        w[period + i] = w[i];
    return w;
}

/* The taps of a stamp that all outputs have, or the others. */
static enum up_code taps_add(struct making *m, const size_t class[2], bool whole, struct stamp *s)
{
    const struct layout *l = &m->p->layout;
    const size_t channels = m->p->gather.in.channels;
    for (size_t i = 0; i < m->p->lines; i++) {
        const struct up_tap *taps[3];
        for (size_t a = 0; a < 2; a++)
            taps[a] = tap_of(&l->frame[a], class[a], m -> p -> line[i][a]);
        for (size_t j = 0; taps[0] != NULL && taps[1] != NULL && j < l->frame[2].range * channels;
             j++) {
            const size_t k = j / channels;
            if (m->place[k] == NULL || m->whole[k] != whole)
                continue;
            float *w = weights_make(m, taps, k, j % channels);
            if (w == NULL)
                return m->err->code;
            s->tap[s->taps++] = (struct up_stamped_tap){i * l->pitch + j, w, m->place[k]};
        }
    }
    return UP_OK;
}

static enum up_code stamps_make(struct making *m)
{
    struct prepared *p = m->p;
    const struct up_frame *f = p->layout.frame;
    p->stamp = up_arena_zalloc(m->arena, f[0].period, f[1].period * sizeof *p->stamp, m->err);
    for (size_t i = 0; p->stamp != NULL && i < f[0].period * f[1].period; i++) {
        struct stamp *s = &p->stamp[i];
        const size_t class[2] = {i / f[1].period, i % f[1].period};
        s->tap = up_arena_alloc(m->arena, p->layout.taps, sizeof *s->tap, m->err);
        if (s->tap == NULL || taps_add(m, class, true, s) != UP_OK)
            return m->err->code;
        s->whole = s->taps;
        if (taps_add(m, class, false, s) != UP_OK)
            return m->err->code;
    }
    return p->stamp == NULL ? m->err->code : UP_OK;
}

static enum up_code bias_make(struct making *m)
{
    const struct up_gather *g = &m->p->gather;
    const size_t count = m->p->layout.period + m->kernels->lanes;
    if (g->bias == NULL)
        return UP_OK;
    m->p->bias = up_arena_alloc(m->arena, count, sizeof *m->p->bias, m->err);
    for (size_t i = 0; m->p->bias != NULL && i < count; i++)
        m->p->bias[i] = g->bias[i % g->out.channels];
    return m->p->bias == NULL ? m->err->code : UP_OK;
}

static enum up_code prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    struct layout *l = &p->layout;
    struct making m = {.p = p, .kernels = kernels, .arena = arena, .err = err};
    p->gather = *gather;
    (void)layout_make(gather, kernels, l); /* as `applies` did */
    for (uint32_t i = 0; i < 3; i++)
        if (up_axis_prepare(gather, i, arena, &m.axis[i], err) != UP_OK ||
            up_frame_prepare(&m.axis[i], arena, &l->frame[i], err) != UP_OK)
            return err->code;
    m.place = up_arena_zalloc(arena, l->frame[2].range, sizeof *m.place, err);
    m.whole = up_arena_zalloc(arena, l->frame[2].range, sizeof *m.whole, err);
    if (m.place == NULL || m.whole == NULL || places_make(&m) != UP_OK || lines_make(&m) != UP_OK ||
        stamps_make(&m) != UP_OK || bias_make(&m) != UP_OK)
        return err->code;
    ret->prepared = p;
    ret->units = gather->out.batch * l->frame[0].steps * l->frame[1].steps * l->spans;
    ret->grain = (size_t)(GRAIN_MACS / (up_gather_macs(gather) / (double)ret->units + 1)) + 1;
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

struct work {
    const struct prepared *p;
    const struct up_gather_call *call;
    size_t image, step[3], columns; /* of the unit: the first steps, and how many */
    _Alignas(UP_ALIGN_BYTES) float tape[TAPE_FLOATS];
    _Alignas(UP_ALIGN_BYTES) float line[LINE_FLOATS];
};

/* Where the unit's inputs begin along an axis. */
static int64_t begin_of(const struct work *w, uint32_t axis)
{
    const struct up_frame *f = &w->p->layout.frame[axis];
    return (f->first_step + (int64_t)w->step[axis]) * f->advance + f->first;
}

/* The pixels of an input line from `begin` on, as many as a line of the tape has. */
static void line_fill(const struct work *w, const float *x, int64_t begin, float *to)
{
    const struct up_grid *in = &w->p->gather.in;
    const int64_t width = (int64_t)in->spatial[2], pixels = (int64_t)w->p->layout.pixels;
    const int64_t before = begin < 0 ? -begin : 0, past = width - begin;
    const size_t first = (size_t)(before < pixels ? before : pixels) * in->channels;
    const size_t end = (size_t)(past < 0 ? 0 : past < pixels ? past : pixels) * in->channels;
    memset(to, 0, first * sizeof *to);
    if (first < end)
        memcpy(to + first, x + begin * (int64_t)in->channels + (int64_t)first,
               (end - first) * sizeof *to);
    const size_t done = first > end ? first : end;
    memset(to + done, 0, (w->p->layout.pitch - done) * sizeof *to);
}

static void tape_fill(struct work *w)
{
    const struct up_grid *in = &w->p->gather.in;
    const size_t pitch = w->p->layout.pitch;
    for (size_t i = 0; i < w->p->lines; i++) {
        const int64_t z = begin_of(w, 0) + (int64_t)w->p->line[i][0];
        const int64_t y = begin_of(w, 1) + (int64_t)w->p->line[i][1];
        if (z < 0 || z >= (int64_t)in->spatial[0] || y < 0 || y >= (int64_t)in->spatial[1]) {
            memset(w->tape + i * pitch, 0, pitch * sizeof *w->tape);
            continue;
        }
        const size_t line = (w->image * in->spatial[0] + (size_t)z) * in->spatial[1] + (size_t)y;
        line_fill(w, w->call->in + line * in->spatial[2] * in->channels, begin_of(w, 2),
                  w->tape + i * pitch);
    }
}

static void line_stamp(struct work *w, const struct stamp *stamp, const size_t at[2])
{
    const struct prepared *p = w->p;
    const struct layout *l = &p->layout;
    const struct up_grid *out = &p->gather.out;
    const struct up_frame_span span = up_frame_span(&l->frame[2], w->step[2], w->columns);
    const size_t line = (w->image * out->spatial[0] + at[0]) * out->spatial[1] + at[1];
    const size_t first = (line * out->spatial[2] + span.first) * out->channels;
    const bool finished = up_finish_nothing(&p->gather);
    const struct up_stamped call = {.x = w->tape,
                                    .bias = p->bias,
                                    .tap = stamp->tap,
                                    .y = finished ? w->call->out + first : w->line,
                                    .step = l->step,
                                    .period = l->period,
                                    .taps = stamp->taps,
                                    .whole = stamp->whole,
                                    .first = span.skip * out->channels,
                                    .count = span.count * out->channels,
                                    .stream = finished && w->call->stream};
    w->call->kernels->stamped(&call);
    up_finish(&p->gather, w->call, call.y, call.count, first);
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    const struct prepared *p = prepared;
    const struct up_frame *f = p->layout.frame;
    struct work w;
    w.call = call;
    w.p = p;
    for (size_t i = begin; i < end; i++) {
        const size_t row = i / p->layout.spans, depth = row / f[1].steps;
        w.step[2] = i % p->layout.spans * p->layout.span;
        w.columns = at_most(p->layout.span, f[2].steps - w.step[2]);
        w.step[1] = row % f[1].steps;
        w.step[0] = depth % f[0].steps;
        w.image = depth / f[0].steps;
        tape_fill(&w);
        for (size_t c = 0; c < f[0].period * f[1].period; c++) {
            const int64_t z = up_frame_output(&f[0], w.step[0], c / f[1].period);
            const int64_t y = up_frame_output(&f[1], w.step[1], c % f[1].period);
            if (z >= 0 && y >= 0)
                line_stamp(&w, &p->stamp[c], (const size_t[]){(size_t)z, (size_t)y});
        }
    }
}

/* --- Choosing ------------------------------------------------------------------------------- */

/* Inputs along the width that outputs of every class take. */
static size_t whole_taps(const struct up_gather *g, const struct up_frame *f)
{
    const struct up_gather_axis *a = &g->axis[2];
    if (g->transposed)
        return (size_t)(a->kernel / a->stride);
    return f->period == 1 ? (size_t)a->kernel : 0;
}

/* Those that outputs of some classes take. */
static size_t some_taps(const struct up_gather *g, const struct up_frame *f)
{
    const struct up_gather_axis *a = &g->axis[2];
    if (g->transposed)
        return a->kernel % a->stride != 0;
    return f->period == 1 ? 0 : f->range;
}

/* Of a line of outputs, a vector of it, and each of that one's taps, which all of its outputs have
 * or some; and what permutations add where vectors are of several pixels. In what one vector's
 * multiply-adds take; fitted to 210 random layers under AVX-512. */
static double cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double LINE = 480, VECTOR = 6, VECTOR_PLACED = 7;
    const double WHOLE = 4.5, WHOLE_PLACED = 1, SOME = 7, SOME_PLACED = 2;
    struct layout l;
    (void)layout_make(gather, kernels, &l);
    const struct up_grid *out = &gather->out;
    const double lanes = (double)kernels->lanes, channels = (double)gather->in.channels;
    const double lines = (double)(out->batch * out->spatial[0] * out->spatial[1] * l.spans);
    const double outputs = (double)(out->batch * out->channels * out->spatial[0]) *
                           (double)(out->spatial[1] * out->spatial[2]);
    const double across = up_axis_work(gather, 0).taps / (double)out->spatial[0] *
                          up_axis_work(gather, 1).taps / (double)out->spatial[1] * channels;
    const double permutation = lanes < 8 ? 8 : 1; /* of four lanes it is no instruction */
    const double placed = permutation * fmin(1, (lanes - 1) / (double)l.period);
    const double whole = (double)whole_taps(gather, &l.frame[2]);
    const double some = (double)some_taps(gather, &l.frame[2]);
    return lines * lanes * LINE + outputs * (VECTOR + placed * VECTOR_PLACED +
                                             across * (whole * (WHOLE + placed * WHOLE_PLACED) +
                                                       some * (SOME + placed * SOME_PLACED)));
}

const struct up_gather_algorithm up_gather_stamped = {
    .name = "stamped", .applies = applies, .cost = cost, .prepare = prepare, .units = units};
