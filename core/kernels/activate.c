/* DESIGN
 * Each function is written once, for one value, in double where it needs more than a float, and
 * rounded once: the result is the float nearest to the formula's (but for the last bit of the
 * mathematical library). NaN goes through every function as NaN. */
#include <math.h>

#include "core/kernels/vec.h"

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

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

static float elu(float x, float alpha)
{
    return x > 0 ? x : alpha * (float)expm1(x);
}

/* Near zero nothing but the series is left of the difference. */
static float tanh_shrink(double x)
{
    const double s = x * x;
    return (float)(s < 1e-4 ? x * s * (1 / 3.0 - s * (2 / 15.0 - s * (17 / 315.0))) : x - tanh(x));
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

static float selu(float x)
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    return (float)(scale * (x > 0 ? x : alpha * expm1(x)));
}

static float gelu(double x)
{
    return (float)(0.5 * x * erfc(-x * 0.70710678118654752440));
}

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
        EACH(elu(v, a->alpha));
    case UP_ACT_CELU:
        EACH(v > 0 ? v : (float)(a->alpha * expm1((double)v / a->alpha)));
    case UP_ACT_SELU:
        EACH(selu(v));
    case UP_ACT_GELU:
        EACH(gelu(v));
    case UP_ACT_SILU:
        EACH((float)(v * sigmoid(v)));
    case UP_ACT_MISH:
        EACH((float)(v * tanh(softplus(v))));
    case UP_ACT_SIGMOID:
        EACH((float)sigmoid(v));
    case UP_ACT_HARD_SIGMOID:
        EACH(clip(v + 3, 0, 6) / 6);
    case UP_ACT_HARD_SILU:
        EACH(v * (clip(v + 3, 0, 6) / 6));
    case UP_ACT_TANH:
        EACH((float)tanh(v));
    case UP_ACT_HARD_TANH:
        EACH(clip(v, -1, 1));
    case UP_ACT_TANH_SHRINK:
        EACH(tanh_shrink(v));
    case UP_ACT_SOFTPLUS:
        EACH((float)softplus(v));
    case UP_ACT_SOFTSIGN:
        EACH(v / (1 + fabsf(v)));
    case UP_ACT_EXPONENTIAL:
        EACH((float)exp(v));
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

static float largest(const float *x, size_t width)
{
    float max = x[0];
    for (size_t i = 1; i < width; i++)
        max = x[i] > max || isnan(x[i]) ? x[i] : max;
    return max;
}

void UP_KERNEL(softmax)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        const double max = largest(x, width);
        double sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += exp(x[i] - max);
        for (size_t i = 0; i < width; i++)
            y[i] = (float)(exp(x[i] - max) / sum);
    }
}

void UP_KERNEL(log_softmax)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        const double max = largest(x, width);
        double sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += exp(x[i] - max);
        const double log_sum = log(sum);
        for (size_t i = 0; i < width; i++)
            y[i] = (float)(x[i] - max - log_sum);
    }
}

/* The groups are neighbours, so they go together, a block of them at a time. */
void UP_KERNEL(softmax_across)(const float *x, const size_t *offset, size_t width, size_t count,
                               float *y)
{
    enum { BLOCK = 64 };
    for (size_t g = 0; g < count; g += BLOCK) {
        const size_t n = count - g < BLOCK ? count - g : BLOCK;
        float max[BLOCK];
        double sum[BLOCK];
        for (size_t j = 0; j < n; j++) {
            max[j] = x[g + offset[0] + j];
            sum[j] = 0;
        }
        for (size_t i = 1; i < width; i++)
            for (size_t j = 0; j < n; j++) {
                const float v = x[g + offset[i] + j];
                max[j] = v > max[j] || isnan(v) ? v : max[j];
            }
        for (size_t i = 0; i < width; i++)
            for (size_t j = 0; j < n; j++)
                sum[j] += exp((double)x[g + offset[i] + j] - max[j]);
        for (size_t i = 0; i < width; i++)
            for (size_t j = 0; j < n; j++)
                y[g + offset[i] + j] = (float)(exp((double)x[g + offset[i] + j] - max[j]) / sum[j]);
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
        for (size_t i = 0; i < width; i++)
            y[i] = (float)(x[i] * sigmoid(x[width + i]));
}
