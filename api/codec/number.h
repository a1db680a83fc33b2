/* float32 as text: the shortest decimal that reads back as the same value, and the reverse. */
#ifndef API_CODEC_NUMBER_H
#define API_CODEC_NUMBER_H

#include <stddef.h>

/* The longest text is "-1.1754944e-38". */
enum { API_NUMBER_BYTES_MAX = 16 };

/* Writes the shortest text that reads back as `value`, which must be finite, as JSON: "0", "-0",
 * "1", "0.1", "1e-7", "3.4028235e38". Writes up to API_NUMBER_BYTES_MAX bytes, no NUL; returns how
 * many. */
size_t api_number_write(float value, char *text);

enum api_number_result {
    API_NUMBER_OK,
    API_NUMBER_SYNTAX, /* no RFC 8259 number starts here */
    API_NUMBER_RANGE,  /* finite text, but past the largest float32 when rounded */
};

/* Reads the RFC 8259 number that starts at text[0] and ends before `end`, correctly rounded to
 * float32 (ties to even; too small is zero). *ret_end is the first byte after it. Locale-free. */
enum api_number_result api_number_read(const char *text, const char *end, float *ret_value,
                                       const char **ret_end);

#endif
