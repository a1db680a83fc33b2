/* Every kernel of every usable instruction set against the formula of its contract, in double. */
#include "core/kernels/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1: the most one rounding loses */

/* --- The tables ----------------------------------------------------------------------------- */

Test(kernels, usable_tables_say_what_they_are, .timeout = 20)
{
    const struct up_kernels *usable[16];
    const size_t count = up_kernels_usable(usable, 16);
    cr_assert(count > 0, "no table is usable");
    for (size_t i = 0; i < count; i++) {
        const struct up_kernels *k = usable[i];
        cr_assert(k->isa != NULL && k->isa[0] != '\0', "table %zu has no name", i);
        cr_assert(k->tile_rows >= 1 && k->tile_rows <= UP_TILE_ROWS_MAX, "%s: %zu rows", k->isa,
                  k->tile_rows);
        cr_assert(k->tile_columns % k->lanes == 0 && k->tile_columns <= UP_TILE_COLUMNS_MAX,
                  "%s: %zu columns of %u lanes", k->isa, k->tile_columns, k->lanes);
        cr_assert(k->rows_of[k->tile_columns / k->lanes] == k->tile_rows, "%s: %zu rows", k->isa,
                  k->tile_rows);
        for (size_t v = 1; v <= UP_TILE_VECTORS_MAX; v++)
            cr_assert(k->rows_of[v] >= 1 && k->rows_of[v] <= UP_TILE_ROWS_MAX,
                      "%s: %zu rows of %zu vectors", k->isa, k->rows_of[v], v);
        for (size_t j = 0; j < i; j++)
            cr_assert(strcmp(usable[j]->isa, k->isa) != 0, "%s is there twice", k->isa);
    }
}

/* tests/run.sh passes lines that begin so on: nobody shall believe that these were tested. */
Test(kernels, tables_that_this_machine_cannot_run_are_named, .timeout = 20)
{
    static const char *const built[] = {
#define ISA(name, usable) #name,
#include "isa.inc"
#undef ISA
    };
    const struct up_kernels *usable[16];
    const size_t count = up_kernels_usable(usable, 16), all = sizeof built / sizeof built[0];
    size_t found = 0;
    for (size_t i = 0; i < all; i++) {
        const bool runs = found < count && strcmp(usable[found]->isa, built[i]) == 0;
        found += runs;
        if (!runs)
            (void)fprintf(stderr, "NOT RUN: instruction set %s, which this machine has not\n",
                          built[i]);
    }
    cr_assert(found == count, "%zu of %zu usable tables are of this build", found, count);
}

Test(kernels, usable_fills_no_more_than_its_room, .timeout = 20)
{
    const struct up_kernels *usable[2] = {NULL, NULL};
    cr_assert(up_kernels_usable(usable, 0) == 0 && usable[0] == NULL, "wrote into no room");
    cr_assert(up_kernels_usable(usable, 1) == 1 && usable[0] != NULL, "room for one");
    cr_assert(usable[1] == NULL, "wrote past the room for one");
}

Test(kernels, select_takes_the_best_up_to_the_cap, .timeout = 20)
{
    const struct up_kernels *usable[16];
    const size_t count = up_kernels_usable(usable, 16);
    cr_assert(up_kernels_select(NULL) == usable[0], "no cap is not the best");
    cr_assert(up_kernels_select("") == usable[0], "an empty cap is not the best");
    for (size_t i = 0; i < count; i++)
        cr_assert(up_kernels_select(usable[i]->isa) == usable[i], "cap %s", usable[i]->isa);
    cr_assert(up_kernels_select("mmx") == NULL, "a table that no build has");
    size_t found = 0;
    for (size_t name = 0; up_kernels_name(name) != NULL; name++)
        for (size_t i = 0; i < count; i++)
            found += strcmp(up_kernels_name(name), usable[i]->isa) == 0;
    cr_assert(found == count, "%zu of %zu tables have a name", found, count);
}

/* --- tile ----------------------------------------------------------------------------------- */

/* One call with all that it touches. */
struct tile_case {
    struct up_tile tile;
    size_t columns; /* of b */
    bool few;       /* for that kernel */
    size_t b_count;
    float *a[9 * 2 * UP_TILE_ROWS_MAX], *b, *bias, *c[UP_TILE_ROWS_MAX], *add[UP_TILE_ROWS_MAX];
    float before[UP_TILE_ROWS_MAX][UP_TILE_COLUMNS_MAX + 9];
};

/* Functions whose slope is nowhere above 2, so that an error of the sum stays small. */
static const char *const tile_activations[] = {"linear", "relu",   "tanh",      "gelu",
                                               "selu",   "linear", "hard_silu", "mish"};

