#include "api/codec/base64.h"

#include <stdint.h>

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

enum up_code api_base64_decode(const char *text, size_t length, struct up_arena *arena,
                               const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    for (int i = 0; i < 2 && length > 0 && text[length - 1] == '='; i++)
        length--;
    if (length % 4 == 1)
        return up_fail(err, UP_E_SYNTAX, "", "base64 of %zu characters is cut short", length);
    uint8_t *data = up_arena_alloc(arena, length / 4 * 3 + 3, 1, err);
    if (data == NULL)
        return err->code;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        const int v = value_of(text[i]);
        if (v < 0)
            return up_fail(err, UP_E_SYNTAX, "", "character %zu is no base64", i);
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            data[n++] = (uint8_t)(bits >> held);
        }
    }
    *ret_data = data;
    *ret_bytes = n;
    return UP_OK;
}
