/* The number codec against strtof and against itself: what the readers take has the value strtof
 * gives it, what they refuse breaks where they say, and every float32 survives writing and reading.
 * The input is one number, and, said twice so that numbers stand on both sides, many. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static bool same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void read_text(const char *text, size_t size)
{
    float value;
    const char *end;
    const enum api_number_result result = api_number_read(text, text + size, &value, &end);
    expect(end >= text && end <= text + size);
    char *copy = malloc(size + 1);
    expect(copy != NULL);
    memcpy(copy, text, size);
    copy[end - text] = '\0';
    char *stop;
    const float truth = strtof(copy, &stop);
    if (result == API_NUMBER_OK)
        expect(same(value, truth) && stop == copy + (end - text));
    if (result == API_NUMBER_RANGE)
        expect(isinf(truth) && stop == copy + (end - text));
    if (result == API_NUMBER_SYNTAX && end < text + size) /* nothing there could continue it */
        expect(*end < '0' || *end > '9' || (end > text && end[-1] == '0'));
    free(copy);
}

/* What one call takes is what reading one by one takes, and strtof. */
static size_t expect_same(const char *text, const char *end, const float *values, size_t count)
{
    const char *at = text, *stop;
    for (size_t i = 0; i < count; i++) {
        float value;
        expect(api_number_read(at, end, &value, &stop) == API_NUMBER_OK && same(value, values[i]));
        expect(same(value, strtof(at, NULL)));
        if (i + 1 < count) {
            expect(*stop++ == ',');
            stop += *stop == ' ';
        }
        at = stop;
    }
    return (size_t)(at - text);
}

static void read_many(const char *data, size_t size)
{
    enum { ROOM = 64 };
    static const char around[] = "[1234567890.1234,";
    const size_t before = sizeof around - 1, bytes = before + 2 * size + 1;
    char *text = malloc(bytes + 1); /* of this size, so that reading past it is seen */
    float values[ROOM];
    expect(text != NULL);
    memcpy(text, around, before);
    memcpy(text + before, data, size);
    text[before + size] = ',';
    memcpy(text + before + size + 1, data, size);
    text[bytes] = '\0';
    const char *end = text + bytes;
    struct api_number_marks marks = {.first = text + before, .end = text + before};
    for (const char *at = text + before; at < end; at++) {
        const char *first = at;
        const size_t room = 1 + size % ROOM;
        const size_t count = api_numbers_read(&marks, &at, end, values, room);
        expect(count <= room && at <= end);
        expect(expect_same(first, end, values, count) == (size_t)(at - first));
        expect(count == 0 || *at == ',' || *at == ']');
    }
    free(text);
}

static void write_value(const uint8_t *data)
{
    float value, again;
    char text[API_NUMBER_BYTES_MAX];
    const char *end;
    memcpy(&value, data, sizeof value);
    if (!isfinite(value))
        return;
    const size_t bytes = api_number_write(value, text);
    expect(bytes <= sizeof text);
    expect(api_number_read(text, text + bytes, &again, &end) == API_NUMBER_OK);
    expect(end == text + bytes && same(value, again));
}

/* Written among others, a value has the text that it has alone. */
static void write_many(const uint8_t *data, size_t size)
{
    enum { ROOM = 512 };
    float values[ROOM] = {0};
    size_t count = 0;
    for (size_t i = 0; i + 4 <= size && count < ROOM; i += 4) {
        memcpy(&values[count], data + i, sizeof *values);
        count += isfinite(values[count]) != 0;
    }
    const size_t group = 1 + size % 5;
    struct api_numbers numbers;
    api_numbers_begin(&numbers, values, group);
    for (size_t i = 0; i < count / group * group; i++) {
        char text[API_NUMBER_BYTES_MAX], alone[API_NUMBER_BYTES_MAX];
        if (i >= numbers.end)
            api_numbers_find(&numbers, i, count);
        const size_t bytes = api_numbers_write(&numbers, i, text);
        expect(bytes == api_number_write(values[i], alone) && memcmp(text, alone, bytes) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_many(data, size);
    read_text((const char *)data, size);
    read_many((const char *)data, size);
    for (size_t i = 0; i + 4 <= size; i += 4)
        write_value(data + i);
    return 0;
}
