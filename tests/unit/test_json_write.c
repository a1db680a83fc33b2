/* Tensors as JSON text. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/json.h"
#include "tests/support/random.h"

static void writing_expect(const struct up_tensor *tensor, bool flat, const char *expected,
                           size_t nulls)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    struct api_buffer b = api_buffer_make(arena, NULL);
    const size_t written = api_json_write_tensor(&b, tensor, flat);
    cr_assert(api_buffer_finish(&b) == UP_OK, "no memory");
    cr_assert(b.bytes == strlen(expected) && memcmp(b.data, expected, b.bytes) == 0,
              "%.*s is not %s", (int)b.bytes, b.data, expected);
    cr_assert(written == nulls, "%zu nulls, not %zu", written, nulls);
    up_arena_free(arena);
}

Test(json, writes_nested_arrays_of_every_shape, .timeout = 20)
{
    float v[] = {1, 0.5f, -0.0f, 1e-7f, NAN, INFINITY, -INFINITY, 8};
    static const struct {
        struct up_shape shape;
        const char *nested, *flat;
        size_t nulls;
    } rows[] = {
        {{.rank = 0}, "1", "[1]", 0},
        {{1, {3}}, "[1,0.5,-0]", "[1,0.5,-0]", 0},
        {{2, {2, 2}}, "[[1,0.5],[-0,1e-7]]", "[1,0.5,-0,1e-7]", 0},
        {{3, {2, 2, 2}},
         "[[[1,0.5],[-0,1e-7]],[[null,null],[null,8]]]",
         "[1,0.5,-0,1e-7,null,null,null,8]",
         3},
        {{3, {2, 1, 1}}, "[[[1]],[[0.5]]]", "[1,0.5]", 0},
        {{8, {1, 1, 1, 1, 1, 1, 1, 1}}, "[[[[[[[[1]]]]]]]]", "[1]", 0},
        {{1, {0}}, "[]", "[]", 0},
        {{2, {2, 0}}, "[[],[]]", "[]", 0},
        {{2, {0, 2}}, "[]", "[]", 0},
        {{3, {2, 0, 3}}, "[[],[]]", "[]", 0},
        {{3, {1, 2, 0}}, "[[[],[]]]", "[]", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct up_tensor tensor = {rows[i].shape, v};
        writing_expect(&tensor, false, rows[i].nested, rows[i].nulls);
        writing_expect(&tensor, true, rows[i].flat, rows[i].nulls);
    }
    const struct up_tensor empty = {{2, {3, 0}}, NULL};
    writing_expect(&empty, false, "[[],[],[]]", 0);
}

/* What a tensor of few different values must be, an element at a time. */
static size_t plain_text(const struct up_shape *shape, uint32_t axis, const uint8_t **code,
                         char *text)
{
    static const char *const values[] = {"1", "0.5", "-0", "0", "null", "-1234567.5"};
    if (axis == shape->rank)
        return (size_t)sprintf(text, "%s", values[*(*code)++]);
    size_t n = (size_t)sprintf(text, "[");
    for (size_t i = 0; i < shape->dim[axis]; i++) {
        n += (size_t)sprintf(text + n, "%s", i > 0 ? "," : "");
        n += plain_text(shape, axis + 1, code, text + n);
    }
    return n + (size_t)sprintf(text + n, "]");
}

/* Short axes, a last one that is sometimes longer, and a long one anywhere: rows of pixels. */
static struct up_shape long_shape(struct random *random)
{
    struct up_shape shape = {.rank = (uint32_t)random_size(random, 1, UP_RANK_MAX)};
    const size_t axis = random_size(random, 0, shape.rank - 1);
    size_t others = 1;
    for (uint32_t i = 0; i < shape.rank; i++) {
        const bool channels = i + 1 == shape.rank && random_size(random, 0, 1) == 0;
        shape.dim[i] = random_size(random, 1, channels ? 40 : shape.rank > 5 ? 2 : 4);
        others *= i == axis ? 1 : shape.dim[i];
    }
    shape.dim[axis] = random_size(random, 1, 600 / others + 1);
    return shape;
}

/* Neighbours, runs of them, pixels, rows and planes that are equal are written another way than
 * those that are not. */
