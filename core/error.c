#include "core/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *slug, *title;
} rows[UP_CODE_COUNT] = {
    {"", ""},
#define X(name, slug, title) {slug, title},
#include "core/error.def"
#undef X
};

enum up_code up_fail(struct up_error *err, enum up_code code, const char *at, const char *format,
                     ...)
{
    if (err == NULL || err->code != UP_OK)
        return code;
    err->code = code;
    (void)snprintf(err->at, sizeof err->at, "%s", at);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

void up_error_under(struct up_error *err, const char *base)
{
    if (err == NULL || err->code == UP_OK || err->at[0] == '/' || err->at[0] == '?')
        return;
    char inner[sizeof err->at];
    memcpy(inner, err->at, sizeof inner);
    const bool joined = inner[0] == '\0' || base[0] == '?';
    const int n = snprintf(err->at, sizeof err->at, "%s%s%s", base, joined ? "" : "/", inner);
    if (n >= (int)sizeof err->at)
        err->at[sizeof err->at - 1] = '\0';
}

const char *up_code_slug(enum up_code code)
{
    return (unsigned)code < UP_CODE_COUNT ? rows[code].slug : "";
}

const char *up_code_title(enum up_code code)
{
    return (unsigned)code < UP_CODE_COUNT ? rows[code].title : "";
}

void up_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
