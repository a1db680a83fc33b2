/* The activation kernels against the formulas of Keras' documentation, in double. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "guard.h"
#include "tests/support/random.h"

static const double ulp = 1.0 / 8388608; /* of 1 */

/* Two readings of the same mathematics: what is a tail's difference there is a quotient here. */
static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double log_one_exp(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double clipped(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static double relu(const struct up_activation *a, double x)
{
    const double threshold = (double)a->gamma;
    if (threshold != 0 ? x > threshold : x >= 0)
        return fmin(x, (double)a->beta);
    return (double)a->alpha * (x - threshold);
}

static double formula(const struct up_activation *a, double x)
{
    switch (a->id) {
    case UP_ACT_RELU:
        return relu(a, x);
    case UP_ACT_RELU6:
        return clipped(x, 0, 6);
    case UP_ACT_LEAKY_RELU:
        return x > 0 ? x : (double)a->alpha * x;
    case UP_ACT_ELU:
        return x > 0 ? x : (double)a->alpha * expm1(x);
    case UP_ACT_CELU:
        return x > 0 ? x : (double)a->alpha * expm1(x / (double)a->alpha);
    case UP_ACT_HARD_SHRINK:
        return fabs(x) > 0.5 ? x : 0;
    case UP_ACT_SOFT_SHRINK:
        return x - clipped(x, -0.5, 0.5);
    case UP_ACT_SQUAREPLUS: /* of x and -x the product is 1 */
        return x < 0 ? 2 / (sqrt(x * x + 4) - x) : (x + sqrt(x * x + 4)) / 2;
    case UP_ACT_SPARSE_PLUS:
        return x <= -1 ? 0 : x < 1 ? x / 2 + (x * x + 1) / 4 : x;
    case UP_ACT_SPARSE_SIGMOID:
        return clipped(x / 2 + 0.5, 0, 1);
    case UP_ACT_SELU:
        return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
    case UP_ACT_GELU:
        return x * erfc(-x * sqrt(0.5)) / 2;
    case UP_ACT_SILU:
        return x * logistic(x);
    case UP_ACT_MISH:
        return x * tanh(log_one_exp(x));
    case UP_ACT_SIGMOID:
        return logistic(x);
    case UP_ACT_HARD_SIGMOID:
        return clipped(x / 6 + 0.5, 0, 1);
    case UP_ACT_HARD_SILU:
        return x * clipped(x / 6 + 0.5, 0, 1);
    case UP_ACT_TANH:
        return tanh(x);
    case UP_ACT_HARD_TANH:
        return clipped(x, -1, 1);
    case UP_ACT_TANH_SHRINK:
        return x - tanh(x);
    case UP_ACT_SOFTPLUS:
        return log_one_exp(x);
    case UP_ACT_SOFTSIGN:
        return x / (1 + fabs(x));
    case UP_ACT_EXPONENTIAL:
        return exp(x);
    case UP_ACT_LOG_SIGMOID:
        return -log_one_exp(-x);
    default:
        return x;
    }
}

/* Four ulps, or what one float rounding on the way leaves of a difference that nearly vanishes. */
static double allowed(enum up_activation_id id, double x, double expected)
{
    const bool difference = id == UP_ACT_TANH_SHRINK || id == UP_ACT_HARD_SIGMOID ||
                            id == UP_ACT_HARD_SILU || id == UP_ACT_SPARSE_SIGMOID;
    return 4 * ulp * fabs(expected) + (difference ? ulp * fmin(fabs(x), 4) : 0) + (double)FLT_MIN;
}

static struct up_activation activation_of(enum up_activation_id id)
{
    struct up_activation a;
    cr_assert(up_activation_find(up_activation_name(id), &a) && a.id == id, "%d", (int)id);
    return a;
}

static void assert_formula(const struct up_kernels *k, const struct up_activation *a,
                           const float *x, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double expected = formula(a, (double)x[i]);
        const bool fits =
            fabs(expected) > (double)FLT_MAX
                ? (double)y[i] == copysign(INFINITY, expected)
                : fabs((double)y[i] - expected) <= allowed(a->id, (double)x[i], expected);
        cr_assert(fits, "%s: %s(%.9g) is %.9g, not %.9g", k->isa, up_activation_name(a->id),
                  (double)x[i], (double)y[i], expected);
    }
}

/* --- activate ------------------------------------------------------------------------------- */

enum { SWEEP = 4001 };

/* -40 .. 40, where every function bends, and a few far out. */
static void sweep(float x[SWEEP])
{
    static const float far[] = {0, -0.0F, 1e-7F,  -1e-7F, 1e-3F,  -1e-3F,  3,       -3,      6,
                                1, -1,    88.7F,  -88.7F, 100,    -100,    1000,    -1000,   1e10F,
                                5, -5,    1e-30F, 2,      1e-38F, -1e-38F, FLT_MAX, -FLT_MAX};
    for (size_t i = 0; i < SWEEP; i++)
        x[i] = ((float)i - 2000) / 50;
    memcpy(x, far, sizeof far);
}

static void activate_matches(const struct up_kernels *k)
{
    float x[SWEEP];
    sweep(x);
    for (int id = 0; id < UP_ACT_COUNT; id++) {
        if (up_activation_kind((enum up_activation_id)id) != UP_ACT_POINTWISE)
            continue;
        const struct up_activation a = activation_of((enum up_activation_id)id);
        float *y = guarded_new(SWEEP);
        k->activate(&a, x, SWEEP, y);
        assert_formula(k, &a, x, y, SWEEP);
        guarded_free(y, SWEEP, up_activation_name(a.id));
    }
}

Test(activate, computes_the_formula_of_every_function, .timeout = 20)
{
    each_isa(activate_matches);
}

/* --- Units of the last place ---------------------------------------------------------------- */

/* The most that exponentials and what is made of them are off by, in units of the result's last
 * place; 1/2 would be the nearest float. */
static const struct {
    enum up_activation_id id;
    double most;
} ulps[] = {
    {UP_ACT_EXPONENTIAL, 1.25}, {UP_ACT_ELU, 1.25},  {UP_ACT_SELU, 2.25},
    {UP_ACT_SIGMOID, 2.5},      {UP_ACT_TANH, 2.75}, {UP_ACT_SOFTPLUS, 3},
    {UP_ACT_LOG_SIGMOID, 3},    {UP_ACT_SILU, 3.5},  {UP_ACT_MISH, 4},
    {UP_ACT_GELU, 6},
};

/* Every 4001st float of either sign, of those whose results are well above the smallest ones. */
enum { FLOATS = 4096, FLOATS_STEP = 4001 };

static uint32_t floats(uint32_t bits, float x[FLOATS], size_t *ret_count)
{
    *ret_count = 0;
    for (; bits <= UINT32_MAX - FLOATS_STEP && *ret_count < FLOATS; bits += FLOATS_STEP) {
        float value;
        memcpy(&value, &bits, sizeof value);
        if (fabsf(value) <= 80)
            x[(*ret_count)++] = value;
    }
    return bits;
}

static double units(double got, double expected)
{
    int exponent;
    frexp(expected, &exponent);
    return fabs(got - expected) / ldexp(1, exponent - FLT_MANT_DIG);
}

static void ulps_hold(const struct up_kernels *k)
{
    static float x[FLOATS], y[FLOATS];
    size_t count;
    for (uint32_t bits = 0; bits <= UINT32_MAX - FLOATS_STEP;) {
        bits = floats(bits, x, &count);
        for (size_t i = 0; i < sizeof ulps / sizeof ulps[0]; i++) {
            const struct up_activation a = activation_of(ulps[i].id);
            k->activate(&a, x, count, y);
            for (size_t v = 0; v < count; v++) {
                const double expected = formula(&a, (double)x[v]);
                cr_assert(fabs(expected) < 1e3 * (double)FLT_MIN ||
                              units((double)y[v], expected) <= ulps[i].most,
                          "%s: %s(%.9g) is %.9g, not %.9g", k->isa, up_activation_name(a.id),
                          (double)x[v], (double)y[v], expected);
            }
        }
    }
}

Test(activate, exponentials_are_off_by_a_few_units_of_the_last_place, .timeout = 20)
{
    each_isa(ulps_hold);
}

/* --- Parameters and places ------------------------------------------------------------------ */

#define CONFIGURED(function, a, b, c)                                                              \
    {                                                                                              \
        .id = UP_ACT_##function, .alpha = (a), .beta = (b), .gamma = (c)                           \
    }
static const struct up_activation configured[] = {
    CONFIGURED(RELU, 0, 6, 0),          CONFIGURED(RELU, 0.25F, INFINITY, 0),
    CONFIGURED(RELU, 0.5F, 10, 0),      CONFIGURED(RELU, 0, INFINITY, 1),
    CONFIGURED(RELU, 0.1F, 4, 2),       CONFIGURED(RELU, 2, 3, 0.5F),
    CONFIGURED(LEAKY_RELU, 0.3F, 0, 0), CONFIGURED(ELU, 2.5F, 0, 0),
    CONFIGURED(ELU, -1, 0, 0),          CONFIGURED(CELU, 0.5F, 0, 0),
};

static void parameters_match(const struct up_kernels *k)
{
    float x[SWEEP], y[SWEEP];
    sweep(x);
    for (size_t i = 0; i < sizeof configured / sizeof configured[0]; i++) {
        k->activate(&configured[i], x, SWEEP, y);
        assert_formula(k, &configured[i], x, y, SWEEP);
    }
}

Test(activate, follows_the_parameters, .timeout = 20)
{
    each_isa(parameters_match);
}

/* The literals of Keras' own tests of its ReLU layer. */
static void relu_matches_keras(const struct up_kernels *k)
{
    const struct up_activation slope = CONFIGURED(RELU, 0.5F, 10, 0);
    const struct up_activation high = CONFIGURED(RELU, 0, 8, 5);
    float a[] = {-10, -5, 0, 5, 10}, b[] = {6, 7, 0, 5, 10};
    static const float a_expected[] = {-5, -2.5F, 0, 5, 10}, b_expected[] = {6, 7, 0, 0, 8};
    k->activate(&slope, a, 5, a);
    k->activate(&high, b, 5, b);
    for (size_t i = 0; i < 5; i++) {
        cr_assert(a[i] == a_expected[i], "%s: %g is not %g", k->isa, (double)a[i],
                  (double)a_expected[i]);
        cr_assert(b[i] == b_expected[i], "%s: %g is not %g", k->isa, (double)b[i],
                  (double)b_expected[i]);
    }
}

Test(activate, gives_the_numbers_of_keras_tests_of_relu, .timeout = 20)
{
    each_isa(relu_matches_keras);
}

/* What Keras on TensorFlow gives at plus and minus infinity. */
static const struct {
    enum up_activation_id id;
    float above, below;
} infinities[] = {
    {UP_ACT_EXPONENTIAL, INFINITY, 0},
    {UP_ACT_TANH, 1, -1},
    {UP_ACT_SIGMOID, 1, 0},
    {UP_ACT_ELU, INFINITY, -1},
    {UP_ACT_CELU, INFINITY, -1},
    {UP_ACT_SELU, INFINITY, -1.75809932F},
    {UP_ACT_SOFTPLUS, INFINITY, 0},
    {UP_ACT_LOG_SIGMOID, 0, -INFINITY},
    {UP_ACT_SILU, INFINITY, NAN},
    {UP_ACT_MISH, INFINITY, NAN},
    {UP_ACT_GELU, INFINITY, NAN},
    {UP_ACT_TANH_SHRINK, INFINITY, -INFINITY},
};

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void infinities_match(const struct up_kernels *k)
{
    for (size_t i = 0; i < sizeof infinities / sizeof infinities[0]; i++) {
        const struct up_activation a = activation_of(infinities[i].id);
        const float x[2] = {INFINITY, -INFINITY};
        float y[2];
        k->activate(&a, x, 2, y);
        cr_assert(same(y[0], infinities[i].above) && same(y[1], infinities[i].below),
                  "%s: %s of the infinities is %g and %g", k->isa, up_activation_name(a.id),
                  (double)y[0], (double)y[1]);
    }
}

Test(activate, gives_the_numbers_of_keras_at_the_infinities, .timeout = 20)
{
    each_isa(infinities_match);
}

/* A value's place in the array must not matter: the run's split is free. */
static void lengths_agree(const struct up_kernels *k)
{
    struct random random = {5};
    float whole[SWEEP], x[SWEEP];
    sweep(x);
    for (int id = 0; id < UP_ACT_COUNT; id++) {
        if (up_activation_kind((enum up_activation_id)id) != UP_ACT_POINTWISE)
            continue;
        const struct up_activation a = activation_of((enum up_activation_id)id);
        k->activate(&a, x, SWEEP, whole);
        for (size_t turn = 0; turn < 18; turn++) {
            const size_t n = edge_size(turn % 12, k->lanes),
                         at = random_size(&random, 0, SWEEP - n);
            float *y = guarded_new(n);
            if (turn < 6) {
                k->activate(&a, x + at, n, y);
            } else if (turn < 12) {
                k->activate_stream(&a, x + at, n, y);
                k->fence();
            } else {
                memcpy(y, x + at, n * sizeof *y);
                k->activate(&a, y, n, y);
            }
            cr_assert(memcmp(y, whole + at, n * sizeof *y) == 0, "%s: %s of %zu values%s", k->isa,
                      up_activation_name(a.id), n,
                      turn < 6    ? ""
                      : turn < 12 ? " streamed"
                                  : " in place");
            guarded_free(y, n, up_activation_name(a.id));
        }
    }
}

Test(activate, gives_the_same_bits_for_any_part_streamed_and_in_place, .timeout = 20)
{
    each_isa(lengths_agree);
}

static void nan_stays(const struct up_kernels *k)
{
    for (int id = 0; id < UP_ACT_COUNT; id++) {
        if (up_activation_kind((enum up_activation_id)id) != UP_ACT_POINTWISE)
            continue;
        const struct up_activation a = activation_of((enum up_activation_id)id);
        float x[40], y[40];
        for (size_t i = 0; i < 40; i++)
            x[i] = i % 3 == 0 ? NAN : 1;
        k->activate(&a, x, 40, y);
        for (size_t i = 0; i < 40; i++)
            cr_assert(isnan(y[i]) == (i % 3 == 0), "%s: %s of value %zu is %g", k->isa,
                      up_activation_name(a.id), i, (double)y[i]);
    }
}

Test(activate, keeps_nan_where_it_was, .timeout = 20)
{
    each_isa(nan_stays);
}

/* --- softmax -------------------------------------------------------------------------------- */

/* Without the shift that floats need: long double holds e to the thousands. */
static long double total(const float *x, size_t width)
{
    long double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += expl((long double)x[i]);
    return sum;
}

static void assert_softmax(const struct up_kernels *k, const float *x, size_t width,
                           const float *soft, const float *logs)
{
    const long double sum = total(x, width);
    const double log_sum = (double)logl(sum);
    for (size_t i = 0; i < width; i++) {
        const double share = (double)(expl((long double)x[i]) / sum);
        const double log_share = (double)x[i] - log_sum;
        const double lost = (double)(4 + width) * ulp;
        cr_assert(fabs((double)soft[i] - share) <= lost * share + (double)FLT_MIN,
                  "%s: softmax %zu of %zu of %g is %.9g, not %.9g", k->isa, i, width, (double)x[i],
                  (double)soft[i], share);
        cr_assert(fabs((double)logs[i] - log_share) <=
                      4 * ulp * (fabs((double)x[i]) + fabs(log_sum)) + lost,
                  "%s: log_softmax %zu of %zu of %g is %.9g, not %.9g", k->isa, i, width,
                  (double)x[i], (double)logs[i], log_share);
    }
}

static void softmax_one(const struct up_kernels *k, struct random *random, size_t count,
                        size_t width, float limit)
{
    const size_t n = count * width;
    float *x = guarded_new(n), *soft = guarded_new(n), *logs = guarded_new(n);
    for (size_t i = 0; i < n; i++)
        x[i] = random_float(random, limit);
    k->softmax(x, count, width, soft);
    k->log_softmax(x, count, width, logs);
    for (size_t g = 0; g < count; g++)
        assert_softmax(k, x + g * width, width, soft + g * width, logs + g * width);
    float *copy = guarded_new(n);
    memcpy(copy, x, n * sizeof *x);
    k->softmax(copy, count, width, copy);
    cr_assert(memcmp(copy, soft, n * sizeof *x) == 0, "%s: softmax in place", k->isa);
    k->log_softmax(x, count, width, x);
    cr_assert(memcmp(x, logs, n * sizeof *x) == 0, "%s: log_softmax in place", k->isa);
    guarded_free(copy, n, "copy");
    guarded_free(x, n, "x");
    guarded_free(soft, n, "softmax");
    guarded_free(logs, n, "log_softmax");
}

static void softmax_matches(const struct up_kernels *k)
{
    struct random random = {6};
    static const float limits[] = {2, 80, 5000}; /* the last overflows every float's exp */
    for (size_t l = 0; l < 3; l++)
        for (size_t count = 0; count < 4; count++)
            for (size_t turn = 1; turn < 6; turn++)
                softmax_one(k, &random, count, edge_size(turn, k->lanes), limits[l]);
}

Test(activate, softmax_and_its_log_share_out_one, .timeout = 20)
{
    each_isa(softmax_matches);
}

/* Neighbouring groups, value by value, must be what each group alone is. */
static void across_matches(const struct up_kernels *k)
{
    enum { WIDTH_MAX = 5, COUNT_MAX = 130 };
    struct random random = {7};
    for (size_t turn = 0; turn < 30; turn++) {
        const size_t width = random_size(&random, 1, WIDTH_MAX);
        const size_t count = random_size(&random, 1, COUNT_MAX), n = width * count;
        float *x = guarded_new(n), *y = guarded_new(n), group[WIDTH_MAX], logs[WIDTH_MAX];
        size_t offset[WIDTH_MAX];
        for (size_t i = 0; i < n; i++)
            x[i] = random_float(&random, turn % 2 == 0 ? 3 : 5000);
        for (size_t i = 0; i < width; i++) /* the last first: any table will do */
            offset[i] = (width - 1 - i) * count;
        k->softmax_across(x, offset, width, count, y);
        for (size_t j = 0; j < count; j++) {
            float mine[WIDTH_MAX];
            for (size_t i = 0; i < width; i++) {
                group[i] = x[offset[i] + j];
                mine[i] = y[offset[i] + j];
            }
            k->log_softmax(group, 1, width, logs);
            assert_softmax(k, group, width, mine, logs);
        }
        guarded_free(x, n, "x");
        guarded_free(y, n, "y");
    }
}

Test(activate, softmax_across_shares_out_one_in_every_group, .timeout = 20)
{
    each_isa(across_matches);
}

/* By the definition of its contract: k is the largest for which the k-th largest stays. */
static double sparsemax_cut(const float *x, size_t width)
{
    double sorted[64], sum = 0, sums = 0, cut = 0;
    for (size_t i = 0; i < width; i++) {
        size_t k = i;
        for (; k > 0 && sorted[k - 1] < (double)x[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = (double)x[i];
    }
    for (size_t k = 1; k <= width; k++) {
        sum += sorted[k - 1];
        sums += sum;
        if (1 + (double)k * sorted[k - 1] > sum)
            cut = (sums - 1) / (double)k;
    }
    return cut;
}

static void sparsemax_matches(const struct up_kernels *k)
{
    struct random random = {8};
    static const float limits[] = {0.01F, 0.5F, 2, 100};
    for (size_t turn = 0; turn < 63; turn++) {
        const size_t width = 1 + turn, n = 2 * width;
        float *x = guarded_new(n), *y = guarded_new(n);
        for (size_t i = 0; i < n; i++)
            x[i] = random_float(&random, limits[turn % 4]);
        k->sparsemax(x, 2, width, y);
        for (size_t i = 0; i < n; i++) {
            const double expected =
                fmax((double)x[i] - sparsemax_cut(x + i / width * width, width), 0);
            cr_assert(fabs((double)y[i] - expected) <= ulp * expected, "%s: %.9g is %.9g, not %.9g",
                      k->isa, (double)x[i], (double)y[i], expected);
        }
        guarded_free(x, n, "x");
        guarded_free(y, n, "y");
    }
}

Test(activate, sparsemax_cuts_as_keras_does, .timeout = 20)
{
    each_isa(sparsemax_matches);
}

static void glu_matches(const struct up_kernels *k)
{
    struct random random = {9};
    for (size_t width = 1; width < 40; width += 3) {
        float *x = guarded_new(6 * width), *y = guarded_new(3 * width);
        for (size_t i = 0; i < 6 * width; i++)
            x[i] = random_float(&random, 8);
        k->glu(x, 3, width, y);
        for (size_t i = 0; i < 3 * width; i++) {
            const float *group = x + i / width * 2 * width;
            const double expected =
                (double)group[i % width] * logistic((double)group[width + i % width]);
            cr_assert(fabs((double)y[i] - expected) <= 4 * ulp * fabs(expected),
                      "%s: value %zu is %.9g, not %.9g", k->isa, i, (double)y[i], expected);
        }
        guarded_free(x, 6 * width, "x");
        guarded_free(y, 3 * width, "y");
    }
}

Test(activate, glu_weighs_one_half_by_the_other, .timeout = 20)
{
    each_isa(glu_matches);
}
