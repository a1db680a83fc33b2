/* The number codec against strtof and against itself: what the reader takes has the value strtof
 * gives it, what it refuses breaks where it says, and every float32 survives writing and reading.
 */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_text((const char *)data, size);
    for (size_t i = 0; i + 4 <= size; i += 4)
        write_value(data + i);
    return 0;
}
