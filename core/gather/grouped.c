/* DESIGN
 * Convolutions of groups of few channels: pixels are read and written as they lie, and vectors hold
 * several groups side by side (core/kernels/grouped.c).
 *
 * A unit of work is a span of one output line. Its pixels are runs that take the same taps: those
 * whose window lies inside along the line, and each of the others alone. Taps that are outside
 * along another axis are left out for all of the line. */
#include <math.h>

#include "core/gather/algorithms.h"
#include "core/gather/finish.h"

enum {
    PRODUCTS_A_CALL = 256, /* of one sum: sums of short sums lose less than one long sum */
    SPAN_FLOATS = 4096,    /* of inputs or outputs, stay in the nearest cache */
    SPAN_PIXELS = 32,      /* at least: to be summed together */
    NEXT_LINES = 16,       /* of inputs that are fetched beside the sums */
    STRIP_FLOATS = 16384,  /* of outputs that are to be streamed */
    GRAIN_MACS = 1 << 16,  /* worth handing to another thread */
};

struct prepared {
    struct up_gather gather;
    struct up_grouped_pattern pattern;
    struct up_grouped_tap *run, *single; /* of a kernel line; and the same, one by one */
    size_t runs, line;                   /* line: kernel positions of one */
    size_t lines, taps_a_call;
    size_t w_tap;       /* floats of a tap's weights */
    size_t span, spans; /* pixels of a unit; units of a line */
    size_t w_stride;
    float *w; /* as struct up_grouped has it */
};

/* --- Planning ------------------------------------------------------------------------------- */

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    struct up_grouped_pattern pattern;
    for (uint32_t i = 0; i < 3; i++)
        if (gather->axis[i].repeat > 1)
            return false;
    return gather->groups > 1 && !gather->transposed &&
           kernels->grouped_pattern(gather->in.channels / gather->groups,
                                    gather->out.channels / gather->groups, &pattern);
}

/* Taps along a line, those first that are a whole stride apart: neighbours to the kernel, which
 * takes them in runs. */
static void taps_make(struct prepared *p)
{
    const struct up_gather_axis *a = &p->gather.axis[2];
    const size_t stride = (size_t)a->stride, apart = (size_t)a->dilation * p->gather.in.channels;
    const size_t most = a->dilation > 1 ? 1 : UP_GROUPED_RUN;
    struct up_grouped_tap *single = p->single;
    for (size_t r = 0; r < stride && r < p->line; r++)
        for (size_t i = r, n = 0; i < p->line; i += stride, n++, single++) {
            *single =
                (struct up_grouped_tap){i * apart, (size_t)(single - p->single) * p->w_tap, 1};
            if (n % most == 0)
                p->run[p->runs++] = *single;
            else
                p->run[p->runs - 1].count++;
        }
}

/* The weights of one tap of a group; `lane` is the place of its first one. */
static void group_pack(const struct prepared *p, size_t lanes, size_t position, size_t group,
                       float *lane)
{
    const struct up_gather *g = &p->gather;
    const struct up_grouped_pattern *pattern = &p->pattern;
    const float *kernel =
        g->kernel + position * g->position_stride + group * pattern->filters * g->filter_stride;
    for (size_t i = 0; i < pattern->width; i++)
        for (size_t k = 0; k < pattern->filters; k++)
            lane[pattern->permuted ? i * lanes + k : k * lanes + i] =
                kernel[i * g->channel_stride + k * g->filter_stride];
}

static void pack(struct prepared *p, size_t lanes)
{
    const struct up_grouped_pattern *pattern = &p->pattern;
    const size_t each = pattern->permuted ? pattern->filters : pattern->width;
    const size_t apart = (size_t)p->gather.axis[2].dilation * p->gather.in.channels;
    for (size_t group = 0; group < p->gather.groups; group++) {
        float *to = p->w + group / pattern->groups * p->w_stride + group % pattern->groups * each;
        for (size_t i = 0; i < p->lines * p->line; i++, to += p->w_tap) {
            const size_t first = i / p->line * p->line;
            group_pack(p, lanes, first + p->single[i - first].x / apart, group, to);
        }
    }
}

