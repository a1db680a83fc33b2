/* Numbers that others have printed: README.md names the sources. Whole numbers must come out
 * exactly, others to the printed digits. */
#include <assert.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>

#include "core/limits.h"
#include "tests/golden/ask.h"

#define FOLDER "tests/golden/published/"

/* The answer of each instruction set that runs here, `index` counting them; NULL past the last. */
static json_t *answer_of(size_t index, const char *path, const json_t *request, const char *name)
{
    const struct up_kernels *kernels[GOLDEN_KERNELS_MAX];
    if (index >= up_kernels_usable(kernels, GOLDEN_KERNELS_MAX))
        return NULL;
    unsigned status;
    const struct golden_question question = {.kernels = kernels[index], .path = path};
    json_t *answer = golden_ask(&question, request, &status);
    cr_assert(status == 200, "%s: status %u, %s", name, status,
              json_string_value(json_object_get(answer, "detail")));
    return answer;
}

static void values_compare(const double *got, const json_t *printed, size_t count, double within,
                           const char *name)
{
    cr_assert(json_array_size(printed) == count, "%s: %zu values, not %zu", name, count,
              json_array_size(printed));
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(printed, i);
        if (json_is_null(value)) /* left out by the source */
            continue;
        const double expected = json_number_value(value);
        const bool same =
            within == 0 ? (float)got[i] == (float)expected : fabs(got[i] - expected) <= within;
        cr_assert(same, "%s: value %zu is %.9g, not %.9g", name, i, got[i], expected);
    }
}

static void output_compare(const json_t *request, const json_t *shape, const json_t *printed,
                           double within, const char *name)
{
    static double got[GOLDEN_VALUES_MAX];
    json_t *answer;
    size_t i = 0;
    for (; (answer = answer_of(i, "/upsample", request, name)) != NULL; i++) {
        const size_t count = golden_values(json_object_get(answer, "output"), shape, got);
        values_compare(got, printed, count, within, name);
        json_decref(answer);
    }
    cr_assert(i > 0, "no kernels run here");
}

/* --- Inputs and outputs --------------------------------------------------------------------- */

#define ONNX_FILE "tests/golden/onnx/node.json"

static const char *const literals[] = {FOLDER "notebook.json", FOLDER "tensorflow_js.json",
                                       ONNX_FILE};

ParameterizedTestParameters(published, outputs_are_those_that_others_print)
{
    static size_t index[] = {0, 1, 2};
    static_assert(sizeof index / sizeof index[0] == sizeof literals / sizeof literals[0],
                  "every file has its index");
    return cr_make_param_array(size_t, index, sizeof literals / sizeof literals[0]);
}

ParameterizedTest(size_t *index, published, outputs_are_those_that_others_print, .timeout = 20)
{
    size_t i;
    json_t *row, *file = golden_load(literals[*index]);
    json_array_foreach(json_object_get(file, "cases"), i, row) output_compare(
        json_object_get(row, "request"), json_object_get(row, "shape"),
        json_object_get(row, "output"), json_number_value(json_object_get(row, "within")),
        json_string_value(json_object_get(row, "name")));
    cr_assert(i > 0, "%s has no cases", literals[*index]);
    json_decref(file);
}

/* What ONNX tests and no layer of Keras computes is said, too, with the reason of each. */
Test(published, tests_of_onnx_that_no_layer_computes_are_told_with_the_reason, .timeout = 20)
{
    enum { TESTS = 53 }; /* of the operators that upsample, in the release that the file names */
    size_t i;
    json_t *row, *file = golden_load(ONNX_FILE);
    json_array_foreach(json_object_get(file, "elsewhere"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *reason = json_string_value(json_object_get(row, "reason"));
        cr_assert(name != NULL && reason != NULL && reason[0] != '\0', "row %zu has no reason", i);
        cr_log_info("not a layer: %s: %s\n", name, reason);
    }
    const size_t compared = json_array_size(json_object_get(file, "cases"));
    cr_log_info("%zu tests of ONNX are compared, %zu are not\n", compared, i);
    cr_assert(compared + i == TESTS, "%zu tests and %zu reasons, not %d", compared, i, TESTS);
    json_decref(file);
}

/* Keras sweeps kernels, strides and output paddings over one input: the rows hold the parameters
 * and the output. */
Test(published, sweep_of_transposed_convolution_is_that_of_keras, .timeout = 20)
{
    enum { ROWS = 95 };
    size_t i;
    json_t *row, *file = golden_load(FOLDER "keras_sweep.json");
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        const int kernel_size = (int)json_integer_value(json_object_get(row, "kernel_size"));
        json_t *kernel = json_array(), *output = json_object_get(row, "output");
        for (int k = 1; k <= kernel_size; k++)
            (void)json_array_append_new(kernel, json_pack("[[i]]", k));
        json_t *config = json_pack("{si sb}", "filters", 1, "use_bias", 0);
        (void)json_object_update(config, row);
        (void)json_object_del(config, "output");
        (void)json_object_del(config, "tensorflow");
        json_t *request =
            json_pack("{s[iii] s{ss so s[o]}}", "input", 1, 1, 1, "layer", "class_name",
                      "Conv1DTranspose", "config", config, "weights", kernel);
        json_t *shape = json_pack("[i]", (int)json_array_size(output));
        char *name = json_dumps(row, JSON_COMPACT);
        output_compare(request, shape, output, 0, name);
        free(name);
        json_decref(request);
        json_decref(shape);
    }
    cr_assert(i == ROWS, "%zu rows, not %d", i, ROWS);
    json_decref(file);
}

