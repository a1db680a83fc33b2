#include "api/codec/base64.h"

#include <criterion/criterion.h>
#include <string.h>

/* RFC 4648, 10, and both alphabets' last two characters. */
static const struct {
    const char *text, *bytes;
} rows[] = {
    {"", ""},
    {"Zg==", "f"},
    {"Zm8=", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"Zg", "f"},
    {"Zm8", "fo"},
    {"Zm9vYmE", "fooba"},
    {"+/+/", "\xfb\xff\xbf"},
    {"-_-_", "\xfb\xff\xbf"},
};

static const char *const wrong[] = {"Z",    "Zm9vY", "Zm9v Zg==", "Zm9v\n", "Zm=v",
                                    "Z===", "Zm9v!", "Zg=\xc3",   "====",   "Zm9v===="};

Test(base64, decodes_the_vectors_of_its_rfc, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const void *data = NULL;
        size_t bytes = 99;
        struct up_error err = {.code = UP_OK};
        cr_assert(api_base64_decode(rows[i].text, strlen(rows[i].text), arena, &data, &bytes,
                                    &err) == UP_OK,
                  "%s: %s", rows[i].text, err.text);
        cr_assert(bytes == strlen(rows[i].bytes) && memcmp(data, rows[i].bytes, bytes) == 0,
                  "%s became %zu bytes", rows[i].text, bytes);
    }
    up_arena_free(arena);
}

Test(base64, refuses_what_is_none_with_a_sentence, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const void *data;
        size_t bytes;
        struct up_error err = {.code = UP_OK};
        cr_assert(api_base64_decode(wrong[i], strlen(wrong[i]), arena, &data, &bytes, &err) ==
                      UP_E_SYNTAX,
                  "%s was taken", wrong[i]);
        cr_assert(err.text[0] != '\0', "%s: no sentence", wrong[i]);
    }
    up_arena_free(arena);
}

Test(base64, names_the_first_character_that_does_not_belong, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(1 << 20, NULL);
    const void *data;
    size_t bytes;
    struct up_error err = {.code = UP_OK};
    cr_assert(api_base64_decode("Zm9v!bar", 8, arena, &data, &bytes, &err) == UP_E_SYNTAX, "taken");
    cr_assert(strstr(err.text, "4") != NULL, "%s", err.text);
    up_arena_free(arena);
}
