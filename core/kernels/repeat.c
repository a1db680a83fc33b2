/* DESIGN
 * Where a vector holds several pixels, or pixels whole vectors, stretching a line is a periodic
 * pattern: each vector of a period is one permutation of a vector of inputs. The plan makes the
 * pattern once. Pixels of whole vectors need none. Other pixels are copied one by one, in vectors
 * that overlap.
 *
 * A line is made in one go from its first cache line to its last: in that order stores are twice as
 * fast as copies of short pieces. The lines that are equal to it are copies of it while it is near,
 * by the C library's fastest way; where they go around the cache, it is not near, and they are made
 * from the inputs again. Pixels that are copied one by one are not worth that: their line is made
 * piece by piece in a buffer in the nearest cache, and goes from there to every line that is equal
 * to it; pieces are so short that the processor makes one while it still stores the one before. */
#include "core/kernels/vec.h"

enum {
    PIECE_FLOATS = 512,
    PIECE_PIXELS = 16, /* where they fit, pieces are a multiple of it: of cache lines, then */
};

static size_t divisor(size_t a, size_t b)
{
    while (b != 0) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* One vector of outputs, from output `first` on; false where it needs more than one of inputs. It
 * is taken from the period's `inputs`, where these are a vector, lest the last period reads on. */
static bool vector_make(size_t channels, size_t factor, size_t inputs, size_t first,
                        size_t *ret_base, int32_t *ret_index)
{
    const size_t copied = channels * factor;
    size_t low = inputs < UP_LANES ? inputs : inputs - UP_LANES, high = 0, from[UP_LANES];
    for (size_t i = 0; i < UP_LANES; i++) {
        const size_t output = first + i;
        from[i] = output / copied * channels + output % channels;
        low = from[i] < low ? from[i] : low;
        high = from[i] > high ? from[i] : high;
    }
    for (size_t i = 0; i < UP_LANES; i++)
        ret_index[i] = (int32_t)(from[i] - low);
    *ret_base = low;
    return high - low < UP_LANES;
}

void UP_KERNEL(repeat_pattern)(size_t channels, size_t factor, struct up_pattern *ret)
{
    const size_t copied = channels * factor, common = divisor(copied, UP_LANES);
    const size_t times = copied / common < 3 ? 4 / (copied / common) : 1; /* loops cost, too */
    *ret = (struct up_pattern){.vectors = copied / common * times,
                               .pixels = UP_LANES / common * times};
    bool made = UP_PERMUTES && ret->vectors <= UP_PATTERN_VECTORS;
    for (size_t v = 0; made && v < ret->vectors; v++) {
        made = vector_make(channels, factor, ret->pixels * channels, v * UP_LANES, &ret->base[v],
                           ret->index[v]);
        const size_t reach = ret->base[v] + UP_LANES;
        ret->reach = reach > ret->reach ? reach : ret->reach;
    }
    if (!made)
        ret->vectors = 0;
}

UP_INLINE void put(float *y, up_vf v, bool stream)
{
    if (stream)
        up_stream(y, v);
    else
        up_store(y, v);
}

/* Pixels of whole vectors; returns how many that were: all. Inlined for what is constant. */
UP_INLINE size_t whole(const float *x, size_t pixels, size_t channels, size_t factor, bool stream,
                       float *y)
{
    for (size_t p = 0; p < pixels; p++, x += channels)
        for (size_t f = 0; f < factor; f++, y += channels)
            for (size_t c = 0; c < channels; c += UP_LANES)
                put(y + c, up_load(x + c), stream);
    return pixels;
}

/* Whole periods; returns how many pixels that were. Inlined for what is constant. */
UP_INLINE size_t periods(const struct up_repeat *r, size_t vectors, const float *x, size_t pixels,
                         size_t readable, bool stream, float *y)
{
    const size_t each = r->pattern->pixels, step = each * r->channels, reach = r->pattern->reach;
    size_t left = pixels, base[UP_PATTERN_VECTORS];
    up_vi index[UP_PATTERN_VECTORS];
    for (size_t v = 0; v < vectors; v++) { /* into registers, where they are few */
        base[v] = r->pattern->base[v];
        memcpy(&index[v], r->pattern->index[v], sizeof index[v]);
    }
    for (; left >= each && readable >= reach; left -= each, readable -= step, x += step)
        for (size_t v = 0; v < vectors; v++, y += UP_LANES)
            put(y, up_permute(up_load(x + base[v]), index[v]), stream);
    return pixels - left;
}

/* As many pixels as make whole vectors; returns how many that were. */
UP_INLINE size_t weave(const struct up_repeat *r, const float *x, size_t pixels, bool stream,
                       float *y)
{
    const size_t vectors = r->pattern->vectors, readable = pixels * r->channels;
    if (r->channels == 4 * UP_LANES && r->factor == 2)
        return whole(x, pixels, 4 * UP_LANES, 2, stream, y);
    if (r->channels % UP_LANES == 0)
        return whole(x, pixels, r->channels, r->factor, stream, y);
    if (vectors == 3)
        return periods(r, 3, x, pixels, readable, stream, y);
    if (vectors == 4)
        return periods(r, 4, x, pixels, readable, stream, y);
    return periods(r, vectors, x, pixels, readable, stream, y);
}

/* The last vector overlaps the one before it: inlined for a width that is a constant. */
UP_INLINE void overlapped(const float *x, size_t count, size_t width, float *y)
{
    for (size_t i = 0; i + width < count; i += width)
        memcpy(y + i, x + i, width * sizeof *y);
    memcpy(y + count - width, x + count - width, width * sizeof *y);
}

static void copies_few(const float *x, size_t pixels, size_t channels, size_t factor, float *y)
{
    for (size_t p = 0; p < pixels; p++, x += channels)
        for (size_t f = 0; f < factor; f++, y += channels)
            for (size_t c = 0; c < channels; c++)
                y[c] = x[c];
}

static void copies(const float *x, size_t pixels, size_t channels, size_t factor, float *y)
{
    if (channels == 1 && factor == 2)
        copies_few(x, pixels, 1, 2, y);
    else if (channels == 1)
        copies_few(x, pixels, 1, factor, y);
    else if (channels == 3)
        copies_few(x, pixels, 3, factor, y);
    else if (channels < 4)
        copies_few(x, pixels, channels, factor, y);
    else
        for (size_t p = 0; p < pixels; p++, x += channels)
            for (size_t f = 0; f < factor; f++, y += channels) {
                if (channels >= UP_LANES)
                    overlapped(x, channels, UP_LANES, y);
                else if (channels >= 8)
                    overlapped(x, channels, 8, y);
                else
                    overlapped(x, channels, 4, y);
            }
}

static size_t aligned_pixel(const struct up_repeat *r, const float *y)
{
    size_t first = 0;
    while (first < UP_LINE_FLOATS && up_line_rest(y + first * r->channels * r->factor) != 0)
        first++;
    return first;
}

/* One line in place; false where it is to be streamed, and no pixel's copies start at a cache line.
 */
static bool line(const struct up_repeat *r, const float *x, float *y)
{
    const size_t copied = r->channels * r->factor, aligned = aligned_pixel(r, y);
    const bool able = aligned < UP_LINE_FLOATS && aligned <= r->pixels;
    if (!able && r->stream)
        return false;
    const size_t first = able ? aligned : 0, pixels = r->pixels - first;
    copies(x, first, r->channels, r->factor, y);
    x += first * r->channels;
    y += first * copied;
    const size_t done = r->stream ? weave(r, x, pixels, true, y) : weave(r, x, pixels, false, y);
    copies(x + done * r->channels, pixels - done, r->channels, r->factor, y + done * copied);
    return true;
}

/* The first line to the others. */
static void lines_copy(const struct up_repeat *r, float *y)
{
    const size_t bytes = r->pixels * r->factor * r->channels * sizeof *y;
    for (size_t l = 1; l < r->lines; l++)
        memcpy(y + l * r->line_stride, y, bytes);
}

/* Values to another line: not by memcpy, whose ways are slower where the line is not near. */
static void send(const struct up_repeat *r, const float *x, size_t count, float *y)
{
    if (r->stream)
        UP_KERNEL(stream)(x, count, y);
    else if (count >= UP_LANES)
        overlapped(x, count, UP_LANES, y);
    else
        memcpy(y, x, count * sizeof *y);
}

/* Pixels whose copies no piece would hold: each goes straight to its own. */
static void repeat_large(const struct up_repeat *r, const float *x, float *y)
{
    for (size_t p = 0; p < r->pixels; p++, x += r->channels)
        for (size_t l = 0; l < r->lines; l++)
            for (size_t f = 0; f < r->factor; f++)
                send(r, x, r->channels, y + l * r->line_stride + (p * r->factor + f) * r->channels);
}

/* Pieces of the line, which go to every line. */
static void repeat_pieces(const struct up_repeat *r, const float *x, float *y)
{
    _Alignas(UP_ALIGN_BYTES) float buffer[PIECE_FLOATS];
    const size_t copied = r->channels * r->factor, fit = PIECE_FLOATS / copied;
    const size_t most = fit < PIECE_PIXELS ? fit : fit / PIECE_PIXELS * PIECE_PIXELS;
    for (size_t p = 0; p < r->pixels; p += most) {
        const size_t pixels = r->pixels - p < most ? r->pixels - p : most;
        copies(x + p * r->channels, pixels, r->channels, r->factor, buffer);
        for (size_t l = 0; l < r->lines; l++)
            send(r, buffer, pixels * copied, y + l * r->line_stride + p * copied);
    }
}

void UP_KERNEL(repeat)(const struct up_repeat *repeat, const float *x, float *y)
{
    struct up_repeat rest = *repeat;
    const bool woven = rest.pattern->vectors > 0 || rest.channels % UP_LANES == 0;
    for (; woven && rest.lines > 0 && line(&rest, x, y); rest.lines--, y += rest.line_stride)
        if (!rest.stream) {
            lines_copy(&rest, y);
            return;
        }
    if (rest.lines == 0)
        return;
    if (rest.channels * rest.factor > PIECE_FLOATS)
        repeat_large(&rest, x, y);
    else
        repeat_pieces(&rest, x, y);
}
