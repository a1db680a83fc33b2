/* The vector type of one instruction set, and the names of its kernels. Every file in this folder
 * but dispatch.c is compiled once per instruction set, with UP_ISA (a name) and UP_LANES (floats of
 * one vector) given by the build line; nothing else in it may depend on the machine. */
#ifndef UP_VEC_H
#define UP_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/kernels/kernels.h"

typedef float up_vf __attribute__((vector_size(UP_LANES * sizeof(float))));
typedef int32_t up_vi __attribute__((vector_size(UP_LANES * sizeof(int32_t))));

#define UP_PASTE_(a, b) a##_##b
#define UP_PASTE(a, b)  UP_PASTE_(a, b)
#define UP_KERNEL(name) UP_PASTE(up_kernel_##name, UP_ISA) /* up_kernel_tile_avx2 */
#define UP_INLINE       static inline __attribute__((always_inline))

/* Before a loop of constant length: all its turns, one after the other. Clang takes a number for
 * less than that, and leaves the loop and its accumulators in memory. */
#ifdef __clang__
#define UP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define UP_UNROLL _Pragma("GCC unroll 16")
#endif

/* Accumulators fill the registers: rows x vectors, beside the vectors of one line of the panel and
 * one broadcast. Most panels have UP_TILE_VECTORS. NEON multiplies by a lane of a register, and GCC
 * loads the lanes of all rows at once: of its 32 registers 5 rows of 4 vectors use 29; 6 rows would
 * spill in the inner loop. */
#ifdef __aarch64__
enum {
    UP_REGISTERS = 32,
    UP_TILE_ROWS_OF_1 = 12,
    UP_TILE_ROWS_OF_2 = 8,
    UP_TILE_ROWS_OF_3 = 6,
    UP_TILE_ROWS_OF_4 = 5,
    UP_TILE_VECTORS = 4,
    UP_TILE_ROWS = UP_TILE_ROWS_OF_4,
};
#else
enum {
    UP_REGISTERS = UP_LANES == 16 ? 32 : 16,
    UP_TILE_ROWS_OF_1 = UP_LANES >= 8 ? 12 : 8,
    UP_TILE_ROWS_OF_2 = UP_LANES == 16  ? 12
                        : UP_LANES == 8 ? 6
                                        : 4,
    UP_TILE_ROWS_OF_3 = UP_LANES == 16  ? 8
                        : UP_LANES == 8 ? 4
                                        : 3,
    UP_TILE_ROWS_OF_4 = UP_LANES == 16 ? 6 : 2,
    UP_TILE_VECTORS = 2,
    UP_TILE_ROWS = UP_TILE_ROWS_OF_2,
};
#endif
enum {
    UP_TILE_COLUMNS = UP_TILE_VECTORS * UP_LANES,
    UP_PLANAR_OUTPUTS = UP_REGISTERS == 32 ? 8 : 6,
};

#if defined(__AVX2__) && !defined(__AVX512F__)
/* All bits of the first `count` lanes. */
UP_INLINE __m256i up_mask_first(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

UP_INLINE up_vf up_load(const float *p)
{
    up_vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

UP_INLINE void up_store(float *p, up_vf v)
{
    memcpy(p, &v, sizeof v);
}

/* The first `count` lanes; what is loaded of the others is 0, and nothing of them is touched. A
 * loop to `count` would be a call of memcpy. */
UP_INLINE up_vf up_load_some(const float *p, size_t count)
{
#if defined(__AVX512F__)
    return _mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), p);
#elif defined(__AVX2__)
    return _mm256_maskload_ps(p, up_mask_first(count));
#else
    up_vf v = {0};
    UP_UNROLL for (size_t i = 0; i < UP_LANES; i++) if (i < count) v[i] = p[i];
    return v;
#endif
}

UP_INLINE void up_store_some(float *p, up_vf v, size_t count)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1U << count) - 1), v);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, up_mask_first(count), v);
#else
    UP_UNROLL for (size_t i = 0; i < UP_LANES; i++) if (i < count) p[i] = v[i];
#endif
}

/* The same where all lanes are the rule. */
UP_INLINE up_vf up_load_first(const float *p, size_t count)
{
    return count == UP_LANES ? up_load(p) : up_load_some(p, count);
}

UP_INLINE void up_store_first(float *p, up_vf v, size_t count)
{
    if (count == UP_LANES)
        up_store(p, v);
    else
        up_store_some(p, v, count);
}

enum { UP_LINE_FLOATS = 16 }; /* of a cache line */

/* Floats from p to the next cache line's start. */
UP_INLINE size_t up_line_rest(const float *p)
{
    return (0 - (uintptr_t)p / sizeof *p) % UP_LINE_FLOATS;
}

/* A store around the cache where the machine has one; p is vector aligned. Whole cache lines should
 * be stored so, one after the other. */