static double activated(enum up_activation_id id, double x)
{
    switch (id) {
    case UP_ACT_RELU:
        return fmax(x, 0);
    case UP_ACT_TANH:
        return tanh(x);
    case UP_ACT_GELU:
        return 0.5 * x * (1 + erf(x / sqrt(2)));
    case UP_ACT_SELU:
        return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (exp(x) - 1));
    case UP_ACT_HARD_SILU:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case UP_ACT_MISH:
        return x * tanh(log(1 + exp(x)));
    default:
        return x;
    }
}

static void tile_make(struct tile_case *c, const struct up_kernels *k, struct random *random,
                      size_t turn)
{
    const size_t depths[] = {1, 2, 3, k->lanes - 1, k->lanes, k->lanes + 1, 33, 100};
    const size_t vectors = random_size(random, 1, UP_TILE_VECTORS_MAX),
                 columns = vectors * k->lanes;
    const size_t widths[] = {1, 2, k->lanes, columns - k->lanes + 1, columns - 1, columns};
    struct up_tile *t = &c->tile;
    *t = (struct up_tile){.columns = columns == k->tile_columns && turn % 2 == 0 ? 0 : columns,
                          .rows = random_size(random, 1, k->rows_of[vectors]),
                          .taps = turn % 10 == 9 ? 0 : random_size(random, 1, 9),
                          .depth = depths[random_size(random, 0, 7)],
                          .width = widths[random_size(random, 0, 5)],
                          .a_first = random_size(random, 0, 9),
                          .c_first = random_size(random, 0, 9),
                          .next_step = random_size(random, 0, 1),
                          .accumulate = random_size(random, 0, 1) == 1,
                          .finish = random_size(random, 0, 3) != 0};
    cr_assert(up_activation_find(tile_activations[turn % 8], &t->activation), "%zu", turn);
    if (c->few) {
        t->width = random_size(random, 1, UP_FEW_COLUMNS);
        t->rows = random_size(random, 1, UP_TILE_ROWS_MAX);
    }
    t->b_stride = t->depth + random_size(random, 0, 5);
    t->a_stride = random_size(random, t->rows, 2 * t->rows);
    for (size_t i = 0; i < t->taps * t->a_stride; i++) /* what is skipped stays NaN */
        random_fill(random, (c->a[i] = guarded_new(t->a_first + t->depth)) + t->a_first, t->depth);
    c->b_count = t->taps * (c->few ? t->width * t->b_stride : t->depth * columns);
    c->columns = columns;
    random_fill(random, c->b = guarded_new(c->b_count), c->b_count);
    c->bias = guarded_new(t->width);
    random_fill(random, c->bias, t->width);
    for (size_t r = 0; r < t->rows; r++) {
        const size_t count = t->c_first + t->width;
        c->c[r] = guarded_new(count); /* NaN, which shows when it is read without `accumulate` */
        if (t->accumulate)
            random_fill(random, c->c[r], count);
        memcpy(c->before[r], c->c[r], count * sizeof(float));
        c->add[r] = guarded_new(count);
        random_fill(random, c->add[r] + t->c_first, t->width);
    }
    t->a = (const float *const *)c->a;
    t->b = t->next = c->b;
    t->c = c->c;
    t->bias = turn % 3 == 0 ? NULL : c->bias;
    t->add = turn % 4 == 0 ? NULL : (const float *const *)c->add;
}

static void tile_check(const struct tile_case *c, const struct up_kernels *k, size_t r, size_t j)
{
    const struct up_tile *t = &c->tile;
    double sum = 0, size = 0;
    for (size_t i = 0; i < t->taps; i++)
        for (size_t d = 0; d < t->depth; d++) {
            const double a = c->a[i * t->a_stride + r][t->a_first + d];
            const double b = c->b[c->few ? (i * t->width + j) * t->b_stride + d
                                         : (i * t->depth + d) * c->columns + j];
            sum += a * b;
            size += fabs(a * b);
        }
    const double before = t->accumulate ? c->before[r][t->c_first + j] : 0;
    const double bias = t->finish && t->bias != NULL ? c->bias[j] : 0;
    const double add = t->finish && t->add != NULL ? t->add[r][t->c_first + j] : 0;
    sum += before + bias + add;
    size += fabs(before) + fabs(bias) + fabs(add);
    const double expected = t->finish ? activated(t->activation.id, sum) : sum;
    const double allowed = unit * (2 * (double)(t->taps * t->depth + 5) * size + fabs(expected));
    const double got = c->c[r][t->c_first + j];
    cr_assert(fabs(got - expected) <= allowed,
              "%s, %zu taps of %zu, row %zu of %zu, column %zu of %zu, %s: %.9g is not %.9g",
              k->isa, t->taps, t->depth, r, t->rows, j, t->width,
              t->finish ? up_activation_name(t->activation.id) : "not finished", got, expected);
}

