/* Vectors of doubles, for what a float has too few digits for: half as many as a vector has floats.
 */
#ifndef UP_DOUBLES_H
#define UP_DOUBLES_H

#include "core/kernels/vec.h"

enum { UP_HALF = UP_LANES / 2 }; /* doubles of one vector */

typedef float up_vh __attribute__((vector_size(UP_HALF * sizeof(float))));
typedef double up_vd __attribute__((vector_size(UP_HALF * sizeof(double))));

/* By name: compilers make two conversions of halves, and one of these, of __builtin_convertvector.
 */
UP_INLINE up_vd up_doubles(up_vh v)
{
#if defined(__x86_64__) && UP_LANES == 16
    return _mm512_cvtps_pd((__m256)v);
#elif defined(__x86_64__) && UP_LANES == 8
    return _mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, up_vd);
#endif
}

UP_INLINE up_vh up_floats(up_vd v)
{
#if defined(__x86_64__) && UP_LANES == 16
    return (up_vh)_mm512_cvtpd_ps(v);
#elif defined(__x86_64__) && UP_LANES == 8
    return (up_vh)_mm256_cvtpd_ps(v);
#else
    return __builtin_convertvector(v, up_vh);
#endif
}

/* `count` <= UP_HALF floats as doubles; the other lanes are 0, and nothing of them is touched. */
UP_INLINE up_vd up_widen(const float *x, size_t count)
{
    up_vh v = {0};
    if (count < UP_HALF) {
        memcpy(&v, x, count * sizeof *x);
        return up_doubles(v);
    }
    up_vh all; /* a variable of its own: it stays in a register */
    memcpy(&all, x, sizeof all);
    return up_doubles(all);
}

UP_INLINE void up_narrow(float *y, up_vd v, size_t count)
{
    const up_vh narrow = up_floats(v);
    if (count == UP_HALF)
        memcpy(y, &narrow, sizeof narrow);
    else
        memcpy(y, &narrow, count * sizeof *y);
}

#endif