/* Spans of a line that are about equal. */
static void divide(struct prepared *p, struct up_sum *ret)
{
    const struct up_grid *out = &p->gather.out;
    const size_t read = p->gather.in.channels * (size_t)p->gather.axis[2].stride;
    const size_t room = SPAN_FLOATS / (read > out->channels ? read : out->channels);
    const size_t most = room > SPAN_PIXELS ? room : SPAN_PIXELS;
    p->spans = (out->spatial[2] - 1) / most + 1;
    p->span = (out->spatial[2] - 1) / p->spans + 1;
    ret->prepared = p;
    ret->units = out->batch * out->spatial[0] * out->spatial[1] * p->spans;
    ret->grain = (size_t)(GRAIN_MACS / (up_gather_macs(&p->gather) / (double)ret->units + 1)) + 1;
}

static enum up_code prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    struct up_grouped_pattern *pattern = &p->pattern;
    p->gather = *gather;
    (void)kernels->grouped_pattern(gather->in.channels / gather->groups,
                                   gather->out.channels / gather->groups, pattern);
    p->line = (size_t)gather->axis[2].kernel;
    p->lines = (size_t)(gather->axis[0].kernel * gather->axis[1].kernel);
    p->taps_a_call = PRODUCTS_A_CALL / (pattern->permuted ? pattern->width : 1);
    p->w_tap = pattern->products * kernels->lanes;
    p->w_stride = up_size_mul_saturated(p->lines * p->line, p->w_tap);
    const size_t blocks = (gather->groups - 1) / pattern->groups + 1;
    p->w = up_arena_zalloc(arena, up_size_mul_saturated(blocks, p->w_stride), sizeof *p->w, err);
    p->run = up_arena_alloc(arena, p->line, sizeof *p->run, err);
    p->single = up_arena_alloc(arena, p->line, sizeof *p->single, err);
    if (p->w == NULL || p->run == NULL || p->single == NULL)
        return err->code;
    taps_make(p);
    pack(p, kernels->lanes);
    divide(p, ret);
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

/* Kernel positions along an axis: first .. end - 1. */
struct reach {
    size_t first, end;
};

/* Those that meet the input from output o. */
static struct reach reach_of(const struct up_gather *g, uint32_t axis, size_t o)
{
    const struct up_gather_axis *a = &g->axis[axis];
    const int64_t from = (int64_t)o * a->stride - a->crop;
    const int64_t left = (int64_t)g->in.spatial[axis] - from;
    int64_t first = from < 0 ? (a->dilation - 1 - from) / a->dilation : 0;
    int64_t end = left > 0 ? (left - 1) / a->dilation + 1 : 0;
    end = end < a->kernel ? end : a->kernel;
    first = first < end ? first : end;
    return (struct reach){(size_t)first, (size_t)end};
}

/* A span of a line. */
struct span {
    const struct prepared *p;
    const struct up_gather_call *call;
    struct reach across[2]; /* of the line */
    ptrdiff_t in;           /* the first kernel position from output 0 of the line */
    float *y;               /* of output `first` */
    size_t first, end;
};

/* How many outputs from o on, which takes these positions, take the same ones. */
static size_t run_of(const struct span *s, struct reach along, size_t o)
{
    const struct up_gather *g = &s->p->gather;
    const struct up_gather_axis *a = &g->axis[2];
    if (along.first > 0 || along.end < (size_t)a->kernel)
        return 1;
    const int64_t last = (int64_t)g->in.spatial[2] - 1 + a->crop - (a->kernel - 1) * a->dilation;
    const size_t inside = (size_t)(last / a->stride) + 1;
    return (inside < s->end ? inside : s->end) - o;
}

