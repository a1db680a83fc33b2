/* The depthwise kernel of every usable instruction set against its formula, in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1: the most one rounding loses */

enum { PIXELS_MAX = 14, TAPS_MAX = 15 }; /* more pixels than are summed together */

/* One call with all that it touches. */
struct depthwise_case {
    struct up_depthwise call;
    float *x[TAPS_MAX], *w[TAPS_MAX], *bias, *y, *before;
    size_t x_step, x_count, width; /* each x_step-th x owns x_count floats */
};

static float *some(struct random *random, size_t count)
{
    float *data = guarded_new(count);
    random_fill(random, data, count);
    return data;
}

/* What lies between the pixels' channels is NaN, which shows in any sum. */
static float *pixels_make(struct random *random, const struct up_depthwise *d, size_t pixels)
{
    float *x = guarded_new((pixels - 1) * d->x_stride + d->channels);
    for (size_t p = 0; p < pixels; p++)
        random_fill(random, x + p * d->x_stride, d->channels);
    return x;
}

static void inputs_make(struct depthwise_case *c, struct random *random)
{
    const struct up_depthwise *d = &c->call;
    c->x_step = d->line > 0 ? d->line : 1;
    const size_t pixels = d->pixels + c->x_step - 1;
    c->x_count = (pixels - 1) * d->x_stride + d->channels;
    for (size_t t = 0; t < d->taps; t++)
        c->x[t] = t % c->x_step > 0 ? c->x[t - 1] + d->x_stride : pixels_make(random, d, pixels);
}

static void case_make(struct depthwise_case *c, const struct up_kernels *k, struct random *random,
                      size_t turn)
{
    const size_t multipliers[] = {1, 1, 2, 3, k->lanes, k->lanes + 1};
    const size_t lines[] = {0, 3, 5, 0, 2, 4, 1}, line = lines[turn % 7];
    struct up_depthwise *d = &c->call;
    *d = (struct up_depthwise){
        .pixels = random_size(random, 1, PIXELS_MAX),
        .line = line,
        .taps = line > 0 ? random_size(random, 0, 3) * line : random_size(random, 0, TAPS_MAX),
        .channels = turn % 11 == 0 ? 9 * k->lanes + 1 : edge_size(turn, k->lanes),
        .multiplier = multipliers[turn / 6 % 6],
        .accumulate = random_size(random, 0, 1) == 1};
    c->width = d->channels * d->multiplier;
    d->y_stride = c->width;
    d->x_stride = d->channels + random_size(random, 0, 3);
    inputs_make(c, random);
    const size_t over = d->channels + k->lanes;
    for (size_t i = 0; turn % 3 > 0 && i < d->pixels; i++)
        d->readable += (i + c->x_step - 1) * d->x_stride + over <= c->x_count;
    for (size_t t = 0; t < d->taps; t++)
        c->w[t] = some(random, c->width);
    c->bias = some(random, c->width);
    c->y = guarded_new(d->pixels * c->width);
    if (d->accumulate)
        random_fill(random, c->y, d->pixels * c->width);
    c->before = guarded_new(d->pixels * c->width);
    memcpy(c->before, c->y, d->pixels * c->width * sizeof *c->y);
    d->x = (const float *const *)c->x;
    d->w = (const float *const *)c->w;
    d->y = c->y;
    d->bias = turn % 5 == 0 ? NULL : c->bias;
}

static void case_free(struct depthwise_case *c)
{
    for (size_t t = 0; t < c->call.taps; t++)
        guarded_free(c->w[t], c->width, "w");
    for (size_t t = 0; t < c->call.taps; t += c->x_step)
        guarded_free(c->x[t], c->x_count, "x");
    guarded_free(c->bias, c->width, "bias");
    guarded_free(c->y, c->call.pixels * c->width, "y");
    guarded_free(c->before, c->call.pixels * c->width, "before");
}

static void case_check(const struct depthwise_case *c, const struct up_kernels *k, size_t pixel,
                       size_t i)
{
    const struct up_depthwise *d = &c->call;
    const float got = c->y[pixel * c->width + i];
    double sum = d->accumulate ? (double)c->before[pixel * c->width + i] : 0;
    sum += d->bias != NULL ? (double)c->bias[i] : 0;
    double size = d->accumulate ? fabs((double)c->before[pixel * c->width + i]) : 0;
    size += d->bias != NULL ? fabs((double)c->bias[i]) : 0;
    for (size_t t = 0; t < d->taps; t++) {
        const double x = c->x[t][pixel * d->x_stride + i / d->multiplier];
        const double product = x * (double)c->w[t][i];
        sum += product;
        size += fabs(product);
    }
    cr_assert(fabs((double)got - sum) <= 2 * unit * (double)(d->taps + 2) * size,
              "%s, %zu taps, channel %zu of %zu, multiplier %zu: %.9g is not %.9g", k->isa, d->taps,
              i / d->multiplier, d->channels, d->multiplier, (double)got, sum);
}

static void sums_match(const struct up_kernels *k)
{
    struct random random = {1};
    for (size_t turn = 0; turn < 720; turn++) {
        struct depthwise_case c;
        case_make(&c, k, &random, turn);
        k->depthwise(&c.call);
        for (size_t p = 0; p < c.call.pixels; p++)
            for (size_t i = 0; i < c.width; i++)
                case_check(&c, k, p, i);
        case_free(&c);
    }
}

Test(depthwise, sums_the_taps_of_each_channel_alone, .timeout = 20)
{
    each_isa(sums_match);
}

/* A pixel knows nothing of its neighbours: a run may be cut anywhere. */
static void pixels_independent(const struct up_kernels *k)
{
    struct random random = {2};
    for (size_t turn = 0; turn < 180; turn++) {
        struct depthwise_case c;
        case_make(&c, k, &random, turn);
        k->depthwise(&c.call);
        for (size_t p = 0; p < c.call.pixels; p++) {
            const float *x[TAPS_MAX];
            for (size_t t = 0; t < c.call.taps; t++)
                x[t] = c.x[t] + p * c.call.x_stride;
            struct up_depthwise one = c.call;
            one.pixels = 1;
            one.readable = p < c.call.readable;
            one.x = x;
            one.y = c.before + p * c.width;
            k->depthwise(&one);
            cr_assert(memcmp(one.y, c.y + p * c.width, c.width * sizeof *c.y) == 0,
                      "%s: pixel %zu of %zu alone has other bits", k->isa, p, c.call.pixels);
        }
        case_free(&c);
    }
}

Test(depthwise, pixel_has_the_same_bits_alone, .timeout = 20)
{
    each_isa(pixels_independent);
}
