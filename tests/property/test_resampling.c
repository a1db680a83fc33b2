/* What resampling is, whatever its size: published weights, constants, axes one by one; and the two
 * initializers that make convolutions resample. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "configure.h"

enum { SIDE_MAX = 8 };

static struct up_arena *arena;

static void open_arena(void)
{
    arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    cr_assert(arena != NULL, "no memory");
}

static void close_arena(void)
{
    up_arena_free(arena);
}

TestSuite(resampling, .init = open_arena, .fini = close_arena, .timeout = 20);

/* --- One layer ------------------------------------------------------------------------------ */

static struct sample sample_of(const char *class_name, struct up_shape in)
{
    const struct up_layer_ops *ops = up_layer_find(class_name);
    cr_assert(ops != NULL, "no layer %s", class_name);
    struct sample sample = {.ops = ops,
                            .config = sample_memory(arena, 1, ops->config_bytes),
                            .in = {in},
                            .in_count = 1};
    up_params_default(ops->params, sample.config);
    return sample;
}

static void ints_set(const struct sample *sample, const char *name, size_t a, size_t b)
{
    *(struct up_ints *)sample_value(sample, name) =
        (struct up_ints){true, {(int64_t)a, (int64_t)b, 0}};
}

static void choose(const struct sample *sample, const char *name, const char *choice)
{
    const int index = up_choice_find(up_param_find(sample->ops->params, name)->choices, choice);
    cr_assert(index >= 0, "%s has no choice %s", name, choice);
    *(uint32_t *)sample_value(sample, name) = (uint32_t)index;
}

static struct up_tensor run(const struct sample *sample, const struct up_kernels *kernels,
                            const float *x)
{
    struct up_plan *plan;
    struct up_error err;
    size_t count;
    cr_assert(sample_plan(sample, kernels, arena, &plan, &err) == UP_OK, "%s", err.text);
    const float *in[] = {x};
    float *y = sample_run(plan, in, NULL, arena, &count);
    return (struct up_tensor){*up_plan_output(plan, 0), y};
}

static struct up_tensor resample(const struct up_kernels *kernels, const char *interpolation,
                                 struct up_shape in, const float *x, const size_t size[2])
{
    const struct sample sample = sample_of("UpSampling2D", in);
    ints_set(&sample, "size", size[0], size[1]);
    choose(&sample, "interpolation", interpolation);
    return run(&sample, kernels, x);
}

static void each_isa(void (*check)(const struct up_kernels *kernels))
{
    const struct up_kernels *usable[16];
    const size_t count = up_kernels_usable(usable, 16);
    cr_assert(count > 0, "no kernels run here");
    for (size_t i = 0; i < count; i++)
        check(usable[i]);
}

static const float *noise(uint64_t seed, size_t count)
{
    struct random random = {seed};
    float *x = sample_memory(arena, count, sizeof *x);
    random_fill(&random, x, count);
    return x;
}

/* --- Published weights ---------------------------------------------------------------------- */

/* The weights of the first half of 8 outputs of 4 inputs; the other half is their mirror image. The
 * bicubic ones are those that ONNX prints for Resize (cubic, a = -0.5, half_pixel,
 * exclude_outside); bilinear is linear interpolation by hand; the others are TensorFlow's. */
