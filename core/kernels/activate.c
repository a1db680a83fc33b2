/* DESIGN
 * Each function is written once: for a vector where it has exponentials (exp.h), else for one
 * value, and lies within a few units of the last place of the formula's. NaN goes through every
 * function as NaN. */
#include "core/kernels/doubles.h"
#include "core/kernels/exp.h"

static float clip(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Keras: above the threshold the value, cut at max_value; below it a line of its own slope. */
UP_INLINE up_vf relu(up_vf x, float slope, float max, float threshold)
{
    const up_vf cut = up_choose(up_below(up_splat(max), x), up_splat(max), x);
    const up_if below = threshold == 0 ? up_negative(x) : up_at_most(x, up_splat(threshold));
    return up_choose(below, slope == 0 ? (up_vf){0} : slope * (x - threshold), cut);
}

UP_INLINE up_vf elu(up_vf x, float alpha)
{
    return up_choose(up_below((up_vf){0}, x), x, alpha * up_expm1(x));
}

/* The difference would lose digits: for x^2 <= 1 there is a fit of (x - tanh(x)) / x^3, off by
 * 5e-9, and farther out tanh is 1 less 2 e^(-2x) / (1 + e^(-2x)). */
UP_INLINE up_vf tanh_shrink(up_vf x)
{
    const up_vf s = x * x;
    up_vf series = s * -1.42823765e-4F + 9.23608585e-4F;
    series = series * s - 3.20695271e-3F;
    series = series * s + 8.69795039e-3F;
    series = series * s - 2.18295852e-2F;
    series = series * s + 5.39634209e-2F;
    series = series * s - 0.133333107F;
    series = series * s + 0.333333332F;
    const up_vf e = up_exp_below(-2 * up_size(x)), rest = up_size(x) - 1 + 2 * e / (1 + e);
    return up_choose(up_at_most(s, up_splat(1)), x * s * series, up_with_sign(rest, x));
}

/* x's share, which is as large as x, times the power, for x < 0. */
UP_INLINE up_vf lowered(up_vf share, struct up_power power, up_vf x)
{
    return up_choose(up_below(x, up_splat(-120)), 0 * share, up_raise(share, power));
}

UP_INLINE up_vf silu(up_vf x)
{
    const up_vf below = up_greater(up_splat(-120), -up_size(x));
    const struct up_power power = up_power(below, NULL);
    const up_vf share = x / (1 + up_raise_one(power));
    return up_choose(up_negative(x), lowered(share, power, x), share);
}

/* tanh(softplus(x)) is a quotient of powers: of the one that does not grow. */
UP_INLINE up_vf mish(up_vf x)
{
    const up_vf below = up_greater(up_splat(-120), -up_size(x));
    const struct up_power power = up_power(below, NULL);
    const up_vf e = up_raise_one(power), above = 1 + 2 * e;
    const up_vf share =
        x * up_choose(up_negative(x), (e + 2) / (e * (e + 2) + 2), above / (above + 2 * e * e));
    return up_choose(up_negative(x), lowered(share, power, x), share);
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

UP_INLINE up_vf selu(up_vf x)
{
    const float scale = 1.05070099F, scale_alpha = 1.75809934F;
    return up_choose(up_below((up_vf){0}, x), scale * x, scale_alpha * up_expm1(x));
}

/* x times the normal distribution's share below it: minus infinity times 0 is NaN, as the formula
 * says. Near zero the share is 1/2 + x p(x^2), with a fit of p off by 3e-9 for x up to 0.75: there
 * the tail has lost digits already. */
UP_INLINE up_vf gelu(up_vf x)
{
    const up_vf s = x * x, tail = up_gauss_tail(-up_size(x));
    up_vf series = s * 1.02940572e-4F - 1.18128506e-3F;
    series = series * s + 9.97234897e-3F;
    series = series * s - 6.6490295e-2F;
    series = series * s + 0.398942279F;
    return x * up_choose(up_below(s, up_splat(0.5625F)), 0.5F + x * series,
                         up_choose(up_negative(x), tail, 1 - tail));
}

static size_t at_most(size_t x, size_t most)
{
    return x < most ? x : most;
}

enum { AHEAD = 1024 }; /* values that are fetched before they are needed */

UP_INLINE void put(float *y, up_vf v, size_t count, const bool stream)
{
    if (stream && count == UP_LANES)
        up_stream(y, v);
    else
        up_store_first(y, v, count);
}

#define WIDE(expression)                                                                           \
    for (size_t i = 0; i < count; i += UP_LANES) {                                                 \
        const size_t n = at_most(count - i, UP_LANES);                                             \
        __builtin_prefetch(x + i + AHEAD);                                                         \
        const up_vf v = up_load_first(x + i, n);                                                   \
        put(y + i, (expression), n, stream);                                                       \
    }                                                                                              \
    break

#define EACH(expression)                                                                           \
    for (size_t i = 0; i < count; i++) {                                                           \
        const float v = x[i];                                                                      \
        y[i] = (expression);                                                                       \
    }                                                                                              \
    break

/* `stream` is a constant: y begins on a cache line then. */
UP_INLINE void activate_all(const struct up_activation *activation, const float *x, size_t count,
                            float *y, const bool stream)
{
    const struct up_activation a = *activation; /* a store to y could change the other */
    switch (a.id) {
    case UP_ACT_RELU:
        WIDE(relu(v, a.alpha, a.beta, a.gamma));
    case UP_ACT_RELU6:
        EACH(clip(v, 0, 6));
    case UP_ACT_LEAKY_RELU:
        WIDE(up_choose(up_below((up_vf){0}, v), v, a.alpha * v));
    case UP_ACT_ELU:
        WIDE(elu(v, a.alpha));
    case UP_ACT_CELU:
        WIDE(up_choose(up_below((up_vf){0}, v), v, a.alpha * up_expm1(v / a.alpha)));
    case UP_ACT_SELU:
        WIDE(selu(v));
    case UP_ACT_GELU:
        WIDE(gelu(v));
    case UP_ACT_SILU:
        WIDE(silu(v));
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
        WIDE(up_softplus(v));
    case UP_ACT_SOFTSIGN:
        EACH(v / (1 + fabsf(v)));
    case UP_ACT_EXPONENTIAL:
        WIDE(up_exp(v));
    case UP_ACT_LOG_SIGMOID:
        WIDE(-up_softplus(-v));
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

void UP_KERNEL(activate)(const struct up_activation *activation, const float *x, size_t count,
                         float *y)
{
    activate_all(activation, x, count, y, false);
}

void UP_KERNEL(activate_stream)(const struct up_activation *activation, const float *x,
                                size_t count, float *y)
{
    const size_t head = at_most(up_line_rest(y), count);
    activate_all(activation, x, head, y, false);
    activate_all(activation, x + head, count - head, y + head, true);
}

/* --- Along an axis -------------------------------------------------------------------------- */

enum { BLOCK = 64 }; /* neighbours whose largest values lie on the stack */

static float larger(float a, float b)
{
    return b > a || isnan(b) ? b : a;
}

/* NaN may be passed over: it comes back as a power. */
static float largest(const float *x, size_t width)
{
    enum { CHAINS = 4 }; /* a comparison waits for the one before it */
    up_vf lanes[CHAINS];
    size_t i = 0;
    for (size_t k = 0; k < CHAINS; k++)
        lanes[k] = up_splat(x[0]);
    for (; i + CHAINS * UP_LANES <= width; i += CHAINS * UP_LANES) {
        UP_UNROLL
        for (size_t k = 0; k < CHAINS; k++) {
            lanes[k] = up_greater(lanes[k], up_load(x + i + k * UP_LANES));
        }
    }
    for (; i + UP_LANES <= width; i += UP_LANES)
        lanes[0] = up_greater(lanes[0], up_load(x + i));
    lanes[0] = up_greater(up_greater(lanes[0], lanes[1]), up_greater(lanes[2], lanes[3]));
    float all[UP_LANES];
    up_store(all, lanes[0]);
    for (size_t half = UP_LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++)
            all[k] = all[k] > all[k + half] ? all[k] : all[k + half];
    float max = all[0];
    for (; i < width; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

/* e^(x - max), with what the difference loses when it is rounded. */
UP_INLINE up_vf power_below(up_vf x, up_vf max)
{
    const up_vf far = up_splat(-120), d = x - max, less = d - x;
    up_vf lost = (x - (d - less)) - (max + less); /* no number where d is huge */
    lost = up_choose(up_below(far, d), lost, (up_vf){0});
    return up_raise_one(up_power(up_greater(far, d), &lost));
}

UP_INLINE up_vd in_double(up_vf v)
{
    up_vh half[2];
    memcpy(half, &v, sizeof v);
    return up_doubles(half[0]) + up_doubles(half[1]);
}

/* The sum of e^(x[i] - max) for i < width, `group` vectors of them in float, which is a constant,
 * and the groups in double; the powers themselves into y, unless it is NULL. y may be x. */
UP_INLINE double power_sum(const float *x, float max, size_t width, const size_t group, float *y)
{
    const size_t ahead = at_most(width, AHEAD); /* what the next group begins with */
    up_vd lanes = {0};
    size_t at = 0;
    for (; at + group * UP_LANES <= width; at += group * UP_LANES) {
        up_vf sum = {0};
        UP_UNROLL
        for (size_t k = 0; k < group; k++) {
            __builtin_prefetch(x + ahead + at + k * UP_LANES);
            if (y != NULL)
                __builtin_prefetch(y + ahead + at + k * UP_LANES, 1);
            const up_vf power = power_below(up_load(x + at + k * UP_LANES), up_splat(max));
            if (y != NULL)
                up_store(y + at + k * UP_LANES, power);
            sum += power;
        }
        lanes += in_double(sum);
    }
    for (; at < width; at += UP_LANES) {
        const size_t count = at_most(width - at, UP_LANES);
        const up_vf power = power_below(up_load_first(x + at, count), up_splat(max));
        float last[UP_LANES] = {0};
        up_store_first(last, power, count);
        lanes += in_double(up_load(last));
        if (y != NULL)
            up_store_first(y + at, power, count);
    }
    double sum = 0;
    for (size_t i = 0; i < UP_HALF; i++)
        sum += lanes[i];
    return sum;
}

void UP_KERNEL(softmax)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        const float share = (float)(1 / power_sum(x, largest(x, width), width, 4, y));
        size_t i = 0;
        for (; i + UP_LANES <= width; i += UP_LANES)
            up_store(y + i, up_load(y + i) * share);
        for (; i < width; i++)
            y[i] *= share;
    }
}

void UP_KERNEL(log_softmax)(const float *x, size_t count, size_t width, float *y)
{
    for (size_t g = 0; g < count; g++, x += width, y += width) {
        const float max = largest(x, width);
        const double log_sum = log(power_sum(x, max, width, 1, NULL));
        for (size_t i = 0; i < width; i++)
            y[i] = (float)((double)x[i] - (double)max - log_sum);
    }
}

/* The groups are neighbours, so they go together, a block of them at a time. */
void UP_KERNEL(softmax_across)(const float *x, const size_t *offset, size_t width, size_t count,
                               float *y)
{
    float max[BLOCK];
    double sum[BLOCK];
    for (size_t g = 0; g < count; g += BLOCK) {
        const size_t n = at_most(count - g, BLOCK);
        memcpy(max, x + g + offset[0], n * sizeof *max);
        for (size_t i = 1; i < width; i++)
            for (size_t j = 0; j < n; j++)
                max[j] = larger(max[j], x[g + offset[i] + j]);
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < width; i++) {
            const float *from = x + g + offset[i];
            float *to = y + g + offset[i];
            for (size_t j = 0; j < n; j += UP_LANES) {
                const size_t lanes = at_most(n - j, UP_LANES);
                up_store_first(
                    to + j, power_below(up_load_first(from + j, lanes), up_load(max + j)), lanes);
            }
            for (size_t j = 0; j < n; j++)
                sum[j] += (double)to[j];
        }
        for (size_t i = 0; i < width; i++)
            for (size_t j = 0; j < n; j++)
                y[g + offset[i] + j] = (float)((double)y[g + offset[i] + j] / sum[j]);
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
        for (size_t i = 0; i < width; i += UP_LANES) {
            const size_t n = at_most(width - i, UP_LANES);
            up_store_first(
                y + i, up_load_first(x + i, n) * up_sigmoid(up_load_first(x + width + i, n)), n);
        }
}
