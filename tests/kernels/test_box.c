/* The maxima and means of every usable instruction set against those of single values. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "guard.h"
#include "tests/support/random.h"

enum { TURNS = 120, SIDE_MAX = 3 };

static float value(const struct up_box *box, size_t d, size_t h, size_t w, size_t c)
{
    return box->x[d * box->depth_stride + h * box->height_stride + w * box->channels + c];
}

/* The largest value of channel c, NaN where it has one. */
static float maximum(const struct up_box *box, size_t c)
{
    float ret = -INFINITY;
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++)
            for (size_t w = 0; w < box->width; w++) {
                const float v = value(box, d, h, w, c);
                if (isnan(v))
                    return v;
                ret = fmaxf(ret, v);
            }
    return ret;
}

struct mean {
    double value, bound; /* of the error: FLT_EPSILON / 2 a term, of the mean of absolute values */
};

static struct mean mean(const struct up_box *box, size_t c)
{
    struct mean ret = {0};
    const double values = (double)(box->depth * box->height * box->width);
    for (size_t d = 0; d < box->depth; d++)
        for (size_t h = 0; h < box->height; h++)
            for (size_t w = 0; w < box->width; w++) {
                const double v = (double)value(box, d, h, w, c);
                ret.value += v / values;
                ret.bound += fabs(v) / values * (values < 16 ? values : 16) * FLT_EPSILON / 2;
            }
    return ret;
}

static void maxima_check(const struct up_kernels *k, const struct up_box *box, float *y)
{
    k->box_max(box, y);
    for (size_t c = 0; c < box->channels; c++) {
        const float expected = maximum(box, c);
        cr_assert(y[c] == expected || (isnan(y[c]) && isnan(expected)),
                  "%s: channel %zu of %zu is %g, not %g", k->isa, c, box->channels, (double)y[c],
                  (double)expected);
    }
}

static void means_check(const struct up_kernels *k, const struct up_box *box, float *y)
{
    k->box_mean(box, y);
    for (size_t c = 0; c < box->channels; c++) {
        const struct mean expected = mean(box, c);
        cr_assert(fabs((double)y[c] - expected.value) <= expected.bound ||
                      (isnan(y[c]) && isnan(expected.value)),
                  "%s: channel %zu of %zu is %.9g, not %.9g", k->isa, c, box->channels,
                  (double)y[c], expected.value);
    }
}

static void turn_check(const struct up_kernels *k, struct random *random, size_t turn)
{
    const size_t vectors = random_size(random, 0, 2) * 4 * k->lanes; /* that go together */
    struct up_box box = {.depth = random_size(random, 1, SIDE_MAX),
                         .height = random_size(random, 1, SIDE_MAX),
                         .width = random_size(random, 1, SIDE_MAX),
                         .channels = vectors + edge_size(turn, k->lanes) + 1};
    box.height_stride = box.width * box.channels;
    box.depth_stride = box.height * box.height_stride;
    const size_t count = box.depth * box.depth_stride;
    float *x = guarded_new(count), *y = guarded_new(box.channels);
    random_fill(random, x, count);
    if (turn % 2 == 1)
        x[random_size(random, 0, count - 1)] = NAN;
    box.x = x;
    maxima_check(k, &box, y);
    means_check(k, &box, y);
    const float large[] = {INFINITY, -INFINITY, FLT_MAX, FLT_MAX};
    for (size_t i = 0; i < 4; i++) /* which may add up to NaN, or past all numbers */
        x[random_size(random, 0, count - 1)] = large[i];
    maxima_check(k, &box, y);
    guarded_free(x, count, "x");
    guarded_free(y, box.channels, "y");
}

static void boxes_match(const struct up_kernels *k)
{
    struct random random = {11};
    for (size_t turn = 0; turn < TURNS; turn++)
        turn_check(k, &random, turn);
}

Test(box, maxima_and_means_are_those_of_each_channel_and_nan_wins, .timeout = 20)
{
    each_isa(boxes_match);
}
