/* Whole numbers and times as decimal text: what every request writes several of, at a fraction of
 * printf's cost. No NUL is written. */
#ifndef UP_DECIMAL_H
#define UP_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { UP_DECIMAL_BYTES_MAX = 24 };

/* Each needs room for UP_DECIMAL_BYTES_MAX bytes and returns how many the text has. */
size_t up_decimal(uint64_t n, char *text);

/* Nanoseconds as milliseconds, rounded down to a microsecond: "0.042". */
size_t up_decimal_ms(uint64_t ns, char *text);

#endif
