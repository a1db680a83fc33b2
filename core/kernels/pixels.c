/* DESIGN
 * Dense pixels of few channels to rows of one channel each, and back.
 *
 * Two and three channels: vectors of rows to as many of pixels, by permutations. More: as many
 * pixels as a vector has lanes (a vector's half of each, where that holds a pixel), transposed in
 * registers as if there were more channels. What is read too much belongs to the next pixel, and
 * what is written too much the next pixel overwrites: so they go in order, and the last ones are
 * left to the caller. */
#include "core/kernels/squares.h"

/* --- Two and three channels ------------------------------------------------------------------- */

/* Lanes i to i + 1, or more, of both by turns; and every second of both, from the first on. */
#define TURNS2(i)    (i), (i) + UP_LANES, (i) + 1, (i) + 1 + UP_LANES
#define TURNS4(i)    TURNS2(i), TURNS2((i) + 2)
#define TURNS8(i)    TURNS4(i), TURNS4((i) + 4)
#define SECONDS4(i)  (i), (i) + 2, (i) + 4, (i) + 6
#define SECONDS8(i)  SECONDS4(i), SECONDS4((i) + 8)
#define SECONDS16(i) SECONDS8(i), SECONDS8((i) + 16)
#if UP_LANES == 16
#define TURNS   TURNS8
#define SECONDS SECONDS16
#elif UP_LANES == 8
#define TURNS   TURNS4
#define SECONDS SECONDS8
#else
#define TURNS   TURNS2
#define SECONDS SECONDS4
#endif

static size_t pairs_join(const float *x, size_t x_stride, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES) {
        const up_vf a = up_load(x + p), b = up_load(x + x_stride + p);
        up_store(y + 2 * p, UP_PICK(up_vf, a, b, TURNS(0)));
        up_store(y + 2 * p + UP_LANES, UP_PICK(up_vf, a, b, TURNS(UP_LANES / 2)));
    }
    return p;
}

static size_t pairs_split(const float *x, size_t pixels, float *y, size_t y_stride)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES) {
        const up_vf a = up_load(x + 2 * p), b = up_load(x + 2 * p + UP_LANES);
        up_store(y + p, UP_PICK(up_vf, a, b, SECONDS(0)));
        up_store(y + y_stride + p, UP_PICK(up_vf, a, b, SECONDS(1)));
    }
    return p;
}

/* Each lane of three vectors comes from a lane of one of three others, and from none (-1) of the
 * rest. Value i of dense pixels is in their vector i / UP_LANES, and of channel i % 3. */
#define TO_PIXELS(to, from, i) ((to)*UP_LANES + (i)) % 3 == (from) ? ((to)*UP_LANES + (i)) / 3 : -1
#define TO_ROWS(to, from, i)                                                                       \
    (3 * (i) + (to)) / UP_LANES == (from) ? (3 * (i) + (to)) % UP_LANES : -1

#define FOUR(lane, to, from, i)                                                                    \
    lane(to, from, i), lane(to, from, i + 1), lane(to, from, i + 2), lane(to, from, i + 3)
#define EIGHT(lane, to, from, i) FOUR(lane, to, from, i), FOUR(lane, to, from, i + 4)
#if UP_LANES == 16
#define LANES(lane, to, from) EIGHT(lane, to, from, 0), EIGHT(lane, to, from, 8)
#elif UP_LANES == 8
#define LANES(lane, to, from) EIGHT(lane, to, from, 0)
#else
#define LANES(lane, to, from) FOUR(lane, to, from, 0)
#endif
/* clang-format off */
#define FROM_EACH(lane, to) {{LANES(lane, to, 0)}, {LANES(lane, to, 1)}, {LANES(lane, to, 2)}}
#define TO_EACH(lane)       {FROM_EACH(lane, 0), FROM_EACH(lane, 1), FROM_EACH(lane, 2)}
/* clang-format on */

static const up_vi to_pixels[3][3] = TO_EACH(TO_PIXELS), to_rows[3][3] = TO_EACH(TO_ROWS);