static void tile_free(struct tile_case *c)
{
    const struct up_tile *t = &c->tile;
    for (size_t i = 0; i < t->taps * t->a_stride; i++)
        guarded_free(c->a[i], t->a_first + t->depth, "a");
    guarded_free(c->b, c->b_count, "b");
    guarded_free(c->bias, t->width, "bias");
    for (size_t r = 0; r < t->rows; r++) {
        guarded_free(c->c[r], t->c_first + t->width, "c");
        guarded_free(c->add[r], t->c_first + t->width, "add");
    }
}

static void tiles_match(const struct up_kernels *k, bool few)
{
    struct random random = {1};
    for (size_t turn = 0; turn < 600; turn++) {
        static struct tile_case c;
        c.few = few;
        tile_make(&c, k, &random, turn);
        (few ? k->few : k->tile)(&c.tile);
        for (size_t r = 0; r < c.tile.rows; r++) {
            cr_assert(memcmp(c.c[r], c.before[r], c.tile.c_first * sizeof(float)) == 0,
                      "%s: wrote before the first column of row %zu", k->isa, r);
            for (size_t j = 0; j < c.tile.width; j++)
                tile_check(&c, k, r, j);
        }
        tile_free(&c);
    }
}

static void tile_matches(const struct up_kernels *k)
{
    tiles_match(k, false);
}

static void few_matches(const struct up_kernels *k)
{
    tiles_match(k, true);
}

Test(kernels, tile_sums_products_over_taps_and_depth, .timeout = 20)
{
    each_isa(tile_matches);
}

/* Sums run in order, one row knows nothing of the others: the rows of a tile may be cut anywhere.
 */
static void rows_independent(const struct up_kernels *k, bool few)
{
    void (*const kernel)(const struct up_tile *) = few ? k->few : k->tile;
    struct random random = {2};
    for (size_t turn = 0; turn < 100; turn++) {
        static struct tile_case c;
        float alone[UP_TILE_COLUMNS_MAX + 9];
        const float *a[64];
        float *out = alone;
        c.few = few;
        tile_make(&c, k, &random, turn);
        kernel(&c.tile);
        for (size_t r = 0; r < c.tile.rows; r++) {
            struct up_tile one = c.tile;
            for (size_t t = 0; t < one.taps; t++)
                a[t] = c.a[t * c.tile.a_stride + r];
            one.a = a, one.c = &out, one.rows = one.a_stride = 1;
            if (c.tile.add != NULL)
                one.add = c.tile.add + r;
            memcpy(alone, c.before[r], sizeof alone);
            kernel(&one);
            cr_assert(memcmp(alone, c.c[r], (one.c_first + one.width) * sizeof(float)) == 0,
                      "%s: row %zu of %zu alone has other bits", k->isa, r, c.tile.rows);
        }
        tile_free(&c);
    }
}

static void tile_rows_independent(const struct up_kernels *k)
{
    rows_independent(k, false);
}

static void few_rows_independent(const struct up_kernels *k)
{
    rows_independent(k, true);
}

Test(kernels, tile_row_has_the_same_bits_alone, .timeout = 20)
{
    each_isa(tile_rows_independent);
}

static void streamed_tile_same(const struct up_kernels *k)
{
    static _Alignas(64) float streamed[UP_TILE_ROWS_MAX][UP_TILE_COLUMNS_MAX];
    struct random random = {3};
    size_t seen = 0;
    for (size_t turn = 0; turn < 4000; turn++) {
        static struct tile_case c;
        float *out[UP_TILE_ROWS_MAX];
        const float *add[UP_TILE_ROWS_MAX];
        tile_make(&c, k, &random, turn);
        struct up_tile t = c.tile;
        const bool fit = t.finish && !t.accumulate && t.width == c.columns && t.width % 16 == 0;
        k->tile(&t);
        for (size_t r = 0; r < t.rows; r++) {
            out[r] = streamed[r];
            add[r] = t.add == NULL ? NULL : t.add[r] + t.c_first;
        }
        t.stream = true, t.c_first = 0, t.c = out, t.add = t.add == NULL ? NULL : add;
        if (fit)
            k->tile(&t);
        for (size_t r = 0; fit && r < t.rows; r++, seen++)
            cr_assert(memcmp(out[r], c.c[r] + c.tile.c_first, t.width * sizeof(float)) == 0,
                      "%s: row %zu of %zu streamed has other bits", k->isa, r, t.rows);
        tile_free(&c);
    }
    cr_assert(seen > 50, "%s: %zu rows", k->isa, seen);
}

Test(kernels, tile_has_the_same_bits_streamed, .timeout = 20)
{
    each_isa(streamed_tile_same);
}

Test(kernels, few_columns_sum_products_over_taps_and_depth, .timeout = 20)
{
    each_isa(few_matches);
}

