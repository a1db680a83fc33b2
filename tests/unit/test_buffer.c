#include "api/codec/buffer.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool holds(const struct api_buffer *b, const char *text)
{
    return b->bytes == strlen(text) && memcmp(b->data, text, b->bytes) == 0;
}

Test(buffer, joins_what_is_put, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    struct up_error err = {UP_OK, "", ""};
    struct api_buffer b = api_buffer_make(arena, &err);
    api_buffer_puts(&b, "one ");
    api_buffer_put(&b, "two three", 3);
    api_buffer_put(&b, NULL, 0);
    api_buffer_printf(&b, " %d%s", 3, "!");
    char *room = api_buffer_room(&b, 100);
    cr_assert(room != NULL, "no room");
    memcpy(room, " four and more", 14);
    api_buffer_advance(&b, 5);
    cr_assert(holds(&b, "one two 3! four"), "%.*s", (int)b.bytes, b.data);
    cr_assert(api_buffer_finish(&b) == UP_OK, "failed: %s", err.text);
    up_arena_free(arena);
}

Test(buffer, grows_without_losing_a_byte, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(8 << 20, NULL);
    struct api_buffer b = api_buffer_make(arena, NULL);
    for (unsigned i = 0; i < 100000; i++)
        api_buffer_printf(&b, "%05u,", i);
    cr_assert(api_buffer_finish(&b) == UP_OK && b.bytes == 600000, "%zu bytes", b.bytes);
    char expected[16];
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(expected, sizeof expected, "%05u,", i);
        cr_assert(memcmp(b.data + 6 * i, expected, 6) == 0, "item %u is %.6s", i, b.data + 6 * i);
    }
    up_arena_free(arena);
}

Test(buffer, takes_all_the_room_there_is_before_it_fails, .timeout = 20)
{
    enum { LIMIT = 256 * 1024 };
    struct up_arena *arena = up_arena_new(LIMIT, NULL);
    struct up_error err = {UP_OK, "", ""};
    struct api_buffer b = api_buffer_make(arena, &err);
    cr_assert(api_buffer_room(&b, 100 * 1024) != NULL, "no room: %s", err.text);
    api_buffer_advance(&b, 100 * 1024);
    cr_assert(api_buffer_room(&b, 10 * 1024) != NULL, "doubling does not fit, this does: %s",
              err.text);
    cr_assert(api_buffer_room(&b, LIMIT) == NULL && b.failed, "room beyond the limit");
    cr_assert(api_buffer_finish(&b) == UP_E_LIMIT && err.code == UP_E_LIMIT, "code %d", err.code);
    up_arena_free(arena);
}

Test(buffer, remembers_a_failure_and_stays_quiet, .timeout = 20)
{
    for (size_t nth = 0; nth < 2; nth++) {
        struct up_arena *arena = up_arena_new(4096, NULL);
        struct up_error err = {UP_OK, "", ""};
        struct api_buffer b = api_buffer_make(arena, &err);
        if (nth == 1)
            api_buffer_puts(&b, "kept");
        cr_assert(api_buffer_room(&b, SIZE_MAX - nth) == NULL, "room for everything");
        api_buffer_puts(&b, "x");
        api_buffer_printf(&b, "%d", 1);
        api_buffer_quote(&b, "q");
        cr_assert(b.bytes == 4 * nth, "%zu bytes after the failure", b.bytes);
        cr_assert(api_buffer_finish(&b) == UP_E_LIMIT, "code %d", (int)api_buffer_finish(&b));
        cr_assert(err.code == UP_E_LIMIT && err.text[0] != '\0', "no sentence");
        up_arena_free(arena);
    }
}

Test(buffer, finishes_with_the_code_of_the_arena, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 100};
    struct up_arena *arena = up_arena_new(1 << 20, &budget);
    struct up_error err = {UP_OK, "", ""};
    struct api_buffer b = api_buffer_make(arena, &err);
    api_buffer_puts(&b, "too much for the budget");
    api_buffer_room(&b, 1000);
    cr_assert(api_buffer_finish(&b) == UP_E_BUSY, "code %d", (int)api_buffer_finish(&b));
    up_arena_free(arena);
}

Test(buffer, quotes_what_jansson_reads_back, .timeout = 20)
{
    char all[256 + 32];
    size_t n = 0;
    for (int c = 1; c < 128; c++)
        all[n++] = (char)c;
    strcpy(all + n, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 end");
    const char *const texts[] = {"", "plain", "\"", "\\", "a\nb\tc\\\"d", "\x1f\x01", all};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct up_arena *arena = up_arena_new(1 << 20, NULL);
        struct api_buffer b = api_buffer_make(arena, NULL);
        api_buffer_quote(&b, texts[i]);
        json_t *json = json_loadb(b.data, b.bytes, JSON_DECODE_ANY, NULL);
        cr_assert(json != NULL, "%.*s is no JSON", (int)b.bytes, b.data);
        cr_assert(strcmp(json_string_value(json), texts[i]) == 0, "%.*s", (int)b.bytes, b.data);
        json_decref(json);
        up_arena_free(arena);
    }
}

/* Python: b"...".decode(errors="replace") has as many U+FFFD for these. */
Test(buffer, quotes_what_is_not_utf8_as_replacement_characters, .timeout = 20)
{
    static const struct {
        const char *text, *quoted;
    } rows[] = {
        {"\xb4", "\"\\ufffd\""},
        {"a\xff"
         "b\"",
         "\"a\\ufffdb\\\"\""},
        {"cut \xc3", "\"cut \\ufffd\""},
        {"whole \xc3\xa9", "\"whole \xc3\xa9\""},
    };
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_buffer b = api_buffer_make(arena, NULL);
        api_buffer_quote(&b, rows[i].text);
        cr_assert(b.bytes == strlen(rows[i].quoted) && memcmp(b.data, rows[i].quoted, b.bytes) == 0,
                  "%.*s is not %s", (int)b.bytes, b.data, rows[i].quoted);
    }
    up_arena_free(arena);
}
