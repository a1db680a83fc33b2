/* DESIGN
 * How fast the layers are, against what the machine can do at that moment: a loop of fused
 * multiply-adds that touches no memory, and a loop of non-temporal stores. Both are measured before
 * every turn of every shape, so that a machine that slows down slows them too; shares are medians
 * of the turns' own shares.
 *
 *     bench_layers [part of a shape's name] [seconds a shape] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/deadline.h"
#include "core/plan/plan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { TURNS_MIN = 5, TURNS_MAX = 400, THREADS_MAX = 2, PEAK_LOOPS = 20000, ROOF_FLOATS = 1 << 24 };

/* --- Roofs ---------------------------------------------------------------------------------- */

struct machine {
    double (*multiplied)(void); /* operations of one loop without memory */
    void (*stored)(float *to);  /* fills ROOF_FLOATS floats */
    float *to;
};

static volatile float sink;

#if defined(__x86_64__)
/* Accumulators enough to hide the latency of two units; data that is not zero, which some machines
 * store faster. */
#define ROOFS(name, isa, vector, lanes, splat, fma, add, stream)                                   \
    __attribute__((target(isa))) static double multiplied_##name(void)                             \
    {                                                                                              \
        vector a[12], x = splat(0.999F), y = splat(1e-6F);                                         \
        for (int i = 0; i < 12; i++)                                                               \
            a[i] = splat((float)i);                                                                \
        for (int n = 0; n < PEAK_LOOPS; n++)                                                       \
            _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = fma(a[i], x, y);          \
        for (int i = 1; i < 12; i++)                                                               \
            a[0] = add(a[0], a[i]);                                                                \
        sink = ((const float *)&a[0])[0];                                                          \
        return 2.0 * 12 * (lanes)*PEAK_LOOPS;                                                      \
    }                                                                                              \
    __attribute__((target(isa))) static void stored_##name(float *to)                              \
    {                                                                                              \
        const vector x = splat(1.5F);                                                              \
        for (size_t i = 0; i < ROOF_FLOATS; i += (lanes))                                          \
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
    for (int n = 0; n < PEAK_LOOPS; n++)
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = a[i] * x + y;
    for (int i = 1; i < 12; i++)
        a[0] += a[i];
    sink = a[0][0];
    return 2.0 * 12 * 4 * PEAK_LOOPS;
}

static void stored_plain(float *to)
{
    for (size_t i = 0; i < ROOF_FLOATS; i++)
        to[i] = 1.5F;
}

static struct machine machine_of(const struct up_kernels *kernels)
{
    struct machine m = {multiplied_plain, stored_plain,
                        aligned_alloc(64, ROOF_FLOATS * sizeof(float))};
#if defined(__x86_64__)
    if (strcmp(kernels->isa, "avx512") == 0)
        m.multiplied = multiplied_avx512, m.stored = stored_avx512;
    else if (strcmp(kernels->isa, "avx2") == 0)
        m.multiplied = multiplied_avx2, m.stored = stored_avx2;
#endif
    if (m.to == NULL)
        abort();
    m.stored(m.to);
    return m;
}

/* --- Shapes --------------------------------------------------------------------------------- */

