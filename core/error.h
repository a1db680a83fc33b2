/* Errors: a code for programs, a place and one sentence for people.
 *
 * Functions that can fail return enum up_code (UP_OK is 0) and take a caller-owned struct up_error,
 * always last; NULL is allowed. The first error wins, outputs named ret_x stay untouched. */
#ifndef UP_ERROR_H
#define UP_ERROR_H

enum up_code {
    UP_OK = 0,
#define X(name, slug, title) UP_E_##name,
#include "core/error.def"
#undef X
    UP_CODE_COUNT
};

#define UP_CHECKED               __attribute__((warn_unused_result))
#define UP_PRINTF(string, first) __attribute__((format(printf, string, first)))

struct up_error {
    enum up_code code;
    char at[256]; /* JSON pointer into the request; "?name" is a query parameter; "" is all of it */
    char text[512]; /* one sentence with the offending value, no internals */
};

/* Records the error unless one is recorded already; returns code, for `return up_fail(...)`. */
enum up_code up_fail(struct up_error *err, enum up_code code, const char *at, const char *format,
                     ...) UP_PRINTF(4, 5);

/* Puts `base` before the recorded place: "strides" under "/layer/config" is
 * "/layer/config/strides", under "?" it is "?strides". A place that is already absolute is left as
 * it is. */
void up_error_under(struct up_error *err, const char *base);

/* Both are "" for UP_OK and for a code outside the list. */
const char *up_code_slug(enum up_code code);
const char *up_code_title(enum up_code code);

/* A programmer's mistake, never input: prints the place and aborts, in every build. */
#define UP_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : up_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void up_assert_failed(const char *condition, const char *file, int line);

#endif
