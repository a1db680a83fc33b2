#include "tests/golden/ask.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20 };

json_t *golden_ask(const struct golden_question *question, const json_t *body, unsigned *ret_status)
{
    static const char *const libraries[] = {NULL};
    const struct api_context context = {.kernels = question->kernels,
                                        .limits = {.body_bytes = ARENA_BYTES,
                                                   .output_bytes = ARENA_BYTES,
                                                   .memory_bytes = ARENA_BYTES},
                                        .library_versions = libraries};
    char *text = json_dumps(body, JSON_COMPACT);
    struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
    cr_assert(text != NULL && arena != NULL, "no memory for the question");
    const struct api_part part = {.type = "application/json", .data = text, .bytes = strlen(text)};
    const struct api_request request = {.method = "POST",
                                        .path = question->path,
                                        .query = &question->query,
                                        .query_count = question->query.name != NULL,
                                        .parts = &part,
                                        .part_count = 1,
                                        .arena = arena};
    struct api_response response = {.status = 0};
    json_error_t error;
    api_handle(&context, &request, &response);
    json_t *answer =
        json_loadb(response.body, response.body_bytes, JSON_DECODE_INT_AS_REAL, &error);
    cr_assert(answer != NULL, "status %u, and no JSON: %s", response.status, error.text);
    *ret_status = response.status;
    up_arena_free(arena);
    free(text);
    return answer;
}

static size_t values_from(const json_t *nested, const json_t *shape, size_t axis, double *ret,
                          size_t at)
{
    if (axis == json_array_size(shape)) {
        cr_assert(json_is_number(nested) || json_is_null(nested), "value %zu is no number", at);
        cr_assert(at < GOLDEN_VALUES_MAX, "more than %d values", GOLDEN_VALUES_MAX);
        ret[at] = json_is_null(nested) ? NAN : json_number_value(nested);
        return at + 1;
    }
    const size_t length = (size_t)json_number_value(json_array_get(shape, axis));
    cr_assert(json_is_array(nested) && json_array_size(nested) == length,
              "axis %zu has %zu items at value %zu, not %zu", axis, json_array_size(nested), at,
              length);
    for (size_t i = 0; i < length; i++)
        at = values_from(json_array_get(nested, i), shape, axis + 1, ret, at);
    return at;
}

size_t golden_values(const json_t *nested, const json_t *shape, double *ret)
{
    return values_from(nested, shape, 0, ret, 0);
}

json_t *golden_load(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error);
    cr_assert(file != NULL, "%s, line %d: %s", path, error.line, error.text);
    return file;
}
