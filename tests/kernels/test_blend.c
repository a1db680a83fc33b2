/* Weighted sums of rows, and of pixels along a line, against the sentences of their contracts. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"

enum { TAPS_MAX = 11, PIXELS_MAX = 9, TURNS = 400 };

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

/* A sum of `taps` products, rounded after each of them at worst. */
struct sum {
    double value, size;
};

static void add(struct sum *sum, float weight, float x)
{
    sum->value += (double)weight * (double)x;
    sum->size += fabs((double)weight * (double)x);
}

static void assert_sum(const char *isa, float got, const struct sum *sum, size_t taps)
{
    const double off = fabs((double)got - sum->value);
    cr_assert(off <= (double)(taps + 1) * unit * sum->size, "%s: %.9g, not %.17g (%zu taps)", isa,
              (double)got, sum->value, taps);
}

static void rows_match(const struct up_kernels *k)
{
    struct random random = {5};
    for (size_t turn = 0; turn < TURNS; turn++) {
        const size_t count = edge_size(turn, k->lanes), lines = 1 + turn / 12 % 2;
        struct up_blend_rows b = {.taps = random_size(&random, 1, TAPS_MAX),
                                  .count = count,
                                  .lines = lines,
                                  .stream = turn % 12 >= 6};
        b.weight_stride = b.taps + random_size(&random, 0, 2);
        b.line_stride = turn % 5 == 0 ? (count + 15) / 16 * 16 : count + random_size(&random, 0, 9);
        const size_t y_count = (lines - 1) * b.line_stride + count;
        const size_t weights = (lines - 1) * b.weight_stride + b.taps;
        float *x[TAPS_MAX], *weight = guarded_random(&random, weights), *y = guarded_new(y_count);
        b.weight = weight;
        for (size_t t = 0; t < b.taps; t++)
            x[t] = guarded_random(&random, count);
        k->blend_rows(&b, (const float *const *)x, y);
        k->fence();
        for (size_t i = 0; i < y_count; i++) {
            const size_t at = i % b.line_stride;
            struct sum sum = {0, 0};
            for (size_t t = 0; at < count && t < b.taps; t++)
                add(&sum, weight[i / b.line_stride * b.weight_stride + t], x[t][at]);
            if (at < count)
                assert_sum(k->isa, y[i], &sum, b.taps);
            else
                cr_assert(isnan(y[i]), "%s: value %zu between two lines was written", k->isa, i);
        }
        for (size_t t = 0; t < b.taps; t++)
            guarded_free(x[t], count, "x");
        guarded_free(weight, weights, "weight");
        guarded_free(y, y_count, "y");
    }
}

Test(kernels, blend_rows_sums_weighted_rows, .timeout = 20)
{
    each_isa(rows_match);
}

static struct up_blend blend_of(struct random *random, const struct up_kernels *k, size_t turn,
                                size_t inputs)
{
    const size_t most = inputs < TAPS_MAX ? inputs : TAPS_MAX;
    struct up_blend b = {.taps = random_size(random, 1, most),
                         .origin = random_size(random, 0, 1000),
                         .pixels = random_size(random, 1, PIXELS_MAX),
                         .channels = turn % 7 == 6 ? k->lanes * (1 + turn % 5)
                                                   : edge_size(1 + turn % 5, k->lanes),
                         .lines = 1 + turn / 3 % 2,
                         .stream = turn % 2 == 1};
    const size_t gap = turn % 3 == 0 ? 3 : 0;
    b.x_stride = b.channels + random_size(random, 0, gap);
    b.y_stride = b.channels + random_size(random, 0, gap);
    b.x_line = (inputs - 1) * b.x_stride + b.channels + random_size(random, 0, 3);
    b.y_line = (b.pixels - 1) * b.y_stride + b.channels + random_size(random, 0, gap);
    return b;
}

static void pixels_check(const char *isa, const struct up_blend *b, const float *x, const float *y,
                         size_t y_count)
{
    for (size_t i = 0; i < y_count; i++) {
        const size_t l = i / b->y_line, p = i % b->y_line / b->y_stride;
        const size_t c = i % b->y_line % b->y_stride;
        struct sum sum = {0, 0};
        if (p >= b->pixels || c >= b->channels) {
            cr_assert(isnan(y[i]), "%s: value %zu between two pixels was written", isa, i);
            continue;
        }
        for (size_t t = 0; t < b->span[p].count; t++)
            add(&sum, b->weight[p * b->taps + t],
                x[l * b->x_line + (b->span[p].first + t - b->origin) * b->x_stride + c]);
        assert_sum(isa, y[i], &sum, b->span[p].count);
    }
}

