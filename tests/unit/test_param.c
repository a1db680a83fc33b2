#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/activations.h"
#include "core/initializers.h"
#include "core/param.h"

struct config {
    int64_t count, filters;
    struct up_seed seed;
    double slope, limit;
    bool flag, off;
    uint32_t mode, format;
    struct up_ints size, kernel, padding;
    struct up_activation activation, required, none;
    struct up_initializer kernel_initializer, absent;
    struct up_tensor value;
    int64_t last;
};

static const char *const modes[] = {"valid", "same", "causal", NULL};

#define AT(field) .name = #field, .offset = offsetof(struct config, field)

static const struct up_param params[] = {
    {AT(count), .type = UP_PARAM_INT, .fallback = 3, .min = 1, .max = 9},
    {AT(filters), .type = UP_PARAM_INT, .flags = UP_PARAM_REQUIRED, .fallback = 3},
    {AT(seed), .type = UP_PARAM_INT, .flags = UP_PARAM_NULLABLE},
    {AT(slope), .type = UP_PARAM_FLOAT, .fallback = 0.3},
    {AT(limit), .type = UP_PARAM_FLOAT, .flags = UP_PARAM_NULLABLE, .fallback = INFINITY},
    {AT(flag), .type = UP_PARAM_BOOL, .fallback = 1},
    {AT(off), .type = UP_PARAM_BOOL},
    {AT(mode), .type = UP_PARAM_CHOICE, .choices = modes, .fallback = 2},
    {AT(format), .type = UP_PARAM_CHOICE, .choices = modes, .flags = UP_PARAM_NULLABLE},
    {AT(size), .type = UP_PARAM_INTS, .fallback = 2},
    {AT(kernel), .type = UP_PARAM_INTS, .flags = UP_PARAM_REQUIRED},
    {AT(padding), .type = UP_PARAM_INTS, .flags = UP_PARAM_NULLABLE},
    {AT(activation), .type = UP_PARAM_ACTIVATION, .fallback_text = "relu"},
    {AT(required), .type = UP_PARAM_ACTIVATION, .flags = UP_PARAM_REQUIRED},
    {AT(none), .type = UP_PARAM_ACTIVATION, .flags = UP_PARAM_NULLABLE},
    {AT(kernel_initializer), .type = UP_PARAM_INITIALIZER, .fallback_text = "RandomNormal"},
    {AT(absent), .type = UP_PARAM_INITIALIZER, .flags = UP_PARAM_NULLABLE},
    {AT(value), .type = UP_PARAM_TENSOR},
    {.name = "input_shape", .type = UP_PARAM_SHAPE},
    {.name = "name", .type = UP_PARAM_IGNORED},
    UP_PARAM_END,
};

/* The configuration after defaults were written over garbage. */
static struct config defaults(void)
{
    struct config config;
    memset(&config, 0x5A, sizeof config);
    config.last = 77;
    up_params_default(params, &config);
    return config;
}

Test(param, defaults_of_numbers_are_written, .timeout = 20)
{
    const struct config config = defaults();
    cr_assert(config.count == 3, "%lld", (long long)config.count);
    cr_assert(config.slope == 0.3, "%g", config.slope);
    cr_assert(config.flag && !config.off, "%d %d", config.flag, config.off);
    cr_assert(config.mode == 2, "%u", config.mode);
    cr_assert(config.last == 77, "a row of no type wrote, or one wrote too much");
}

Test(param, integers_along_axes_default_to_the_same_for_all, .timeout = 20)
{
    const struct config config = defaults();
    cr_assert(config.size.set, "size is not set");
    for (size_t i = 0; i < 3; i++)
        cr_assert(config.size.v[i] == 2, "axis %zu: %lld", i, (long long)config.size.v[i]);
}

Test(param, required_parameters_become_zero, .timeout = 20)
{
    const struct config config = defaults();
    cr_assert(config.filters == 0, "%lld", (long long)config.filters);
    cr_assert(!config.kernel.set && config.kernel.v[0] == 0 && config.kernel.v[2] == 0,
              "kernel is set");
    cr_assert(config.required.id == UP_ACT_LINEAR, "%d", (int)config.required.id);
}

Test(param, nullable_parameters_are_not_set, .timeout = 20)
{
    const struct config config = defaults();
    cr_assert(!config.seed.set && config.seed.value == 0, "seed is set");
    cr_assert(!config.padding.set && config.padding.v[1] == 0, "padding is set");
    cr_assert(config.format == 0, "%u", config.format);
    cr_assert(isinf(config.limit), "%g", config.limit);
    cr_assert(config.none.id == UP_ACT_LINEAR, "%d", (int)config.none.id);
    cr_assert(config.absent.class == NULL, "%s", config.absent.class->class_name);
    cr_assert(config.value.data == NULL && config.value.shape.rank == 0, "value is set");
}

