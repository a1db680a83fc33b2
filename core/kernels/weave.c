/* DESIGN
 * Along a line of pixels smaller than a vector, a vector of outputs takes each tap from a vector of
 * inputs by one permutation, the same for all taps, for these are neighbours. A tap that an output
 * lacks has the weight -0, and there 0 stands for the input: it adds -0, which changes no bit.
 *
 * Where a line becomes a power of two longer, its weights repeat: a few vectors of tables, which
 * stay in registers, do for all of it but the ends. Elsewhere places are rounded differently from
 * pixel to pixel. Sums are as in blend.c. */
#include <math.h>

#include "core/kernels/vec.h"

enum {
    PERIOD_VECTORS = 48, /* of weights: 16 of 3 taps */
    PIECE_FLOATS = 512   /* so few that one is summed while another is still stored */
};

/* One vector of outputs, from value `at` on; false where it needs more than a vector of inputs. */
static bool vector_make(const struct up_blend *b, size_t inputs, size_t at, struct up_weave *ret)
{
    const size_t c = b->channels, taps = b->taps;
    size_t from[UP_LANES], low = inputs * c - ((taps - 1) * c + UP_LANES), high = 0;
    float *weight = ret->weight + at * taps;
    for (size_t i = 0; i < UP_LANES; i++) {
        /* Past the line's end lanes do what its last one does. */
        const size_t value = at + i < b->pixels * c ? at + i : b->pixels * c - 1, p = value / c;
        const struct up_span span = b->span[p];
        const size_t first = span.first < inputs - taps ? span.first : inputs - taps;
        from[i] = first * c + value % c;
        low = from[i] < low ? from[i] : low;
        high = from[i] > high ? from[i] : high;
        for (size_t k = 0; k < taps; k++) {
            const size_t t = first + k - span.first; /* wraps before the first one */
            weight[k * UP_LANES + i] = t < span.count ? b->weight[p * taps + t] : -0.0F;
        }
    }
    for (size_t i = 0; i < UP_LANES; i++)
        ret->index[at + i] = (int32_t)(from[i] - low);
    ret->base[at / UP_LANES] = low;
    return high < low + UP_LANES;
}

/* Whether vector v + period is vector v, `step` inputs further on, and lacks no tap. */
static bool repeats(const struct up_weave *w, size_t taps, size_t v, size_t period, size_t step)
{
    const size_t values = taps * UP_LANES, next = v + period;
    for (size_t i = 0; i < values; i++) {
        const float weight = w->weight[v * values + i];
        if (weight != w->weight[next * values + i] || (weight == 0 && signbit(weight)))
            return false;
    }
    return w->base[next] == w->base[v] + step &&
           memcmp(w->index + v * UP_LANES, w->index + next * UP_LANES,
                  UP_LANES * sizeof *w->index) == 0;
}

/* Sets `begin`, `end` and `period`, of the line's whole vectors. */
static void period_find(struct up_weave *w, size_t taps, size_t vectors)
{
    const size_t middle = vectors / 2;
    w->begin = w->end = w->period = 0;
    for (size_t period = 1; period * taps <= PERIOD_VECTORS && middle + period < vectors;
         period++) {
        const size_t step = w->base[middle + period] - w->base[middle];
        if (!repeats(w, taps, middle, period, step))
            continue;
        size_t begin = middle, last = middle;
        while (begin > 0 && repeats(w, taps, begin - 1, period, step))
            begin--;
        while (last + 1 + period < vectors && repeats(w, taps, last + 1, period, step))
            last++;
        w->begin = begin;
        w->end = last + 1 + period;
        w->period = period;
        return;
    }
}

bool UP_KERNEL(weave_make)(const struct up_blend *b, size_t inputs, struct up_weave *ret)
{
    if (!UP_PERMUTES || b->channels > UP_WEAVE_CHANNELS ||
        inputs * b->channels < (b->taps - 1) * b->channels + UP_LANES)
        return false;
    for (size_t at = 0; at < b->pixels * b->channels; at += UP_LANES)
        if (!vector_make(b, inputs, at, ret))
            return false;
    period_find(ret, b->taps, b->pixels * b->channels / UP_LANES);
    return true;
}

/* --- Run ------------------------------------------------------------------------------------ */

UP_INLINE up_vf product(const float *x, up_vi index, const float *weight)
{
    const up_vf w = up_load(weight);
    const up_vi there = (up_vi)w != INT32_MIN; /* the bits of -0 */
    return (up_vf)((up_vi)up_permute(up_load(x), index) & there) * w;
}

UP_INLINE void put(float *y, up_vf v, bool stream)
{
    if (stream)
        up_stream(y, v);
    else
        up_store(y, v);
}

/* A part of a line. */
struct part {
    const struct up_weave *weave;
    size_t channels;
    const float *x; /* the inputs of the line from `origin` on */
    size_t origin;
    size_t begin, end; /* vectors */
    size_t rest;       /* values of the last vector */
    bool stream;
};

