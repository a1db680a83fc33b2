/* DESIGN
 * Groups of few channels, where neither the inputs of one group nor its outputs fill a vector:
 * several groups that are neighbours do, as they lie. Where a group has at least as many inputs as
 * outputs, lanes are inputs: what they give to one output of each group is a sum a lane, and those
 * of a group are added up at the end. Otherwise lanes are outputs, and each loaded vector is
 * permuted to bring every output its group's first input, its second, and so on. Either way a
 * block of groups takes a multiplication a tap for each of the fewer side's channels.
 *
 * Some pixels are summed together to share the weights and, in a run of taps, the inputs, each of
 * which is loaded once for all of them. Loads that leave lanes out make no machine fetch ahead, so
 * what comes next is asked for beside the sums. */
#include "core/kernels/vec.h"

/* Pixels that are summed together: of sums of so many outputs each, and of permuted inputs. */
enum {
    SHARED_MAX = 4, /* outputs that share a load */
    SUMS_MAX = 18,  /* of all of that */
    PERMUTED_PIXELS = UP_REGISTERS == 32 ? 8 : 4,
};
#define PIXELS(outputs)                                                                            \
    (UP_REGISTERS == 32 ? ((outputs) <= 2   ? 8                                                    \
                           : (outputs) == 3 ? 6                                                    \
                                            : 4)                                                   \
                        : ((outputs) == 1   ? 6                                                    \
                           : (outputs) == 2 ? 4                                                    \
                           : (outputs) == 3 ? 3                                                    \
                                            : 2))

/* --- Patterns ------------------------------------------------------------------------------- */

/* Lane i of every group adds lane i + half of what is left, until all is in lane 0. */
static void folds_make(struct up_grouped_pattern *ret)
{
    for (size_t left = ret->width; left > 1; left = (left + 1) / 2, ret->folds++)
        for (size_t lane = 0; lane < UP_LANES; lane++) {
            const size_t other = lane % ret->width + (left + 1) / 2;
            const bool adds = lane < ret->inputs && other < left;
            ret->fold[ret->folds][lane] = adds ? (int32_t)(lane + (left + 1) / 2) : -1;
        }
}

bool UP_KERNEL(grouped_pattern)(size_t width, size_t filters, struct up_grouped_pattern *ret)
{
    const size_t most = width > filters ? width : filters;
    *ret = (struct up_grouped_pattern){.width = width, .filters = filters};
    if (most > UP_LANES)
        return false;
    ret->groups = UP_LANES / most;
    ret->inputs = ret->groups * width;
    ret->outputs = ret->groups * filters;
    ret->permuted = filters > width;
    ret->products = ret->permuted ? width : filters;
    for (size_t i = 0; i < ret->products; i++)
        for (size_t lane = 0; lane < UP_LANES; lane++) {
            const size_t first = lane / filters * width;
            const bool there = lane < ret->outputs;
            if (ret->permuted)
                ret->index[i][lane] = there ? (int32_t)(first + i) : 0;
            else
                ret->index[i][lane] = there && lane % filters == i ? (int32_t)first : -1;
        }
    if (!ret->permuted)
        folds_make(ret);
    return true;
}

/* --- Sums ----------------------------------------------------------------------------------- */