/* Pixels that need not follow one another on either side; spans that leave weights unused. */
static void pixels_match(const struct up_kernels *k)
{
    struct random random = {6};
    for (size_t turn = 0; turn < TURNS; turn++) {
        const size_t inputs = random_size(&random, 1, 20);
        struct up_span span[PIXELS_MAX];
        struct up_blend b = blend_of(&random, k, turn, inputs);
        const size_t x_count = (b.lines - 1) * b.x_line + (inputs - 1) * b.x_stride + b.channels;
        const size_t y_count = (b.lines - 1) * b.y_line + (b.pixels - 1) * b.y_stride + b.channels;
        float *x = guarded_random(&random, x_count), *y = guarded_new(y_count);
        float *weight = guarded_random(&random, b.pixels * b.taps);
        b.weight = weight;
        b.span = span;
        for (size_t p = 0; p < b.pixels; p++) {
            span[p].count = random_size(&random, 1, b.taps);
            span[p].first = b.origin + random_size(&random, 0, inputs - span[p].count);
        }
        k->blend_pixels(&b, x, y);
        k->fence();
        pixels_check(k->isa, &b, x, y, y_count);
        guarded_free(x, x_count, "x");
        guarded_free(weight, b.pixels * b.taps, "weight");
        guarded_free(y, y_count, "y");
    }
}

Test(kernels, blend_pixels_sums_weighted_pixels_of_a_line, .timeout = 20)
{
    each_isa(pixels_match);
}

/* --- weave ---------------------------------------------------------------------------------- */

enum { LINE_PIXELS = 150, LINE_CHANNELS = UP_WEAVE_CHANNELS + 1, LANES = UP_LANES_MAX };

static struct up_span span_of(size_t p, size_t factor, size_t taps, size_t inputs, bool same)
{
    const size_t middle = p / factor, before = (taps - 1) / 2 < middle ? (taps - 1) / 2 : middle;
    const size_t left = inputs - (middle - before), odd = p % 7 == 3 && taps > 1 && !same;
    return (struct up_span){middle - before, left < taps - odd ? left : taps - odd};
}

/* Two lines, x_line and y_line apart. */
static size_t lines_check(const struct up_kernels *k, const struct up_blend *b, const float *x,
                          const struct up_weave *weave, struct up_span pixels)
{
    const size_t values = pixels.count * b->channels, count = b->y_line + values;
    float *y = guarded_new(count);
    k->weave(b, weave, pixels, x + weave->base[pixels.first * b->channels / k->lanes], y);
    k->fence();
    for (size_t i = 0; i < count; i++) {
        const size_t l = i / b->y_line, at = i % b->y_line;
        const size_t p = pixels.first + at / b->channels, c = at % b->channels;
        struct sum sum = {0, 0};
        if (at >= values) {
            cr_assert(isnan(y[i]), "%s: value %zu between two lines was written", k->isa, i);
            continue;
        }
        for (size_t t = 0; t < b->span[p].count; t++)
            add(&sum, b->weight[p * b->taps + t],
                x[l * b->x_line + (b->span[p].first + t) * b->channels + c]);
        assert_sum(k->isa, y[i], &sum, b->span[p].count);
    }
    guarded_free(y, count, "y");
    return values;
}

/* weave_rows has the bits of blend_rows and weave, one after the other. */
static void rows_check(const struct up_kernels *k, struct random *random, const struct up_blend *b,
                       const struct up_weave *weave, struct up_span pixels)
{
    const size_t inputs = b->x_line, values = pixels.count * b->channels;
    const size_t first = weave->base[pixels.first * b->channels / k->lanes];
    float *weight = guarded_random(random, 2 * UP_WEAVE_ROWS);
    struct up_blend two = *b;
    two.lines = random_size(random, 1, 2);
    const struct up_blend_rows rows = {.taps = random_size(random, 1, UP_WEAVE_ROWS),
                                       .weight = weight,
                                       .weight_stride = UP_WEAVE_ROWS,
                                       .count = inputs,
                                       .lines = two.lines,
                                       .line_stride = inputs};
    float *row[UP_WEAVE_ROWS], *sums = guarded_new(two.lines * inputs);
    const float *all[UP_WEAVE_ROWS], *x[UP_WEAVE_ROWS];
    for (size_t r = 0; r < rows.taps; r++) {
        all[r] = row[r] = guarded_random(random, inputs);
        x[r] = row[r] + first;
    }
    k->blend_rows(&rows, all, sums);
    const size_t count = (two.lines - 1) * b->y_line + values;
    float *want = guarded_new(count), *y = guarded_new(count);
    k->weave(&two, weave, pixels, sums + first, want);
    k->weave_rows(&two, weave, &rows, pixels, x, y);
    k->fence();
    cr_assert(memcmp(y, want, count * sizeof *y) == 0, "%s: %zu rows, %zu lines, %zu of %zu pixels",
              k->isa, rows.taps, two.lines, pixels.count, b->pixels);
    guarded_free(y, count, "y");
    guarded_free(want, count, "want");
    guarded_free(sums, two.lines * inputs, "sums");
    for (size_t r = 0; r < rows.taps; r++)
        guarded_free(row[r], inputs, "x");
    guarded_free(weight, 2 * UP_WEAVE_ROWS, "weight");
}