static const struct {
    const char *interpolation;
    double weight[4][4];
} printed[] = {
    {"nearest", {{1, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 1, 0, 0}}},
    {"area", {{1, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 1, 0, 0}}},
    {"bilinear", {{1, 0, 0, 0}, {.75, .25, 0, 0}, {.25, .75, 0, 0}, {0, .75, .25, 0}}},
    {"bicubic",
     {{1.0882354, -0.0882353, 0, 0},
      {0.810219, 0.21167883, -0.02189781, 0},
      {0.22137405, 0.84732825, -0.06870229, 0},
      {-0.0703125, 0.8671875, 0.2265625, -0.0234375}}},
    {"lanczos3",
     {{1.1306502, -0.16878581, 0.03813573, 0},
      {0.8092832, 0.24566698, -0.06163846, 0.00668828},
      {0.25552115, 0.841745, -0.12565745, 0.02839124},
      {-0.13846584, 0.92754483, 0.28156665, -0.07064578}}},
    {"lanczos5",
     {{1.1581591, -0.20940201, 0.09027567, -0.03903283},
      {0.79466134, 0.2562441, -0.09237072, 0.04146521},
      {0.264396, 0.81994194, -0.14825034, 0.06391247},
      {-0.17632513, 0.97521776, 0.3144658, -0.11335844}}},
};
enum { PRINTED = sizeof printed / sizeof printed[0] };