/* The input lines that the next line of outputs, or the line's next span, is the first to take. */
static size_t next_set(const struct span *s, size_t o, size_t pixels, const float *next[NEXT_LINES])
{
    const struct up_gather *g = &s->p->gather;
    const struct up_gather_axis *h = &g->axis[1];
    const size_t *n = g->in.spatial;
    const ptrdiff_t line = (ptrdiff_t)(n[2] * g->in.channels);
    const ptrdiff_t all = (ptrdiff_t)(g->in.batch * n[0] * n[1]) * line;
    const ptrdiff_t step = g->axis[2].stride * (ptrdiff_t)g->in.channels;
    const ptrdiff_t on = g->out.spatial[1] > 1 ? h->stride * line : (ptrdiff_t)s->p->span * step;
    size_t count = 0;
    for (int64_t i = 0; i < g->axis[0].kernel; i++)
        for (int64_t j = h->kernel - 1; j >= 0 && (h->kernel - 1 - j) * h->dilation < h->stride;
             j--) {
            const int64_t across = i * g->axis[0].dilation * (int64_t)n[1] + j * h->dilation;
            const ptrdiff_t at = s->in + (ptrdiff_t)o * step + on + across * line;
            if (count < NEXT_LINES && at >= 0 && at + (ptrdiff_t)pixels * step <= all)
                next[count++] = s->call->in + at;
        }
    return count;
}

/* Adds one line of the kernel to a call, of which some is done when it has taps enough. */
static void line_add(const struct span *s, struct up_grouped *call, struct up_grouped_tap *tap,
                     size_t line, struct reach along, ptrdiff_t in)
{
    const struct prepared *p = s->p;
    const bool all = along.end - along.first == p->line;
    const size_t apart = (size_t)p->gather.axis[2].dilation * p->gather.in.channels;
    const struct up_grouped_tap *from = all ? p->run : p->single;
    for (size_t i = 0; i < (all ? p->runs : p->line); i++) {
        if (from[i].x < along.first * apart || from[i].x >= along.end * apart)
            continue;
        if (call->taps == p->taps_a_call / UP_GROUPED_RUN) {
            s->call->kernels->grouped(call);
            call->accumulate = true;
            call->taps = 0;
        }
        tap[call->taps++] =
            (struct up_grouped_tap){(size_t)(in + (ptrdiff_t)from[i].x),
                                    line * p->line * p->w_tap + from[i].w, from[i].count};
    }
}

/* Outputs o .. o + pixels - 1, which take the same positions. */
static void run_sum(const struct span *s, struct reach along, size_t o, size_t pixels)
{
    const struct prepared *p = s->p;
    const struct up_gather *g = &p->gather;
    struct up_grouped_tap tap[PRODUCTS_A_CALL / UP_GROUPED_RUN];
    const float *next[NEXT_LINES];
    struct up_grouped call = {.pattern = &p->pattern,
                              .tap = tap,
                              .x = s->call->in,
                              .w = p->w,
                              .y = s->y + (o - s->first) * g->out.channels,
                              .next = next,
                              .groups = g->groups,
                              .pixels = pixels,
                              .x_stride = (size_t)g->axis[2].stride * g->in.channels,
                              .y_stride = g->out.channels,
                              .w_stride = p->w_stride};
    const size_t height = s->across[1].end - s->across[1].first;
    const size_t lines = (s->across[0].end - s->across[0].first) * height;
    for (size_t i = 0; i < lines; i++) {
        const size_t d = s->across[0].first + i / height, h = s->across[1].first + i % height;
        const size_t down =
            d * (size_t)g->axis[0].dilation * g->in.spatial[1] + h * (size_t)g->axis[1].dilation;
        const ptrdiff_t in =
            s->in + (ptrdiff_t)(o * call.x_stride + down * g->in.spatial[2] * g->in.channels);
        line_add(s, &call, tap, d * (size_t)g->axis[1].kernel + h, along, in);
    }
    call.bias = g->bias;
    call.lines = pixels > 1 ? next_set(s, o, pixels, next) : 0;
    s->call->kernels->grouped(&call);
}