/* Half of the lines have the same weights for every pixel of a phase, as most that are resampled.
 */
static float *line_weights(struct random *random, const struct up_blend *b, size_t factor,
                           bool same)
{
    float *weight = guarded_random(random, b->pixels * b->taps);
    for (size_t i = factor * b->taps; same && i < b->pixels * b->taps; i++)
        weight[i] = weight[i - factor * b->taps];
    return weight;
}

/* Lines of an odd length, of pieces that begin at a vector; outputs at the ends, and some between,
 * have fewer taps. */
static void lines_match(const struct up_kernels *k)
{
    struct random random = {7};
    size_t checked = 0, periodic = 0, near = 0;
    for (size_t turn = 0; turn < TURNS; turn++) {
        const size_t factor = 1 + turn % 5, inputs = random_size(&random, 1, LINE_PIXELS / factor);
        struct up_span span[LINE_PIXELS];
        struct up_blend b = {.span = span,
                             .taps = random_size(&random, 1, inputs < 11 ? inputs : 11),
                             .pixels = inputs * factor,
                             .channels = 1 + turn / 5 % LINE_CHANNELS,
                             .lines = 2,
                             .stream = turn % 3 == 2};
        b.x_stride = b.y_stride = b.channels;
        b.x_line = inputs * b.channels + turn % 4;
        b.y_line = b.pixels * b.channels + turn % 2;
        const bool same = turn / 2 % 2 == 1;
        for (size_t p = 0; p < b.pixels; p++)
            span[p] = span_of(p, factor, b.taps, inputs, same);
        const size_t x_count = b.x_line + inputs * b.channels;
        float *x = guarded_random(&random, x_count),
              *weight = line_weights(&random, &b, factor, same);
        b.weight = weight;
        static size_t base[LINE_PIXELS * LINE_CHANNELS];
        static int32_t index[LINE_PIXELS * LINE_CHANNELS + LANES];
        static float weights[(LINE_PIXELS * LINE_CHANNELS + LANES) * TAPS_MAX];
        struct up_weave weave = {.base = base, .index = index, .weight = weights};
        const size_t cut = b.pixels / LANES / 2 * LANES;
        if (k->weave_make(&b, inputs, &weave)) {
            cr_assert(b.channels <= UP_WEAVE_CHANNELS, "%s: %zu channels", k->isa, b.channels);
            periodic += weave.end - weave.begin > 2 * weave.period && weave.period > 0;
            checked += lines_check(k, &b, x, &weave, (struct up_span){0, b.pixels});
            if (cut > 0)
                lines_check(k, &b, x, &weave, (struct up_span){0, cut});
            lines_check(k, &b, x, &weave, (struct up_span){cut, b.pixels - cut});
            if (weave.near) {
                near++;
                b.x_line = inputs * b.channels;
                rows_check(k, &random, &b, &weave, (struct up_span){0, b.pixels});
                rows_check(k, &random, &b, &weave, (struct up_span){cut, b.pixels - cut});
            }
        }
        guarded_free(x, x_count, "x");
        guarded_free(weight, b.pixels * b.taps, "weight");
    }
    cr_assert(k->lanes < 8 || checked > 0, "%s: no line is woven", k->isa);
    cr_assert(k->lanes < 8 || periodic > 20, "%s: %zu lines are periodic", k->isa, periodic);
    cr_assert(k->lanes < 16 || near > 5, "%s: %zu lines are near", k->isa, near);
}

Test(kernels, weave_sums_weighted_pixels_of_a_line_of_few_channels, .timeout = 20)
{
    each_isa(lines_match);
}

/* What one tap of 1 leaves unchanged: every bit, -0 and infinities too. */
static void one_tap_copies(const struct up_kernels *k)
{
    static const float values[] = {-0.0F, 0, 1, -3.5F, INFINITY, -INFINITY, 1e-45F, 3e38F, -0.0F};
    enum { COUNT = sizeof values / sizeof values[0] };
    const float *x = values, weight[COUNT] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct up_span span[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        span[i] = (struct up_span){i, 1};
    const struct up_blend b = {.span = span,
                               .weight = weight,
                               .taps = 1,
                               .pixels = COUNT,
                               .channels = 1,
                               .x_stride = 1,
                               .y_stride = 1,
                               .lines = 1};
    float rows[COUNT], pixels[COUNT];
    k->blend_rows(&(struct up_blend_rows){weight, .taps = 1, .count = COUNT, .lines = 1}, &x, rows);
    k->blend_pixels(&b, values, pixels);
    cr_assert(memcmp(rows, values, sizeof values) == 0, "%s: rows changed", k->isa);
    cr_assert(memcmp(pixels, values, sizeof values) == 0, "%s: pixels changed", k->isa);
}

Test(kernels, blending_by_a_weight_of_one_keeps_every_bit, .timeout = 20)
{
    each_isa(one_tap_copies);
}
