/* The Orthogonal initializer. Keras' bits rest on TensorFlow's float32 factorisation; ours is in
 * double, so values agree to a few units in the last place of the largest, not to the bit. */
#include <criterion/criterion.h>
#include <math.h>

#include "core/initializers.h"

static void fill(const struct up_shape *shape, int64_t seed, double gain, float *ret)
{
    struct up_arena *arena = up_arena_new(1 << 24, NULL);
    struct up_error err = {.code = UP_OK};
    struct up_initializer init = up_initializer_default(up_initializer_find("orthogonal"));
    init.seed = (struct up_seed){true, seed};
    init.gain = gain;
    cr_assert(up_initializer_fill(&init, shape, ret, arena, &err) == UP_OK, "%s", err.text);
    up_arena_free(arena);
}

static void expect_near(const float *got, const float *keras, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(fabsf(got[i] - keras[i]) < 3e-7f, "value %zu is %.9g, Keras has %.9g", i,
                  (double)got[i], (double)keras[i]);
}

/* keras.initializers.Orthogonal(seed=42)((3, 2, 3)) and (seed=7, gain=1.5)((2, 5)), Keras 3.15.1 on
 * TensorFlow 2.21. */
Test(orthogonal, values_are_those_of_keras, .timeout = 10)
{
    static const float tall[] = {
        0.00632464886f, -0.633688331f, 0.628572166f,  0.324584275f,  -0.625427365f, -0.431406021f,
        0.265556961f,   0.152343675f,  0.466757953f,  0.765752316f,  0.175473899f,  0.245963842f,
        0.486041576f,   0.0354503393f, -0.368138909f, 0.0383584611f, 0.389901698f,  0.069988288f};
    static const float wide[] = {-0.314318776f, -0.876315117f,  -0.935373306f, -0.560026169f,
                                 -0.441274107f, -0.0182942208f, -0.695154548f, -0.144360453f,
                                 1.32100558f,   0.0230194218f};
    float got[18];
    fill(&(struct up_shape){3, {3, 2, 3}}, 42, 1, got);
    expect_near(got, tall, 18);
    fill(&(struct up_shape){2, {2, 5}}, 7, 1.5, got);
    expect_near(got, wide, 10);
}

Test(orthogonal, columns_or_rows_are_orthonormal_times_gain, .timeout = 10)
{
    enum { ROWS = 60, COLUMNS = 17 };
    static float tall[ROWS * COLUMNS], wide[COLUMNS * ROWS];
    fill(&(struct up_shape){2, {ROWS, COLUMNS}}, 3, 2, tall);
    fill(&(struct up_shape){2, {COLUMNS, ROWS}}, 3, 2, wide);
    for (size_t i = 0; i < COLUMNS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            double of_columns = 0, of_rows = 0;
            for (size_t k = 0; k < ROWS; k++) {
                of_columns += (double)tall[k * COLUMNS + i] * (double)tall[k * COLUMNS + j];
                of_rows += (double)wide[i * ROWS + k] * (double)wide[j * ROWS + k];
            }
            const double wanted = i == j ? 4 : 0;
            cr_assert(fabs(of_columns - wanted) < 1e-5 && fabs(of_rows - wanted) < 1e-5,
                      "(%zu, %zu): %g and %g, not %g", i, j, of_columns, of_rows, wanted);
        }
}

/* 2048 * 1024^2 is the limit; a row more is past it. */
Test(orthogonal, cubic_work_is_bounded, .timeout = 20)
{
    struct up_arena *arena = up_arena_new((size_t)1 << 30, NULL);
    struct up_error err = {.code = UP_OK};
    struct up_initializer init = up_initializer_default(up_initializer_find("Orthogonal"));
    float *value = up_arena_alloc(arena, 2049 * 1024, sizeof *value, NULL);
    init.seed.set = true;
    cr_assert(up_initializer_fill(&init, &(struct up_shape){2, {2048, 1024}}, value, arena, &err) ==
                  UP_OK,
              "%s", err.text);
    cr_assert(up_initializer_fill(&init, &(struct up_shape){2, {1024, 2049}}, value, arena, &err) ==
                  UP_E_LIMIT,
              "%s", err.text);
    up_arena_free(arena);
}

Test(orthogonal, one_axis_is_refused, .timeout = 10)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    struct up_error err = {.code = UP_OK};
    struct up_initializer init = up_initializer_default(up_initializer_find("Orthogonal"));
    float value[4];
    init.seed.set = true;
    cr_assert(up_initializer_fill(&init, &(struct up_shape){1, {4}}, value, arena, &err) ==
              UP_E_INVALID);
    up_arena_free(arena);
}