UP_INLINE void up_stream(float *p, up_vf v)
{
#if defined(__x86_64__) && UP_LANES == 16
    _mm512_stream_ps(p, v);
#elif defined(__x86_64__) && UP_LANES == 8
    _mm256_stream_ps(p, v);
#elif defined(__x86_64__)
    _mm_stream_ps(p, v);
#else
    up_store(p, v);
#endif
}

/* Whether up_permute is one instruction. */
#define UP_PERMUTES (UP_LANES >= 8)

/* Lane i of the result is v's lane index[i]. */
UP_INLINE up_vf up_permute(up_vf v, up_vi index)
{
#if defined(__x86_64__) && UP_LANES == 16
    return _mm512_permutexvar_ps((__m512i)index, v);
#elif defined(__x86_64__) && UP_LANES == 8
    return _mm256_permutevar8x32_ps(v, (__m256i)index);
#else
    up_vf r = {0};
    for (int i = 0; i < UP_LANES; i++)
        r[i] = v[index[i]];
    return r;
#endif
}

/* Lane i of the result is v's lane index[i], and 0 where index is below 0. */
UP_INLINE up_vf up_permute_some(up_vf v, up_vi index)
{
#if defined(__x86_64__) && UP_LANES == 16
    const __mmask16 there = _mm512_cmpge_epi32_mask((__m512i)index, _mm512_setzero_si512());
    return _mm512_maskz_permutexvar_ps(there, (__m512i)index, v);
#elif defined(__x86_64__) && UP_LANES == 8
    return (up_vf)((up_vi)_mm256_permutevar8x32_ps(v, (__m256i)index) & (index >= 0));
#else
    up_vf r = {0};
    for (int i = 0; i < UP_LANES; i++)
        if (index[i] >= 0)
            r[i] = v[index[i]];
    return r;
#endif
}

enum { UP_TABLE = 16 };

/* Lane i of the result is table[index[i]], of UP_TABLE entries. */
UP_INLINE up_vi up_lookup(const uint32_t *table, up_vi index)
{
#if defined(__x86_64__) && UP_LANES == 16
    return (up_vi)_mm512_permutexvar_epi32((__m512i)index, _mm512_loadu_si512(table));
#elif defined(__x86_64__) && UP_LANES == 8
    const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)table);
    const __m256i last = _mm256_loadu_si256((const __m256i *)(const void *)(table + 8));
    return (up_vi)_mm256_blendv_ps((__m256)_mm256_permutevar8x32_epi32(first, (__m256i)index),
                                   (__m256)_mm256_permutevar8x32_epi32(last, (__m256i)index),
                                   (__m256)(index << 28));
#else
    up_vi r = {0};
    for (int i = 0; i < UP_LANES; i++)
        r[i] = (int32_t)table[index[i]];
    return r;
#endif
}

/* Byte i of the result is bytes[index[i]], for i < 16; every index is below 16. */
UP_INLINE void up_shuffle(const void *restrict bytes, const uint8_t *restrict index,
                          void *restrict ret)
{
#if defined(__SSSE3__)
    const __m128i from = _mm_loadu_si128(bytes);
    _mm_storeu_si128(ret, _mm_shuffle_epi8(from, _mm_loadu_si128((const void *)index)));
#elif defined(__aarch64__)
    vst1q_u8(ret, vqtbl1q_u8(vld1q_u8(bytes), vld1q_u8(index)));
#else
    for (int i = 0; i < 16; i++)
        ((uint8_t *)ret)[i] = ((const uint8_t *)bytes)[index[i]];
#endif
}

/* Not `0 + x`, a real addition because of -0; nor lane by lane, which GCC turns into a broadcast
 * for each lane under AVX-512. */
UP_INLINE up_vf up_splat(float x)
{
    return x - (up_vf){0};
}

/* Lanes of `a` where they are greater, else of b: also where either is NaN, or both are zeros. */
UP_INLINE up_vf up_greater(up_vf a, up_vf b)
{
#if defined(__x86_64__) && UP_LANES == 16
    return _mm512_max_ps(a, b);
#elif defined(__x86_64__) && UP_LANES == 8
    return _mm256_max_ps(a, b);
#elif defined(__x86_64__)
    return _mm_max_ps(a, b);
#else
    const up_vi greater = a > b;
    return (up_vf)((greater & (up_vi)a) | (~greater & (up_vi)b));
#endif
}

UP_INLINE bool up_any_nan(up_vf v)
{
#if defined(__x86_64__) && UP_LANES == 16
    return _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q) != 0;
#elif defined(__x86_64__) && UP_LANES == 8
    return _mm256_movemask_ps(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)) != 0;
#elif defined(__x86_64__)
    return _mm_movemask_ps(_mm_cmpunord_ps(v, v)) != 0;
#else
    const up_vi nan = v != v;
    int32_t any = 0;
    for (int i = 0; i < UP_LANES; i++)
        any |= nan[i];
    return any != 0;