static void unit(const struct prepared *p, const struct up_gather_call *call, size_t number)
{
    const struct up_gather *g = &p->gather;
    const struct up_gather_axis *a = g->axis;
    const size_t *in = g->in.spatial, *out = g->out.spatial, line = number / p->spans;
    const size_t h = line % out[1], d = line / out[1] % out[0], image = line / out[1] / out[0];
    _Alignas(UP_ALIGN_BYTES) float strip[STRIP_FLOATS];
    struct span s = {.p = p,
                     .call = call,
                     .across = {reach_of(g, 0, d), reach_of(g, 1, h)},
                     .first = number % p->spans * p->span};
    const int64_t from[3] = {(int64_t)d * a[0].stride - a[0].crop,
                             (int64_t)h * a[1].stride - a[1].crop, -a[2].crop};
    s.in = ((((int64_t)(image * in[0]) + from[0]) * (int64_t)in[1] + from[1]) * (int64_t)in[2] +
            from[2]) *
           (int64_t)g->in.channels;
    s.end = s.first + p->span < out[2] ? s.first + p->span : out[2];
    const size_t first = (line * out[2] + s.first) * g->out.channels;
    const bool stream = call->stream && (s.end - s.first) * g->out.channels <= STRIP_FLOATS;
    s.y = stream ? strip : call->out + first;
    for (size_t o = s.first, pixels; o < s.end; o += pixels) {
        const struct reach along = reach_of(g, 2, o);
        pixels = run_of(&s, along, o);
        run_sum(&s, along, o, pixels);
    }
    up_finish(g, call, s.y, (s.end - s.first) * g->out.channels, first);
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        unit(prepared, call, i);
}

/* --- Choosing ------------------------------------------------------------------------------- */

/* What takes as long as so many multiply-adds of one vector at the peak: one of them, a load, a
 * block of a pixel, and a permutation that adds up; and, of a lane, a value that is read or
 * written. Fitted to 81 random layers under AVX-512, whose times it tells within a sixth. */
static double cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double PRODUCT = 0.7, LOAD = 3.5, BLOCK = 3, FOLD = 4.3, VALUE = 10.7;
    const size_t line = (size_t)gather->axis[2].kernel, stride = (size_t)gather->axis[2].stride;
    const double lines = (double)(gather->axis[0].kernel * gather->axis[1].kernel);
    const size_t *in = gather->in.spatial, *out = gather->out.spatial;
    struct up_grouped_pattern p;
    (void)kernels->grouped_pattern(gather->in.channels / gather->groups,
                                   gather->out.channels / gather->groups, &p);
    const double pixels = (double)(gather->out.batch * out[0]) * (double)(out[1] * out[2]);
    const double blocks = ceil((double)gather->groups / (double)p.groups) * pixels;
    const double share = gather->axis[2].dilation > 1 ? 1 : (double)UP_GROUPED_RUN;
    const double loads = fmax((double)line / share, (double)(line < stride ? line : stride));
    const double loaded = p.permuted ? (double)p.products : ceil((double)p.products / 4);
    const double folds = p.folds > 0 ? (double)(p.products * (p.folds + 1)) : 0;
    const double read = (double)(gather->in.batch * in[0]) * (double)(in[1] * in[2]);
    return (double)kernels->lanes * blocks *
               (lines * ((double)(line * p.products) * PRODUCT + loads * loaded * LOAD) + BLOCK +
                folds * FOLD) +
           VALUE * (read * (double)gather->in.channels + pixels * (double)gather->out.channels);
}

const struct up_gather_algorithm up_gather_grouped = {
    .name = "grouped", .applies = applies, .cost = cost, .prepare = prepare, .units = units};
