#include "api/codec/json_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/number.h"

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

/* --- What is wrong ---------------------------------------------------------------------------- */

enum up_code api_scan_refuse(const struct api_scan *s, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *p = s->text; p < s->at; p++) {
        column += ((unsigned char)*p & 0xc0) != 0x80; /* characters, not bytes */
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    return up_fail(s->err, UP_E_SYNTAX, "", "line %zu, column %zu: %s", line, column, what);
}

enum up_code api_scan_wants(const struct api_scan *s, const char *wanted)
{
    char what[128];
    const unsigned char c = (unsigned char)api_scan_peek(s);
    if (s->at == s->end)
        (void)snprintf(what, sizeof what, "the text ends where %s is wanted", wanted);
    else if (c > 0x20 && c < 0x7f)
        (void)snprintf(what, sizeof what, "'%c' stands where %s is wanted", c, wanted);
    else
        (void)snprintf(what, sizeof what, "byte 0x%02x stands where %s is wanted", c, wanted);
    return api_scan_refuse(s, what);
}

/* --- Strings ---------------------------------------------------------------------------------- */

/* Eight bytes of plain ASCII: no quote, no backslash, no control character. It may say no to a
 * plain word, never yes to another. */
static bool plain_word(const char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    const uint64_t quote = x ^ EACH_BYTE('"'), backslash = x ^ EACH_BYTE('\\');
    const uint64_t special =
        (x - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | x;
    return (special & EACH_BYTE(0x80)) == 0;
}

size_t api_scan_utf8(const char *text, const char *end)
{
    const unsigned char *p = (const unsigned char *)text;
    static const struct {
        unsigned char first, last, second_min, second_max, bytes;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (*p < rows[i].first || *p > rows[i].last)
            continue;
        if (end - text < rows[i].bytes || p[1] < rows[i].second_min || p[1] > rows[i].second_max)
            return 0;
        for (size_t j = 2; j < rows[i].bytes; j++)
            if ((p[j] & 0xc0) != 0x80)
                return 0;
        return rows[i].bytes;
    }
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Over the escape whose backslash is at s->at. */
static enum up_code escape(struct api_scan *s)
{
    const char *p = s->at + 1;
    if (p == s->end)
        return api_scan_refuse(s, "the text ends inside a string");
    if (*p != 'u') {
        if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
            return api_scan_refuse(s, "a backslash in a string begins no known escape");
        s->at = p + 1;
        return UP_OK;
    }
    const int32_t unit = hex4(p + 1, s->end);
    if (unit < 0)
        return api_scan_refuse(s, "\\u is not followed by four hexadecimal digits");
    p += 5;
    if (is_high(unit) && s->end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
        is_low(hex4(p + 2, s->end)))
        p += 6;
    else if (is_high(unit) || is_low(unit))
        return api_scan_refuse(s, "\\u names one half of a surrogate pair");
    s->at = p;
    return UP_OK;
}

enum up_code api_scan_string(struct api_scan *s, const char **ret_text, size_t *ret_bytes)
{
    const char *first = ++s->at;
    for (;;) {
        while (s->end - s->at >= 8 && plain_word(s->at))
            s->at += 8;
        if (s->at == s->end)
            return api_scan_refuse(s, "the text ends inside a string");
        const unsigned char c = (unsigned char)*s->at;
        if (c == '"')
            break;
        if (c == '\\') {
            const enum up_code code = escape(s);
            if (code != UP_OK)
                return code;
        } else if (c < 0x20) {
            return api_scan_refuse(s, "a string holds a control character that is not escaped");
        } else if (c < 0x80) {
            s->at++;
        } else {
            const size_t bytes = api_scan_utf8(s->at, s->end);
            if (bytes == 0)
                return api_scan_refuse(s, "a string holds bytes that are not UTF-8");
            s->at += bytes;
        }
    }
    *ret_text = first;
    *ret_bytes = (size_t)(s->at - first);
    s->at++;
    return UP_OK;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[bytes] | c);
    return bytes;
}

size_t api_scan_unescape(const char *text, size_t bytes, char *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *end = text + bytes;
    size_t n = 0;
    while (text < end) {
        if (*text != '\\') {
            out[n++] = *text++;
        } else if (text[1] != 'u') {
            const char *known = strchr(from, text[1]);
            out[n++] = known != NULL ? to[known - from] : text[1];
            text += 2;
        } else {
            uint32_t c = (uint32_t)hex4(text + 2, end);
            text += 6;
            if (is_high((int32_t)c)) {
                c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(text + 2, end) - 0xdc00);
                text += 6;
            }
            n += put_utf8(c, out + n);
        }
    }
    return n;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

enum up_code api_scan_bad_number(const struct api_scan *s)
{
    const char c = api_scan_peek(s);
    if (c >= '0' && c <= '9')
        return api_scan_refuse(s, "a number begins with a zero too many");
    return api_scan_wants(s, "a digit");
}

enum up_code api_scan_number(struct api_scan *s)
{
    float value;
    if (api_number_read(s->at, s->end, &value, &s->at) == API_NUMBER_SYNTAX)
        return api_scan_bad_number(s);
    return UP_OK;
}
