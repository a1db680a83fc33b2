#include "api/reader.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/base64.h"
#include "api/codec/json.h"
#include "api/codec/npy.h"
#include "api/codec/png.h"
#include "api/json_memory.h"
#include "core/decimal.h"

enum up_code api_warn(struct api_reader *reader, const char *code, const char *at,
                      const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct api_warning *w = up_arena_alloc(reader->arena, 1, sizeof *w, reader->err);
    char *place = w == NULL ? NULL : up_arena_copy(reader->arena, reader->err, at);
    char *detail = place == NULL ? NULL : up_arena_copy(reader->arena, reader->err, text);
    if (detail == NULL)
        return reader->err->code;
    *w = (struct api_warning){code, place, detail, NULL};
    *reader->warnings_end = w;
    reader->warnings_end = &w->next;
    return UP_OK;
}

enum up_code api_no_memory(struct api_reader *reader)
{
    return api_refuse(reader, UP_E_BUSY, "", "there is no memory for the request now");
}

const char *api_under(struct api_reader *reader, const char *base, const char *name)
{
    return up_arena_join(reader->arena, reader->err, (const char *const[]){base, "/", name, NULL});
}

const char *api_under_index(struct api_reader *reader, const char *base, size_t index)
{
    char number[UP_DECIMAL_BYTES_MAX + 1];
    number[up_decimal(index, number)] = '\0';
    return api_under(reader, base, number);
}

const char *api_describe(const json_t *value, char text[80])
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        (void)snprintf(text, 80, "an object");
        break;
    case JSON_ARRAY:
        (void)snprintf(text, 80, "a list of %zu", json_array_size(value));
        break;
    case JSON_STRING:
        (void)snprintf(text, 80, "\"%.60s\"", json_string_value(value));
        break;
    case JSON_INTEGER:
        (void)snprintf(text, 80, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        (void)snprintf(text, 80, "%.9g", json_real_value(value));
        break;
    default:
        (void)snprintf(text, 80, "%s",
                       json_is_true(value)    ? "true"
                       : json_is_false(value) ? "false"
                                              : "null");
    }
    return text;
}

enum up_code api_reader_add(struct api_reader *reader, const struct up_tensor *tensors,
                            size_t count)
{
    const size_t total = reader->tensor_count + count;
    struct up_tensor *all = up_arena_alloc(reader->arena, total, sizeof *all, reader->err);
    if (all == NULL)
        return reader->err->code;
    for (size_t i = 0; i < total; i++)
        all[i] = i < reader->tensor_count ? reader->tensors[i] : tensors[i - reader->tensor_count];
    reader->tensors = all;
    reader->tensor_count = total;
    return UP_OK;
}

/* The text is valid JSON already. jansson may still refuse these, all else that it says is want of
 * memory, which it often calls a syntax error. */
static bool refused(enum json_error_code code)
{
    return code == json_error_duplicate_key || code == json_error_numeric_overflow ||
           code == json_error_null_character || code == json_error_null_byte_in_key;
}

json_t *api_read_envelope(struct api_reader *reader, const struct api_document *document)
{
    bool no_memory;
    json_error_t error = {.line = 0}; /* jansson does not always set the code */
    json_t *root = api_json_load(document->envelope, document->envelope_bytes,
                                 JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error, &no_memory);
    if (root == NULL) {
        (void)(!no_memory && refused(json_error_code(&error))
                   ? api_refuse(reader, UP_E_SYNTAX, "", "the body is no valid JSON: %s",
                                error.text)
                   : api_no_memory(reader));
        return NULL;
    }
    if (api_reader_add(reader, document->tensors, document->tensor_count) != UP_OK) {
        json_decref(root);
        return NULL;
    }
    return root;
}