#endif
}

/* The product that a sum starts with, rounded. Without it, compilers choose by the code around it
 * whether the first product or the second is fused with their addition. */
#if defined(__x86_64__)
#define UP_ROUNDED(value) __asm__("" : "+v"(value))
#elif defined(__aarch64__)
#define UP_ROUNDED(value) __asm__("" : "+w"(value))
#else
#define UP_ROUNDED(value) (void)(value)
#endif

UP_INLINE up_vf up_first(up_vf product)
{
    UP_ROUNDED(product);
    return product;
}

/* Into a register that serves several sums. Without it GCC loads again for each of them. */
UP_INLINE up_vf up_load_once(const float *p)
{
    up_vf v = up_load(p);
    UP_ROUNDED(v);
    return v;
}

void UP_KERNEL(tile)(const struct up_tile *tile);
void UP_KERNEL(few)(const struct up_tile *tile);
void UP_KERNEL(planar)(const struct up_planar *planar);
void UP_KERNEL(stamped)(const struct up_stamped *stamped);
float UP_KERNEL(winograd_input)(const struct up_winograd_input *input);
void UP_KERNEL(winograd_output)(const struct up_winograd_output *output);
double UP_KERNEL(winograd_weights)(const struct up_winograd_weights *weights);
void UP_KERNEL(depthwise)(const struct up_depthwise *depthwise);
bool UP_KERNEL(grouped_pattern)(size_t width, size_t filters, struct up_grouped_pattern *ret);
void UP_KERNEL(grouped)(const struct up_grouped *grouped);
void UP_KERNEL(box_max)(const struct up_box *box, float *y);
void UP_KERNEL(box_mean)(const struct up_box *box, float *y);
void UP_KERNEL(stream)(const float *x, size_t count, float *y);
void UP_KERNEL(fence)(void);
void UP_KERNEL(repeat_pattern)(size_t channels, size_t factor, struct up_pattern *ret);
void UP_KERNEL(repeat)(const struct up_repeat *repeat, const float *x, float *y);
void UP_KERNEL(blend_rows)(const struct up_blend_rows *blend, const float *const *x, float *y);
void UP_KERNEL(blend_pixels)(const struct up_blend *blend, const float *x, float *y);
bool UP_KERNEL(weave_make)(const struct up_blend *blend, size_t inputs, struct up_weave *ret);
void UP_KERNEL(weave)(const struct up_blend *blend, const struct up_weave *weave,
                      struct up_span pixels, const float *x, float *y);
void UP_KERNEL(weave_rows)(const struct up_blend *blend, const struct up_weave *weave,
                           const struct up_blend_rows *rows, struct up_span pixels,
                           const float *const *x, float *y);
void UP_KERNEL(activate)(const struct up_activation *activation, const float *x, size_t count,
                         float *y);
void UP_KERNEL(activate_stream)(const struct up_activation *activation, const float *x,
                                size_t count, float *y);
void UP_KERNEL(softmax)(const float *x, size_t count, size_t width, float *y);
void UP_KERNEL(log_softmax)(const float *x, size_t count, size_t width, float *y);
void UP_KERNEL(softmax_across)(const float *x, const size_t *offset, size_t width, size_t count,
                               float *y);
void UP_KERNEL(sparsemax)(const float *x, size_t count, size_t width, float *y);
void UP_KERNEL(glu)(const float *x, size_t count, size_t width, float *y);
void UP_KERNEL(combine)(const struct up_combination *combination, const float *a, const float *b,
                        float *y);
void UP_KERNEL(contract)(const struct up_contraction *contraction, const float *a, const float *b,
                         float *y);
void UP_KERNEL(moments)(const struct up_groups *groups, const float *x, bool about_zero,
                        double *mean, double *square);
void UP_KERNEL(normalize)(const struct up_groups *groups,
                          const struct up_normalization *normalization, const float *x, float *y);
void UP_KERNEL(affine)(const struct up_affine *affine, const float *x, float *y);
void UP_KERNEL(copy)(const struct up_strided *s, const float *x, float *y);
void UP_KERNEL(transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                          size_t y_stride);
void UP_KERNEL(transpose_stream)(const float *x, size_t x_stride, size_t rows, size_t columns,
                                 float *y, size_t y_stride);
void UP_KERNEL(decimals)(const float *x, size_t count, struct up_decimals *ret);

/* Dense pixels of `channels` values each to rows of one channel, and back. They return how many
 * pixels they have moved, none where they have no way for so many channels; the rest is left to the
 * caller, who must move it afterwards, for some of it may have been overwritten. */
size_t UP_KERNEL(pixels_split)(const float *x, size_t channels, size_t pixels, float *y,
                               size_t y_stride);
size_t UP_KERNEL(pixels_join)(const float *x, size_t x_stride, size_t channels, size_t pixels,
                              float *y);

#endif
