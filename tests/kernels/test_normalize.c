/* Moments, normalisation and scaling on every usable instruction set against their contracts, value
 * by value in double. */
#include <criterion/criterion.h>
#include <math.h>

#include "guard.h"
#include "tests/support/random.h"

enum { OFFSETS_MAX = 3, GROUPS_MAX = UP_GROUPS_COLUMNS };

static const double unit = 1.0 / 16777216; /* half an ulp of 1: the most one rounding loses */

static float *filled(struct random *random, size_t count, float around)
{
    float *values = guarded_new(count);
    for (size_t i = 0; i < count; i++)
        values[i] = around + random_float(random, 2);
    return values;
}

/* --- Groups --------------------------------------------------------------------------------- */

struct groups_case {
    struct up_groups groups;
    size_t offset[OFFSETS_MAX], count; /* of values, those between the lines too */
};

/* One group of any width, or as many narrow ones as a line takes; lines may lie apart. */
static void groups_make(struct groups_case *c, struct random *random, size_t turn, size_t lanes)
{
    struct up_groups *g = &c->groups;
    g->offset = c->offset;
    g->offsets = random_size(random, 1, OFFSETS_MAX);
    g->lines = random_size(random, 1, 4);
    g->count = 1;
    g->width = turn % 2 == 0 ? edge_size(random_size(random, 1, 5), lanes)
                             : random_size(random, 1, 3 * UP_GROUPS_COLUMNS);
    if (turn % 4 == 1) {
        g->width = random_size(random, 1, 9);
        g->count = random_size(random, 1, UP_GROUPS_COLUMNS / g->width);
    }
    g->stride = g->count * g->width + random_size(random, 0, 2);
    for (size_t o = 0; o < g->offsets; o++)
        c->offset[o] = (g->offsets - 1 - o) * g->lines * g->stride;
    c->count = g->offsets * g->lines * g->stride;
}

/* Value i of group k, counted along columns, lines, offsets: where it lies. */
static size_t place_of(const struct up_groups *g, size_t k, size_t i)
{
    return g->offset[i / g->width / g->lines] + i / g->width % g->lines * g->stride + k * g->width +
           i % g->width;
}

static size_t size_of(const struct up_groups *g)
{
    return g->offsets * g->lines * g->width;
}

static void moments_match(const struct up_kernels *k)
{
    static const float around[] = {0, 3, -1000, 1e6F};
    struct random random = {21};
    for (size_t turn = 0; turn < 400; turn++) {
        struct groups_case c;
        groups_make(&c, &random, turn, k->lanes);
        float *x = filled(&random, c.count, around[turn / 8 % 4]);
        double mean[GROUPS_MAX], square[GROUPS_MAX];
        const bool about_zero = turn % 3 == 0;
        k->moments(&c.groups, x, about_zero, mean, square);
        for (size_t g = 0; g < c.groups.count; g++) {
            const size_t n = size_of(&c.groups);
            double sum = 0, squares = 0;
            for (size_t i = 0; i < n; i++)
                sum += (double)x[place_of(&c.groups, g, i)];
            const double center = about_zero ? 0 : sum / (double)n;
            for (size_t i = 0; i < n; i++)
                squares += pow((double)x[place_of(&c.groups, g, i)] - center, 2);
            cr_assert(fabs(mean[g] - center) <= 1e-13 * fabs(center) + 1e-14,
                      "%s, turn %zu: mean %.17g, not %.17g", k->isa, turn, mean[g], center);
            cr_assert(fabs(square[g] - squares / (double)n) <= 1e-9 * squares / (double)n + 1e-14,
                      "%s, turn %zu: square %.17g, not %.17g", k->isa, turn, square[g],
                      squares / (double)n);
        }
        guarded_free(x, c.count, "x");
    }
}

Test(normalize, moments_are_those_of_each_group, .timeout = 20)
{
    each_isa(moments_match);
}

/* --- Normalisation -------------------------------------------------------------------------- */

struct weights {
    float *gamma, *beta;
    size_t offset[OFFSETS_MAX], count;
};