/* The input is `size` long along each of `spatial` axes. filters 0: the layer has none. */
static const struct shape {
    const char *name, *class_name, *choice; /* choice: padding or interpolation */
    uint32_t spatial;
    size_t size, channels;
    int64_t filters, kernel, stride;
} shapes[] = {
    {"dcgan1 1024>512@4 k4s2", "Conv2DTranspose", "same", 2, 4, 1024, 512, 4, 2},
    {"dcgan2 512>256@8 k4s2", "Conv2DTranspose", "same", 2, 8, 512, 256, 4, 2},
    {"dcgan3 256>128@16 k4s2", "Conv2DTranspose", "same", 2, 16, 256, 128, 4, 2},
    {"dcgan4 128>3@32 k4s2", "Conv2DTranspose", "same", 2, 32, 128, 3, 4, 2},
    {"dcgan1 1024>512@4 k5s2", "Conv2DTranspose", "same", 2, 4, 1024, 512, 5, 2},
    {"dcgan3 256>128@16 k5s2", "Conv2DTranspose", "same", 2, 16, 256, 128, 5, 2},
    {"unet 1024>512@28 k2s2", "Conv2DTranspose", "same", 2, 28, 1024, 512, 2, 2},
    {"unet 512>256@56 k2s2", "Conv2DTranspose", "same", 2, 56, 512, 256, 2, 2},
    {"unet 128>64@196 k2s2", "Conv2DTranspose", "same", 2, 196, 128, 64, 2, 2},
    {"unet3d 128>64@24 k2s2", "Conv3DTranspose", "same", 3, 24, 128, 64, 2, 2},
    {"64>64@64 k3s2", "Conv2DTranspose", "same", 2, 64, 64, 64, 3, 2},
    {"fsrcnn 56>1@85 k9s3", "Conv2DTranspose", "same", 2, 85, 56, 1, 9, 3},
    {"pix2pix 1024>512@16 k4s2", "Conv2DTranspose", "same", 2, 16, 1024, 512, 4, 2},
    {"1>1@1024 k3s2", "Conv2DTranspose", "same", 2, 1024, 1, 1, 3, 2},
    {"3d 64>32@16 k3s2", "Conv3DTranspose", "same", 3, 16, 64, 32, 3, 2},
    {"conv 64>64@128 k3", "Conv2D", "same", 2, 128, 64, 64, 3, 1},
    {"dense 4096>4096", "Dense", NULL, 0, 1, 4096, 4096, 0, 0},
    {"nearest C1@1024", "UpSampling2D", "nearest", 2, 1024, 1, 0, 0, 2},
    {"nearest C3@512", "UpSampling2D", "nearest", 2, 512, 3, 0, 0, 2},
    {"nearest C64@256", "UpSampling2D", "nearest", 2, 256, 64, 0, 0, 2},
    {"bilinear C1@1024", "UpSampling2D", "bilinear", 2, 1024, 1, 0, 0, 2},
    {"bilinear C3@512", "UpSampling2D", "bilinear", 2, 512, 3, 0, 0, 2},
    {"bilinear C64@256", "UpSampling2D", "bilinear", 2, 256, 64, 0, 0, 2},
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_layers: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *parameter(const struct up_layer *layer, const char *name)
{
    const struct up_param *row = up_param_find(layer->ops->params, name);
    if (row == NULL)
        fail(layer->ops->class_name, name);
    return (char *)(uintptr_t)layer->config + row->offset;
}

static void choose(const struct up_layer *layer, const char *name, const char *choice)
{
    const struct up_param *row = up_param_find(layer->ops->params, name);
    *(uint32_t *)parameter(layer, name) = (uint32_t)up_choice_find(row->choices, choice);
}

static void configure(const struct shape *s, const struct up_layer *layer)
{
    const struct up_ints stride = {true, {s->stride, s->stride, s->stride}};
    up_params_default(layer->ops->params, (void *)(uintptr_t)layer->config);
    if (s->spatial == 0) {
        *(int64_t *)parameter(layer, "units") = s->filters;
        return;
    }
    if (s->filters == 0) {
        *(struct up_ints *)parameter(layer, "size") = stride;
        choose(layer, "interpolation", s->choice);
        return;
    }
    *(int64_t *)parameter(layer, "filters") = s->filters;
    *(struct up_ints *)parameter(layer, "kernel_size") =
        (struct up_ints){true, {s->kernel, s->kernel, s->kernel}};
    *(struct up_ints *)parameter(layer, "strides") = stride;
    choose(layer, "padding", s->choice);
}

/* --- Measuring ------------------------------------------------------------------------------ */

struct subject {
    struct up_plan *plan;
    float *in, *out;
    void *scratch;
    struct up_pool *pool[THREADS_MAX + 1]; /* [1] is NULL: the caller alone */
    double work;                           /* operations, or bytes written */
    bool moves;                            /* it is bytes */
};

static struct subject subject_of(const struct shape *s, const struct up_kernels *kernels,
                                 struct up_arena *arena)
{
    struct up_error err = {.code = UP_OK};
    struct up_shape shape = {s->spatial + 2, {1}};
    for (uint32_t i = 1; i <= s->spatial; i++)
        shape.dim[i] = s->size;
    shape.dim[s->spatial + 1] = s->channels;
    const struct up_layer_ops *ops = up_layer_find(s->class_name);
    struct up_layer layer = {.ops = ops,
                             .config = up_arena_zalloc(arena, 1, ops->config_bytes, &err),
                             .at = "",
                             .layer_at = ""};
    configure(s, &layer);
    const uint32_t from = 0, to = 1;
    const struct up_node node = {0, 1, &from};
    const struct up_graph graph = {&shape, 1, &layer, 1, &node, 1, &to, 1};
    const struct up_plan_options options = {
        .kernels = kernels, .output_bytes_max = (size_t)1 << 32, .output_bytes_flag = ""};
    struct subject subject = {.moves = s->filters == 0 || s->channels == 1};
    if (up_plan_build(&graph, &options, arena, &subject.plan, &err) != UP_OK)
        fail(s->name, err.text);
    const struct up_plan_bytes bytes = up_plan_bytes(subject.plan);
    subject.in = up_arena_alloc(arena, bytes.input, 1, &err);
    subject.out = up_arena_zalloc(arena, bytes.output, 1, &err);
    subject.scratch = up_arena_alloc(arena, bytes.scratch, 1, &err);
    if (err.code != UP_OK)
        fail(s->name, err.text);
    for (size_t i = 0; i < bytes.input / sizeof(float); i++)
        subject.in[i] = (float)(i * 2654435761u % 4096) / 2048 - 1;
    subject.work = subject.moves ? (double)bytes.output : 2 * up_plan_macs(subject.plan);
    return subject;
}

static void once(const struct subject *s, unsigned threads)
{
    struct up_error err = {.code = UP_OK};
    const float *const in[] = {s->in};
    float *const out[] = {s->out};
    if (up_plan_run(s->plan, in, out, s->scratch, s->pool[threads], 0, &err) != UP_OK)
        fail("run", err.text);
}

static double seconds(const struct subject *s, unsigned threads)
{
    const uint64_t start = up_now_ns();
    once(s, threads);
    return (double)(up_now_ns() - start) * 1e-9;
}

/* What the machine gives now: operations, or bytes, a second. */
static double roof(const struct machine *m, bool moves)
{
    const uint64_t start = up_now_ns();
    const double work = moves ? ROOF_FLOATS * sizeof(float) : m->multiplied();
    if (moves)
        m->stored(m->to);
    return work / ((double)(up_now_ns() - start) * 1e-9);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t count)
{
    qsort(x, count, sizeof *x, by_value);
    return x[count / 2];
}

static void measure(const struct shape *shape, const struct subject *s, const struct machine *m,
                    double budget)
{
    static double rate[THREADS_MAX + 1][TURNS_MAX], share[TURNS_MAX], roofs[TURNS_MAX];
    for (unsigned t = 1; t <= THREADS_MAX; t++)
        once(s, t);
    size_t turns = 0;
    const uint64_t end = up_now_ns() + (uint64_t)(budget * 1e9);
    for (; turns < TURNS_MAX && (turns < TURNS_MIN || up_now_ns() < end); turns++) {
        roofs[turns] = roof(m, s->moves);
        for (unsigned t = 1; t <= THREADS_MAX; t++) {
            once(s, t); /* brings back what the roof took from the caches */
            rate[t][turns] = s->work / seconds(s, t);
        }
        share[turns] = rate[1][turns] / roofs[turns];
    }
    const double one = median(rate[1], turns), two = median(rate[2], turns);
    printf("%-26s %9.3f %8.1f %8.1f %7.0f %8.1f %7.2f  %s\n", shape->name, s->work / one * 1e3,
           one * 1e-9, rate[1][turns - 1] * 1e-9, 100 * median(share, turns), two * 1e-9, two / one,
           up_plan_node(s->plan, 0)->algorithm);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct up_kernels *kernels = up_kernels_select(getenv("UPSAMPLED_ISA"));
    const char *part = argc > 1 ? argv[1] : "";
    const double budget = argc > 2 ? strtod(argv[2], NULL) : 1;
    if (kernels == NULL)
        fail("UPSAMPLED_ISA", "no such instruction set");
    const struct machine machine = machine_of(kernels);
    struct up_pool *pool = up_pool_new(THREADS_MAX - 1, 0); /* and the caller */
    printf("%s; GFLOP/s, or GB/s written where little is computed; the roof of the former"
           " is multiply-adds\nin registers (%.0f GFLOP/s now), of the latter non-temporal stores"
           " (%.1f GB/s now), both of one thread\n\n%-26s %9s %8s %8s %7s %8s %7s  %s\n",
           kernels->isa, roof(&machine, false) * 1e-9, roof(&machine, true) * 1e-9, "shape", "ms",
           "median", "best", "% roof", "2 thr.", "speedup", "algorithm");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strstr(shapes[i].name, part) == NULL)
            continue;
        struct up_arena *arena = up_arena_new((size_t)1 << 32, NULL);
        struct subject subject = subject_of(&shapes[i], kernels, arena);
        subject.pool[2] = pool;
        measure(&shapes[i], &subject, &machine, budget);
        up_arena_free(arena);
    }
    up_pool_free(pool);
    free(machine.to);
    return EXIT_SUCCESS;
}
