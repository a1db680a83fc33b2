/* Sums along lines of pixels against the formula of their contract, in double. */
#include "core/kernels/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

enum { TAPS_MAX = 12, COUNT_MAX = 400, REACH = 40 };

struct planar_case {
    struct up_planar planar;
    struct up_planar_tap tap[TAPS_MAX];
    size_t padded; /* count, as a multiple of the lanes */
    size_t x_count, w_count, y_count;
    float *x, *w, *y, *bias, before[UP_PLANAR_OUTPUTS_MAX][COUNT_MAX];
};

static void planar_make(struct planar_case *c, const struct up_kernels *k, struct random *random,
                        size_t turn)
{
    struct up_planar *p = &c->planar;
    *p = (struct up_planar){.tap = c->tap,
                            .channels = random_size(random, 1, 3),
                            .taps = turn % 10 == 9 ? 0 : random_size(random, 1, TAPS_MAX),
                            .outputs = turn % k->planar_outputs + 1,
                            .count = random_size(random, 0, 12 * k->lanes),
                            .accumulate = random_size(random, 0, 1) == 1};
    c->padded = (p->count + k->lanes - 1) / k->lanes * k->lanes;
    for (size_t t = 0; t < p->taps; t++)
        c->tap[t] =
            (struct up_planar_tap){random_size(random, 0, REACH),
                                   (unsigned)random_size(random, 0, (1U << p->outputs) - 1)};
    p->x_stride = c->padded + REACH + random_size(random, 0, 5);
    p->w_stride = p->taps * p->outputs + random_size(random, 0, 5);
    p->y_stride = c->padded + random_size(random, 0, 5);
    c->x_count = p->channels * p->x_stride;
    c->w_count = p->channels * p->w_stride;
    c->y_count = p->outputs * p->y_stride;
    p->x = c->x = guarded_new(c->x_count);
    p->w = c->w = guarded_new(c->w_count);
    p->y = c->y = guarded_new(c->y_count);
    c->bias = guarded_new(p->outputs);
    random_fill(random, c->x, c->x_count);
    random_fill(random, c->w, c->w_count);
    random_fill(random, c->bias, p->outputs);
    p->bias = turn % 3 == 0 ? NULL : c->bias;
    if (p->accumulate) /* else what is there is NaN, and shows */
        random_fill(random, c->y, c->y_count);
    for (size_t j = 0; j < p->outputs; j++)
        memcpy(c->before[j], c->y + j * p->y_stride, c->padded * sizeof(float));
}

static void planar_free(struct planar_case *c)
{
    guarded_free(c->x, c->x_count, "x");
    guarded_free(c->w, c->w_count, "w");
    guarded_free(c->y, c->y_count, "y");
    guarded_free(c->bias, c->planar.outputs, "bias");
}

static void planar_check(const struct planar_case *c, const char *isa, size_t j, size_t i)
{
    const struct up_planar *p = &c->planar;
    const double before = p->accumulate ? (double)c->before[j][i] : 0;
    const double bias = p->bias != NULL ? (double)p->bias[j] : 0;
    double sum = before + bias, size = fabs(before) + fabs(bias);
    for (size_t n = 0; n < p->channels; n++)
        for (size_t t = 0; t < p->taps; t++) {
            if ((c->tap[t].outputs >> j & 1) == 0)
                continue;
            const double product = (double)p->x[n * p->x_stride + c->tap[t].offset + i] *
                                   (double)p->w[n * p->w_stride + t * p->outputs + j];
            sum += product;
            size += fabs(product);
        }
    const double allowed = unit * (double)(p->channels * p->taps + 3) * size;
    const double got = (double)p->y[j * p->y_stride + i];
    cr_assert(fabs(got - sum) <= allowed,
              "%s: %zu channels, %zu taps, output %zu of %zu, place %zu of %zu: %.9g is not %.9g",
              isa, p->channels, p->taps, j, p->outputs, i, p->count, got, sum);
}

static void planar_matches(const struct up_kernels *k)
{
    struct random random = {5};
    for (size_t turn = 0; turn < 400; turn++) {
        static struct planar_case c;
        planar_make(&c, k, &random, turn);
        k->planar(&c.planar);
        for (size_t j = 0; j < c.planar.outputs; j++)
            for (size_t i = 0; i < c.planar.count; i++)
                planar_check(&c, k->isa, j, i);
        planar_free(&c);
    }
}

Test(planar, sums_products_over_channels_and_the_taps_of_each_output, .timeout = 20)
{
    each_isa(planar_matches);
}

/* A line may be cut anywhere. */
static void place_alone(const struct up_kernels *k)
{
    struct random random = {6};
    for (size_t turn = 0; turn < 100; turn++) {
        static struct planar_case c;
        planar_make(&c, k, &random, turn);
        k->planar(&c.planar);
        for (size_t i = 0; i < c.planar.count; i += k->lanes) {
            float alone[UP_PLANAR_OUTPUTS_MAX * UP_TILE_COLUMNS_MAX];
            struct up_planar one = c.planar;
            one.x += i, one.y = alone, one.y_stride = k->lanes, one.count = 1;
            for (size_t j = 0; j < one.outputs; j++)
                memcpy(alone + j * k->lanes, c.before[j] + i, k->lanes * sizeof(float));
            k->planar(&one);
            for (size_t j = 0; j < one.outputs; j++)
                cr_assert(memcmp(&alone[j * k->lanes], &c.y[j * c.planar.y_stride + i],
                                 sizeof(float)) == 0,
                          "%s: place %zu of %zu alone has other bits", k->isa, i, c.planar.count);
        }
        planar_free(&c);
    }
}

Test(planar, a_place_has_the_same_bits_alone, .timeout = 20)
{
    each_isa(place_alone);
}