Test(kernels, row_of_few_columns_has_the_same_bits_alone, .timeout = 20)
{
    each_isa(few_rows_independent);
}

/* --- repeat and transpose ------------------------------------------------------------------- */

static void repeat_one(const struct up_kernels *k, struct random *random, struct up_repeat r)
{
    const size_t line = r.pixels * r.channels * r.factor, in = r.pixels * r.channels;
    r.line_stride = line + random_size(random, 0, 5);
    const size_t out = (r.lines - 1) * r.line_stride + line;
    float *x = guarded_new(in), *y = guarded_new(out);
    random_fill(random, x, in);
    static struct up_pattern pattern;
    k->repeat_pattern(r.channels, r.factor, &pattern);
    r.pattern = &pattern;
    k->repeat(&r, x, y);
    k->fence();
    for (size_t i = 0; i < out; i++) {
        const size_t at = i % r.line_stride, p = at / (r.channels * r.factor);
        if (at >= line)
            cr_assert(isnan(y[i]), "%s: value %zu between two lines was written", k->isa, i);
        else
            cr_assert(y[i] == x[p * r.channels + at % r.channels],
                      "%s: value %zu of line %zu, %zu pixels of %zu channels %zu times, %s", k->isa,
                      at, i / r.line_stride, r.pixels, r.channels, r.factor,
                      r.stream ? "streamed" : "stored");
    }
    guarded_free(x, in, "x");
    guarded_free(y, out, "y");
}

/* Lines shorter and longer than a pattern of copies pays for, pixels of less than a vector and of
 * more. */
static void repeat_matches(const struct up_kernels *k)
{
    struct random random = {3};
    const size_t channels[] = {1, 2, 3, 4, 5, 7, 8, k->lanes - 1, k->lanes, k->lanes + 1, 50, 1100};
    for (size_t turn = 0; turn < 12 * 5 * 2 * 6; turn++) {
        const struct up_repeat r = {.pixels = turn % 6 == 5 ? random_size(&random, 100, 900)
                                                            : edge_size(turn, k->lanes),
                                    .channels = channels[turn % 12],
                                    .factor = 1 + turn / 12 % 5,
                                    .lines = random_size(&random, 1, 3),
                                    .stream = turn / 60 % 2 == 1};
        repeat_one(k, &random, r);
    }
}

Test(kernels, repeat_copies_every_pixel, .timeout = 20)
{
    each_isa(repeat_matches);
}

static size_t strided(size_t lines, size_t width, size_t stride)
{
    return lines == 0 || width == 0 ? 0 : (lines - 1) * stride + width;
}

/* What is streamed begins at a cache line. */
static void transpose_one(const struct up_kernels *k, bool stream, size_t rows, size_t columns,
                          size_t wider)
{
    enum { LINE_FLOATS = 16 };
    struct random random = {4};
    const size_t x_stride = columns + wider, y_stride = rows + 2 * wider;
    const size_t in = strided(rows, columns, x_stride), out = strided(columns, rows, y_stride);
    const size_t room = out + LINE_FLOATS;
    float *x = guarded_new(in), *memory = guarded_new(room);
    const size_t begin = (uintptr_t)memory / sizeof *memory;
    const size_t before = stream ? (0 - begin) % LINE_FLOATS : 0;
    random_fill(&random, x, in);
    for (size_t i = 0; i < room; i++)
        memory[i] = -77;
    (stream ? k->transpose_stream : k->transpose)(x, x_stride, rows, columns, memory + before,
                                                  y_stride);
    k->fence();
    for (size_t i = 0; i < room; i++) {
        const size_t at = i - before, c = y_stride > 0 ? at / y_stride : 0, r = at - c * y_stride;
        const bool inside = i >= before && at < out && r < rows;
        const float expected = inside ? x[r * x_stride + c] : -77;
        cr_assert(memory[i] == expected, "%s: %zu x %zu, strides %zu and %zu: [%zu] is %g, not %g",
                  k->isa, rows, columns, x_stride, y_stride, i, (double)memory[i],
                  (double)expected);
    }
    guarded_free(x, in, "x");
    guarded_free(memory, room, "y");
}

static void transpose_matches(const struct up_kernels *k)
{
    const size_t sizes[] = {
        0,  1,  2,  3,  4,  5,  6,  7, 8, 9, k->lanes - 1, k->lanes, k->lanes + 1,
        11, 13, 14, 15, 17, 33, 50, 64};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    for (size_t r = 0; r < SIZES; r++)
        for (size_t c = 0; c < SIZES; c++)
            for (size_t i = 0; i < 6; i++)
                transpose_one(k, i % 2 == 1, sizes[r], sizes[c], (const size_t[]){0, 3, 8}[i / 2]);
}

Test(kernels, transpose_swaps_rows_and_columns_between_strides, .timeout = 20)
{
    each_isa(transpose_matches);
}
