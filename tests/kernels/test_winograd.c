/* Winograd's transforms of every usable instruction set against the matrices of their contract, in
 * double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

enum { POINTS_MAX = 16, TILES_MAX = 3 };

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

static const double input_matrix[4][4] = {
    {1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const double weights_matrix[2][4][4] = {{{1}, {0.5, 0.5}, {0.5, -0.5}, {0, 1}},
                                               {{1}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
static const double output_matrix[2][4][4] = {{{1, 1, 1, 0}, {0, 1, -1, 0}, {0, 1, 1, -1}},
                                              {{1, 1, 1, 0}, {0, 1, -1, -1}}};

static size_t power(size_t base, size_t axes)
{
    return axes == 1 ? base : base * base;
}

/* Entry (row, column) of the matrix, or of its Kronecker product with itself. */
static double entry(const double matrix[4][4], size_t axes, size_t rows, size_t columns, size_t row,
                    size_t column)
{
    const double last = matrix[row % rows][column % columns];
    return axes == 1 ? last : last * matrix[row / rows][column / columns];
}

static void near(double got, double expected, double size, const char *isa, const char *what)
{
    cr_assert(fabs(got - expected) <= 8 * unit * size, "%s, %s: %.9g is not %.9g", isa, what, got,
              expected);
}

/* --- Input ---------------------------------------------------------------------------------- */

static void input_check(const struct up_kernels *k, struct random *random, size_t turn)
{
    const size_t axes = 1 + turn % 2, points = power(4, axes);
    const size_t tiles = random_size(random, 1, TILES_MAX), first = random_size(random, 0, 3);
    const size_t depth = edge_size(turn / 2, k->lanes), row = (depth + k->lanes) / k->lanes;
    float *x[TILES_MAX * POINTS_MAX];
    struct up_winograd_input in = {.axes = axes, .tiles = tiles, .first = first, .depth = depth};
    in.v_row = row * k->lanes + random_size(random, 0, 1);
    in.v_point = tiles * in.v_row + random_size(random, 0, 3);
    const size_t v_count = points * in.v_point;
    double squares = 0;
    for (size_t i = 0; i < tiles * points; i++) {
        random_fill(random, (x[i] = guarded_new(first + depth)) + first, depth);
        for (size_t c = 0; c < depth; c++)
            squares += (double)x[i][first + c] * (double)x[i][first + c];
    }
    in.x = (const float *const *)x;
    in.v = guarded_new(v_count);
    near((double)k->winograd_input(&in), squares, 100 * squares, k->isa, "sum of squares");
    for (size_t i = 0; i < points * tiles * depth; i++) {
        const size_t p = i / depth / tiles, t = i / depth % tiles, c = i % depth;
        double sum = 0, size = 0;
        for (size_t j = 0; j < points; j++) {
            const double term =
                entry(input_matrix, axes, 4, 4, p, j) * (double)x[t * points + j][first + c];
            sum += term;
            size += fabs(term);
        }
        near((double)in.v[p * in.v_point + t * in.v_row + c], sum, size, k->isa, "input");
    }
    for (size_t i = 0; i < tiles * points; i++)
        guarded_free(x[i], first + depth, "x");
    guarded_free(in.v, v_count, "v");
}

static void inputs_match(const struct up_kernels *k)
{
    struct random random = {1};
    for (size_t turn = 0; turn < 120; turn++)
        input_check(k, &random, turn);
}

Test(winograd, input_is_multiplied_by_its_matrix, .timeout = 20)
{
    each_isa(inputs_match);
}

/* One value of the last vector, which may be a part of one. */
static void input_tells(const struct up_kernels *k)
{
    static const float wild[] = {NAN, INFINITY, -INFINITY, 3e38F};
    float x[40] = {1}, v[16 * 48];
    const float *tile[16];
    for (size_t i = 0; i < 16; i++)
        tile[i] = x;
    for (size_t depth = 30; depth <= 32; depth++)
        for (size_t i = 0; i < 4; i++) {
            const struct up_winograd_input in = {tile, v, 2, 1, 0, depth, 48, 48};
            x[depth - 1] = wild[i];
            cr_assert(!isfinite(k->winograd_input(&in)), "%s: %g of %zu channels", k->isa,
                      (double)wild[i], depth);
            x[depth - 1] = 0;
            x[depth] = wild[i]; /* past the end: not read */
            cr_assert(isfinite(k->winograd_input(&in)), "%s: read past %zu channels", k->isa,
                      depth);
            x[depth] = 0;
        }
}

Test(winograd, input_tells_what_is_not_finite, .timeout = 20)
{
    each_isa(input_tells);
}

/* --- Weights -------------------------------------------------------------------------------- */

