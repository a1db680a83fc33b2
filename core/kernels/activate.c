/* DESIGN
 * Each function is written once, in double where it needs more than a float, and rounded once: the
 * result is the float nearest to the formula's (but for what exp.h and the mathematical library
 * say). Those of exponentials take vectors, the others one value. NaN goes through every function
 * as NaN. */
#include "core/kernels/exp.h"

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static float clip(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Keras: above the threshold the value, cut at max_value; below it a line of its own slope. */
static float relu(float x, float slope, float max, float threshold)
{
    if (x < threshold || (x == threshold && threshold != 0))
        return slope == 0 ? 0 : slope * (x - threshold);
    return x > max ? max : x;
}

UP_INLINE up_vd elu(up_vd x, double alpha)
{
    return up_select((up_vl)(x > 0), x, alpha * up_expm1(x));
}

/* Near zero nothing but the series is left of the difference. */
UP_INLINE up_vd tanh_shrink(up_vd x)
{
    const up_vd s = x * x, series = x * s * (1 / 3.0 - s * (2 / 15.0 - s * (17 / 315.0)));
    return up_select((up_vl)(s < 1e-4), series, x - up_tanh(x));
}

/* tanh(softplus(x)) is a quotient of powers: of the one that does not grow. */
UP_INLINE up_vd mish(up_vd x)
{
    const up_vd e = up_exp(-up_abs(x)), square = e * e;
    const up_vd share = up_select((up_vl)(x < 0), square + 2 * e, 1 + 2 * e);
    return x * (share / (share + up_select((up_vl)(x < 0), (up_vd){0} + 2, 2 * square)));
}

static float hard_shrink(float x)
{
    return fabsf(x) <= 0.5F ? 0 : x;
}

static float soft_shrink(float x)
{
    return x > 0.5F ? x - 0.5F : x < -0.5F ? x + 0.5F : x - x;
}

/* Below zero the sum nearly vanishes: there its reciprocal is the way. */
static float squareplus(double x)
{
    const double root = sqrt(x * x + 4);
    return (float)(x < 0 ? 2 / (root - x) : (x + root) / 2);
}

static float sparse_plus(double x)
{
    return (float)(x <= -1 ? 0 : x < 1 ? (x + 1) * (x + 1) / 4 : x);
}

UP_INLINE up_vd selu(up_vd x)
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    return scale * elu(x, alpha);
}

static float gelu(double x)
{
    return (float)(0.5 * x * erfc(-x * 0.70710678118654752440));
}

static size_t at_most(size_t x, size_t most)
{
    return x < most ? x : most;
}

#define WIDE(expression)                                                                           \
    for (size_t i = 0; i < count; i += UP_HALF) {                                                  \
        const size_t n = at_most(count - i, UP_HALF);                                              \
        const up_vd v = up_widen(x + i, n);                                                        \
        up_narrow(y + i, (expression), n);                                                         \
    }                                                                                              \
    break

#define EACH(expression)                                                                           \
    for (size_t i = 0; i < count; i++) {                                                           \
        const float v = x[i];                                                                      \
        y[i] = (expression);                                                                       \
    }                                                                                              \
    break

