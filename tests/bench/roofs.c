/* DESIGN
 * Four loops that know no layer: fused multiply-adds in registers; the kernels' own tile over data
 * that stays in the first-level cache; stores that pass the caches by; loads of what they left in
 * memory. Virtual machines change speed from second to second, so a share is only of a roof
 * measured just before. */
#include "tests/bench/roofs.h"

#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LOOPS = 20000, STORED_FLOATS = 1 << 23, TILE_DEPTH = 128, TILE_CALLS = 2000 };

static volatile float sink;
static _Alignas(64) float stored[STORED_FLOATS];

/* --- Multiply-adds and stores --------------------------------------------------------------- */

struct machine {
    double (*multiplied)(void); /* returns its operations */
    void (*store)(float *to);   /* fills STORED_FLOATS floats */
};

#if defined(__x86_64__)
/* Accumulators enough to hide the latency of two units; data that is not zero, which some machines
 * store faster. */
#define ROOFS(name, isa, vector, lanes, splat, fma, add, stream)                                   \
    __attribute__((target(isa))) static double multiplied_##name(void)                             \
    {                                                                                              \
        vector a[12], x = splat(0.999F), y = splat(1e-6F);                                         \
        for (int i = 0; i < 12; i++)                                                               \
            a[i] = splat((float)i);                                                                \
        for (int n = 0; n < LOOPS; n++)                                                            \
            _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = fma(a[i], x, y);          \
        for (int i = 1; i < 12; i++)                                                               \
            a[0] = add(a[0], a[i]);                                                                \
        sink = ((const float *)&a[0])[0];                                                          \
        return 2.0 * 12 * (lanes)*LOOPS;                                                           \
    }                                                                                              \
    __attribute__((target(isa))) static void store_##name(float *to)                               \
    {                                                                                              \
        const vector x = splat(1.5F);                                                              \
        for (size_t i = 0; i < STORED_FLOATS; i += (lanes))                                        \
            stream(to + i, x);                                                                     \
        _mm_sfence();                                                                              \
    }
ROOFS(avx512, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps,
      _mm512_stream_ps)
ROOFS(avx2, "avx2,fma", __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, _mm256_stream_ps)
#endif

static double multiplied_plain(void)
{
    typedef float vector __attribute__((vector_size(16)));
    vector a[12] = {{0}};
    const vector x = {0.999F, 0.999F, 0.999F, 0.999F}, y = {1e-6F, 1e-6F, 1e-6F, 1e-6F};
    for (int n = 0; n < LOOPS; n++)
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = a[i] * x + y;
    for (int i = 1; i < 12; i++)
        a[0] += a[i];
    sink = a[0][0];
    return 2.0 * 12 * 4 * LOOPS;
}

static void store_plain(float *to)
{
    for (size_t i = 0; i < STORED_FLOATS; i++)
        to[i] = 1.5F;
}

static struct machine machine_of(const struct up_kernels *kernels)
{
#if defined(__x86_64__)
    if (strcmp(kernels->isa, "avx512") == 0)
        return (struct machine){multiplied_avx512, store_avx512};
    if (strcmp(kernels->isa, "avx2") == 0)
        return (struct machine){multiplied_avx2, store_avx2};
#endif
    (void)kernels;
    return (struct machine){multiplied_plain, store_plain};
}

/* A line of the cache at a time, in as many sums as keep the latency of additions hidden. */
static void load(const float *from)
{
    typedef float line __attribute__((vector_size(64)));
    line sum[4] = {{0}};
    for (size_t i = 0; i < STORED_FLOATS; i += 64)
        for (size_t k = 0; k < 4; k++)
            sum[k] += *(const line *)(const void *)(from + i + k * 16);
    for (size_t k = 1; k < 4; k++)
        sum[0] += sum[k];
    sink = sum[0][0];
}

/* --- The tile ------------------------------------------------------------------------------- */

static double tile_operations(const struct up_kernels *kernels)
{
    static _Alignas(64) float input[UP_TILE_ROWS_MAX][TILE_DEPTH + 16];
    static _Alignas(64) float panel[TILE_DEPTH * UP_TILE_COLUMNS_MAX];
    static _Alignas(64) float output[UP_TILE_ROWS_MAX][UP_TILE_COLUMNS_MAX];
    const float *a[UP_TILE_ROWS_MAX];
    float *c[UP_TILE_ROWS_MAX];
    for (size_t r = 0; r < UP_TILE_ROWS_MAX; r++)
        a[r] = input[r], c[r] = output[r];
    for (size_t i = 0; i < sizeof panel / sizeof panel[0]; i++)
        panel[i] = 0.5F;
    const struct up_tile tile = {.a = a,
                                 .b = panel,
                                 .c = c,
                                 .a_stride = kernels->tile_rows,
                                 .next = panel,
                                 .next_step = kernels->tile_columns,
                                 .rows = kernels->tile_rows,
                                 .taps = 1,
                                 .depth = TILE_DEPTH,
                                 .width = kernels->tile_columns};
    for (int i = 0; i < TILE_CALLS; i++)
        kernels->tile(&tile);
    sink = output[0][0];
    return 2.0 * (double)(kernels->tile_rows * kernels->tile_columns) * TILE_DEPTH * TILE_CALLS;
}

struct roofs roofs_now(const struct up_kernels *kernels)
{
    static bool touched;
    const struct machine machine = machine_of(kernels);
    if (!touched) /* the pages of `stored` are made when they are written first */
        machine.store(stored);
    touched = true;
    const uint64_t start = up_now_ns();
    const double multiplied = machine.multiplied();
    const uint64_t registers = up_now_ns();
    const double tiled = tile_operations(kernels);
    const uint64_t cache = up_now_ns();
    machine.store(stored);
    const uint64_t memory = up_now_ns();
    load(stored);
    const uint64_t end = up_now_ns();
    return (struct roofs){1e9 * multiplied / (double)(registers - start),
                          1e9 * tiled / (double)(cache - registers),
                          1e9 * (double)sizeof stored / (double)(memory - cache),
                          1e9 * (double)sizeof stored / (double)(end - memory)};
}