static void weights_check(const struct up_kernels *k, struct random *random, size_t turn)
{
    const size_t axes = 1 + turn % 2, taps = 2 + turn / 2 % 2;
    const size_t points = power(4, axes), all = power(taps, axes);
    const size_t count = k->tile_columns * random_size(random, 1, 3);
    struct up_winograd_weights w = {.axes = axes, .taps = taps, .count = count};
    w.u_point = count + random_size(random, 0, 3);
    const size_t u_count = (points - 1) * w.u_point + count;
    float *g = guarded_new(all * count);
    random_fill(random, g, all * count);
    w.g = g;
    w.u = guarded_new(u_count);
    double squares = 0;
    for (size_t i = 0; i < all * count; i++)
        squares += (double)g[i] * (double)g[i];
    near(k->winograd_weights(&w), squares, squares, k->isa, "sum of squares");
    for (size_t p = 0; p < points; p++)
        for (size_t i = 0; i < count; i++) {
            double sum = 0;
            for (size_t t = 0; t < all; t++)
                sum +=
                    entry(weights_matrix[taps - 2], axes, 4, taps, p, t) * (double)g[t * count + i];
            cr_assert(w.u[p * w.u_point + i] == (float)sum, "%s: point %zu is %.9g, not %.9g",
                      k->isa, p, (double)w.u[p * w.u_point + i], sum);
        }
    guarded_free(g, all * count, "g");
    guarded_free(w.u, u_count, "u");
}

static void weights_match(const struct up_kernels *k)
{
    struct random random = {2};
    for (size_t turn = 0; turn < 40; turn++)
        weights_check(k, &random, turn);
}

Test(winograd, weights_are_multiplied_by_their_matrix_and_rounded_once, .timeout = 20)
{
    each_isa(weights_match);
}

/* --- Output --------------------------------------------------------------------------------- */

/* One call with all that it touches. Outputs lie apart, some are nowhere. */
struct output_case {
    struct up_winograd_output out;
    size_t points, outputs, m_count, y_count, at[TILES_MAX * 9];
    float *m, *bias, *add;
};

static void output_make(struct output_case *c, const struct up_kernels *k, struct random *random,
                        size_t turn)
{
    struct up_winograd_output *o = &c->out;
    *o = (struct up_winograd_output){.axes = 1 + turn % 2, .taps = 2 + turn / 2 % 2};
    o->tiles = random_size(random, 1, TILES_MAX);
    o->width = edge_size(turn / 4, k->lanes);
    o->m_row = o->width + random_size(random, 0, 3);
    o->m_point = o->tiles * o->m_row;
    o->activation.id = turn % 3 == 0 ? UP_ACT_RELU : UP_ACT_LINEAR;
    o->activation.beta = INFINITY;
    c->points = power(4, o->axes);
    c->outputs = power(5 - o->taps, o->axes);
    c->m_count = c->points * o->m_point;
    c->y_count = 0;
    for (size_t i = 0; i < o->tiles * c->outputs; i++) {
        c->at[i] = random_size(random, 0, 4) == 0 ? UP_WINOGRAD_NOWHERE : c->y_count;
        c->y_count += o->width + random_size(random, 0, 2);
    }
    random_fill(random, c->m = guarded_new(c->m_count), c->m_count);
    random_fill(random, c->bias = guarded_new(o->width), o->width);
    random_fill(random, c->add = guarded_new(c->y_count), c->y_count);
    o->y = guarded_new(c->y_count);
    for (size_t i = 0; i < c->y_count; i++)
        o->y[i] = -77;
    o->m = c->m;
    o->at = c->at;
    o->bias = turn % 5 == 0 ? NULL : c->bias;
    o->add = turn % 7 < 4 ? NULL : c->add;
}

static void output_check(const struct output_case *c, const struct up_kernels *k)
{
    const struct up_winograd_output *o = &c->out;
    size_t written = 0, left = 0;
    for (size_t i = 0; i < o->tiles * c->outputs; i++)
        for (size_t f = 0; f < o->width && c->at[i] != UP_WINOGRAD_NOWHERE; f++, written++) {
            double sum = o->bias == NULL ? 0 : (double)o->bias[f];
            sum += o->add == NULL ? 0 : (double)o->add[c->at[i] + f];
            double size = fabs(sum) + 4;
            for (size_t p = 0; p < c->points; p++) {
                const double m =
                    (double)c->m[p * o->m_point + i / c->outputs * o->m_row + f] *
                    entry(output_matrix[o->taps - 2], o->axes, 5 - o->taps, 4, i % c->outputs, p);
                sum += m;
                size += fabs(m);
            }
            if (o->activation.id == UP_ACT_RELU)
                sum = fmax(sum, 0);
            near((double)o->y[c->at[i] + f], sum, size, k->isa, "output");
        }
    for (size_t i = 0; i < c->y_count; i++)
        left += o->y[i] == -77;
    cr_assert(written + left == c->y_count, "%s: %zu of %zu values written, %zu left", k->isa,
              written, c->y_count, left);
}

static void outputs_match(const struct up_kernels *k)
{
    struct random random = {3};
    for (size_t turn = 0; turn < 240; turn++) {
        static struct output_case c;
        output_make(&c, k, &random, turn);
        k->winograd_output(&c.out);
        output_check(&c, k);
        guarded_free(c.m, c.m_count, "m");
        guarded_free(c.bias, c.out.width, "bias");
        guarded_free(c.add, c.y_count, "add");
        guarded_free(c.out.y, c.y_count, "y");
    }
}

Test(winograd, output_is_multiplied_by_its_matrix_and_finished, .timeout = 20)
{
    each_isa(outputs_match);
}
