#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "core/initializers.h"

enum { VALUES_MAX = 256 };

static struct up_initializer seeded(const char *name, int64_t seed)
{
    const struct up_initializer_class *class = up_initializer_find(name);
    cr_assert(class != NULL, "no %s", name);
    struct up_initializer init = up_initializer_default(class);
    init.seed = (struct up_seed){true, seed};
    return init;
}

static void fill(const struct up_initializer *init, struct up_shape shape, float *ret)
{
    struct up_error err = {.code = UP_OK};
    cr_assert(up_initializer_fill(init, &shape, ret, NULL, &err) == UP_OK, "%s", err.text);
}

static void assert_printed(const float *got, const double *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(fabs((double)got[i] - expected[i]) < 0.6e-8, "value %zu is %.9g, not %.9g", i,
                  (double)got[i], expected[i]);
}

/* keras.io, "Reproducibility in Keras Models": every initializer with seed 42, shape (1, 1). */
Test(initializers, first_values_are_those_that_keras_publishes, .timeout = 20)
{
    static const struct {
        const char *name;
        double value; /* of a float, all its digits */
    } published[] = {
        {"RandomNormal", 0.000790853810030967},    {"RandomUniform", -0.02175668440759182},
        {"TruncatedNormal", 0.000790853810030967}, {"VarianceScaling", 0.017981600016355515},
        {"GlorotNormal", 0.017981600016355515},    {"LecunNormal", 0.017981600016355515},
        {"GlorotUniform", -0.7536736726760864},    {"LecunUniform", -0.7536736726760864},
        {"HeNormal", 0.025429822504520416},        {"HeUniform", -1.065855622291565},
    };
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        const struct up_initializer init = seeded(published[i].name, 42);
        float value = 0;
        fill(&init, (struct up_shape){2, {1, 1}}, &value);
        cr_assert((double)value == published[i].value, "%s: %.17g, not %.17g", published[i].name,
                  (double)value, published[i].value);
    }
}

/* RandomUniform(seed=42) of shape (8, 4), as a public notebook prints it. */
Test(initializers, rows_of_a_uniform_matrix_are_those_of_keras, .timeout = 20)
{
    static const double first[12] = {-0.02175668, -0.00015831, 0.02154585, -0.0479798,
                                     -0.04214019, 0.01265594,  0.02549983, -0.03267942,
                                     -0.03712874, -0.04473295, 0.04425292, -0.02695481};
    static const double last[4] = {-0.03742474, 0.00980286, -0.01972204, 0.03528589};
    const struct up_initializer init = seeded("RandomUniform", 42);
    float values[32];
    fill(&init, (struct up_shape){2, {8, 4}}, values);
    assert_printed(values, first, 12);
    assert_printed(values + 28, last, 4);
}

Test(initializers, truncation_begins_a_new_stretch_for_every_four_values, .timeout = 20)
{
    static const double normal[8] = {0.00079085,  -0.07950435, 0.00517972, 0.04058730,
                                     -0.08051775, -0.07895523, 0.03320629, 0.01739371};
    static const double truncated[8] = {0.00079085,  -0.07950435, 0.00517972,  0.04058730,
                                        -0.00107039, 0.00590385,  -0.00027990, -0.00723988};
    float values[8];
    struct up_initializer init = seeded("RandomNormal", 42);
    fill(&init, (struct up_shape){1, {8}}, values);
    assert_printed(values, normal, 8);
    init = seeded("TruncatedNormal", 42);
    fill(&init, (struct up_shape){1, {8}}, values);
    assert_printed(values, truncated, 8);
}

