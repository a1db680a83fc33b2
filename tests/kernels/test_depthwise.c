/* The depthwise kernel of every usable instruction set against its formula, in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1: the most one rounding loses */

enum { PIXELS_MAX = 6, TAPS_MAX = 9 }; /* more pixels than are summed together */

/* One call with all that it touches. */
struct depthwise_case {
    struct up_depthwise call;
    float *x[PIXELS_MAX * TAPS_MAX], *w, *bias, *y, *before;
    size_t x_count, w_count, width;
};

/* What lies around the channels that the call reads is NaN, which shows in any sum. */
static float *some(struct random *random, size_t count, size_t first, size_t used)
{
    float *data = guarded_new(count);
    random_fill(random, data + first, used);
    return data;
}

static void case_make(struct depthwise_case *c, const struct up_kernels *k, struct random *random,
                      size_t turn)
{
    const size_t multipliers[] = {1, 1, 2, 3, k->lanes, k->lanes + 1};
    struct up_depthwise *d = &c->call;
    *d = (struct up_depthwise){.pixels = random_size(random, 1, PIXELS_MAX),
                               .taps = random_size(random, 1, TAPS_MAX),
                               .first = random_size(random, 0, 3),
                               .channels = edge_size(turn, k->lanes),
                               .multiplier = multipliers[turn / 6 % 6],
                               .accumulate = random_size(random, 0, 1) == 1};
    c->width = d->channels * d->multiplier;
    c->x_count = d->first + d->channels + 1;
    d->w_stride = c->width + random_size(random, 0, 2);
    c->w_count = (d->taps - 1) * d->w_stride + c->width;
    for (size_t i = 0; i < d->pixels * d->taps; i++)
        c->x[i] = some(random, c->x_count, d->first, d->channels);
    c->w = some(random, c->w_count, 0, c->w_count);
    c->bias = some(random, c->width, 0, c->width);
    c->y = some(random, d->pixels * c->width, 0, d->accumulate ? d->pixels * c->width : 0);
    c->before = guarded_new(d->pixels * c->width);
    memcpy(c->before, c->y, d->pixels * c->width * sizeof *c->y);
    d->x = (const float *const *)c->x;
    d->w = c->w;
    d->y = c->y;
    d->bias = turn % 5 == 0 ? NULL : c->bias;
}

static void case_free(struct depthwise_case *c)
{
    for (size_t i = 0; i < c->call.pixels * c->call.taps; i++)
        guarded_free(c->x[i], c->x_count, "x");
    guarded_free(c->w, c->w_count, "w");
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
        const double x = c->x[pixel * d->taps + t][d->first + i / d->multiplier];
        const double product = x * (double)c->w[t * d->w_stride + i];
        sum += product;
        size += fabs(product);
    }
    cr_assert(fabs((double)got - sum) <= 2 * unit * (double)(d->taps + 2) * size,
              "%s, %zu taps, channels %zu of %zu from %zu, multiplier %zu: %.9g is not %.9g",
              k->isa, d->taps, i / d->multiplier, d->channels, d->first, d->multiplier, (double)got,
              sum);
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
            struct up_depthwise one = c.call;
            one.pixels = 1;
            one.x += p * one.taps;
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
