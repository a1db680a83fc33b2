#include "api/codec/filter.h"

#include <stdint.h>
#include <string.h>

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

/* Byte by byte, modulo 256. In a word a borrow stops at the high bit of each byte, which is set
 * first and corrected after. */
static void subtract(const unsigned char *restrict a, const unsigned char *restrict b, size_t count,
                     unsigned char *restrict ret)
{
    size_t i = 0;
    for (uint64_t x, y; count - i >= sizeof x; i += sizeof x) {
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        const uint64_t high = EACH_BYTE(0x80);
        const uint64_t less = ((x | high) - (y & ~high)) ^ ((x ^ ~y) & high);
        memcpy(ret + i, &less, sizeof less);
    }
    for (; i < count; i++)
        ret[i] = (unsigned char)(a[i] - b[i]);
}

void api_filter_rows(const struct api_scanlines *lines, enum api_filter filter, size_t first,
                     size_t count, unsigned char *ret)
{
    const size_t bytes = lines->row_bytes;
    for (size_t y = first; y < first + count; y++, ret += bytes) {
        const unsigned char *row = lines->pixels + y * bytes;
        *ret++ = (unsigned char)filter;
        /* What a pixel or row would be compared with before the first is zero. */
        const size_t same = filter == API_FILTER_NONE || (filter == API_FILTER_UP && y == 0) ? bytes
                            : filter == API_FILTER_SUB ? lines->pixel_bytes
                                                       : 0;
        memcpy(ret, row, same);
        const size_t distance = filter == API_FILTER_SUB ? lines->pixel_bytes : bytes;
        if (same < bytes)
            subtract(row + same, row + same - distance, bytes - same, ret + same);
    }
}