UP_INLINE up_vi index_load(const int32_t *p)
{
    up_vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* What one call does to one block of groups. */
struct block {
    const struct up_grouped_pattern *pattern;
    const float *x, *w, *bias;
    float *y;
    size_t inputs, outputs; /* lanes that are there */
    size_t number, blocks;  /* of all of the call's */
    bool fetch;
};

/* The block's share of what comes after some pixels, beside their sums. */
static void fetch(const struct up_grouped *g, const struct block *b, size_t pixel, size_t pixels)
{
    const size_t all = (pixels * g->x_stride - 1) / UP_LINE_FLOATS + 1;
    const size_t first = all * b->number / b->blocks, end = all * (b->number + 1) / b->blocks;
    for (size_t i = 0; b->fetch && pixels > 0 && i < g->lines; i++)
        for (size_t at = first; at < end; at++)
            __builtin_prefetch(g->next[i] + pixel * g->x_stride + at * UP_LINE_FLOATS, 0, 2);
}

/* A pixel's outputs of the block. */
UP_INLINE void put(const struct up_grouped *g, const struct block *b, size_t pixel, up_vf sum,
                   bool add, bool finish)
{
    float *y = b->y + pixel * g->y_stride;
    if (add)
        sum = up_load_some(y, b->outputs) + sum;
    if (finish && b->bias != NULL)
        sum += up_load_some(b->bias, b->outputs);
    up_store_some(y, sum, b->outputs);
}

/* Into a register of its own for each of the calls below. A product that all of them have in common
 * would be made ahead of them, and rounded before it is added. */
UP_INLINE up_vf input_load(const float *from, size_t count)
{
    up_vf in = up_load_some(from, count);
    UP_ROUNDED(in);
    return in;
}

/* Adds a run of taps to the sums of some pixels, whose lanes are outputs: each input vector is
 * loaded and permuted once for all pixels that take it. `pixels` and `count` are constants. */
UP_INLINE void permuted_add(const struct block *b, const float *from, size_t stride, const float *w,
                            size_t pixels, size_t count, up_vf sum[SUMS_MAX])
{
    const size_t products = b->pattern->products;
    up_vf in[PERMUTED_PIXELS + UP_GROUPED_RUN - 1];
    UP_UNROLL
    for (size_t i = 0; i < pixels + count - 1; i++, from += stride)
        in[i] = input_load(from, b->inputs);
    for (size_t k = 0; k < products; k++, w += UP_LANES) {
        const up_vi index = index_load(b->pattern->index[k]);
        up_vf weight[UP_GROUPED_RUN];
        UP_UNROLL
        for (size_t j = 0; j < count; j++)
            weight[j] = up_load(w + j * products * UP_LANES);
        UP_UNROLL
        for (size_t i = 0; i < pixels + count - 1; i++) {
            const up_vf spread = up_permute(in[i], index);
            UP_UNROLL
            for (size_t j = 0; j < count; j++)
                if (j <= i && i - j < pixels)
                    sum[i - j] += spread * weight[j];
        }
    }
}

/* Pixels p and on; `pixels` is a constant, as it is below. */
UP_INLINE void permuted(const struct up_grouped *g, const struct block *b, size_t p, size_t pixels)
{
    up_vf sum[SUMS_MAX] = {{0}};
    const size_t stride = g->x_stride;
    const struct up_grouped_tap *end = g->tap + g->taps;
    for (const struct up_grouped_tap *t = g->tap; t < end; t++) {
        const float *from = b->x + p * stride + t->x, *w = b->w + t->w;
        if (t->count == 3)
            permuted_add(b, from, stride, w, pixels, 3, sum);
        else if (t->count == 2)
            permuted_add(b, from, stride, w, pixels, 2, sum);
        else
            permuted_add(b, from, stride, w, pixels, 1, sum);
    }
    UP_UNROLL
    for (size_t i = 0; i < pixels; i++)
        put(g, b, p + i, sum[i], g->accumulate, true);
}

/* Adds up the lanes of every group, and puts each sum where output k of its group is. */
UP_INLINE up_vi folded(const struct up_grouped_pattern *p, up_vf sum, size_t k)
{
    for (size_t s = 0; s < p->folds; s++)
        sum += up_permute_some(sum, index_load(p->fold[s]));
    return (up_vi)up_permute_some(sum, index_load(p->index[k]));
}

/* As permuted_add, but lanes are inputs: `outputs` outputs of each group. */
UP_INLINE void apart_add(const struct block *b, const float *from, size_t stride, const float *w,
                         size_t pixels, size_t outputs, size_t count, up_vf sum[SUMS_MAX])
{
    up_vf weight[UP_GROUPED_RUN][SHARED_MAX];
    UP_UNROLL
    for (size_t j = 0; j < count; j++, w += b->pattern->products * UP_LANES) {
        UP_UNROLL
        for (size_t k = 0; k < outputs; k++)
            weight[j][k] = up_load(w + k * UP_LANES);
    }
    UP_UNROLL
    for (size_t i = 0; i < pixels + count - 1; i++, from += stride) {
        const up_vf in = input_load(from, b->inputs);
        UP_UNROLL
        for (size_t j = 0; j < count; j++) {
            UP_UNROLL
            for (size_t k = 0; k < outputs; k++)
                if (j <= i && i - j < pixels)
                    sum[(i - j) * outputs + k] += in * weight[j][k];
        }
    }
}

/* Pixels p and on: outputs k .. k + outputs - 1 of each group. */
UP_INLINE void apart(const struct up_grouped *g, const struct block *b, size_t p, size_t pixels,
                     size_t k, size_t outputs)
{
    up_vf sum[SUMS_MAX] = {{0}};
    const size_t stride = g->x_stride;
    const struct up_grouped_tap *end = g->tap + g->taps;
    for (const struct up_grouped_tap *t = g->tap; t < end; t++) {
        const float *from = b->x + p * stride + t->x, *w = b->w + k * UP_LANES + t->w;
        if (t->count == 3)
            apart_add(b, from, stride, w, pixels, outputs, 3, sum);
        else if (t->count == 2)
            apart_add(b, from, stride, w, pixels, outputs, 2, sum);
        else
            apart_add(b, from, stride, w, pixels, outputs, 1, sum);
    }
    const bool last = k + outputs == b->pattern->filters;
    UP_UNROLL
    for (size_t i = 0; i < pixels; i++) {
        up_vi all = {0};
        if (b->pattern->width == 1)
            all = (up_vi)sum[i];
        else
            UP_UNROLL for (size_t j = 0; j < outputs; j++) all |=
                folded(b->pattern, sum[i * outputs + j], k + j);
        put(g, b, p + i, (up_vf)all, g->accumulate || k > 0, last);
    }
}

/* --- Blocks --------------------------------------------------------------------------------- */

static void permuted_all(const struct up_grouped *g, const struct block *b)
{
    const struct block copy = *b;
    size_t p = 0;
    for (; p + PERMUTED_PIXELS <= g->pixels; p += PERMUTED_PIXELS) {
        fetch(g, &copy, p, PERMUTED_PIXELS);
        permuted(g, &copy, p, PERMUTED_PIXELS);
    }
    fetch(g, &copy, p, g->pixels - p);
    for (; p < g->pixels; p++)
        permuted(g, &copy, p, 1);
}

UP_INLINE void apart_all(const struct up_grouped *g, const struct block *b, size_t k,
                         size_t outputs)
{
    const struct block copy = *b;
    const size_t pixels = PIXELS(outputs), half = pixels / 2;
    size_t p = 0;
    for (; p + pixels <= g->pixels; p += pixels) {
        fetch(g, &copy, p, pixels);
        apart(g, &copy, p, pixels, k, outputs);
    }
    fetch(g, &copy, p, g->pixels - p);
    for (; p + half <= g->pixels; p += half)
        apart(g, &copy, p, half, k, outputs);
    for (; half > 1 && p < g->pixels; p++)
        apart(g, &copy, p, 1, k, outputs);
}

static void apart_1(const struct up_grouped *g, const struct block *b, size_t k)
{
    apart_all(g, b, k, 1);
}

static void apart_2(const struct up_grouped *g, const struct block *b, size_t k)
{
    apart_all(g, b, k, 2);
}

static void apart_3(const struct up_grouped *g, const struct block *b, size_t k)
{
    apart_all(g, b, k, 3);
}

static void apart_4(const struct up_grouped *g, const struct block *b, size_t k)
{
    apart_all(g, b, k, 4);
}

void UP_KERNEL(grouped)(const struct up_grouped *g)
{
    static void (*const some[SHARED_MAX])(const struct up_grouped *, const struct block *,
                                          size_t) = {apart_1, apart_2, apart_3, apart_4};
    const struct up_grouped_pattern *p = g->pattern;
    struct block b = {.pattern = p,
                      .x = g->x,
                      .w = g->w,
                      .bias = g->bias,
                      .y = g->y,
                      .blocks = (g->groups - 1) / p->groups + 1};
    for (size_t left = g->groups; left > 0; b.number++) {
        const size_t groups = left < p->groups ? left : p->groups;
        b.fetch = true;
        b.inputs = groups * p->width;
        b.outputs = groups * p->filters;
        if (p->permuted)
            permuted_all(g, &b);
        for (size_t k = 0, outputs; !p->permuted && k < p->filters; k += outputs) {
            outputs = p->filters - k < SHARED_MAX ? p->filters - k : SHARED_MAX;
            some[outputs - 1](g, &b, k);
            b.fetch = false;
        }
        left -= groups;
        b.x += b.inputs;
        b.y += b.outputs;
        b.w += g->w_stride;
        b.bias = b.bias == NULL ? NULL : b.bias + b.outputs;
    }
}
