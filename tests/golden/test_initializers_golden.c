/* Initializers against Keras on TensorFlow: generate_initializers.py says what the file holds. A
 * configuration is read by the class's own descriptor rows, as the service reads it. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/initializers.h"

enum { CHUNK = 1000, LONG_RUN = 100000, CONSTANT_MAX = 16 };

static json_t *golden;

static void open_golden(void)
{
    json_error_t error;
    golden = json_load_file("tests/golden/initializers/values.json", 0, &error);
    cr_assert(golden != NULL, "line %d: %s", error.line, error.text);
    const json_int_t chunk = json_integer_value(json_object_get(golden, "chunk"));
    cr_assert(chunk == CHUNK, "%" JSON_INTEGER_FORMAT, chunk);
}

static void close_golden(void)
{
    json_decref(golden);
}

TestSuite(initializers_golden, .init = open_golden, .fini = close_golden, .timeout = 20);

static struct up_shape shape_of(const json_t *list)
{
    struct up_shape shape = {.rank = (uint32_t)json_array_size(list)};
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dim[i] = (size_t)json_integer_value(json_array_get(list, i));
    return shape;
}

/* Nested arrays, depth first; returns how many values. */
static size_t flatten(const json_t *value, struct up_tensor *ret, uint32_t depth, size_t at)
{
    if (!json_is_array(value)) {
        cr_assert(at < CONSTANT_MAX, "a constant of more than %d values", CONSTANT_MAX);
        ret->data[at] = (float)json_number_value(value);
        return at + 1;
    }
    ret->shape.rank = depth + 1 > ret->shape.rank ? depth + 1 : ret->shape.rank;
    ret->shape.dim[depth] = json_array_size(value);
    for (size_t i = 0; i < json_array_size(value); i++)
        at = flatten(json_array_get(value, i), ret, depth + 1, at);
    return at;
}

static void store(const struct up_param *row, const json_t *value, struct up_initializer *init)
{
    static float constant[CONSTANT_MAX];
    void *to = (char *)init + row->offset;
    switch (row->type) {
    case UP_PARAM_INT:
        if ((row->flags & UP_PARAM_NULLABLE) != 0)
            *(struct up_seed *)to = (struct up_seed){true, json_integer_value(value)};
        else
            *(int64_t *)to = json_integer_value(value);
        break;
    case UP_PARAM_FLOAT:
        *(double *)to = json_number_value(value);
        cr_assert(*(double *)to >= row->min && *(double *)to <= row->max, "%s is out of bounds",
                  row->name);
        break;
    case UP_PARAM_CHOICE: {
        const int choice = up_choice_find(row->choices, json_string_value(value));
        cr_assert(choice >= 0, "no choice %s", json_string_value(value));
        *(uint32_t *)to = (uint32_t)choice;
        break;
    }
    case UP_PARAM_TENSOR: {
        struct up_tensor tensor = {.data = constant};
        (void)flatten(value, &tensor, 0, 0);
        *(struct up_tensor *)to = tensor;
        break;
    }
    default:
        cr_assert(false, "%s has a type of its own", row->name);
    }
}

static struct up_initializer initializer_of(json_t *expected)
{
    const char *name = json_string_value(json_object_get(expected, "class_name"));
    const struct up_initializer_class *class = up_initializer_find(name);
    cr_assert(class != NULL, "no class %s", name);
    struct up_initializer init = up_initializer_default(class);
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(expected, "config"), key, value)
    {
        const struct up_param *row = up_param_find(class->params, key);
        cr_assert(row != NULL, "%s has no %s", name, key);
        store(row, value, &init);
    }
    return init;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t fnv1a(const float *values, size_t count)
{
    uint64_t hash = 0xCBF29CE484222325;
    for (size_t i = 0; i < count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (bits_of(values[i]) >> shift & 0xFF)) * 0x100000001B3;
    return hash;
}

static void compare_bits(const float *values, size_t count, const char *bits, const char *what)
{
    cr_assert(strlen(bits) == 8 * count, "%s: %zu digits for %zu values", what, strlen(bits),
              count);
    for (size_t i = 0; i < count; i++) {
        uint32_t expected = 0;
        cr_assert(sscanf(bits + 8 * i, "%8" SCNx32, &expected) == 1, "%s", what);
        cr_assert(bits_of(values[i]) == expected,
                  "%s: value %zu is %.9g (%08" PRIx32 "), not %08" PRIx32, what, i,
                  (double)values[i], bits_of(values[i]), expected);
    }
}