/* Along the columns and along the rows: four channels, each with a single one. */
static void weights_are_printed(const struct up_kernels *kernels)
{
    static const float ones[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    for (size_t m = 0; m < PRINTED; m++)
        for (size_t axis = 0; axis < 2; axis++) {
            const struct up_shape in = {4, {1, axis == 0 ? 4 : 1, axis == 0 ? 1 : 4, 4}};
            const size_t size[] = {axis == 0 ? 2 : 1, axis == 0 ? 1 : 2};
            const struct up_tensor y = resample(kernels, printed[m].interpolation, in, ones, size);
            for (size_t o = 0; o < 8; o++)
                for (size_t i = 0; i < 4; i++) {
                    const double w = printed[m].weight[o < 4 ? o : 7 - o][o < 4 ? i : 3 - i];
                    const double got = (double)y.data[o * 4 + i];
                    cr_assert(fabs(got - w) <= 2e-7,
                              "%s on %s: weight %zu of %zu is %.9g, not %.9g",
                              printed[m].interpolation, kernels->isa, i, o, got, w);
                }
        }
}

Test(resampling, weights_of_a_factor_of_two_are_the_printed_ones)
{
    each_isa(weights_are_printed);
}

/* [0, 1, 0] threefold, the first half and the middle. */
static const struct {
    const char *interpolation;
    double y[5];
} threefold[] = {
    {"bilinear", {0, 0, 1.0 / 3, 2.0 / 3, 1}},
    {"bicubic", {-0.10520631, 0, 0.3099408, 0.7504054, 1}},
    {"lanczos3", {-0.20964935, -2e-8, 0.34683436, 0.7752632, 1}},
    {"lanczos5", {-0.25553572, -3e-8, 0.3698214, 0.7900903, 1}},
};

static void three_are_printed(const struct up_kernels *kernels)
{
    static const float x[] = {0, 1, 0};
    for (size_t m = 0; m < sizeof threefold / sizeof threefold[0]; m++) {
        const struct up_tensor y =
            resample(kernels, threefold[m].interpolation, (struct up_shape){4, {1, 1, 3, 1}}, x,
                     (const size_t[]){1, 3});
        for (size_t o = 0; o < 9; o++) {
            const double expected = threefold[m].y[o < 5 ? o : 8 - o];
            cr_assert(fabs((double)y.data[o] - expected) <= 3e-7, "%s: value %zu is %.9g, not %.9g",
                      threefold[m].interpolation, o, (double)y.data[o], expected);
        }
    }
}

Test(resampling, values_of_a_factor_of_three_are_the_printed_ones)
{
    each_isa(three_are_printed);
}

/* --- Properties ----------------------------------------------------------------------------- */

static const char *const interpolations[] = {"nearest",  "bilinear",      "bicubic",  "lanczos3",
                                             "lanczos5", "mitchellcubic", "gaussian", "area"};
enum { INTERPOLATIONS = sizeof interpolations / sizeof interpolations[0] };

static struct up_shape shape_draw(struct random *random)
{
    static const size_t channels[] = {1, 2, 3, 5, 16, 33, 130};
    return (struct up_shape){4,
                             {random_size(random, 1, 2), random_size(random, 1, SIDE_MAX),
                              random_size(random, 1, SIDE_MAX),
                              channels[random_size(random, 0, 6)]}};
}

static void constants_stay(const struct up_kernels *kernels)
{
    struct random random = {21};
    for (size_t turn = 0; turn < 10 * INTERPOLATIONS; turn++) {
        const struct up_shape in = shape_draw(&random);
        const size_t count = up_shape_size(&in);
        const size_t size[] = {random_size(&random, 1, 5), random_size(&random, 1, 5)};
        float *x = sample_memory(arena, count, sizeof *x);
        for (size_t i = 0; i < count; i++)
            x[i] = -7.25F;
        const struct up_tensor y =
            resample(kernels, interpolations[turn % INTERPOLATIONS], in, x, size);
        for (size_t i = 0; i < up_shape_size(&y.shape); i++)
            cr_assert(fabs((double)y.data[i] + 7.25) <= 7.25 * 2e-6, "%s: value %zu is %.9g",
                      interpolations[turn % INTERPOLATIONS], i, (double)y.data[i]);
    }
}

Test(resampling, leaves_constants_as_they_are)
{
    each_isa(constants_stay);
}

/* Gaussian and Mitchell's cubic blur where the factor is 1, too: there axes cannot be divided. */
static void axes_are_independent(const struct up_kernels *kernels)
{
    struct random random = {22};
    for (size_t turn = 0; turn < 50; turn++) {
        const char *interpolation = interpolations[turn % 5];
        const struct up_shape in = shape_draw(&random);
        const size_t size[] = {random_size(&random, 1, 5), random_size(&random, 1, 5)};
        const float *x = noise(turn, up_shape_size(&in));
        const struct up_tensor both = resample(kernels, interpolation, in, x, size);
        const struct up_tensor wide =
            resample(kernels, interpolation, in, x, (const size_t[]){1, size[1]});
        const struct up_tensor then =
            resample(kernels, interpolation, wide.shape, wide.data, (const size_t[]){size[0], 1});
        cr_assert(up_shape_equal(&both.shape, &then.shape), "%s: shapes differ", interpolation);
        for (size_t i = 0; i < up_shape_size(&both.shape); i++)
            cr_assert(fabsf(both.data[i] - then.data[i]) <= 1e-5F,
                      "%s: value %zu is %.9g, not %.9g", interpolation, i, (double)then.data[i],
                      (double)both.data[i]);
    }
}

Test(resampling, columns_then_rows_is_both_at_once)
{
    each_isa(axes_are_independent);
}

/* --- Initializers --------------------------------------------------------------------------- */

static void initializer_set(const struct sample *sample, const char *class_name)
{
    struct up_initializer *init = sample_value(sample, "kernel_initializer");
    *init = up_initializer_default(up_initializer_find(class_name));
    init->seed = (struct up_seed){true, 5};
}

/* One row or column of outputs for each border is left out: past the edge a convolution has zeros,
 * interpolation the edge's own value. */
static void bilinear_kernel_interpolates(const struct up_kernels *kernels)
{
    for (size_t factor = 2; factor <= 6; factor++) {
        const struct up_shape in = {4, {2, 4, 5, 3}};
        const float *x = noise(factor, up_shape_size(&in));
        const size_t kernel = 2 * factor - factor % 2;
        const struct sample sample = sample_of("Conv2DTranspose", in);
        *(int64_t *)sample_value(&sample, "filters") = 3;
        ints_set(&sample, "kernel_size", kernel, kernel);
        ints_set(&sample, "strides", factor, factor);
        choose(&sample, "padding", "same");
        initializer_set(&sample, "Bilinear");
        const struct up_tensor got = run(&sample, kernels, x);
        const struct up_tensor expected =
            resample(kernels, "bilinear", in, x, (const size_t[]){factor, factor});
        cr_assert(up_shape_equal(&got.shape, &expected.shape), "factor %zu: shapes", factor);
        size_t compared = 0;
        for (size_t i = 0; i < up_shape_size(&got.shape); i++) {
            const size_t column = i / 3 % (5 * factor), row = i / 3 / (5 * factor) % (4 * factor);
            if (column < factor || column >= 4 * factor || row < factor || row >= 3 * factor)
                continue;
            cr_assert(fabsf(got.data[i] - expected.data[i]) <= 2e-6F,
                      "factor %zu: value %zu is %.9g, not %.9g", factor, i, (double)got.data[i],
                      (double)expected.data[i]);
            compared++;
        }
        cr_assert(compared == 2 * 2 * 3 * 3 * factor * factor, "%zu values", compared);
    }
}

Test(resampling, transposed_convolution_starts_as_bilinear_with_that_initializer)
{
    each_isa(bilinear_kernel_interpolates);
}

/* The largest difference within a 2 x 2 block of a convolution's shuffled output. */
static float block_difference(const struct up_kernels *kernels, const char *initializer)
{
    enum { CHANNELS = 3, HEIGHT = 4, WIDTH = 5 };
    const struct up_shape in = {4, {2, HEIGHT, WIDTH, 6}};
    const struct sample conv = sample_of("Conv2D", in);
    *(int64_t *)sample_value(&conv, "filters") = 4 * CHANNELS;
    ints_set(&conv, "kernel_size", 3, 3);
    choose(&conv, "padding", "same");
    initializer_set(&conv, initializer);
    const struct up_tensor features = run(&conv, kernels, noise(8, up_shape_size(&in)));
    const struct sample shuffle = sample_of("PixelShuffle", features.shape);
    const struct up_tensor y = run(&shuffle, kernels, features.data);
    const struct up_shape expected = {4, {2, 2 * HEIGHT, 2 * WIDTH, CHANNELS}};
    cr_assert(up_shape_equal(&y.shape, &expected), "another shape");
    const size_t line = 2 * WIDTH * CHANNELS;
    float most = 0;
    for (size_t i = 0; i < up_shape_size(&y.shape); i++) {
        const size_t column = i % line / CHANNELS, row = i / line;
        const size_t corner = row / 2 * 2 * line + column / 2 * 2 * CHANNELS + i % CHANNELS;
        most = fmaxf(most, fabsf(y.data[i] - y.data[corner]));
    }
    return most;
}

static void blocks_are_flat(const struct up_kernels *kernels)
{
    const float flat = block_difference(kernels, "ICNR");
    cr_assert(flat <= 1e-6F, "%s: values of a block differ by %g", kernels->isa, (double)flat);
    const float rough = block_difference(kernels, "GlorotUniform");
    cr_assert(rough > 0.1F, "%s: no initializer is needed: %g", kernels->isa, (double)rough);
}

Test(resampling, blocks_of_a_shuffled_convolution_start_flat_with_icnr)
{
    each_isa(blocks_are_flat);
}

Test(resampling, pixel_shuffle_refuses_channels_that_do_not_fill_blocks)
{
    const struct sample sample = sample_of("PixelShuffle", (struct up_shape){4, {1, 2, 2, 12}});
    struct up_plan *plan;
    struct up_error err;
    *(int64_t *)sample_value(&sample, "block_size") = 3;
    cr_assert(sample_plan(&sample, up_kernels_select(NULL), arena, &plan, &err) == UP_E_INVALID,
              "accepted");
    cr_assert(strcmp(err.at, "/layer/config/block_size") == 0, "at %s", err.at);
    cr_assert(strcmp(err.text, "the input's 12 channels are not divisible by 3 * 3") == 0, "%s",
              err.text);
    *(int64_t *)sample_value(&sample, "block_size") = (int64_t)UP_DIM_MAX;
    cr_assert(sample_plan(&sample, up_kernels_select(NULL), arena, &plan, &err) == UP_E_INVALID,
              "blocks of 2147483647 are accepted");
}
