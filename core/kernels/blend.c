/* DESIGN
 * Weighted sums of rows, and of pixels along a line. Sums start with a product, not with 0, which
 * would turn -0 into 0; every value is summed in a lane, also where no whole vector is left, and
 * its products are added in the same order and way, so that its bits do not depend on where a row
 * begins or ends, nor on what a pixel's neighbours in memory are. */
#include "core/kernels/vec.h"

enum {
    PIECE_FLOATS = 512, /* so few that one is summed while another is still stored */
    AHEAD_BYTES = 4096, /* of a line that is stored; half and twice as much gain less */
};

UP_INLINE void put(float *y, up_vf v, bool stream)
{
    if (stream)
        up_stream(y, v);
    else
        up_store(y, v);
}

/* --- Rows ----------------------------------------------------------------------------------- */

/* Sums of `count` <= lanes values from i on, of one line. */
static void rows_few(const float *const *x, const float *weight, size_t taps, struct up_span values,
                     float *y)
{
    const size_t i = values.first, count = values.count;
    up_vf sum = up_first(up_load_first(x[0] + i, count) * up_splat(weight[0]));
    for (size_t k = 1; k < taps; k++)
        sum += up_load_first(x[k] + i, count) * up_splat(weight[k]);
    up_store_first(y + i, sum, count);
}

enum { GROUP = 4, GROUP_FLOATS = GROUP * UP_LANES }; /* vectors summed together: cache lines */

/* Inlined where taps and lines are constant. */
UP_INLINE void rows_group(const struct up_blend_rows *b, const float *const *x, size_t taps,
                          size_t lines, size_t i, float *y)
{
    up_vf sum[2][GROUP];
    UP_UNROLL
    for (size_t l = 0; l < 2; l++) {
        const up_vf weight = up_splat(b->weight[l < lines ? l * b->weight_stride : 0]);
        UP_UNROLL
        for (size_t v = 0; v < GROUP; v++)
            sum[l][v] = up_first(up_load(x[0] + i + v * UP_LANES) * weight);
    }
    for (size_t k = 1; k < taps; k++) {
        const up_vf first = up_splat(b->weight[k]);
        const up_vf second = up_splat(b->weight[lines == 2 ? b->weight_stride + k : k]);
        UP_UNROLL
        for (size_t v = 0; v < GROUP; v++) {
            const up_vf from = up_load(x[k] + i + v * UP_LANES);
            sum[0][v] += from * first;
            if (lines == 2)
                sum[1][v] += from * second;
        }
    }
    UP_UNROLL
    for (size_t l = 0; l < 2; l++) {
        UP_UNROLL
        for (size_t v = 0; v < GROUP && l < lines; v++)
            put(y + l * b->line_stride + i + v * UP_LANES, sum[l][v], b->stream);
    }
}

UP_INLINE size_t rows_groups(const struct up_blend_rows *given, const float *const *x, size_t taps,
                             size_t lines, size_t i, float *y)
{
    const struct up_blend_rows b = *given; /* which no store to y may change */
    for (; i + GROUP_FLOATS <= b.count; i += GROUP_FLOATS)
        rows_group(&b, x, taps, lines, i, y);
    return i;
}

/* Values i .. end - 1, in no whole groups. */
static void rows_rest(const struct up_blend_rows *b, const float *const *x, size_t i, size_t end,
                      float *y)
{
    for (; i < end; i += UP_LANES)
        for (size_t l = 0; l < b->lines; l++)
            rows_few(x, b->weight + l * b->weight_stride, b->taps,
                     (struct up_span){i, end - i < UP_LANES ? end - i : UP_LANES},
                     y + l * b->line_stride);
}

void UP_KERNEL(blend_rows)(const struct up_blend_rows *b, const float *const *x, float *y)
{
    size_t i = 0;
    struct up_blend_rows direct = *b;
    if (b->stream) {
        const size_t rest = up_line_rest(y);
        i = rest < b->count ? rest : b->count;
        direct.stream = b->lines == 1 || b->line_stride % UP_LINE_FLOATS == 0;
        rows_rest(b, x, 0, i, y);
    }
    if (b->taps == 2 && b->lines == 2)
        i = rows_groups(&direct, x, 2, 2, i, y);
    else if (b->lines == 2)
        i = rows_groups(&direct, x, b->taps, 2, i, y);
    else
        i = rows_groups(&direct, x, b->taps, 1, i, y);
    rows_rest(b, x, i, b->count, y);
}

/* --- Pixels --------------------------------------------------------------------------------- */

/* Asks for the cache line that is stored soon. Lines of outputs are so many, and their pieces so
 * short, that the processor does not see by itself which one that is. */
UP_INLINE void fetch_ahead(const float *y)
{
    __builtin_prefetch((const char *)((uintptr_t)y + AHEAD_BYTES), 1);
}

/* So many vectors of a pixel. Inlined where taps and vectors are constants, which makes loops
 * straight lines. */