UP_INLINE void thirds_turn(const up_vi lane[3][3], const float *const x[3], float *const y[3])
{
    const up_vf a = up_load(x[0]), b = up_load(x[1]), c = up_load(x[2]);
    for (size_t i = 0; i < 3; i++)
        up_store(y[i], (up_vf)((up_vi)up_permute_some(a, lane[i][0]) |
                               (up_vi)up_permute_some(b, lane[i][1]) |
                               (up_vi)up_permute_some(c, lane[i][2])));
}

static size_t thirds_join(const float *x, size_t x_stride, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES, x += UP_LANES, y += 3 * UP_LANES)
        thirds_turn(to_pixels, (const float *const[]){x, x + x_stride, x + 2 * x_stride},
                    (float *const[]){y, y + UP_LANES, y + 2 * UP_LANES});
    return p;
}

static size_t thirds_split(const float *x, size_t pixels, float *y, size_t y_stride)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES, x += 3 * UP_LANES, y += UP_LANES)
        thirds_turn(to_rows, (const float *const[]){x, x + UP_LANES, x + 2 * UP_LANES},
                    (float *const[]){y, y + y_stride, y + 2 * y_stride});
    return p;
}

/* --- More ----------------------------------------------------------------------------------- */

#if UP_LANES > 4

/* A vector's pixels of `channels` each; also where these are fewer than lanes. */
UP_INLINE void vectors_join(const float *x, size_t x_stride, size_t channels, float *y)
{
    up_vf v[UP_LANES];
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        v[i] = up_load(x + (i < channels ? i : 0) * x_stride);
    up_vectors_turn(v);
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        up_store(y + i * channels, v[i]);
}

UP_INLINE void vectors_split(const float *x, size_t channels, float *y, size_t y_stride)
{
    up_vf v[UP_LANES];
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        v[i] = up_load(x + i * channels);
    up_vectors_turn(v);
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        if (i < channels)
            up_store(y + i * y_stride, v[i]);
}

#if UP_LANES == 16

enum { HALF = UP_LANES / 2 };

typedef float half __attribute__((vector_size(HALF * sizeof(float))));

UP_INLINE up_vf halves_load(const float *p, const float *q)
{
    half a, b;
    memcpy(&a, p, sizeof a);
    memcpy(&b, q, sizeof b);
    return __builtin_shufflevector(a, b, UP_QUAD_OF(0), UP_QUAD_OF(1), UP_QUAD_OF(2),
                                   UP_QUAD_OF(3));
}

UP_INLINE void half_store(float *p, up_vf v, const bool high)
{
    const half h = high ? __builtin_shufflevector(v, v, UP_QUAD_OF(2), UP_QUAD_OF(3))
                        : __builtin_shufflevector(v, v, UP_QUAD_OF(0), UP_QUAD_OF(1));
    memcpy(p, &h, sizeof h);
}

/* As vectors_join, of up to half as many channels. */
UP_INLINE void halves_join(const float *x, size_t x_stride, size_t channels, float *y)
{
    up_vf v[HALF], two[HALF]; /* pixels i and i + 4, and those 8 behind them */
    UP_UNROLL
    for (size_t i = 0; i < HALF; i++)
        v[i] = up_load(x + (i < channels ? i : 0) * x_stride);
    up_squares_turn(v);
    up_squares_turn(v + UP_QUAD);
    UP_UNROLL
    for (size_t i = 0; i < UP_QUAD; i++) {
        two[i] = __builtin_shufflevector(v[i], v[i + 4], UP_QUAD_OF(0), UP_QUAD_OF(4),
                                         UP_QUAD_OF(1), UP_QUAD_OF(5));
        two[i + 4] = __builtin_shufflevector(v[i], v[i + 4], UP_QUAD_OF(2), UP_QUAD_OF(6),
                                             UP_QUAD_OF(3), UP_QUAD_OF(7));
    }
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        half_store(y + i * channels, two[i / 8 * 4 + i % 4], i / 4 % 2 == 1);
}

UP_INLINE void halves_split(const float *x, size_t channels, float *y, size_t y_stride)
{
    up_vf v[HALF];
    UP_UNROLL
    for (size_t i = 0; i < HALF; i++)
        v[i] = halves_load(x + i * channels, x + (i + HALF) * channels);
    up_squares_turn(v);
    up_squares_turn(v + UP_QUAD);
    UP_UNROLL
    for (size_t i = 0; i < UP_QUAD; i++) {
        up_store(y + i * y_stride,
                 __builtin_shufflevector(v[i], v[i + 4], UP_QUAD_OF(0), UP_QUAD_OF(4),
                                         UP_QUAD_OF(2), UP_QUAD_OF(6)));
        if (i + 4 < channels)
            up_store(y + (i + 4) * y_stride,
                     __builtin_shufflevector(v[i], v[i + 4], UP_QUAD_OF(1), UP_QUAD_OF(5),
                                             UP_QUAD_OF(3), UP_QUAD_OF(7)));
    }
}