json_t *api_read_json(struct api_reader *reader, const char *text, size_t bytes, bool model)
{
    struct api_document document;
    const enum up_code code =
        model ? api_json_relax(text, bytes, reader->arena, &document, reader->err)
              : api_json_lift(text, bytes, reader->tensor_count, reader->arena, &document,
                              reader->err);
    return code == UP_OK ? api_read_envelope(reader, &document) : NULL;
}

/* --- Tensors -------------------------------------------------------------------------------- */

static enum up_code read_shape(struct api_reader *reader, const json_t *list, const char *at,
                               struct up_shape *ret)
{
    char text[80];
    if (!json_is_array(list))
        return api_refuse(reader, UP_E_INVALID, at, "shape is a list of lengths, not %s",
                          api_describe(list, text));
    if (json_array_size(list) > UP_RANK_MAX)
        return api_refuse(reader, UP_E_INVALID, at, "a tensor has at most %d axes, not %zu",
                          UP_RANK_MAX, json_array_size(list));
    ret->rank = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < ret->rank; i++) {
        const json_t *dim = json_array_get(list, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return api_refuse(reader, UP_E_INVALID, at, "axis %u of shape is %s, not a length", i,
                              api_describe(dim, text));
        ret->dim[i] = (size_t)json_integer_value(dim);
    }
    return UP_OK;
}

static enum up_code read_shaped(struct api_reader *reader, const json_t *value, const char *at,
                                struct up_tensor *ret)
{
    struct up_tensor tensor = {.data = NULL}, data;
    const char *shape_at = api_under(reader, at, "shape"), *data_at = api_under(reader, at, "data");
    const json_t *flat = json_object_get(value, "data");
    if (shape_at == NULL || data_at == NULL)
        return reader->err->code;
    if (read_shape(reader, json_object_get(value, "shape"), shape_at, &tensor.shape) != UP_OK)
        return reader->err->code;
    if (flat == NULL && !reader->shapes)
        return api_refuse(reader, UP_E_INVALID, at, "data is missing beside shape");
    if (flat != NULL) {
        size_t count = 0;
        char text[UP_SHAPE_TEXT_BYTES];
        if (api_read_tensor(reader, flat, data_at, &data) != UP_OK)
            return reader->err->code;
        if (!up_shape_count(&tensor.shape, &count) || count != up_shape_size(&data.shape))
            return api_refuse(reader, UP_E_INVALID, at, "shape %s has %.0f values, data has %zu",
                              up_shape_text(&tensor.shape, text), up_shape_estimate(&tensor.shape),
                              up_shape_size(&data.shape));
        tensor.data = data.data;
    }
    *ret = tensor;
    return UP_OK;
}

static enum up_code read_base64(struct api_reader *reader, const json_t *value, const char *at,
                                struct up_tensor *ret)
{
    const void *data;
    size_t bytes;
    if (!json_is_string(value))
        return api_refuse(reader, UP_E_INVALID, at, "a file is given as a string of base64");
    if (api_base64_decode(json_string_value(value), json_string_length(value), reader->arena, &data,
                          &bytes, reader->err) != UP_OK) {
        up_error_under(reader->err, at);
        return reader->err->code;
    }
    return api_read_tensor_bytes(reader, data, bytes, at, ret);
}

static enum up_code read_number(struct api_reader *reader, double value, const char *at,
                                struct up_tensor *ret)
{
    float *number = up_arena_alloc(reader->arena, 1, sizeof *number, reader->err);
    if (number == NULL)
        return reader->err->code;
    *number = (float)value;
    if (isinf(*number))
        return api_refuse(reader, UP_E_SYNTAX, at, "%.9g is past the largest float32", value);
    *ret = (struct up_tensor){.data = number};
    return UP_OK;
}

