/* The JSON lifter against jansson: both take the same texts, but for tensors (a refusal with a
 * pointer) and depth here, and jansson's own limits of numbers and strings there. What is lifted
 * and written again is lifted to the same tensors. The first byte chooses lift or relax. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* Numbers past int64 and double, and NUL in strings, are JSON that jansson cannot hold. */
static bool beyond_jansson(const json_error_t *error)
{
    const enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_character ||
           code == json_error_null_byte_in_key;
}

static void write_again(const struct up_tensor *tensor, struct up_arena *arena)
{
    struct api_buffer b = api_buffer_make(arena, NULL);
    api_buffer_puts(&b, "{\"input\":");
    expect(api_json_write_tensor(&b, tensor, false) == 0);
    api_buffer_puts(&b, "}");
    struct api_document document;
    if (api_buffer_finish(&b) != UP_OK)
        return;
    const enum up_code code = api_json_lift(b.data, b.bytes, 0, arena, &document, NULL);
    if (code == UP_E_LIMIT)
        return;
    expect(code == UP_OK && document.tensor_count == 1);
    const struct up_tensor *again = &document.tensors[0];
    const size_t count = up_shape_size(&tensor->shape);
    bool empty_inside = false; /* what is inside an empty array has no text */
    for (uint32_t i = 0; i + 1 < tensor->shape.rank; i++)
        empty_inside = empty_inside || tensor->shape.dim[i] == 0;
    expect(empty_inside || up_shape_equal(&again->shape, &tensor->shape));
    expect(count == 0 || memcmp(again->data, tensor->data, count * sizeof(float)) == 0);
}

static void check_taken(const struct api_document *document, struct up_arena *arena)
{
    json_error_t error;
    json_t *json =
        json_loadb(document->envelope, document->envelope_bytes, JSON_DECODE_ANY, &error);
    expect(json != NULL || beyond_jansson(&error));
    json_decref(json);
    for (size_t i = 0; i < document->tensor_count; i++)
        write_again(&document->tensors[i], arena);
}

static void check_refused(const char *text, size_t bytes, const struct up_error *err)
{
    expect(err->code == UP_E_SYNTAX && err->text[0] != '\0');
    if (err->at[0] != '\0' || strstr(err->text, "levels are open") != NULL)
        return;
    if (memchr(text, '\0', bytes) != NULL) /* ends the text for jansson */
        return;
    json_t *json = json_loadb(text, bytes, JSON_DECODE_ANY, NULL);
    expect(json == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    const bool relax = data[0] % 2 == 1;
    struct up_arena *arena = up_arena_new(16 << 20, NULL);
    expect(arena != NULL);
    struct api_document document;
    struct up_error err = {.code = UP_OK};
    const enum up_code code = relax ? api_json_relax(text, size - 1, arena, &document, &err)
                                    : api_json_lift(text, size - 1, 0, arena, &document, &err);
    if (code == UP_OK)
        check_taken(&document, arena);
    else if (code != UP_E_LIMIT)
        check_refused(text, size - 1, &err);
    up_arena_free(arena);
    return 0;
}