void UP_KERNEL(activate)(const struct up_activation *a, const float *x, size_t count, float *y)
{
    switch (a->id) {
    case UP_ACT_RELU:
        EACH(relu(v, a->alpha, a->beta, a->gamma));
    case UP_ACT_RELU6:
        EACH(clip(v, 0, 6));
    case UP_ACT_LEAKY_RELU:
        EACH(v > 0 ? v : a->alpha * v);
    case UP_ACT_ELU:
        WIDE(elu(v, a->alpha));
    case UP_ACT_CELU:
        WIDE(up_select((up_vl)(v > 0), v, a->alpha * up_expm1(v / a->alpha)));
    case UP_ACT_SELU:
        WIDE(selu(v));
    case UP_ACT_GELU:
        EACH(gelu(v));
    case UP_ACT_SILU:
        WIDE(v * up_sigmoid(v));
    case UP_ACT_MISH:
        WIDE(mish(v));
    case UP_ACT_SIGMOID:
        WIDE(up_sigmoid(v));
    case UP_ACT_HARD_SIGMOID:
        EACH(clip(v + 3, 0, 6) / 6);
    case UP_ACT_HARD_SILU:
        EACH(v * (clip(v + 3, 0, 6) / 6));
    case UP_ACT_TANH:
        WIDE(up_tanh(v));
    case UP_ACT_HARD_TANH:
        EACH(clip(v, -1, 1));
    case UP_ACT_TANH_SHRINK:
        WIDE(tanh_shrink(v));
    case UP_ACT_SOFTPLUS:
        EACH((float)softplus(v));
    case UP_ACT_SOFTSIGN:
        EACH(v / (1 + fabsf(v)));
    case UP_ACT_EXPONENTIAL:
        WIDE(up_exp(v));
    case UP_ACT_LOG_SIGMOID:
        EACH((float)-softplus(-(double)v));
    case UP_ACT_HARD_SHRINK:
        EACH(hard_shrink(v));
    case UP_ACT_SOFT_SHRINK:
        EACH(soft_shrink(v));
    case UP_ACT_SQUAREPLUS:
        EACH(squareplus(v));
    case UP_ACT_SPARSE_PLUS:
        EACH(sparse_plus(v));
    case UP_ACT_SPARSE_SIGMOID:
        EACH((clip(v, -1, 1) + 1) * 0.5F);
    default: /* linear; the last-axis functions have kernels of their own */
        if (y != x)
            memmove(y, x, count * sizeof *y);
    }
}

/* --- Along an axis -------------------------------------------------------------------------- */

enum { BLOCK = 64 }; /* values whose powers lie on the stack, as doubles */

static float larger(float a, float b)
{
    return b > a || isnan(b) ? b : a;
}

static float largest(const float *x, size_t width)
{
    float max = x[0];
    size_t i = 0;
    if (width >= UP_LANES) {
        up_vf lanes = up_load(x);
        for (; i + UP_LANES <= width; i += UP_LANES) {
            const up_vf v = up_load(x + i);
            const up_vi wins = (v > lanes) | (v != v);
            lanes = (up_vf)((wins & (up_vi)v) | (~wins & (up_vi)lanes));
        }
        for (size_t k = 0; k < UP_LANES; k++)
            max = larger(max, lanes[k]);
    }
    for (; i < width; i++)
        max = larger(max, x[i]);
    return max;
}

/* e[i] = exp(x[i] - max[i]) for i < count <= BLOCK. */
static void powers(const float *x, const float *max, size_t count, double e[BLOCK])
{
    for (size_t i = 0; i < count; i += UP_HALF) {
        const size_t n = at_most(count - i, UP_HALF);
        const up_vd power = up_exp(up_widen(x + i, n) - up_widen(max + i, n));
        memcpy(e + i, &power, sizeof power);
    }
}

static double power_sum(const float *x, const float max[BLOCK], size_t width)
{
    _Alignas(64) double e[BLOCK + UP_HALF];
    double sum = 0;
    up_vd lanes = {0};
    for (size_t at = 0; at < width; at += BLOCK) {
        const size_t n = at_most(width - at, BLOCK);
        powers(x + at, max, n, e);
        memset(e + n, 0, UP_HALF * sizeof *e); /* the last vector's other lanes */
        for (size_t i = 0; i < n; i += UP_HALF) {
            up_vd power;
            memcpy(&power, e + i, sizeof power);
            lanes += power;
        }
    }
    for (size_t i = 0; i < UP_HALF; i++)
        sum += lanes[i];
    return sum;
}

static void fill(float to[BLOCK], float value)
{
    for (size_t i = 0; i < BLOCK; i++)
        to[i] = value;
}

