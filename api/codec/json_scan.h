/* The words of JSON (RFC 8259), strictly: white space, strings, numbers, and what is wrong. */
#ifndef API_CODEC_JSON_SCAN_H
#define API_CODEC_JSON_SCAN_H

#include <stddef.h>

#include "core/error.h"

struct api_scan {
    const char *text, *end; /* all of it */
    const char *at;         /* the next byte to read */
    struct up_error *err;   /* never NULL */
};

static inline void api_scan_space(struct api_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* The next byte, or NUL at the end (and for a NUL in the text, which is nowhere right). */
static inline char api_scan_peek(const struct api_scan *s)
{
    return s->at < s->end ? *s->at : '\0';
}

/* UP_E_SYNTAX at s->at: "line 1, column 4: '}' stands where a value is wanted". */
enum up_code api_scan_wants(const struct api_scan *s, const char *wanted);

/* UP_E_SYNTAX at s->at: "line 1, column 4: <what>". */
enum up_code api_scan_refuse(const struct api_scan *s, const char *what);

/* Bytes of the character at `text`, which is not ASCII; 0 when it is not UTF-8 (RFC 3629). */
size_t api_scan_utf8(const char *text, const char *end);

/* Over a string that starts at s->at (a quote); its inside, still escaped, is *ret_text. Valid
 * UTF-8, no control characters, known escapes, paired surrogates. */
enum up_code api_scan_string(struct api_scan *s, const char **ret_text,
                             size_t *ret_bytes) UP_CHECKED;

/* Writes what the inside of a string means as UTF-8 to `out`, which has room for `bytes`; returns
 * how many. The text is one that api_scan_string has passed. */
size_t api_scan_unescape(const char *text, size_t bytes, char *out);

/* Over a number of any size that starts at s->at. */
enum up_code api_scan_number(struct api_scan *s) UP_CHECKED;

/* The error for a number that breaks at s->at. */
enum up_code api_scan_bad_number(const struct api_scan *s);

#endif