Test(param, names_of_functions_become_configured_ones, .timeout = 20)
{
    const struct config config = defaults();
    cr_assert(config.activation.id == UP_ACT_RELU && isinf(config.activation.beta), "%d, %g",
              (int)config.activation.id, (double)config.activation.beta);
    cr_assert(strcmp(config.kernel_initializer.class->class_name, "RandomNormal") == 0, "%s",
              config.kernel_initializer.class->class_name);
    cr_assert(config.kernel_initializer.stddev == 0.05, "%g", config.kernel_initializer.stddev);
}

Test(param, rows_are_found_by_their_whole_name, .timeout = 20)
{
    cr_assert(up_param_find(params, "count") == &params[0], "count");
    cr_assert(up_param_find(params, "name") == &params[19], "the last row");
    cr_assert(up_param_find(params, "coun") == NULL, "a beginning");
    cr_assert(up_param_find(params, "Count") == NULL, "another case");
    cr_assert(up_param_find(params, "") == NULL, "nothing");
}

Test(param, choices_are_found_by_their_whole_name, .timeout = 20)
{
    cr_assert(up_choice_find(modes, "valid") == 0, "valid");
    cr_assert(up_choice_find(modes, "causal") == 2, "causal");
    cr_assert(up_choice_find(modes, "sam") == -1, "sam");
    cr_assert(up_choice_find(modes, "samee") == -1, "samee");
    cr_assert(up_choice_find(modes, "") == -1, "nothing");
}

static const char *nearest_of(const char *text, const char *const *candidates)
{
    struct up_nearest nearest = {.text = text};
    for (; *candidates != NULL; candidates++)
        up_nearest_offer(&nearest, *candidates);
    return up_nearest_best(&nearest);
}

Test(param, a_misspelt_name_finds_the_one_that_was_meant, .timeout = 20)
{
    static const char *const names[] = {"filters",         "kernel_size",   "strides",
                                        "padding",         "dilation_rate", "Conv2DTranspose",
                                        "Conv3DTranspose", "UpSampling2D",  NULL};
    static const char *const meant[][2] = {
        {"stride", "strides"},
        {"stirdes", "strides"},
        {"PADDING", "padding"},
        {"kernelsize", "kernel_size"},
        {"conv2dtranspose", "Conv2DTranspose"},
        {"Conv3dTransposed", "Conv3DTranspose"},
        {"upsampling", "UpSampling2D"},
        {"dilation", NULL},
        {"banana", NULL},
        {"", NULL},
        {"x", NULL},
    };
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        const char *got = nearest_of(meant[i][0], names);
        const bool right =
            meant[i][1] == NULL ? got == NULL : got != NULL && strcmp(got, meant[i][1]) == 0;
        cr_assert(right, "%s: %s", meant[i][0], got == NULL ? "nothing" : got);
    }
}

Test(param, the_first_of_equally_near_names_wins, .timeout = 20)
{
    static const char *const names[] = {"UpSampling1D", "UpSampling2D", "UpSampling3D", NULL};
    const char *got = nearest_of("UpSampling4D", names);
    cr_assert(got == names[0], "%s", got == NULL ? "nothing" : got);
    got = nearest_of("UpSampling3D", names);
    cr_assert(got == names[2], "%s", got == NULL ? "nothing" : got);
}

Test(param, a_hint_names_what_is_near, .timeout = 20)
{
    char text[UP_HINT_BYTES];
    struct up_nearest nearest = {.text = "stride"};
    up_nearest_offer(&nearest, "padding");
    cr_assert(strcmp(up_nearest_hint(&nearest, text), "") == 0, "%s", text);
    up_nearest_offer(&nearest, "strides");
    cr_assert(strcmp(up_nearest_hint(&nearest, text), "; did you mean \"strides\"?") == 0, "%s",
              text);
}

/* The definition, with no table. */
static size_t distance_of(const char *a, const char *b)
{
    if (*a == '\0' || *b == '\0')
        return strlen(a) + strlen(b);
    if (*a == *b)
        return distance_of(a + 1, b + 1);
    const size_t insert = distance_of(a, b + 1), erase = distance_of(a + 1, b),
                 replace = distance_of(a + 1, b + 1);
    const size_t less = insert < erase ? insert : erase;
    return 1 + (less < replace ? less : replace);
}

