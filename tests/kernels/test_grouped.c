/* The grouped kernel of every usable instruction set against its formula, in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1: the most one rounding loses */

enum { PIXELS_MAX = 19, TAPS_MAX = 12 };

/* One call with all that it touches. */
struct grouped_case {
    struct up_grouped call;
    struct up_grouped_pattern pattern;
    struct up_grouped_tap tap[TAPS_MAX];
    size_t taps, x_at[TAPS_MAX * UP_GROUPED_RUN]; /* one by one */
    size_t x_count, w_count, y_count, inputs, outputs;
    float *x, *w, *bias, *y, *before;
};

static size_t weight_at(const struct grouped_case *c, size_t lanes, size_t t, size_t group,
                        size_t i, size_t k)
{
    const struct up_grouped_pattern *p = &c->pattern;
    const size_t h = group % p->groups, tap = t * p->products * lanes;
    return group / p->groups * c->call.w_stride + tap +
           (p->permuted ? i * lanes + h * p->filters + k : k * lanes + h * p->width + i);
}

static void weights_make(struct grouped_case *c, struct random *random, size_t lanes)
{
    memset(c->w, 0, c->w_count * sizeof *c->w);
    for (size_t t = 0; t < c->taps; t++)
        for (size_t group = 0; group < c->call.groups; group++)
            for (size_t i = 0; i < c->pattern.width; i++)
                for (size_t k = 0; k < c->pattern.filters; k++)
                    c->w[weight_at(c, lanes, t, group, i, k)] = random_float(random, 2);
}

static void taps_make(struct grouped_case *c, struct random *random, size_t lanes)
{
    struct up_grouped *g = &c->call;
    size_t reach = 0;
    for (size_t t = 0; t < g->taps; t++) {
        const size_t w = c->taps * c->pattern.products * lanes;
        c->tap[t] = (struct up_grouped_tap){random_size(random, 0, 50), w,
                                            random_size(random, 1, UP_GROUPED_RUN)};
        for (size_t i = 0; i < c->tap[t].count; i++) {
            c->x_at[c->taps] = c->tap[t].x + i * g->x_stride;
            reach = c->x_at[c->taps] > reach ? c->x_at[c->taps] : reach;
            c->taps++;
        }
    }
    c->x_count = reach + (g->pixels - 1) * g->x_stride + c->inputs;
}

static void case_make(struct grouped_case *c, const struct up_kernels *k, struct random *random,
                      size_t turn)
{
    const size_t width = turn % k->lanes + 1, filters = turn / k->lanes % k->lanes + 1;
    struct up_grouped *g = &c->call;
    memset(c, 0, sizeof *c);
    cr_assert(k->grouped_pattern(width, filters, &c->pattern), "%s", k->isa);
    *g = (struct up_grouped){.pattern = &c->pattern,
                             .tap = c->tap,
                             .groups = random_size(random, 1, 2 * c->pattern.groups + 1),
                             .pixels = random_size(random, 1, PIXELS_MAX),
                             .taps = random_size(random, 0, TAPS_MAX),
                             .accumulate = random_size(random, 0, 1) == 1};
    c->inputs = g->groups * width;
    c->outputs = g->groups * filters;
    g->x_stride = c->inputs + random_size(random, 0, 3);
    g->y_stride = c->outputs + random_size(random, 0, 3);
    taps_make(c, random, k->lanes);
    g->w_stride = c->taps * c->pattern.products * k->lanes;
    c->w_count = ((g->groups - 1) / c->pattern.groups + 1) * g->w_stride;
    c->y_count = (g->pixels - 1) * g->y_stride + c->outputs;
    g->x = c->x = guarded_random(random, c->x_count);
    g->w = c->w = guarded_new(c->w_count);
    weights_make(c, random, k->lanes);
    c->bias = guarded_random(random, c->outputs);
    g->bias = turn % 5 == 0 ? NULL : c->bias;
    g->y = c->y = guarded_random(random, c->y_count);
    c->before = guarded_new(c->y_count);
    memcpy(c->before, c->y, c->y_count * sizeof *c->y);
}