UP_INLINE void pixel_vectors(const struct up_blend *b, const float *x, const float *weight,
                             size_t taps, size_t vectors, float *y)
{
    up_vf sum[GROUP], w = up_splat(weight[0]);
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++)
        sum[v] = up_first(up_load(x + v * UP_LANES) * w);
    for (size_t k = 1; k < taps; k++) {
        w = up_splat(weight[k]);
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++)
            sum[v] += up_load(x + k * b->x_stride + v * UP_LANES) * w;
    }
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++) {
        if (!b->stream && v * UP_LANES % UP_LINE_FLOATS == 0)
            fetch_ahead(y + v * UP_LANES);
        put(y + v * UP_LANES, sum[v], b->stream);
    }
}

/* Inlined where taps or channels are constants. */
UP_INLINE void pixel(const struct up_blend *b, const float *x, const float *weight, size_t taps,
                     size_t channels, float *y)
{
    size_t c = 0;
    for (; c + GROUP_FLOATS <= channels; c += GROUP_FLOATS)
        pixel_vectors(b, x + c, weight, taps, GROUP, y + c);
    for (; c + 2 * UP_LANES <= channels; c += 2 * UP_LANES)
        pixel_vectors(b, x + c, weight, taps, 2, y + c);
    for (; c + UP_LANES <= channels; c += UP_LANES)
        pixel_vectors(b, x + c, weight, taps, 1, y + c);
    if (c == channels)
        return;
    up_vf sum = up_first(up_load_first(x + c, channels - c) * up_splat(weight[0]));
    for (size_t k = 1; k < taps; k++)
        sum += up_load_first(x + k * b->x_stride + c, channels - c) * up_splat(weight[k]);
    up_store_first(y + c, sum, channels - c);
}

/* Of fewer channels than a vector has lanes, one by one. */
UP_INLINE void pixel_small(const struct up_blend *b, const float *x, const float *weight,
                           size_t taps, size_t channels, float *y)
{
    for (size_t c = 0; c < channels; c++) {
        float sum = x[c] * weight[0];
        UP_ROUNDED(sum);
        for (size_t k = 1; k < taps; k++)
            sum += x[k * b->x_stride + c] * weight[k];
        y[c] = sum;
    }
}

/* A pixel of each line. Inlined as above. */
UP_INLINE void pixels(const struct up_blend *b, const float *x, const float *weight, size_t taps,
                      size_t channels, float *y)
{
    for (size_t l = 0; l < b->lines; l++, x += b->x_line, y += b->y_line)
        if (channels < 4)
            pixel_small(b, x, weight, taps, channels, y);
        else
            pixel(b, x, weight, taps, channels, y);
}

UP_INLINE void line(const struct up_blend *blend, const float *x, size_t channels, float *y)
{
    const struct up_blend b = *blend; /* which no store to y may change */
    const float *weight = b.weight;
    for (size_t p = 0; p < b.pixels; p++, weight += b.taps, y += b.y_stride) {
        const float *from = x + (b.span[p].first - b.origin) * b.x_stride;
        const size_t count = b.span[p].count;
        if (count == 2)
            pixels(&b, from, weight, 2, channels, y);
        else if (count == 4)
            pixels(&b, from, weight, 4, channels, y);
        else
            pixels(&b, from, weight, count, channels, y);
    }
}

static void lines(const struct up_blend *b, const float *x, float *y)
{
    if (b->channels == 1)
        line(b, x, 1, y);
    else if (b->channels == 3)
        line(b, x, 3, y);
    else if (b->channels == 2 * UP_LANES)
        line(b, x, 2 * UP_LANES, y);
    else if (b->channels == GROUP_FLOATS)
        line(b, x, GROUP_FLOATS, y);
    else
        line(b, x, b->channels, y);
}

/* Pixels of a line that do not begin at cache lines, by way of the nearest cache. */
static void staged(const struct up_blend *b, const float *x, float *y)
{
    _Alignas(UP_ALIGN_BYTES) float buffer[PIECE_FLOATS];
    const size_t most = PIECE_FLOATS / b->channels;
    struct up_blend piece = *b;
    piece.stream = false;
    piece.lines = 1;
    for (size_t left = b->pixels; left > 0; left -= piece.pixels) {
        piece.pixels = left < most ? left : most;
        lines(&piece, x, buffer);
        UP_KERNEL(stream)(buffer, piece.pixels * b->channels, y);
        piece.span += piece.pixels;
        piece.weight += piece.pixels * b->taps;
        y += piece.pixels * b->channels;
    }
}

static bool lines_aligned(const struct up_blend *b, const float *y)
{
    return b->channels % UP_LINE_FLOATS == 0 && b->y_stride % UP_LINE_FLOATS == 0 &&
           up_line_rest(y) == 0 && (b->lines == 1 || b->y_line % UP_LINE_FLOATS == 0);
}

void UP_KERNEL(blend_pixels)(const struct up_blend *b, const float *x, float *y)
{
    struct up_blend direct = *b;
    direct.stream = b->stream && lines_aligned(b, y);
    const bool dense = b->y_stride == b->channels && b->channels <= PIECE_FLOATS;
    if (!b->stream || direct.stream || !dense)
        lines(&direct, x, y);
    else
        for (size_t l = 0; l < b->lines; l++)
            staged(b, x + l * b->x_line, y + l * b->y_line);
}