/* Conv2DTranspose(2, 3, kernel_initializer=GlorotUniform(seed=42)) on one channel. */
Test(initializers, kernel_of_a_transposed_convolution_is_that_of_keras, .timeout = 20)
{
    static const double kernel[18] = {
        -0.20512399, -0.00149256, 0.20313624,  -0.45235786, -0.39730150, 0.11932132,
        0.24041471,  -0.30810449, -0.35005307, -0.42174631, 0.41722056,  -0.25413233,
        -0.02117401, -0.23895015, 0.21173230,  0.25367770,  0.03479990,  -0.31234783};
    const struct up_initializer init = seeded("GlorotUniform", 42);
    float values[18];
    fill(&init, (struct up_shape){4, {3, 3, 2, 1}}, values);
    for (size_t i = 0; i < 18; i++)
        cr_assert(fabs((double)values[i] - kernel[i]) < 2e-8, "%zu: %.9g", i, (double)values[i]);
}

/* Worked out by hand from Keras' rule. */
Test(initializers, fans_follow_from_the_shape, .timeout = 20)
{
    static const struct {
        struct up_shape shape;
        double in, out;
    } rows[] = {
        {{.rank = 0}, 1, 1},
        {{1, {7}}, 7, 7},
        {{2, {3, 5}}, 3, 5},
        {{3, {4, 2, 3}}, 8, 12},
        {{4, {3, 3, 2, 5}}, 18, 45},      /* Conv2D, 2 channels to 5 */
        {{4, {3, 3, 5, 2}}, 45, 18},      /* Conv2DTranspose, 2 channels to 5: the other way */
        {{5, {2, 3, 4, 5, 6}}, 120, 144}, /* Conv3D */
        {{4, {100000, 100000, 9, 1}}, 9e10, 1e10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double in = 0, out = 0;
        up_fans(&rows[i].shape, &in, &out);
        cr_assert(in == rows[i].in && out == rows[i].out, "row %zu: %g, %g", i, in, out);
    }
}

/* keras.initializers.get(name) for every name that Keras 3 takes, but STFT and Orthogonal. */
Test(initializers, every_name_of_keras_finds_its_class, .timeout = 20)
{
    static const char *const names[][2] = {
        {"Zeros", "Zeros"},
        {"zeros", "Zeros"},
        {"zero", "Zeros"},
        {"Ones", "Ones"},
        {"ones", "Ones"},
        {"one", "Ones"},
        {"Constant", "Constant"},
        {"constant", "Constant"},
        {"Identity", "Identity"},
        {"identity", "Identity"},
        {"IdentityInitializer", "Identity"},
        {"RandomUniform", "RandomUniform"},
        {"random_uniform", "RandomUniform"},
        {"uniform", "RandomUniform"},
        {"RandomNormal", "RandomNormal"},
        {"random_normal", "RandomNormal"},
        {"normal", "RandomNormal"},
        {"TruncatedNormal", "TruncatedNormal"},
        {"truncated_normal", "TruncatedNormal"},
        {"VarianceScaling", "VarianceScaling"},
        {"variance_scaling", "VarianceScaling"},
        {"GlorotUniform", "GlorotUniform"},
        {"glorot_uniform", "GlorotUniform"},
        {"GlorotNormal", "GlorotNormal"},
        {"glorot_normal", "GlorotNormal"},
        {"HeUniform", "HeUniform"},
        {"he_uniform", "HeUniform"},
        {"HeNormal", "HeNormal"},
        {"he_normal", "HeNormal"},
        {"LecunUniform", "LecunUniform"},
        {"lecun_uniform", "LecunUniform"},
        {"LecunNormal", "LecunNormal"},
        {"lecun_normal", "LecunNormal"},
        {"bilinear", "Bilinear"},
        {"icnr", "ICNR"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct up_initializer_class *class = up_initializer_find(names[i][0]);
        cr_assert(class != NULL && strcmp(class->class_name, names[i][1]) == 0, "%s", names[i][0]);
    }
    cr_assert(up_initializer_find("Glorot_Uniform") == NULL, "Keras tells upper from lower case");
    cr_assert(up_initializer_find("glorot") == NULL, "a beginning is not a name");
    cr_assert(up_initializer_find("") == NULL, "nothing is not a name");
}

/* get_config() of each class in Keras 3. */
Test(initializers, defaults_are_those_of_keras, .timeout = 20)
{
    struct up_initializer init = up_initializer_default(up_initializer_find("RandomUniform"));
    cr_assert(init.minval == -0.05 && init.maxval == 0.05, "%g, %g", init.minval, init.maxval);
    cr_assert(!init.seed.set, "a seed from nowhere");
    init = up_initializer_default(up_initializer_find("RandomNormal"));
    cr_assert(init.mean == 0 && init.stddev == 0.05, "%g, %g", init.mean, init.stddev);
    init = up_initializer_default(up_initializer_find("TruncatedNormal"));
    cr_assert(init.mean == 0 && init.stddev == 0.05, "%g, %g", init.mean, init.stddev);
    init = up_initializer_default(up_initializer_find("VarianceScaling"));
    cr_assert(init.scale == 1 && init.mode == UP_FAN_IN && init.distribution == UP_TRUNCATED_NORMAL,
              "%g, %u, %u", init.scale, init.mode, init.distribution);
    init = up_initializer_default(up_initializer_find("Identity"));
    cr_assert(init.gain == 1, "%g", init.gain);
    init = up_initializer_default(up_initializer_find("Constant"));
    cr_assert(init.value == 0 && init.tensor.data == NULL, "%g", init.value);
}

Test(initializers, choices_are_in_the_order_of_their_enums, .timeout = 20)
{
    const struct up_param *params = up_initializer_find("VarianceScaling")->params;
    const char *const *modes = up_param_find(params, "mode")->choices;
    const char *const *distributions = up_param_find(params, "distribution")->choices;
    cr_assert(up_choice_find(modes, "fan_in") == UP_FAN_IN, "fan_in");
    cr_assert(up_choice_find(modes, "fan_out") == UP_FAN_OUT, "fan_out");
    cr_assert(up_choice_find(modes, "fan_avg") == UP_FAN_AVG, "fan_avg");
    cr_assert(up_choice_find(distributions, "truncated_normal") == UP_TRUNCATED_NORMAL,
              "truncated_normal");
    cr_assert(up_choice_find(distributions, "untruncated_normal") == UP_UNTRUNCATED_NORMAL,
              "untruncated_normal");
    cr_assert(up_choice_find(distributions, "uniform") == UP_UNIFORM, "uniform");
    cr_assert(up_choice_find(distributions, "normal") == UP_NORMAL, "normal");
}

Test(initializers, random_classes_have_a_seed_and_no_others, .timeout = 20)
{
    const struct up_initializer_class *const *row = up_initializer_classes();
    cr_assert(*row != NULL, "no classes");
    for (; *row != NULL; row++) {
        const bool has_seed = up_param_find((*row)->params, "seed") != NULL;
        cr_assert(has_seed == (*row)->random, "%s", (*row)->class_name);
        cr_assert((*row)->summary[0] != '\0', "%s has no summary", (*row)->class_name);
    }
}

Test(initializers, defaults_are_within_their_own_bounds, .timeout = 20)
{
    for (const struct up_initializer_class *const *row = up_initializer_classes(); *row != NULL;
         row++)
        for (const struct up_param *p = (*row)->params; p->name != NULL; p++) {
            const bool bounded = p->min != 0 || p->max != 0;
            cr_assert(!bounded || (p->fallback >= p->min && p->fallback <= p->max), "%s.%s",
                      (*row)->class_name, p->name);
            cr_assert(p->meaning[0] != '\0', "%s.%s", (*row)->class_name, p->name);
        }
}

/* numpy.broadcast_to */
Test(initializers, constant_arrays_are_broadcast, .timeout = 20)
{
    float column[2] = {1, 2}, row[3] = {7, 8, 9}, got[12];
    static const float columns[6] = {1, 1, 1, 2, 2, 2};
    static const float rows[12] = {7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9};
    struct up_initializer init = up_initializer_default(up_initializer_find("constant"));
    init.tensor = (struct up_tensor){{2, {2, 1}}, column};
    fill(&init, (struct up_shape){2, {2, 3}}, got);
    cr_assert(memcmp(got, columns, sizeof columns) == 0, "a column is not repeated along rows");
    init.tensor = (struct up_tensor){{1, {3}}, row};
    fill(&init, (struct up_shape){3, {2, 2, 3}}, got);
    cr_assert(memcmp(got, rows, sizeof rows) == 0, "a row is not repeated down columns");
    init.tensor = (struct up_tensor){{.rank = 0}, row};
    fill(&init, (struct up_shape){1, {5}}, got);
    cr_assert(got[0] == 7 && got[4] == 7, "%g, %g", (double)got[0], (double)got[4]);
    init.tensor.data = NULL;
    init.value = 0.5;
    fill(&init, (struct up_shape){1, {2}}, got);
    cr_assert(got[0] == 0.5F && got[1] == 0.5F && got[2] == 7, "%g", (double)got[1]);
}

static void assert_refused(const struct up_initializer *init, struct up_shape shape,
                           const char *text)
{
    struct up_error err = {.code = UP_OK};
    float values[VALUES_MAX] = {-77};
    cr_assert(up_initializer_fill(init, &shape, values, NULL, &err) == UP_E_INVALID, "accepted");
    cr_assert(err.code == UP_E_INVALID && err.at[0] == '\0', "at %s", err.at);
    cr_assert(strcmp(err.text, text) == 0, "%s", err.text);
    cr_assert(values[0] == -77, "the weight was touched");
}

Test(initializers, shapes_that_a_class_cannot_fill_are_refused, .timeout = 20)
{
    float values[3] = {1, 2, 3};
    struct up_initializer init = up_initializer_default(up_initializer_find("identity"));
    assert_refused(&init, (struct up_shape){3, {3, 2, 2}},
                   "Identity fills weights of 2 axes, this one is (3, 2, 2)");
    assert_refused(&init, (struct up_shape){1, {3}},
                   "Identity fills weights of 2 axes, this one is (3,)");
    init = up_initializer_default(up_initializer_find("constant"));
    init.tensor = (struct up_tensor){{1, {3}}, values};
    assert_refused(&init, (struct up_shape){2, {3, 2}},
                   "a value of shape (3,) cannot be broadcast over a weight of shape (3, 2)");
    init.tensor.shape = (struct up_shape){2, {1, 3}};
    assert_refused(&init, (struct up_shape){1, {3}},
                   "a value of shape (1, 3) cannot be broadcast over a weight of shape (3,)");
    init.tensor.shape = (struct up_shape){1, {3}};
    assert_refused(&init, (struct up_shape){1, {1}},
                   "a value of shape (3,) cannot be broadcast over a weight of shape (1,)");
    init = up_initializer_default(up_initializer_find("Bilinear"));
    assert_refused(&init, (struct up_shape){2, {3, 3}},
                   "Bilinear fills kernels of 3 axes or more, this weight is (3, 3)");
    init = seeded("ICNR", 1);
    assert_refused(&init, (struct up_shape){3, {1, 2, 6}},
                   "ICNR fills weights of a multiple of 2 * 2 filters, not 6");
    assert_refused(&init, (struct up_shape){.rank = 0},
                   "ICNR fills weights of a multiple of 2 * 2 filters, not 1");
    init.block_size = 2147483647;
    assert_refused(&init, (struct up_shape){1, {4}},
                   "ICNR fills weights of a multiple of 2147483647 * 2147483647 filters, not 4");
}

Test(initializers, drawing_without_a_seed_is_a_programmers_mistake, .timeout = 20,
     .signal = SIGABRT)
{
    const struct up_initializer init = up_initializer_default(up_initializer_find("HeNormal"));
    float value;
    fill(&init, (struct up_shape){1, {1}}, &value);
}
