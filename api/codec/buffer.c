#include "api/codec/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/json_scan.h"
#include "core/decimal.h"

enum { FIRST_BYTES = 1024, PRINTF_BYTES = 128 };

struct api_buffer api_buffer_make(struct up_arena *arena, struct up_error *err)
{
    return (struct api_buffer){.arena = arena, .err = err};
}

struct api_buffer api_buffer_fixed(char *data, size_t capacity)
{
    return (struct api_buffer){.data = data, .capacity = capacity};
}

/* Doubles, or where that is too much takes what is needed and no more. */
static bool grow(struct api_buffer *b, size_t needed)
{
    if (b->arena == NULL)
        return false;
    size_t doubled = b->capacity > SIZE_MAX / 2 ? SIZE_MAX : 2 * b->capacity;
    if (doubled < FIRST_BYTES)
        doubled = FIRST_BYTES;
    if (doubled > needed) {
        char *data = up_arena_grow(b->arena, b->data, b->capacity, doubled, NULL);
        if (data != NULL) {
            b->data = data;
            b->capacity = doubled;
            return true;
        }
    }
    char *data = up_arena_grow(b->arena, b->data, b->capacity, needed, b->err);
    if (data == NULL)
        return false;
    b->data = data;
    b->capacity = needed;
    return true;
}

char *api_buffer_room(struct api_buffer *b, size_t bytes)
{
    if (b->failed)
        return NULL;
    if (b->data == NULL || bytes > b->capacity - b->bytes) {
        const size_t needed = bytes > SIZE_MAX - b->bytes ? SIZE_MAX : b->bytes + bytes;
        b->failed = !grow(b, needed);
    }
    return b->failed ? NULL : b->data + b->bytes;
}

void api_buffer_advance(struct api_buffer *b, size_t bytes)
{
    UP_ASSERT(bytes <= b->capacity - b->bytes);
    b->bytes += bytes;
}

void api_buffer_put(struct api_buffer *b, const void *data, size_t bytes)
{
    char *room = api_buffer_room(b, bytes);
    if (room == NULL || bytes == 0)
        return;
    memcpy(room, data, bytes);
    b->bytes += bytes;
}

void api_buffer_puts(struct api_buffer *b, const char *text)
{
    api_buffer_put(b, text, strlen(text));
}

void api_buffer_number(struct api_buffer *b, size_t n)
{
    char *room = api_buffer_room(b, UP_DECIMAL_BYTES_MAX);
    if (room != NULL)
        b->bytes += up_decimal(n, room);
}

/* Most texts fit the first room: they are formatted once. */
void api_buffer_printf(struct api_buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *room = api_buffer_room(b, PRINTF_BYTES);
    const size_t have = room == NULL ? 0 : PRINTF_BYTES;
    const int length = vsnprintf(room, have, format, args);
    va_end(args);
    UP_ASSERT(length >= 0);
    if ((size_t)length >= have) {
        room = api_buffer_room(b, (size_t)length + 1);
        if (room != NULL)
            (void)vsnprintf(room, (size_t)length + 1, format, again);
    }
    if (room != NULL)
        b->bytes += (size_t)length;
    va_end(again);
}

static void put_escape(struct api_buffer *b, unsigned char c)
{
    static const char *const shorts[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
        ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t",
    };
    if (c < sizeof shorts / sizeof shorts[0] && shorts[c] != NULL)
        api_buffer_puts(b, shorts[c]);
    else
        api_buffer_printf(b, "\\u%04x", c);
}

void api_buffer_quote(struct api_buffer *b, const char *text)
{
    api_buffer_puts(b, "\"");
    const char *plain = text, *const end = text + strlen(text);
    while (text < end) {
        const unsigned char c = (unsigned char)*text;
        const size_t bytes = c < 0x80 ? 1 : api_scan_utf8(text, end);
        if (c >= 0x20 && c != '"' && c != '\\' && bytes > 0) {
            text += bytes;
            continue;
        }
        api_buffer_put(b, plain, (size_t)(text - plain));
        if (bytes > 0)
            put_escape(b, c);
        else
            api_buffer_puts(b, "\\ufffd");
        plain = ++text;
    }
    api_buffer_put(b, plain, (size_t)(text - plain));
    api_buffer_puts(b, "\"");
}

enum up_code api_buffer_finish(const struct api_buffer *b)
{
    if (!b->failed)
        return UP_OK;
    return b->err != NULL && b->err->code != UP_OK ? b->err->code : UP_E_LIMIT;
}