static void compare_hashes(const float *values, size_t count, const json_t *hashes,
                           const char *what)
{
    cr_assert(json_array_size(hashes) == (count + CHUNK - 1) / CHUNK, "%s: %zu hashes", what,
              json_array_size(hashes));
    for (size_t i = 0; i < count; i += CHUNK) {
        const size_t some = count - i < CHUNK ? count - i : CHUNK;
        char hash[17];
        (void)snprintf(hash, sizeof hash, "%016" PRIx64, fnv1a(values + i, some));
        const char *expected = json_string_value(json_array_get(hashes, i / CHUNK));
        cr_assert(strcmp(hash, expected) == 0, "%s: values %zu.. differ, hash %s, not %s", what, i,
                  hash, expected);
    }
}

static void compare_case(json_t *expected)
{
    const struct up_initializer init = initializer_of(expected);
    const struct up_shape shape = shape_of(json_object_get(expected, "shape"));
    const size_t count = up_shape_size(&shape);
    float *values = malloc((count + 1) * sizeof *values);
    cr_assert(values != NULL, "no memory");
    values[count] = -77;
    struct up_error err = {.code = UP_OK};
    cr_assert(up_initializer_fill(&init, &shape, values, NULL, &err) == UP_OK, "%s", err.text);
    cr_assert(values[count] == -77, "%s wrote past its end", init.class->class_name);

    char *what = json_dumps(json_object_get(expected, "config"), JSON_COMPACT);
    char text[256], size[UP_SHAPE_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s%s %s", init.class->class_name, what,
                   up_shape_text(&shape, size));
    free(what);
    const json_t *hashes = json_object_get(expected, "hashes");
    if (hashes != NULL)
        compare_hashes(values, count, hashes, text);
    else
        compare_bits(values, count, json_string_value(json_object_get(expected, "bits")), text);
    free(values);
}

Test(initializers_golden, every_value_has_the_bits_of_keras)
{
    size_t i;
    json_t *expected;
    cr_assert(json_array_size(json_object_get(golden, "cases")) > 0, "no cases");
    json_array_foreach(json_object_get(golden, "cases"), i, expected) compare_case(expected);
}

Test(initializers_golden, every_class_is_compared_and_distributions_at_length)
{
    const struct up_initializer_class *const *row = up_initializer_classes();
    for (; *row != NULL; row++) {
        size_t i, values = 0, needed = 1;
        json_t *expected;
        if (strcmp((*row)->class_name, "Orthogonal") == 0)
            continue; /* equal to the last places only: tests/unit/test_orthogonal.c */
        json_array_foreach(json_object_get(golden, "cases"), i, expected)
        {
            const char *name = json_string_value(json_object_get(expected, "class_name"));
            const struct up_shape shape = shape_of(json_object_get(expected, "shape"));
            values += strcmp(name, (*row)->class_name) == 0 ? up_shape_size(&shape) : 0;
        }
        if (strstr("RandomUniform RandomNormal TruncatedNormal", (*row)->class_name) != NULL)
            needed = LONG_RUN;
        cr_assert(values >= needed, "%s: %zu values", (*row)->class_name, values);
    }
}

Test(initializers_golden, fans_are_those_of_keras)
{
    size_t i;
    json_t *row;
    cr_assert(json_array_size(json_object_get(golden, "fans")) > 0, "no fans");
    json_array_foreach(json_object_get(golden, "fans"), i, row)
    {
        const struct up_shape shape = shape_of(json_object_get(row, "shape"));
        const json_t *fans = json_object_get(row, "fans");
        char text[UP_SHAPE_TEXT_BYTES];
        double in = -1, out = -1;
        up_fans(&shape, &in, &out);
        cr_assert(in == (double)json_integer_value(json_array_get(fans, 0)) &&
                      out == (double)json_integer_value(json_array_get(fans, 1)),
                  "%s: %g, %g", up_shape_text(&shape, text), in, out);
    }
}
