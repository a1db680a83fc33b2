/* How far every way to compute a sum is from the sum in double, on every instruction set: values
 * and weights are normally distributed, the error is the largest one over the outputs' root mean
 * square. The table of docs/accuracy.md is what this prints. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "configure.h"
#include "core/gather/gather.h"

enum { SIDE = 10, ISAS_MAX = 16 };

static const double direct_bar = 2.5e-6, winograd_bar = 6e-6;

/* A sum over a square kernel, 'same'. */
static const struct kind {
    const char *name, *class_name;
    size_t kernel, stride, channels, filters;
    bool transposed;
} kinds[] = {
    {"k2s2, 512 > 32", "Conv2DTranspose", 2, 2, 512, 32, true},
    {"k3s2, 512 > 32", "Conv2DTranspose", 3, 2, 512, 32, true},
    {"k4s2, 512 > 32", "Conv2DTranspose", 4, 2, 512, 32, true},
    {"k5s2, 512 > 32", "Conv2DTranspose", 5, 2, 512, 32, true},
    {"k4s2, 512 > 3", "Conv2DTranspose", 4, 2, 512, 3, true},
    {"k3s2, 4 > 3", "Conv2DTranspose", 3, 2, 4, 3, true},
    {"3x3, 512 > 32", "Conv2D", 3, 1, 512, 32, false},
    {"dense, 512 > 32", "Dense", 1, 1, 512, 32, false},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct drawn {
    const struct kind *kind;
    float *x, *w; /* w: (kernel, kernel, filters, channels) when transposed, else channels first */
    size_t side, count; /* of the output */
    double *sum, rms;
};

/* Box and Muller's. */
static float *normal(struct random *random, size_t count, struct up_arena *arena)
{
    float *ret = sample_memory(arena, count, sizeof *ret);
    for (size_t i = 0; i < count; i++) {
        const double u = ((double)(random_bits(random) >> 11) + 1) / 9007199254740992.0;
        const double v = (double)(random_bits(random) >> 11) / 9007199254740992.0;
        ret[i] = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
    return ret;
}

/* The input that output `o` takes through tap `t`, along an axis; false: none. */
static bool taken(const struct kind *k, size_t o, size_t t, size_t *ret)
{
    const size_t crop = k->kernel > k->stride ? (k->kernel - k->stride) / 2 : 0;
    const size_t at = k->transposed ? o + crop - t : o + t - crop; /* huge when negative */
    *ret = at / k->stride;
    return at % k->stride == 0 && *ret < SIDE;
}

static double sum_at(const struct drawn *d, size_t oy, size_t ox, size_t f)
{
    const struct kind *k = d->kind;
    double sum = 0;
    size_t y, x;
    for (size_t ty = 0; ty < k->kernel; ty++)
        for (size_t tx = 0; tx < k->kernel; tx++) {
            if (!taken(k, oy, ty, &y) || !taken(k, ox, tx, &x))
                continue;
            const float *in = d->x + (y * SIDE + x) * k->channels;
            const float *w = d->w + (ty * k->kernel + tx) * k->channels * k->filters;
            for (size_t c = 0; c < k->channels; c++)
                sum += (double)in[c] *
                       (double)w[k->transposed ? f * k->channels + c : c * k->filters + f];
        }
    return sum;
}

static struct drawn draw(const struct kind *k, struct up_arena *arena)
{
    struct random random = {k->kernel * 1000 + k->filters};
    struct drawn d = {.kind = k, .side = k->transposed ? SIDE * k->stride : SIDE};
    d.count = d.side * d.side * k->filters;
    d.x = normal(&random, SIDE * SIDE * k->channels, arena);
    d.w = normal(&random, k->kernel * k->kernel * k->channels * k->filters, arena);
    d.sum = sample_memory(arena, d.count, sizeof *d.sum);
    for (size_t i = 0; i < d.count; i++) {
        const size_t pixel = i / k->filters;
        d.sum[i] = sum_at(&d, pixel / d.side, pixel % d.side, i % k->filters);
        d.rms += d.sum[i] * d.sum[i];
    }
    d.rms = sqrt(d.rms / (double)d.count);
    return d;
}

static struct sample sample_of(const struct drawn *d, struct up_arena *arena)
{
    const struct kind *k = d->kind;
    const size_t kernel[3] = {k->kernel, k->kernel, k->kernel};
    const size_t stride[3] = {k->stride, k->stride, k->stride};
    const bool dense = strcmp(k->class_name, "Dense") == 0;
    struct sample s = {.ops = up_layer_find(k->class_name), .in_count = 1, .weight_count = 1};
    s.config = sample_memory(arena, 1, s.ops->config_bytes);
    up_params_default(s.ops->params, s.config);
    *(int64_t *)sample_value(&s, dense ? "units" : "filters") = (int64_t)k->filters;
    *(bool *)sample_value(&s, "use_bias") = false;
    if (!dense) {
        *(uint32_t *)sample_value(&s, "padding") = UP_PADDING_SAME;
        sample_set_ints(&s, "kernel_size", kernel);
        sample_set_ints(&s, "strides", stride);
    }
    s.in[0] = (struct up_shape){4, {1, SIDE, SIDE, k->channels}};
    struct up_tensor *weight = sample_memory(arena, 1, sizeof *weight);
    const size_t rows = k->transposed ? k->filters : k->channels;
    const size_t columns = k->transposed ? k->channels : k->filters;
    weight->shape = dense ? (struct up_shape){2, {rows, columns}}
                          : (struct up_shape){4, {k->kernel, k->kernel, rows, columns}};
    weight->data = d->w;
    s.weights = weight;
    return s;
}

/* The largest error over the root mean square; negative where the algorithm does not apply. */
static double error_of(const struct drawn *d, const char *algorithm,
                       const struct up_kernels *kernels, struct up_arena *arena)
{
    struct sample s = sample_of(d, arena);
    s.algorithm = algorithm;
    const float *const in[] = {d->x};
    struct up_plan *plan;
    struct up_error err;
    cr_assert(sample_plan(&s, kernels, arena, &plan, &err) == UP_OK, "%s", err.text);
    if (strcmp(up_plan_node(plan, 0)->algorithm, algorithm) != 0)
        return -1;
    size_t count;
    const float *y = sample_run(plan, in, NULL, arena, &count);
    cr_assert(count == d->count, "%s: %zu values, not %zu", d->kind->name, count, d->count);
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)y[i] - d->sum[i]));
    return most / d->rms;
}

