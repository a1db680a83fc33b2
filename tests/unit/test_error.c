#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "core/error.h"

Test(error, fail_records_code_place_and_sentence, .timeout = 20)
{
    struct up_error err = {0};
    const enum up_code code = up_fail(&err, UP_E_INVALID, "/layer/strides",
                                      "strides is %d, it must be %s", 0, "positive");
    cr_assert(code == UP_E_INVALID && err.code == UP_E_INVALID, "code %d", (int)err.code);
    cr_assert(strcmp(err.at, "/layer/strides") == 0, "at %s", err.at);
    cr_assert(strcmp(err.text, "strides is 0, it must be positive") == 0, "text %s", err.text);
}

Test(error, first_error_wins_and_the_later_code_is_still_returned, .timeout = 20)
{
    struct up_error err = {0};
    (void)up_fail(&err, UP_E_LIMIT, "/input", "first");
    cr_assert(up_fail(&err, UP_E_SYNTAX, "/other", "second") == UP_E_SYNTAX, "returned code");
    cr_assert(err.code == UP_E_LIMIT, "code %d", (int)err.code);
    cr_assert(strcmp(err.at, "/input") == 0 && strcmp(err.text, "first") == 0, "%s %s", err.at,
              err.text);
}

Test(error, no_error_struct_is_allowed, .timeout = 20)
{
    cr_assert(up_fail(NULL, UP_E_BUSY, "", "busy") == UP_E_BUSY, "returned code");
    up_error_under(NULL, "/layer");
}

Test(error, long_texts_are_cut_and_terminated, .timeout = 20)
{
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    struct up_error err = {0};
    (void)up_fail(&err, UP_E_INVALID, long_text, "%s", long_text);
    cr_assert(strlen(err.at) == sizeof err.at - 1, "at is %zu long", strlen(err.at));
    cr_assert(strlen(err.text) == sizeof err.text - 1, "text is %zu long", strlen(err.text));
}

/* Where `at` ends up under each base in turn, innermost first. */
static const struct {
    const char *at, *bases[3], *expected;
} places[] = {
    {"strides", {"/layer/config"}, "/layer/config/strides"},
    {"strides", {"?"}, "?strides"},
    {"strides", {""}, "/strides"},
    {"", {"/layer"}, "/layer"},
    {"", {""}, ""},
    {"/input/0", {"/layer"}, "/input/0"},
    {"?cmap", {"/output"}, "?cmap"},
    {"strides", {"/layers/2", "/model"}, "/layers/2/strides"},
};

Test(error, place_goes_under_its_base_once, .timeout = 20)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct up_error err = {0};
        (void)up_fail(&err, UP_E_INVALID, places[i].at, "text");
        for (size_t b = 0; b < 3 && places[i].bases[b] != NULL; b++)
            up_error_under(&err, places[i].bases[b]);
        cr_assert(strcmp(err.at, places[i].expected) == 0, "row %zu: \"%s\" is not \"%s\"", i,
                  err.at, places[i].expected);
    }
}

Test(error, place_under_nothing_recorded_stays_empty, .timeout = 20)
{
    struct up_error err = {0};
    up_error_under(&err, "/layer");
    cr_assert(err.at[0] == '\0' && err.code == UP_OK, "at %s", err.at);
}

Test(error, place_too_long_for_its_base_is_cut_and_terminated, .timeout = 20)
{
    char base[sizeof(struct up_error)] = "/";
    memset(base + 1, 'b', 200);
    struct up_error err = {0};
    char at[101] = {0};
    memset(at, 'a', 100);
    (void)up_fail(&err, UP_E_INVALID, at, "text");
    up_error_under(&err, base);
    cr_assert(strlen(err.at) == sizeof err.at - 1, "at is %zu long", strlen(err.at));
    cr_assert(strncmp(err.at, base, 201) == 0 && err.at[201] == '/', "at %s", err.at);
}

Test(error, every_code_has_a_slug_of_its_own_and_a_title, .timeout = 20)
{
    for (int a = UP_OK + 1; a < UP_CODE_COUNT; a++) {
        const char *slug = up_code_slug((enum up_code)a);
        cr_assert(slug[0] != '\0' && up_code_title((enum up_code)a)[0] != '\0', "code %d", a);
        cr_assert(strspn(slug, "abcdefghijklmnopqrstuvwxyz-") == strlen(slug), "slug %s", slug);
        for (int b = UP_OK + 1; b < a; b++)
            cr_assert(strcmp(slug, up_code_slug((enum up_code)b)) != 0, "%s twice", slug);
    }
    cr_assert(strcmp(up_code_slug(UP_E_NOT_FOUND), "not-found") == 0, "%s",
              up_code_slug(UP_E_NOT_FOUND));
}

Test(error, codes_outside_the_list_have_empty_names, .timeout = 20)
{
    const int outside[] = {UP_OK, UP_CODE_COUNT, UP_CODE_COUNT + 1, 1000000};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        cr_assert(up_code_slug((enum up_code)outside[i])[0] == '\0', "slug of %d", outside[i]);
        cr_assert(up_code_title((enum up_code)outside[i])[0] == '\0', "title of %d", outside[i]);
    }
}

Test(error, false_assertion_aborts_in_every_build, .signal = SIGABRT, .timeout = 20)
{
    UP_ASSERT(1 + 1 == 3);
}

Test(error, true_assertion_does_nothing, .timeout = 20)
{
    UP_ASSERT(1 + 1 == 2);
}
