/* DESIGN
 * Convolutions in groups of few channels, whose sums have too few products of an input for a matrix
 * and too few pixels in a row of one channel for planes.
 *
 * The products of an output's taps are summed for each input channel alone, as a depthwise
 * convolution does, with the input as it lies: once with the weights of the first filter of each
 * group, once with those of the second, and so on. Then the sums of each group's channels are
 * added, which also brings the filters into their order. Where a group has one of each there is
 * nothing to add. */
#include <math.h>
#include <string.h>

#include "core/gather/algorithms.h"
#include "core/gather/channelwise.h"

enum {
    SUM_FLOATS = 16384,   /* of a run of pixels, on the stack */
    PIXELS_MIN = 12,      /* of a run: fewer leave the kernel too little */
    PIXELS_MAX = 96,      /* work enough to hide the call, small enough to share */
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
};

struct prepared {
    struct up_gather gather;
    struct up_channelwise window;
    float *weights;                 /* [filter of a group][tap][input channel] */
    size_t channels, filters, taps; /* of a group; of the kernel */
    bool alone;                     /* channels = filters = 1 */
    size_t sums;                    /* of a pixel: input channels x filters of a group */
    size_t pixels, runs;            /* of a run; runs a line */
    struct up_fold fold;
};

static size_t taps_of(const struct up_gather *g)
{
    return (size_t)(g->axis[0].kernel * g->axis[1].kernel * g->axis[2].kernel);
}

static size_t sums_of(const struct up_gather *g)
{
    return up_size_mul_saturated(g->in.channels, g->out.channels / g->groups);
}

/* --- Computing ------------------------------------------------------------------------------ */

static void run_finish(const struct prepared *p, const struct up_gather_call *call, size_t at,
                       size_t count)
{
    const struct up_gather *g = &p->gather;
    float *y = call->out + at;
    if (g->add) {
        const struct up_combination add = {
            .operation = UP_ADD, .rows = 1, .columns = count, .a_column = 1, .b_column = 1};
        call->kernels->combine(&add, y, call->add + at, y);
    }
    if (g->activation.id != UP_ACT_LINEAR)
        call->kernels->activate(&g->activation, y, count, y);
}

static void unit(const struct prepared *p, const struct up_gather_call *call, size_t number)
{
    const struct up_grid *in = &p->gather.in, *out = &p->gather.out;
    const size_t line = number / p->runs, x = number % p->runs * p->pixels;
    const size_t plane = line / out->spatial[1], image = plane / out->spatial[0];
    const size_t left = out->spatial[2] - x, pixels = left < p->pixels ? left : p->pixels;
    const size_t at = (line * out->spatial[2] + x) * out->channels;
    float sums[SUM_FLOATS + UP_LANES_MAX];
    struct up_channelwise_run run = {.image = call->in + image * in->spatial[0] * in->spatial[1] *
                                                             in->spatial[2] * in->channels,
                                     .at = {plane % out->spatial[0], line % out->spatial[1], x},
                                     .pixels = pixels,
                                     .channels = in->channels,
                                     .multiplier = 1,
                                     .y_stride = p->sums};
    if (p->alone) {
        run.y = call->out + at;
        run.weights = p->weights;
        run.bias = p->gather.bias;
        up_channelwise_sum(&p->window, call->kernels, &run);
        run_finish(p, call, at, pixels * out->channels);
        return;
    }
    for (size_t filter = 0; filter < p->filters; filter++) {
        run.y = sums + filter * in->channels;
        run.weights = p->weights + filter * p->taps * in->channels;
        up_channelwise_sum(&p->window, call->kernels, &run);
    }
    memset(sums + pixels * p->sums, 0, UP_LANES_MAX * sizeof *sums);
    call->kernels->fold(&p->fold, sums, pixels, call->out + at);
    run_finish(p, call, at, pixels * out->channels);
}

static void units(const void *prepared, const struct up_gather_call *call, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        unit(prepared, call, i);
}

/* --- Preparing ------------------------------------------------------------------------------ */

static void weights_set(const struct prepared *p)
{
    const struct up_gather *g = &p->gather;
    float *to = p->weights;
    for (size_t filter = 0; filter < p->filters; filter++)
        for (size_t t = 0; t < p->taps; t++)
            for (size_t group = 0; group < g->groups; group++)
                for (size_t c = 0; c < p->channels; c++)
                    *to++ = g->kernel[t * g->position_stride + c * g->channel_stride +
                                      (group * p->filters + filter) * g->filter_stride];
}

/* Where the sum of channel `channel` of its group is that output `output` takes. */
static size_t sum_at(const struct prepared *p, size_t output, size_t channel)
{
    const size_t group = output / p->filters, filter = output % p->filters;
    return filter * p->gather.in.channels + group * p->channels + channel;
}

/* The terms of outputs first .. end - 1, one vector, for one channel of the groups: each takes as
 * many lanes as it reaches. Returns how many there are; `term` NULL: only that. */
