/* float32 as text: the shortest decimal that reads back as the same value, and the reverse. */
#ifndef API_CODEC_NUMBER_H
#define API_CODEC_NUMBER_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/kernels/kernels.h"

/* Room for the longest text, which is "-123456790000000000000". */
enum { API_NUMBER_BYTES_MAX = 24 };

/* Writes the shortest text that reads back as `value`, which must be finite, as JSON; plain where
 * JavaScript and Python write it so, from 1e-6 up to 1e21: "0", "-0", "1", "0.1", "0.000001",
 * "100000000", "1e-7", "3.4028235e38". Needs room for API_NUMBER_BYTES_MAX bytes; no NUL; returns
 * how many the text has. */
size_t api_number_write(float value, char *text);

/* Values to be written in order, whose decimals a kernel finds, many at a time, and only once for a
 * group of values that equals the one before it, of which upsampling makes many. */
enum { API_NUMBERS_WINDOW = 256, API_NUMBERS_GROUP_MAX = 32 };
struct api_numbers {
    const struct up_kernels *kernels;
    const float *values;
    size_t group;
    size_t first, end; /* which of them are ready: whole groups */
    size_t run;        /* each ready text is that of so many values in succession; 0: it varies */
    uint8_t place[API_NUMBERS_WINDOW];
    struct up_decimals decimals;
};

/* For values in groups of up to API_NUMBERS_GROUP_MAX; none are ready. */
void api_numbers_begin(struct api_numbers *numbers, const float *values, size_t group);

/* Makes values[i], which begins a group, and some after it ready, but none from `end` on. */
void api_numbers_find(struct api_numbers *numbers, size_t i, size_t end);

/* Writes values[i], which is ready, as api_number_write does; returns 0 where it is not finite.
 * Inline: it is a part of what a number costs. */
static inline size_t api_numbers_write(const struct api_numbers *numbers, size_t i, char *text)
{
    const struct up_decimals *d = &numbers->decimals;
    const size_t at = numbers->place[i - numbers->first];
    if (__builtin_expect(d->length[at] == 0, 0))
        return isfinite(numbers->values[i]) ? api_number_write(numbers->values[i], text) : 0;
    memcpy(text, d->text[at], sizeof d->text[at]);
    return d->length[at];
}

enum api_number_result {
    API_NUMBER_OK,
    API_NUMBER_SYNTAX, /* no RFC 8259 number starts here */
    API_NUMBER_RANGE,  /* finite text, but past the largest float32 when rounded */
};

/* Reads the RFC 8259 number that starts at text[0] and ends before `end`, correctly rounded to
 * float32 (ties to even; too small is zero). *ret_end is the first byte after it, or where the
 * syntax breaks. *ret_value is set for API_NUMBER_OK alone. Locale-free. */
enum api_number_result api_number_read(const char *text, const char *end, float *ret_value,
                                       const char **ret_end);

/* What is known of a part of a text: a bit for every byte that is no digit. */
struct api_number_marks {
    const char *first, *end;
    unsigned char bits[1024 / 8 + 8];
};

/* Bytes of the text that must stand before the first number of api_numbers_read. */
enum { API_NUMBERS_BEFORE = 16 };

/* Reads numbers like api_number_read, but many, and quickly: those from *at on without an exponent,
 * of not too many digits, with a comma, or a comma and a space, between them. Stops behind the last
 * such before `room`, which is followed by ',' or ']'; *at is moved there. Returns how many were
 * read: with 0, only api_number_read can tell what stands at *at. For a new text the marks start
 * empty, with both pointers at its first number. */
size_t api_numbers_read(struct api_number_marks *marks, const char **at, const char *end,
                        float *values, size_t room);

#endif