enum up_code api_read_tensor(struct api_reader *reader, const json_t *value, const char *at,
                             struct up_tensor *ret)
{
    char text[80];
    const json_t *member;
    if (json_is_number(value))
        return read_number(reader, json_number_value(value), at, ret);
    if ((member = json_object_get(value, "tensor")) != NULL) {
        const json_int_t n = json_is_integer(member) ? json_integer_value(member) : -1;
        if (n < 0 || (size_t)n >= reader->tensor_count)
            return api_refuse(reader, UP_E_INVALID, at, "there is no tensor %s here",
                              api_describe(member, text));
        *ret = reader->tensors[n];
        return UP_OK;
    }
    if (json_object_get(value, "shape") != NULL)
        return read_shaped(reader, value, at, ret);
    for (size_t i = 0; i < 2; i++) {
        static const char *const files[] = {"png", "npy"};
        if ((member = json_object_get(value, files[i])) == NULL)
            continue;
        const char *under = api_under(reader, at, files[i]);
        return under == NULL ? reader->err->code : read_base64(reader, member, under, ret);
    }
    return api_refuse(reader, UP_E_INVALID, at,
                      "a tensor is nested arrays of numbers, {\"shape\", \"data\"}, {\"png\"} or "
                      "{\"npy\"}, not %s",
                      api_describe(value, text));
}

/* A part of a multipart body may be the bare text of a tensor. */
static enum up_code read_text(struct api_reader *reader, const char *data, size_t bytes,
                              const char *at, struct up_tensor *ret)
{
    static const char head[] = "{\"input\":";
    char *text = up_arena_alloc(reader->arena, bytes + sizeof head + 1, 1, reader->err);
    if (text == NULL)
        return reader->err->code;
    memcpy(text, head, sizeof head - 1);
    memcpy(text + sizeof head - 1, data, bytes);
    text[sizeof head - 1 + bytes] = '}';
    struct api_reader inner = *reader;
    json_auto_t *root = api_read_json(&inner, text, sizeof head + bytes, false);
    const json_t *value = root == NULL ? NULL : json_object_get(root, "input");
    if (value == NULL)
        return reader->err->code != UP_OK
                   ? reader->err->code
                   : api_refuse(reader, UP_E_SYNTAX, at, "the part holds no tensor");
    return api_read_tensor(&inner, value, at, ret);
}

enum up_code api_read_tensor_bytes(struct api_reader *reader, const void *data, size_t bytes,
                                   const char *at, struct up_tensor *ret)
{
    enum up_code code;
    if (api_png_matches(data, bytes))
        code = api_png_decode(data, bytes, (enum api_channels)reader->channels,
                              reader->tensor_bytes_max, reader->arena, ret, reader->err);
    else if (api_npy_matches(data, bytes))
        code = api_npy_decode(data, bytes, reader->arena, ret, reader->err);
    else
        code = read_text(reader, data, bytes, at, ret);
    up_error_under(reader->err, at);
    return code;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw values are taken as they are");

enum up_code api_read_tensor_raw(struct api_reader *reader, const void *data, size_t bytes,
                                 const json_t *shape, const char *at, struct up_tensor *ret)
{
    struct up_tensor tensor = {.data = (float *)(uintptr_t)data};
    size_t count, wanted;
    char text[UP_SHAPE_TEXT_BYTES];
    if (read_shape(reader, shape, at, &tensor.shape) != UP_OK)
        return reader->err->code;
    if (!up_shape_count(&tensor.shape, &count) || !up_size_mul(count, sizeof(float), &wanted) ||
        wanted != bytes)
        return api_refuse(reader, UP_E_INVALID, at,
                          "float32 values of shape %s are %.0f bytes, the body has %zu",
                          up_shape_text(&tensor.shape, text),
                          up_shape_estimate(&tensor.shape) * sizeof(float), bytes);
    if ((uintptr_t)data % _Alignof(float) != 0) {
        tensor.data = up_arena_alloc(reader->arena, count, sizeof(float), reader->err);
        if (tensor.data == NULL)
            return reader->err->code;
        memcpy(tensor.data, data, bytes);
    }
    *ret = tensor;
    return UP_OK;
}

const char *api_read_library(void)
{
    return "jansson " JANSSON_VERSION;
}