/* --- Shapes --------------------------------------------------------------------------------- */

Test(published, output_shapes_are_those_that_others_print, .timeout = 20)
{
    size_t i;
    json_t *row, *file = golden_load(FOLDER "shapes.json");
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const json_t *printed = json_object_get(row, "output_shape");
        json_t *answer = answer_of(0, "/plan", json_object_get(row, "request"), name);
        const json_t *shape = json_object_get(answer, "output_shape");
        double got[UP_RANK_MAX];
        const size_t count = json_array_size(shape);
        cr_assert(count <= UP_RANK_MAX, "%s: %zu axes", name, count);
        for (size_t a = 0; a < count; a++)
            got[a] = json_number_value(json_array_get(shape, a));
        values_compare(got, printed, count, 0, name);
        json_decref(answer);
    }
    cr_assert(i > 0, "no shapes");
    json_decref(file);
}

/* --- Weights -------------------------------------------------------------------------------- */

/* A layer of one kernel position whose kernel has `rows` by `columns` values. */
static json_t *drawn_layer(const char *class_name, int seed, int rows, int columns)
{
    return json_pack("{s{s[iiii]} s{ss s{si si sb s{ss s{si}}}}}", "input", "shape", 1, 1, 1,
                     columns, "layer", "class_name", "Conv2DTranspose", "config", "filters", rows,
                     "kernel_size", 1, "use_bias", 0, "kernel_initializer", "class_name",
                     class_name, "config", "seed", seed);
}

Test(published, weights_of_seeded_initializers_are_those_that_keras_prints, .timeout = 20)
{
    static double got[GOLDEN_VALUES_MAX];
    size_t i;
    json_t *row, *file = golden_load(FOLDER "initializers.json");
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        const char *class_name = json_string_value(json_object_get(row, "class_name"));
        const json_t *shape = json_object_get(row, "shape");
        json_t *request =
            drawn_layer(class_name, (int)json_integer_value(json_object_get(row, "seed")),
                        (int)json_integer_value(json_array_get(shape, 0)),
                        (int)json_integer_value(json_array_get(shape, 1)));
        const struct golden_question question = {
            .kernels = up_kernels_select(NULL), .path = "/plan", .query = {"weights", "true"}};
        unsigned status;
        json_t *answer = golden_ask(&question, request, &status);
        cr_assert(status == 200, "%s: status %u", class_name, status);
        const json_t *layer = json_array_get(json_object_get(answer, "layers"), 0);
        const json_t *kernel = json_array_get(json_object_get(layer, "weights"), 0);
        const size_t count =
            golden_values(json_object_get(kernel, "values"), json_object_get(kernel, "shape"), got);
        values_compare(got, json_object_get(row, "values"), count,
                       json_number_value(json_object_get(row, "within")), class_name);
        json_decref(answer);
        json_decref(request);
    }
    cr_assert(i > 0, "no initializers");
    json_decref(file);
}

/* The same numbers by what the layer does with them: an input of 1 shows the kernel. */
Test(published, seeded_weights_are_what_the_layer_computes_with, .timeout = 20)
{
    size_t i, compared = 0;
    json_t *row, *file = golden_load(FOLDER "initializers.json");
    json_array_foreach(json_object_get(file, "cases"), i, row)
    {
        const char *class_name = json_string_value(json_object_get(row, "class_name"));
        const json_t *values = json_object_get(row, "values");
        if (json_array_size(values) != 1)
            continue;
        compared++;
        json_t *request =
            drawn_layer(class_name, (int)json_integer_value(json_object_get(row, "seed")), 1, 1);
        (void)json_object_set_new(request, "input", json_pack("[[i]]", 1));
        output_compare(request, json_object_get(row, "shape"), values, 0, class_name);
        json_decref(request);
    }
    cr_assert(compared > 0, "no initializers");
    json_decref(file);
}