Test(json, writes_what_repeats_like_what_does_not, .timeout = 20)
{
    static const float values[] = {1, 0.5F, -0.0F, 0, NAN, -1234567.5F};
    enum { COUNT_MAX = 4000 };
    static float data[COUNT_MAX];
    static uint8_t code[COUNT_MAX];
    static char expected[COUNT_MAX * 40];
    struct random random = {7};
    for (int round = 0; round < 2000; round++) {
        const struct up_shape shape = long_shape(&random);
        const size_t count = up_shape_size(&shape);
        size_t nulls = 0;
        const size_t last = shape.dim[shape.rank - 1], rare = random_size(&random, 2, 300);
        const size_t period = random_size(&random, 0, 1) == 0 ? last : random_size(&random, 1, 12);
        const size_t run = random_size(&random, 0, 1) == 0 ? 1 : random_size(&random, 2, 10);
        for (size_t i = 0; i < count; i++) {
            if (run > 1)
                code[i] = i % run > 0 && random_size(&random, 1, 20 * rare) > 1
                              ? code[i - 1]
                              : (uint8_t)random_size(&random, 0, 5);
            else
                code[i] = i >= period && random_size(&random, 1, rare) > 1
                              ? code[i - period]
                              : (uint8_t)random_size(&random, 0, 5);
            data[i] = values[code[i]];
            nulls += isnan(data[i]) ? 1 : 0;
        }
        const uint8_t *at = code;
        expected[plain_text(&shape, 0, &at, expected)] = '\0';
        const struct up_tensor tensor = {shape, data};
        writing_expect(&tensor, false, expected, nulls);
    }
}

/* jansson reads the text, and its doubles rounded to float are the tensor's values. */
Test(json, writes_large_tensors_that_jansson_reads_back, .timeout = 20)
{
    enum { ROWS = 7, COLUMNS = 1000 };
    struct up_arena *arena = up_arena_new(16 << 20, NULL);
    static float data[ROWS * COLUMNS];
    uint32_t state = 1;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = i % 5 == 0 ? (float)(state >> 24) : (float)(int32_t)state * 0x1p-31f;
    }
    const struct up_tensor tensor = {{2, {ROWS, COLUMNS}}, data};
    struct api_buffer b = api_buffer_make(arena, NULL);
    api_buffer_puts(&b, "{\"output\":");
    cr_assert(api_json_write_tensor(&b, &tensor, false) == 0, "nulls");
    api_buffer_puts(&b, "}");
    json_t *json = json_loadb(b.data, b.bytes, 0, NULL);
    cr_assert(json != NULL, "no JSON");
    const json_t *output = json_object_get(json, "output");
    cr_assert(json_array_size(output) == ROWS, "%zu rows", json_array_size(output));
    for (size_t r = 0; r < ROWS; r++) {
        const json_t *row = json_array_get(output, r);
        cr_assert(json_array_size(row) == COLUMNS, "%zu columns", json_array_size(row));
        for (size_t c = 0; c < COLUMNS; c++)
            cr_assert((float)json_number_value(json_array_get(row, c)) == data[r * COLUMNS + c],
                      "value %zu, %zu", r, c);
    }
    json_decref(json);
    up_arena_free(arena);
}

/* As much as is asked for at once, so that the text never moves, and not much more. */
Test(json, estimates_the_room_of_a_text_with_its_brackets, .timeout = 20)
{
    static const struct up_shape shapes[] = {
        {1, {30000}}, {3, {100, 300, 1}}, {3, {100, 100, 3}}, {5, {100, 300, 1, 1, 1}}};
    static float data[30000];
    for (size_t i = 0; i < sizeof data / sizeof *data; i++)
        data[i] = (float)(i * 7919 % 256);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct up_tensor tensor = {shapes[i], data};
        struct up_arena *arena = up_arena_new(16 << 20, NULL);
        struct api_buffer b = api_buffer_make(arena, NULL);
        (void)api_json_write_tensor(&b, &tensor, false);
        const size_t estimate = api_json_estimate(&tensor);
        cr_assert(b.capacity == estimate, "case %zu: %zu bytes of room, not %zu", i, b.capacity,
                  estimate);
        cr_assert(estimate < b.bytes * 3 / 2, "case %zu: %zu for %zu bytes", i, estimate, b.bytes);
        up_arena_free(arena);
    }
}

Test(json, writing_stops_when_memory_ends, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(20000, NULL);
    struct up_error err = {.code = UP_OK};
    struct api_buffer b = api_buffer_make(arena, &err);
    static float zeros[100000];
    const struct up_tensor tensor = {{2, {1000, 100}}, zeros};
    (void)api_json_write_tensor(&b, &tensor, false);
    cr_assert(api_buffer_finish(&b) == UP_E_LIMIT, "code %d", (int)api_buffer_finish(&b));
    up_arena_free(arena);
}