/* One line of the table; how many of its errors were measured. */
static size_t compare(const struct drawn *d, const char *algorithm, struct up_arena *arena)
{
    const struct up_kernels *usable[ISAS_MAX];
    const size_t isas = up_kernels_usable(usable, ISAS_MAX);
    const double bar = strncmp(algorithm, "winograd", 8) == 0 ? winograd_bar : direct_bar;
    double error[ISAS_MAX];
    size_t measured = 0;
    for (size_t i = 0; i < isas; i++) {
        error[i] = error_of(d, algorithm, usable[i], arena);
        cr_assert(error[i] <= bar, "%s, %s on %s: %.2g of the root mean square, more than %.2g",
                  d->kind->name, algorithm, usable[i]->isa, error[i], bar);
        measured += error[i] >= 0;
    }
    if (measured == 0)
        return 0;
    printf("| %s | %s |", d->kind->name, algorithm);
    for (size_t i = 0; i < isas; i++)
        printf(error[i] < 0 ? " |" : " %.1e |", error[i]);
    printf("\n");
    return measured;
}

static void heading(void)
{
    const struct up_kernels *usable[ISAS_MAX];
    const size_t isas = up_kernels_usable(usable, ISAS_MAX);
    printf("| sum | algorithm |");
    for (size_t i = 0; i < isas; i++)
        printf(" %s |", usable[i]->isa);
    printf("\n|---|---|");
    for (size_t i = 0; i < isas; i++)
        printf("---|");
    printf("\n");
}

Test(accuracy, of_every_algorithm_is_what_the_bars_say, .timeout = 60)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    heading();
    for (size_t i = 0; i < KINDS; i++) {
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        const struct drawn d = draw(&kinds[i], arena);
        size_t measured = 0;
        for (size_t a = 0; up_gather_algorithms[a] != NULL; a++)
            measured += compare(&d, up_gather_algorithms[a]->name, arena);
        cr_assert(measured > 0, "%s: nothing was measured", kinds[i].name);
    }
    (void)fflush(stdout);
    up_arena_free(arena);
}