void UP_KERNEL(softmax)(const float *x, size_t count, size_t width, float *y)
{
    float max[BLOCK];
    _Alignas(64) double e[BLOCK];
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        fill(max, largest(x, width));
        const double share = 1 / power_sum(x, max, width);
        for (size_t at = 0; at < width; at += BLOCK) {
            const size_t n = at_most(width - at, BLOCK);
            powers(x + at, max, n, e);
            for (size_t i = 0; i < n; i++)
                y[at + i] = (float)(e[i] * share);
        }
    }
}

void UP_KERNEL(log_softmax)(const float *x, size_t count, size_t width, float *y)
{
    float max[BLOCK];
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        fill(max, largest(x, width));
        const double log_sum = log(power_sum(x, max, width));
        for (size_t i = 0; i < width; i++)
            y[i] = (float)((double)x[i] - max[0] - log_sum);
    }
}

/* The groups are neighbours, so they go together, a block of them at a time. */
void UP_KERNEL(softmax_across)(const float *x, const size_t *offset, size_t width, size_t count,
                               float *y)
{
    float max[BLOCK];
    double sum[BLOCK];
    _Alignas(64) double e[BLOCK];
    for (size_t g = 0; g < count; g += BLOCK) {
        const size_t n = at_most(count - g, BLOCK);
        memcpy(max, x + g + offset[0], n * sizeof *max);
        for (size_t i = 1; i < width; i++)
            for (size_t j = 0; j < n; j++)
                max[j] = larger(max[j], x[g + offset[i] + j]);
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < width; i++) {
            powers(x + g + offset[i], max, n, e);
            for (size_t j = 0; j < n; j++)
                sum[j] += e[j];
        }
        for (size_t i = 0; i < width; i++) {
            powers(x + g + offset[i], max, n, e);
            for (size_t j = 0; j < n; j++)
                y[g + offset[i] + j] = (float)(e[j] / sum[j]);
        }
    }
}

/* How far below the largest value the others must be cut off so that what is left of all sums to
 * one. The mean of those left, less their share of one, is a cut; who is below it goes, and that is
 * repeated until none does. Those that start 1 below never stay, which leaves few rounds. */
static double simplex_cut(const float *x, size_t width, double max)
{
    double cut = -1;
    for (size_t left = width + 1, before = left + 1; left < before;) {
        double sum = 0;
        before = left;
        left = 0;
        for (size_t i = 0; i < width; i++)
            if (x[i] - max > cut) {
                sum += x[i] - max;
                left++;
            }
        if (left == 0)
            return NAN;
        cut = left < before ? (sum - 1) / (double)left : cut;
    }
    return cut;
}

/* Puts the value at the root of a heap, smallest first, where it belongs below. */
static void sift(float *heap, size_t root, size_t count)
{
    const float v = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (v <= heap[child])
            break;
        heap[root] = heap[child];
        heap[child] = v;
    }
}

static void sort_descending(float *x, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sift(x, root, count);
    for (size_t left = count; left-- > 1;) {
        const float smallest = x[0];
        x[0] = x[left];
        x[left] = smallest;
        sift(x, 0, left);
    }
}

/* On the simplex the cut would be the sum of those that stay, less one, over their number. Keras on
 * TensorFlow takes the sum of all their partial sums, largest first, for the sum: so do we. */
void UP_KERNEL(sparsemax)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        const double max = largest(x, width), low = simplex_cut(x, width, max);
        double sum = 0, sums = 0;
        size_t stay = 0;
        for (size_t i = 0; i < width; i++)
            if (x[i] - max > low)
                y[stay++] = x[i];
        sort_descending(y, stay);
        for (size_t i = 0; i < stay; i++)
            sums += sum += y[i];
        const double cut = (sums - 1) / (double)stay;
        for (size_t i = 0; i < width; i++)
            y[i] = x[i] <= cut ? 0 : (float)(x[i] - cut);
    }
}

void UP_KERNEL(glu)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += 2 * width, y += width)
        for (size_t i = 0; i < width; i += UP_HALF) {
            const size_t n = at_most(width - i, UP_HALF);
            up_narrow(y + i, up_widen(x + i, n) * up_sigmoid(up_widen(x + width + i, n)), n);
        }
}
