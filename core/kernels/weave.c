/* DESIGN
 * Along a line of pixels smaller than a vector, a vector of outputs takes each tap from a vector of
 * inputs by one permutation, the same for all taps, for these are neighbours. A tap that an output
 * lacks has the weight -0, and there 0 stands for the input: it adds -0, which changes no bit.
 *
 * Where a line becomes a power of two longer, its weights repeat: a few vectors of tables, which
 * stay in registers, do for all of it but the ends. Elsewhere places are rounded differently from
 * pixel to pixel. Sums are as in blend.c.
 *
 * Where one vector of inputs has all taps of one of outputs, rows are summed in the registers that
 * are permuted: some values twice, but storing the outputs takes longer than that, and nothing has
 * to wait for sums to lie in memory. */
#include <math.h>

#include "core/kernels/vec.h"

enum {
    PERIOD_VECTORS = 48,               /* of weights: 16 of 3 taps */
    PIECE_FLOATS = 512,                /* so few that one is summed while another is still stored */
    WIDE = UP_LANES == UP_LINE_FLOATS, /* others' loads take two cache lines less often: measured,
                                          loading each tap is as fast for them */
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

/* Whether a vector of inputs has all taps of one of `count` vectors of outputs, from `first` on. */
static bool taps_near(const struct up_blend *b, const struct up_weave *w, size_t first,
                      size_t count)
{
    size_t most = 0;
    for (size_t i = first * UP_LANES; i < (first + count) * UP_LANES; i++)
        most = (size_t)w->index[i] > most ? (size_t)w->index[i] : most;
    return most + (b->taps - 1) * b->channels < UP_LANES;
}

/* Sets what is said of the line's whole vectors. */
static void period_find(const struct up_blend *b, struct up_weave *w)
{
    const size_t taps = b->taps, vectors = b->pixels * b->channels / UP_LANES, middle = vectors / 2;
    w->begin = w->end = w->period = 0;
    w->near = false;
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
        w->near = WIDE && 2 * (w->end - begin) > vectors && taps_near(b, w, begin, period);
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
    period_find(b, ret);
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

/* Whole periods from vector range.first on; returns how many vectors that were. With `near` one
 * vector of inputs has all taps of one of outputs, else each is loaded: most such loads take two
 * cache lines. Inlined where taps, period and `near` are constant, so that tables stay in
 * registers.
 */
UP_INLINE size_t periods(const struct part *p, size_t taps, size_t period, bool near,
                         struct up_span range, float *y)
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
            const up_vf input = near ? up_load_once(x + from[i]) : up_load(x + from[i]);
            up_vf sum = up_first(up_permute(input, index[i]) * weight[i * taps]);
            for (size_t k = 1; k < taps; k++) {
                const up_vf tap = near ? up_permute(input, index[i] + (int32_t)(k * c))
                                       : up_permute(up_load(x + from[i] + k * c), index[i]);
                sum += tap * weight[i * taps + k];
            }
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
        at = first + (w->near && w->period == 1 ? periods(p, taps, 1, true, inner, to)
                      : w->near                 ? periods(p, taps, w->period, true, inner, to)
                      : w->period == 1          ? periods(p, taps, 1, false, inner, to)
                      : w->period == 3          ? periods(p, taps, 3, false, inner, to)
                                                : periods(p, taps, w->period, false, inner, to));
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
    _Alignas(UP_ALIGN_BYTES) float buffer[PIECE_FLOATS];
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

/* --- Of rows ---------------------------------------------------------------------------------- */

/* A call of weave_rows. */
struct rows {
    const struct up_weave *weave;
    const struct up_blend_rows *blend;
    const float *const *x;
    size_t channels, origin, y_line;
    bool stream;
};

/* The sums of `count` <= lanes values of a line's rows, from value `at` on. */
UP_INLINE up_vf row_sum(const struct rows *r, size_t line, size_t at, size_t count)
{
    const float *weight = r->blend->weight + line * r->blend->weight_stride;
    up_vf sum = up_first(up_load_first(r->x[0] + at, count) * up_splat(weight[0]));
    for (size_t k = 1; k < r->blend->taps; k++)
        sum += up_load_first(r->x[k] + at, count) * up_splat(weight[k]);
    return sum;
}

/* Vectors of a line that may lack taps; the last of them has `rest` values. */
static void rows_ends(const struct rows *r, size_t taps, size_t line, struct up_span range,
                      size_t rest, float *y)
{
    const size_t more = (taps - 1) * r->channels;
    for (size_t v = range.first; v < range.first + range.count; v++, y += UP_LANES) {
        const size_t base = r->weave->base[v], at = base - r->origin;
        const bool last = v + 1 == range.first + range.count;
        float sums[2 * UP_LANES];
        up_store(sums, row_sum(r, line, at, UP_LANES));
        if (more > 0)
            up_store(sums + UP_LANES, row_sum(r, line, at + UP_LANES, more));
        const struct part p = {.weave = r->weave,
                               .channels = r->channels,
                               .x = sums,
                               .origin = base,
                               .end = v + 1,
                               .rest = last ? rest : UP_LANES};
        vectors(&p, taps, v, v + 1, y);
    }
}

/* Whole periods of all lines, as `periods`. Inlined where all but the range is constant. */
UP_INLINE size_t rows_periods(const struct rows *r, size_t taps, size_t period, size_t row_taps,
                              size_t lines, struct up_span range, float *y)
{
    const struct up_blend_rows *b = r->blend;
    const size_t *base = r->weave->base + range.first, step = base[period] - base[0];
    const size_t c = r->channels, y_line = lines == 2 ? r->y_line : 0;
    const bool stream = r->stream;
    const float *x[UP_WEAVE_ROWS];
    up_vf row_weight[2][UP_WEAVE_ROWS], weight[PERIOD_VECTORS];
    up_vi index[PERIOD_VECTORS];
    size_t from[PERIOD_VECTORS], left = range.count, at = base[0] - r->origin;
    for (size_t k = 0; k < row_taps; k++) {
        x[k] = r->x[k];
        row_weight[0][k] = up_splat(b->weight[k]);
        row_weight[1][k] = up_splat(b->weight[lines == 2 ? b->weight_stride + k : k]);
    }
    for (size_t i = 0; i < period; i++)
        from[i] = base[i] - base[0];
    memcpy(index, r->weave->index + range.first * UP_LANES, period * sizeof index[0]);
    memcpy(weight, r->weave->weight + range.first * taps * UP_LANES,
           period * taps * sizeof weight[0]);
    for (; left >= period; left -= period, at += step)
        for (size_t i = 0; i < period; i++, y += UP_LANES) {
            up_vf input = up_load_once(x[0] + at + from[i]);
            up_vf row[2] = {up_first(input * row_weight[0][0]), up_first(input * row_weight[1][0])};
            for (size_t k = 1; k < row_taps; k++) {
                input = up_load_once(x[k] + at + from[i]);
                row[0] += input * row_weight[0][k];
                row[1] += input * row_weight[1][k];
            }
            UP_UNROLL
            for (size_t l = 0; l < lines; l++) {
                up_vf sum = up_first(up_permute(row[l], index[i]) * weight[i * taps]);
                for (size_t k = 1; k < taps; k++)
                    sum += up_permute(row[l], index[i] + (int32_t)(k * c)) * weight[i * taps + k];
                put(y + l * y_line, sum, stream);
            }
        }
    return range.count - left;
}

UP_INLINE size_t rows_by_period(const struct rows *r, size_t taps, size_t row_taps, size_t lines,
                                struct up_span range, float *y)
{
    const size_t period = r->weave->period;
    return period == 1   ? rows_periods(r, taps, 1, row_taps, lines, range, y)
           : period == 3 ? rows_periods(r, taps, 3, row_taps, lines, range, y)
                         : rows_periods(r, taps, period, row_taps, lines, range, y);
}

/* Vectors of all lines, of which the last has `rest` values. */
static void rows_run(const struct rows *r, size_t taps, struct up_span range, size_t rest, float *y)
{
    const struct up_weave *w = r->weave;
    const struct up_blend_rows *b = r->blend;
    const size_t end = range.first + range.count, last = end - 1 < w->end ? end - 1 : w->end;
    const size_t first = range.first > w->begin ? range.first : w->begin;
    size_t head = range.count, done = 0;
    if (first + w->period < last) {
        const struct up_span inner = {first, last - first};
        head = first - range.first;
        float *to = y + head * UP_LANES;
        done = taps == 2 && b->taps == 2 && b->lines == 2   ? rows_by_period(r, 2, 2, 2, inner, to)
               : taps == 4 && b->taps == 4 && b->lines == 2 ? rows_by_period(r, 4, 4, 2, inner, to)
               : b->lines == 2 ? rows_by_period(r, taps, b->taps, 2, inner, to)
                               : rows_by_period(r, taps, b->taps, 1, inner, to);
    }
    const struct up_span before = {range.first, head},
                         after = {range.first + head + done, range.count - head - done};
    for (size_t l = 0; l < b->lines; l++, y += r->y_line) {
        rows_ends(r, taps, l, before, after.count > 0 ? UP_LANES : rest, y);
        rows_ends(r, taps, l, after, rest, y + (head + done) * UP_LANES);
    }
}

void UP_KERNEL(weave_rows)(const struct up_blend *b, const struct up_weave *w,
                           const struct up_blend_rows *rows, struct up_span pixels,
                           const float *const *x, float *y)
{
    float buffer[2][PIECE_FLOATS];
    const size_t values = pixels.count * b->channels, begin = pixels.first * b->channels / UP_LANES;
    const bool aligned = up_line_rest(y) == 0 && b->y_line % UP_LINE_FLOATS == 0;
    const bool stage = b->stream && !aligned;
    const struct rows r = {.weave = w,
                           .blend = rows,
                           .x = x,
                           .channels = b->channels,
                           .origin = w->base[begin],
                           .y_line = stage ? PIECE_FLOATS : b->y_line,
                           .stream = b->stream && aligned};
    const size_t most = stage ? PIECE_FLOATS : values;
    for (size_t done = 0, now; done < values; done += now) {
        now = values - done < most ? values - done : most;
        const struct up_span range = {begin + done / UP_LANES, (now - 1) / UP_LANES + 1};
        rows_run(&r, b->taps, range, now - (range.count - 1) * UP_LANES,
                 stage ? buffer[0] : y + done);
        for (size_t l = 0; stage && l < rows->lines; l++)
            UP_KERNEL(stream)(buffer[l], now, y + l * b->y_line + done);
    }
}
