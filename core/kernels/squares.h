/* Squares of 4 x 4 values, as many at once as a vector has quads, and where their quads go. */
#ifndef UP_SQUARES_H
#define UP_SQUARES_H

#include "core/kernels/vec.h"

enum { UP_QUAD = 4 };

typedef float up_quad __attribute__((vector_size(UP_QUAD * sizeof(float))));

/* Lanes of a, and after them of b. */
#if defined(__clang__)
#define UP_PICK(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int up_quad_places __attribute__((vector_size(UP_QUAD * sizeof(int))));
typedef int up_vf_places __attribute__((vector_size(UP_LANES * sizeof(int))));
#define UP_PICK(type, a, b, ...) __builtin_shuffle(a, b, (type##_places){__VA_ARGS__})
#endif

/* In each quad of both alike, lanes by the names of LOW to LAST. */
#define UP_LOW(i)   (i), (i) + UP_LANES, (i) + 1, (i) + 1 + UP_LANES
#define UP_HIGH(i)  UP_LOW((i) + 2)
#define UP_FIRST(i) (i), (i) + 1, (i) + UP_LANES, (i) + 1 + UP_LANES
#define UP_LAST(i)  UP_FIRST((i) + 2)
#if UP_LANES == 16
#define UP_EACH_QUAD(a, b, lanes) UP_PICK(up_vf, a, b, lanes(0), lanes(4), lanes(8), lanes(12))
#elif UP_LANES == 8
#define UP_EACH_QUAD(a, b, lanes) UP_PICK(up_vf, a, b, lanes(0), lanes(4))
#else
#define UP_EACH_QUAD(a, b, lanes) UP_PICK(up_vf, a, b, lanes(0))
#endif

/* The lanes of quad i of a vector, as __builtin_shufflevector names them. */
#define UP_QUAD_OF(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3

/* Every second quad of a, and after them of b. */
#if UP_LANES == 16
#define UP_EVEN_QUADS(a, b)                                                                        \
    __builtin_shufflevector(a, b, UP_QUAD_OF(0), UP_QUAD_OF(2), UP_QUAD_OF(4), UP_QUAD_OF(6))
#define UP_ODD_QUADS(a, b)                                                                         \
    __builtin_shufflevector(a, b, UP_QUAD_OF(1), UP_QUAD_OF(3), UP_QUAD_OF(5), UP_QUAD_OF(7))
#elif UP_LANES == 8
#define UP_EVEN_QUADS(a, b) __builtin_shufflevector(a, b, UP_QUAD_OF(0), UP_QUAD_OF(2))
#define UP_ODD_QUADS(a, b)  __builtin_shufflevector(a, b, UP_QUAD_OF(1), UP_QUAD_OF(3))
#endif

UP_INLINE up_quad up_quad_load(const float *p)
{
    up_quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

UP_INLINE void up_quad_store(float *p, up_quad q)
{
    memcpy(p, &q, sizeof q);
}

/* Quad i of all four as a square, transposed. */
UP_INLINE void up_squares_turn(up_vf v[UP_QUAD])
{
    const up_vf low = UP_EACH_QUAD(v[0], v[1], UP_LOW), low2 = UP_EACH_QUAD(v[2], v[3], UP_LOW);
    const up_vf high = UP_EACH_QUAD(v[0], v[1], UP_HIGH), high2 = UP_EACH_QUAD(v[2], v[3], UP_HIGH);
    v[0] = UP_EACH_QUAD(low, low2, UP_FIRST);
    v[1] = UP_EACH_QUAD(low, low2, UP_LAST);
    v[2] = UP_EACH_QUAD(high, high2, UP_FIRST);
    v[3] = UP_EACH_QUAD(high, high2, UP_LAST);
}

#if UP_LANES > 4

/* As many vectors as one has lanes, transposed: the squares are, and then their places. */
UP_INLINE void up_vectors_turn(up_vf v[UP_LANES])
{
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i += UP_QUAD)
        up_squares_turn(v + i);
    UP_UNROLL
    for (size_t i = 0; i < UP_QUAD; i++) {
        up_vf *const at = v + i;
        const up_vf even = UP_EVEN_QUADS(at[0], at[4]), odd = UP_ODD_QUADS(at[0], at[4]);
#if UP_LANES == 16
        const up_vf even2 = UP_EVEN_QUADS(at[8], at[12]), odd2 = UP_ODD_QUADS(at[8], at[12]);
        at[0] = UP_EVEN_QUADS(even, even2);
        at[4] = UP_EVEN_QUADS(odd, odd2);
        at[8] = UP_ODD_QUADS(even, even2);
        at[12] = UP_ODD_QUADS(odd, odd2);
#else
        at[0] = even;
        at[4] = odd;
#endif
    }
}

#endif

#endif