/* Quad i of each of the four, to vector i. */
UP_INLINE void quads_turn(up_vf v[UP_QUAD])
{
    const up_vf even = UP_EVEN_QUADS(v[0], v[1]), odd = UP_ODD_QUADS(v[0], v[1]);
    const up_vf even2 = UP_EVEN_QUADS(v[2], v[3]), odd2 = UP_ODD_QUADS(v[2], v[3]);
    v[0] = UP_EVEN_QUADS(even, even2);
    v[1] = UP_EVEN_QUADS(odd, odd2);
    v[2] = UP_ODD_QUADS(even, even2);
    v[3] = UP_ODD_QUADS(odd, odd2);
}

static size_t quads_join(const float *x, size_t x_stride, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES) {
        up_vf v[UP_QUAD];
        for (size_t i = 0; i < UP_QUAD; i++)
            v[i] = up_load(x + i * x_stride + p);
        up_squares_turn(v);
        quads_turn(v);
        for (size_t i = 0; i < UP_QUAD; i++)
            up_store(y + 4 * p + i * UP_LANES, v[i]);
    }
    return p;
}

static size_t quads_split(const float *x, size_t pixels, float *y, size_t y_stride)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES) {
        up_vf v[UP_QUAD];
        for (size_t i = 0; i < UP_QUAD; i++)
            v[i] = up_load(x + 4 * p + i * UP_LANES);
        quads_turn(v);
        up_squares_turn(v);
        for (size_t i = 0; i < UP_QUAD; i++)
            up_store(y + i * y_stride + p, v[i]);
    }
    return p;
}

#endif

static size_t more_join(const float *x, size_t x_stride, size_t channels, size_t pixels, float *y)
{
    size_t p = 0;
#if UP_LANES == 16
    if (channels == UP_QUAD)
        return quads_join(x, x_stride, pixels, y);
    for (; channels <= HALF && p + UP_LANES < pixels; p += UP_LANES)
        halves_join(x + p, x_stride, channels, y + p * channels);
#endif
    for (; channels > UP_LANES / 2 && p + UP_LANES < pixels; p += UP_LANES)
        vectors_join(x + p, x_stride, channels, y + p * channels);
    return p;
}

static size_t more_split(const float *x, size_t channels, size_t pixels, float *y, size_t y_stride)
{
    size_t p = 0;
#if UP_LANES == 16
    if (channels == UP_QUAD)
        return quads_split(x, pixels, y, y_stride);
    for (; channels <= HALF && p + UP_LANES < pixels; p += UP_LANES)
        halves_split(x + p * channels, channels, y + p, y_stride);
#endif
    for (; channels > UP_LANES / 2 && p + UP_LANES < pixels; p += UP_LANES)
        vectors_split(x + p * channels, channels, y + p, y_stride);
    return p;
}

#endif

size_t UP_KERNEL(pixels_join)(const float *x, size_t x_stride, size_t channels, size_t pixels,
                              float *y)
{
    if (channels == 2)
        return pairs_join(x, x_stride, pixels, y);
    if (channels == 3 && UP_PERMUTES)
        return thirds_join(x, x_stride, pixels, y);
#if UP_LANES > 4
    if (channels > 3 && channels < UP_LANES)
        return more_join(x, x_stride, channels, pixels, y);
#endif
    return 0;
}

size_t UP_KERNEL(pixels_split)(const float *x, size_t channels, size_t pixels, float *y,
                               size_t y_stride)
{
    if (channels == 2)
        return pairs_split(x, pixels, y, y_stride);
    if (channels == 3 && UP_PERMUTES)
        return thirds_split(x, pixels, y, y_stride);
#if UP_LANES > 4
    if (channels > 3 && channels < UP_LANES)
        return more_split(x, channels, pixels, y, y_stride);
#endif
    return 0;
}