static void random_word(char word[8])
{
    const size_t bytes = (size_t)rand() % 8;
    for (size_t i = 0; i < bytes; i++)
        word[i] = (char)('a' + rand() % 3);
    word[bytes] = '\0';
}

Test(param, nearness_is_the_edit_distance_of_its_definition, .timeout = 20)
{
    srand(7);
    size_t found = 0;
    for (int i = 0; i < 20000; i++) {
        char text[8], candidate[8];
        random_word(text);
        random_word(candidate);
        struct up_nearest nearest = {.text = text};
        up_nearest_offer(&nearest, candidate);
        const size_t distance = distance_of(text, candidate);
        const bool near = 3 * distance <= strlen(text);
        cr_assert((up_nearest_best(&nearest) != NULL) == near, "%s, %s", text, candidate);
        cr_assert(!near || nearest.distance == distance, "%s, %s: %zu", text, candidate,
                  nearest.distance);
        found += near;
    }
    cr_assert(found > 500, "only %zu words were near", found);
}

Test(param, endless_names_are_near_to_nothing, .timeout = 20)
{
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES + 1), candidate[65];
    cr_assert(text != NULL, "no memory");
    memset(text, 'a', BYTES);
    text[BYTES] = '\0';
    memset(candidate, 'a', sizeof candidate - 1);
    candidate[64] = '\0';
    struct up_nearest nearest = {.text = text};
    up_nearest_offer(&nearest, "aaaa");
    cr_assert(up_nearest_best(&nearest) == NULL, "a long text was near a short one");
    nearest.text = candidate;
    up_nearest_offer(&nearest, text);
    up_nearest_offer(&nearest, candidate);
    cr_assert(up_nearest_best(&nearest) == NULL, "a candidate of 64 bytes was taken");
    up_nearest_offer(&nearest, candidate + 1);
    cr_assert(up_nearest_best(&nearest) == candidate + 1, "one of 63 bytes was not");
    char hint[UP_HINT_BYTES];
    cr_assert(strstr(up_nearest_hint(&nearest, hint), "\"?") != NULL, "%s is cut short", hint);
    free(text);
}

/* The signatures in keras.activations. */
Test(activations, functions_have_the_default_parameters_of_keras, .timeout = 20)
{
    struct up_activation act;
    cr_assert(up_activation_find("relu", &act) && act.id == UP_ACT_RELU, "relu");
    cr_assert(act.alpha == 0 && isinf(act.beta) && act.beta > 0 && act.gamma == 0, "relu");
    cr_assert(up_activation_find("leaky_relu", &act) && act.id == UP_ACT_LEAKY_RELU, "leaky_relu");
    cr_assert(act.alpha == 0.2F, "leaky_relu: %g", (double)act.alpha);
    cr_assert(up_activation_find("elu", &act) && act.id == UP_ACT_ELU, "elu");
    cr_assert(act.alpha == 1, "elu: %g", (double)act.alpha);
}

Test(activations, every_function_is_found_by_its_own_name, .timeout = 20)
{
    for (int i = 0; i < UP_ACT_COUNT; i++) {
        struct up_activation act;
        const enum up_activation_id id = (enum up_activation_id)i;
        cr_assert(up_activation_find(up_activation_name(id), &act) && act.id == id, "%s",
                  up_activation_name(id));
    }
}

Test(activations, aliases_and_unknown_names, .timeout = 20)
{
    struct up_activation act;
    cr_assert(up_activation_find("swish", &act) && act.id == UP_ACT_SILU, "swish");
    cr_assert(up_activation_find("hard_swish", &act) && act.id == UP_ACT_HARD_SILU, "hard_swish");
    act.id = UP_ACT_TANH;
    cr_assert(!up_activation_find("Relu", &act), "Keras tells upper from lower case");
    cr_assert(!up_activation_find("", &act), "nothing is not a name");
    cr_assert(act.id == UP_ACT_TANH, "an unknown name was written");
}

Test(activations, only_functions_of_groups_look_along_the_last_axis, .timeout = 20)
{
    for (int i = 0; i < UP_ACT_COUNT; i++) {
        const enum up_activation_id id = (enum up_activation_id)i;
        const char *name = up_activation_name(id);
        const bool groups = strstr(name, "softmax") != NULL || strcmp(name, "sparsemax") == 0 ||
                            strcmp(name, "glu") == 0;
        cr_assert((up_activation_kind(id) == UP_ACT_LAST_AXIS) == groups, "%s",
                  up_activation_name(id));
    }
}