static void weights_make(struct weights *w, struct up_normalization *n, const struct up_groups *g,
                         struct random *random)
{
    n->by_column = random_size(random, 0, 1) == 1;
    n->stride = random_size(random, 0, 1) * random_size(random, 1, 3);
    for (size_t o = 0; o < OFFSETS_MAX; o++)
        w->offset[o] = random_size(random, 0, 5);
    w->count = 5 + (g->lines - 1) * n->stride + (n->by_column ? g->count * g->width : 1);
    w->gamma = filled(random, w->count, 0);
    w->beta = filled(random, w->count, 0);
    n->offset = w->offset;
    n->gamma = random_size(random, 0, 3) == 0 ? NULL : w->gamma;
    n->beta = random_size(random, 0, 3) == 0 ? NULL : w->beta;
}

static void group_compare(const struct up_kernels *k, const struct up_groups *groups,
                          const struct up_normalization *n, size_t g, const float *x,
                          const float *y)
{
    for (size_t i = 0; i < size_of(groups); i++) {
        const size_t line = i / groups->width, at = place_of(groups, g, i);
        const size_t weight = n->offset[line / groups->lines] + line % groups->lines * n->stride +
                              (n->by_column ? g * groups->width + i % groups->width : 0);
        const double gamma = n->gamma == NULL ? 1 : (double)n->gamma[weight];
        const double beta = n->beta == NULL ? 0 : (double)n->beta[weight];
        const double product = ((double)x[at] - (double)n->mean[g]) * (double)n->factor[g] * gamma;
        cr_assert(fabs((double)y[at] - (product + beta)) <= 4 * unit * (fabs(product) + fabs(beta)),
                  "%s: value %zu of group %zu is %.9g, not %.17g", k->isa, i, g, (double)y[at],
                  product + beta);
    }
}

static void normalisation_matches(const struct up_kernels *k)
{
    struct random random = {22};
    for (size_t turn = 0; turn < 400; turn++) {
        struct groups_case c;
        struct weights w;
        struct up_normalization n;
        groups_make(&c, &random, turn, k->lanes);
        weights_make(&w, &n, &c.groups, &random);
        float *x = filled(&random, c.count, 0), *y = guarded_new(c.count);
        float *mean = filled(&random, c.groups.count, 0);
        float *factor = filled(&random, c.groups.count, 0);
        n.mean = mean;
        n.factor = factor;
        k->normalize(&c.groups, &n, x, y);
        for (size_t g = 0; g < c.groups.count; g++)
            group_compare(k, &c.groups, &n, g, x, y);
        size_t written = 0;
        for (size_t i = 0; i < c.count; i++)
            written += isnan(y[i]) ? 0 : 1;
        cr_assert(written == size_of(&c.groups) * c.groups.count,
                  "%s, turn %zu: %zu values are written", k->isa, turn, written);
        guarded_free(x, c.count, "x");
        guarded_free(y, c.count, "y");
        guarded_free(mean, c.groups.count, "mean");
        guarded_free(factor, c.groups.count, "factor");
        guarded_free(w.gamma, w.count, "gamma");
        guarded_free(w.beta, w.count, "beta");
    }
}

Test(normalize, every_value_follows_its_group_and_its_weights, .timeout = 20)
{
    each_isa(normalisation_matches);
}

/* --- Scale and shift ------------------------------------------------------------------------ */

static void scaling_matches(const struct up_kernels *k)
{
    struct random random = {23};
    for (size_t turn = 0; turn < 200; turn++) {
        struct up_affine a = {.rows = random_size(&random, 1, 5),
                              .columns = edge_size(random_size(&random, 1, 5), k->lanes),
                              .by_column = turn % 2 == 1};
        const size_t count = a.rows * a.columns, pairs = a.by_column ? a.columns : a.rows;
        float *x = filled(&random, count, 0), *y = guarded_new(count);
        float *scale = filled(&random, pairs, 0), *shift = filled(&random, pairs, 0);
        a.scale = scale;
        a.shift = shift;
        k->affine(&a, x, y);
        for (size_t i = 0; i < count; i++) {
            const size_t pair = a.by_column ? i % a.columns : i / a.columns;
            const double product = (double)x[i] * (double)scale[pair];
            const double expected = product + (double)shift[pair];
            cr_assert(fabs((double)y[i] - expected) <=
                          2 * unit * (fabs(product) + fabs((double)shift[pair])),
                      "%s: value %zu is %.9g, not %.17g", k->isa, i, (double)y[i], expected);
        }
        guarded_free(x, count, "x");
        guarded_free(y, count, "y");
        guarded_free(scale, pairs, "scale");
        guarded_free(shift, pairs, "shift");
    }
}

Test(normalize, scales_by_column_and_by_row, .timeout = 20)
{
    each_isa(scaling_matches);
}