/* Vectors begin .. end - 1, whatever their taps. Inlined where taps are constant. */
UP_INLINE void vectors(const struct part *given, size_t taps, size_t begin, size_t end, float *y)
{
    const struct part p = *given; /* which no store to y may change */
    const struct up_weave w = *p.weave;
    for (size_t v = begin; v < end; v++, y += UP_LANES) {
        const float *from = p.x + (w.base[v] - p.origin);
        const float *weight = w.weight + v * taps * UP_LANES;
        up_vi index;
        memcpy(&index, w.index + v * UP_LANES, sizeof index);
        up_vf sum = up_first(product(from, index, weight));
        for (size_t k = 1; k < taps; k++)
            sum += product(from + k * p.channels, index, weight + k * UP_LANES);
        if (v + 1 == p.end)
            up_store_first(y, sum, p.rest);
        else
            put(y, sum, p.stream);
    }
}

/* Whole periods from vector range.first on; returns how many vectors that were. Inlined where taps
 * and period are constant, so that the tables stay in registers. */
UP_INLINE size_t periods(const struct part *p, size_t taps, size_t period, struct up_span range,
                         float *y)
{
    const struct up_weave *w = p->weave;
    const size_t *base = w->base + range.first, step = base[period] - base[0], c = p->channels;
    const float *x = p->x + (base[0] - p->origin);
    const bool stream = p->stream;
    up_vi index[PERIOD_VECTORS];
    up_vf weight[PERIOD_VECTORS];
    size_t from[PERIOD_VECTORS], left = range.count;
    for (size_t i = 0; i < period; i++)
        from[i] = base[i] - base[0];
    memcpy(index, w->index + range.first * UP_LANES, period * sizeof index[0]);
    memcpy(weight, w->weight + range.first * taps * UP_LANES, period * taps * sizeof weight[0]);
    for (; left >= period; left -= period, x += step)
        for (size_t i = 0; i < period; i++, y += UP_LANES) {
            up_vf sum = up_first(up_permute(up_load(x + from[i]), index[i]) * weight[i * taps]);
            for (size_t k = 1; k < taps; k++)
                sum += up_permute(up_load(x + from[i] + k * c), index[i]) * weight[i * taps + k];
            put(y, sum, stream);
        }
    return range.count - left;
}

/* Inlined where taps are constant. */
UP_INLINE void part(const struct part *p, size_t taps, float *y)
{
    const struct up_weave *w = p->weave;
    const size_t first = p->begin > w->begin ? p->begin : w->begin;
    const size_t last = p->end - 1 < w->end ? p->end - 1 : w->end;
    size_t at = p->begin;
    if (first + w->period < last) {
        const struct up_span inner = {first, last - first};
        float *to = y + (first - p->begin) * UP_LANES;
        vectors(p, taps, p->begin, first, y);
        at = first + (w->period == 1   ? periods(p, taps, 1, inner, to)
                      : w->period == 3 ? periods(p, taps, 3, inner, to)
                                       : periods(p, taps, w->period, inner, to));
    }
    vectors(p, taps, at, p->end, y + (at - p->begin) * UP_LANES);
}

static void part_by_taps(const struct part *p, size_t taps, float *y)
{
    if (taps == 2)
        part(p, 2, y);
    else if (taps == 4)
        part(p, 4, y);
    else if (taps == 7) /* of lanczos3, where the factor is odd */
        part(p, 7, y);
    else
        part(p, taps, y);
}

/* Vectors that are not at cache lines, by way of the nearest cache. */
static void staged(const struct part *whole, size_t taps, float *y)
{
    float buffer[PIECE_FLOATS];
    struct part p = *whole;
    for (; p.begin < whole->end; p.begin = p.end) {
        const size_t left = whole->end - p.begin;
        const bool last = left <= PIECE_FLOATS / UP_LANES;
        p.end = last ? whole->end : p.begin + PIECE_FLOATS / UP_LANES;
        p.rest = last ? whole->rest : UP_LANES;
        const size_t values = (p.end - p.begin - 1) * UP_LANES + p.rest;
        part_by_taps(&p, taps, buffer);
        UP_KERNEL(stream)(buffer, values, y);
        y += values;
    }
}

void UP_KERNEL(weave)(const struct up_blend *b, const struct up_weave *w, struct up_span pixels,
                      const float *x, float *y)
{
    const size_t values = pixels.count * b->channels, begin = pixels.first * b->channels / UP_LANES;
    struct part p = {.weave = w,
                     .channels = b->channels,
                     .x = x,
                     .origin = w->base[begin],
                     .begin = begin,
                     .end = begin + (values + UP_LANES - 1) / UP_LANES,
                     .rest = values % UP_LANES == 0 ? UP_LANES : values % UP_LANES};
    for (size_t l = 0; l < b->lines; l++, p.x += b->x_line, y += b->y_line) {
        p.stream = b->stream && up_line_rest(y) == 0;
        if (b->stream && !p.stream)
            staged(&p, b->taps, y);
        else
            part_by_taps(&p, b->taps, y);
    }
}