static void case_free(struct grouped_case *c)
{
    guarded_free(c->x, c->x_count, "x");
    guarded_free(c->w, c->w_count, "w");
    guarded_free(c->bias, c->outputs, "bias");
    guarded_free(c->y, c->y_count, "y");
    guarded_free(c->before, c->y_count, "before");
}

static void output_check(const struct grouped_case *c, const struct up_kernels *k, size_t pixel,
                         size_t output)
{
    const struct up_grouped *g = &c->call;
    const size_t group = output / c->pattern.filters, filter = output % c->pattern.filters;
    const size_t at = pixel * g->y_stride + output;
    double sum = g->accumulate ? (double)c->before[at] : 0, size = fabs(sum);
    sum += g->bias != NULL ? (double)c->bias[output] : 0;
    size += g->bias != NULL ? fabs((double)c->bias[output]) : 0;
    for (size_t t = 0; t < c->taps; t++)
        for (size_t i = 0; i < c->pattern.width; i++) {
            const size_t in = pixel * g->x_stride + group * c->pattern.width + i;
            const double product = (double)c->x[c->x_at[t] + in] *
                                   (double)c->w[weight_at(c, k->lanes, t, group, i, filter)];
            sum += product;
            size += fabs(product);
        }
    const double rounding = 2 * unit * (double)(c->taps * c->pattern.width + 2);
    cr_assert(fabs((double)c->y[at] - sum) <= rounding * size,
              "%s, %zu taps, %zu > %zu: output %zu of pixel %zu is %.9g, not %.9g", k->isa, c->taps,
              c->pattern.width, c->pattern.filters, output, pixel, (double)c->y[at], sum);
}

static void sums_match(const struct up_kernels *k)
{
    struct random random = {1};
    static struct grouped_case c;
    for (size_t turn = 0; turn < 3 * k->lanes * k->lanes; turn++) {
        case_make(&c, k, &random, turn);
        k->grouped(&c.call);
        for (size_t p = 0; p < c.call.pixels; p++)
            for (size_t i = 0; i < c.call.y_stride && p * c.call.y_stride + i < c.y_count; i++)
                if (i < c.outputs)
                    output_check(&c, k, p, i);
                else
                    cr_assert(c.y[p * c.call.y_stride + i] == c.before[p * c.call.y_stride + i],
                              "%s: wrote past pixel %zu", k->isa, p);
        case_free(&c);
    }
}

Test(grouped, sums_the_taps_of_each_group_alone, .timeout = 20)
{
    each_isa(sums_match);
}

/* A pixel knows nothing of its neighbours: a run may be cut anywhere. */
static void pixels_independent(const struct up_kernels *k)
{
    struct random random = {2};
    static struct grouped_case c;
    for (size_t turn = 0; turn < k->lanes * k->lanes; turn++) {
        case_make(&c, k, &random, turn);
        k->grouped(&c.call);
        for (size_t p = 0; p < c.call.pixels; p++) {
            struct up_grouped one = c.call;
            one.pixels = 1;
            one.x += p * one.x_stride;
            one.y = c.before + p * one.y_stride;
            k->grouped(&one);
            cr_assert(memcmp(one.y, c.y + p * one.y_stride, c.outputs * sizeof *c.y) == 0,
                      "%s: pixel %zu of %zu alone has other bits", k->isa, p, c.call.pixels);
        }
        case_free(&c);
    }
}

Test(grouped, a_pixel_has_the_same_bits_alone, .timeout = 20)
{
    each_isa(pixels_independent);
}

static void wide_refused(const struct up_kernels *k)
{
    struct up_grouped_pattern pattern;
    cr_assert(k->grouped_pattern(k->lanes, 1, &pattern), "%s", k->isa);
    cr_assert(!k->grouped_pattern(k->lanes + 1, 1, &pattern), "%s", k->isa);
    cr_assert(!k->grouped_pattern(1, k->lanes + 1, &pattern), "%s", k->isa);
}

Test(grouped, groups_that_fill_more_than_a_vector_are_refused, .timeout = 20)
{
    each_isa(wide_refused);
}
