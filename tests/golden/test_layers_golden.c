/* Every case of tests/golden/layers through the service, on every instruction set that runs here.
 * README.md says what a case holds. A new case, and a new file of them, is data only. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/activations.h"
#include "tests/golden/ask.h"

#define FOLDER "tests/golden/layers"

enum { FILES_MAX = 64, PATH_BYTES = 320, CONV_CASES_MIN = 300 };

static int is_json(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* How many files there are; the path of file number `index` into `ret`, when it is one of them. */
static size_t file_find(size_t index, char ret[PATH_BYTES])
{
    struct dirent **entry;
    const int found = scandir(FOLDER, &entry, is_json, alphasort);
    const size_t count = found < 0 ? 0 : (size_t)found;
    for (size_t i = 0; i < count; i++) {
        if (i == index)
            (void)snprintf(ret, PATH_BYTES, "%s/%s", FOLDER, entry[i]->d_name);
        free(entry[i]);
    }
    if (found >= 0)
        free(entry);
    return count;
}

static json_t *file_load(size_t index)
{
    char path[PATH_BYTES] = "";
    (void)file_find(index, path);
    return golden_load(path);
}

/* A list of the case, or NULL when it has none of the name. */
static const double *list_of(const json_t *golden, const char *name, size_t count, double *room)
{
    const json_t *list = json_object_get(golden, name);
    if (list == NULL)
        return NULL;
    cr_assert(json_array_size(list) == count, "%s: %zu values, not %zu", name,
              json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        room[i] = json_number_value(json_array_get(list, i));
    return room;
}

struct lists {
    const double *expected, *tolerance, *keras; /* tolerance NULL: to the bit */
    size_t count;
};

/* The two truths of the file must agree before either judges the service. Keras computes activation
 * functions in float32, which costs it some digits. */
static void witnesses_compare(const struct lists *l, const char *name)
{
    for (size_t i = 0; l->keras != NULL && i < l->count; i++) {
        const double off = fabs(l->keras[i] - l->expected[i]);
        cr_assert(off <= l->tolerance[i] + 1e-6 * fmax(1, fabs(l->expected[i])),
                  "%s: value %zu is %.9g in Keras, %.17g by the formula", name, i, l->keras[i],
                  l->expected[i]);
    }
}

static bool same(float got, double expected, const double *tolerance)
{
    if (tolerance == NULL)
        return got == (float)expected && !signbit(got) == !signbit(expected);
    return fabs(got - expected) <= *tolerance;
}

/* What the answer says of its only output, whichever way it was asked. */
static const json_t *only(const json_t *answer, const char *one, const char *many)
{
    const json_t *list = json_object_get(answer, many);
    return list != NULL ? json_array_get(list, 0) : json_object_get(answer, one);
}

static void answer_compare(const json_t *answer, const json_t *golden, const struct lists *l,
                           const char *name)
{
    static double got[GOLDEN_VALUES_MAX];
    const json_t *shape = json_object_get(golden, "shape");
    const json_t *stated = only(answer, "shape", "shapes");
    cr_assert(json_array_size(stated) == json_array_size(shape), "%s: %zu axes, not %zu", name,
              json_array_size(stated), json_array_size(shape));
    for (size_t i = 0; i < json_array_size(shape); i++)
        cr_assert(json_number_value(json_array_get(stated, i)) ==
                      json_number_value(json_array_get(shape, i)),
                  "%s: axis %zu has length %g", name, i,
                  json_number_value(json_array_get(stated, i)));
    const size_t count = golden_values(only(answer, "output", "outputs"), shape, got);
    cr_assert(count == l->count, "%s: %zu values, not %zu", name, count, l->count);
    for (size_t i = 0; i < count; i++)
        cr_assert(
            same((float)got[i], l->expected[i], l->tolerance == NULL ? NULL : &l->tolerance[i]),
            "%s: value %zu is %.9g, not %.17g (tolerance %g)", name, i, got[i], l->expected[i],
            l->tolerance == NULL ? 0 : l->tolerance[i]);
}

static void case_compare(const json_t *golden)
{
    static double expected[GOLDEN_VALUES_MAX], tolerance[GOLDEN_VALUES_MAX],
        keras[GOLDEN_VALUES_MAX];
    const char *name = json_string_value(json_object_get(golden, "name"));
    const size_t count = json_array_size(json_object_get(golden, "expected"));
    cr_assert(count > 0 && count <= GOLDEN_VALUES_MAX, "%s: %zu values", name, count);
    const struct lists lists = {.expected = list_of(golden, "expected", count, expected),
                                .tolerance = list_of(golden, "tolerance", count, tolerance),
                                .keras = list_of(golden, "keras", count, keras),
                                .count = count};
    witnesses_compare(&lists, name);
    const struct up_kernels *kernels[GOLDEN_KERNELS_MAX];
    const size_t usable = up_kernels_usable(kernels, GOLDEN_KERNELS_MAX);
    cr_assert(usable > 0, "no kernels run here");
    for (size_t i = 0; i < usable; i++) {
        const struct golden_question question = {.kernels = kernels[i], .path = "/upsample"};
        unsigned status;
        json_t *answer = golden_ask(&question, json_object_get(golden, "request"), &status);
        cr_assert(status == 200, "%s: status %u, %s", name, status,
                  json_string_value(json_object_get(answer, "detail")));
        answer_compare(answer, golden, &lists, name);
        json_decref(answer);
    }
}

ParameterizedTestParameters(layers_golden, cases_answer_as_keras_and_the_formula)
{
    static size_t index[FILES_MAX];
    char path[PATH_BYTES];
    const size_t count = file_find(FILES_MAX, path);
    for (size_t i = 0; i < FILES_MAX; i++)
        index[i] = i;
    return cr_make_param_array(size_t, index, count < FILES_MAX ? count : FILES_MAX);
}

ParameterizedTest(size_t *index, layers_golden, cases_answer_as_keras_and_the_formula,
                  .timeout = 20)
{
    size_t i;
    json_t *golden, *file = file_load(*index);
    json_array_foreach(json_object_get(file, "cases"), i, golden) case_compare(golden);
    cr_assert(i > 0, "a file without cases");
    json_decref(file);
}

/* How many cases have a name that starts with each of the parts. */
static void cases_named(const char *const *part, size_t parts, size_t *ret_found)
{
    char path[PATH_BYTES];
    size_t i;
    const size_t files = file_find(FILES_MAX, path);
    cr_assert(files > 0 && files <= FILES_MAX, "%zu files", files);
    memset(ret_found, 0, parts * sizeof *ret_found);
    for (size_t f = 0; f < files; f++) {
        json_t *golden, *file = file_load(f);
        json_array_foreach(json_object_get(file, "cases"), i, golden)
        {
            const char *name = json_string_value(json_object_get(golden, "name"));
            for (size_t k = 0; k < parts; k++)
                ret_found[k] += strncmp(name, part[k], strlen(part[k])) == 0;
        }
        json_decref(file);
    }
}

Test(layers_golden, transposed_convolution_is_compared_at_length, .timeout = 20)
{
    static const char *const names[] = {"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"};
    size_t found[3];
    cases_named(names, 3, found);
    cr_assert(found[0] + found[1] + found[2] >= CONV_CASES_MIN, "%zu, %zu and %zu cases", found[0],
              found[1], found[2]);
}

Test(layers_golden, every_activation_is_compared, .timeout = 20)
{
    static char text[UP_ACT_COUNT][64];
    const char *names[UP_ACT_COUNT];
    size_t found[UP_ACT_COUNT];
    for (int id = 0; id < UP_ACT_COUNT; id++) {
        (void)snprintf(text[id], sizeof text[id], "Activation %s on",
                       up_activation_name((enum up_activation_id)id));
        names[id] = text[id];
    }
    cases_named(names, UP_ACT_COUNT, found);
    for (int id = 0; id < UP_ACT_COUNT; id++)
        cr_assert(found[id] > 0, "no case \"%s ...\"", names[id]);
}