static size_t terms_set(const struct prepared *p, const size_t outputs[2], size_t channel,
                        size_t lanes, struct up_fold_term *term)
{
    size_t terms = 0;
    bool taken[UP_LANES_MAX] = {false};
    for (size_t o = outputs[0]; o < outputs[1]; o++) {
        if (taken[o - outputs[0]])
            continue;
        const size_t first = sum_at(p, o, channel);
        if (term != NULL)
            term[terms].first = first;
        for (size_t i = o - outputs[0], j = o; j < outputs[1]; i++, j++) {
            const size_t at = sum_at(p, j, channel);
            if (taken[i] || at < first || at >= first + lanes)
                continue;
            taken[i] = true;
            if (term != NULL)
                term[terms].index[i] = (int32_t)(at - first);
        }
        terms++;
    }
    return terms;
}

/* All terms of a vector; returns how many. */
static size_t vector_set(const struct prepared *p, size_t vector, size_t lanes,
                         struct up_fold_term *term)
{
    const size_t first = vector * lanes, all = p->gather.out.channels;
    const size_t outputs[2] = {first, first + lanes < all ? first + lanes : all};
    size_t terms = 0;
    for (size_t c = 0; c < p->channels; c++)
        terms += terms_set(p, outputs, c, lanes, term == NULL ? NULL : term + terms);
    return terms;
}

static enum up_code fold_set(struct prepared *p, size_t lanes, struct up_arena *arena,
                             struct up_error *err)
{
    const size_t vectors = (p->gather.out.channels - 1) / lanes + 1;
    size_t all = 0, done = 0;
    size_t *terms = up_arena_alloc(arena, vectors, sizeof *terms, err);
    if (terms == NULL)
        return err->code;
    for (size_t v = 0; v < vectors; v++)
        all += terms[v] = vector_set(p, v, lanes, NULL);
    struct up_fold_term *term = up_arena_alloc(arena, all, sizeof *term, err);
    if (term == NULL)
        return err->code;
    memset(term, 0xff, all * sizeof *term); /* no lane of any */
    for (size_t v = 0; v < vectors; done += terms[v++])
        (void)vector_set(p, v, lanes, term + done);
    p->fold = (struct up_fold){.x_stride = p->sums,
                               .y_stride = p->gather.out.channels,
                               .outputs = p->gather.out.channels,
                               .terms = terms,
                               .term = term,
                               .bias = p->gather.bias};
    return UP_OK;
}

static enum up_code prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err)
{
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->gather = *gather;
    p->window = (struct up_channelwise){.in = gather->in, .weights = gather->in.channels};
    memcpy(p->window.axis, gather->axis, sizeof p->window.axis);
    p->channels = gather->in.channels / gather->groups;
    p->filters = gather->out.channels / gather->groups;
    p->alone = p->channels == 1 && p->filters == 1;
    p->taps = taps_of(gather);
    p->sums = sums_of(gather);
    p->weights = up_arena_alloc(arena, p->sums, p->taps * sizeof(float), err);
    if (p->weights == NULL || fold_set(p, kernels->lanes, arena, err) != UP_OK)
        return err->code;
    weights_set(p);
    const size_t line = gather->out.spatial[2], most = SUM_FLOATS / p->sums;
    const size_t lines = gather->out.batch * gather->out.spatial[0] * gather->out.spatial[1];
    p->runs = (line - 1) / (most < PIXELS_MAX ? most : PIXELS_MAX) + 1;
    p->pixels = (line - 1) / p->runs + 1;
    ret->prepared = p;
    ret->units = lines * p->runs;
    ret->grain = (size_t)(GRAIN_MACS / (up_gather_macs(gather) / (double)ret->units + 1)) + 1;
    return UP_OK;
}

/* --- Choosing ------------------------------------------------------------------------------- */

static bool applies(const struct up_gather *gather, const struct up_kernels *kernels)
{
    (void)kernels;
    for (uint32_t i = 0; i < 3; i++)
        if (gather->axis[i].repeat != 1)
            return false;
    return gather->groups > 1 && !gather->transposed && sums_of(gather) <= SUM_FLOATS / PIXELS_MIN;
}

/* What takes as long as so many multiply-adds of a lane at the peak: one of the depthwise sums, a
 * lane of a term, a filter of a group at a pixel, and an input value that is read. Fitted to 89
 * random layers under AVX-512, whose times they tell within a third. */
static double cost(const struct up_gather *gather, const struct up_kernels *kernels)
{
    const double PRODUCT = 4.1, TERM = 2.6, FILTER = 13.5, INPUT = 14.4;
    const double lanes = (double)kernels->lanes, inputs = ceil((double)gather->in.channels / lanes);
    const double channels = (double)gather->in.channels / (double)gather->groups;
    const double filters = (double)gather->out.channels / (double)gather->groups;
    const double vectors = ceil((double)gather->out.channels / lanes);
    const double pixels = (double)(gather->out.batch * gather->out.spatial[0]) *
                          (double)(gather->out.spatial[1] * gather->out.spatial[2]);
    const double read = (double)(gather->in.batch * gather->in.channels * gather->in.spatial[0]) *
                        (double)(gather->in.spatial[1] * gather->in.spatial[2]);
    const double terms = channels * fmin(lanes, ceil(lanes / filters) * channels / lanes + filters);
    return pixels * lanes *
               (filters * (inputs * (double)taps_of(gather) * PRODUCT + FILTER) +
                vectors * terms * TERM) +
           read * INPUT;
}

const struct up_gather_algorithm up_gather_grouped = {
    .name = "grouped", .applies = applies, .cost = cost, .prepare = prepare, .units = units};
