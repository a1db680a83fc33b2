/* PNG's row filters (PNG specification, chapter 9), those that need one neighbour. A filtered row
 * is a byte that names its filter and the row's bytes less their neighbours', modulo 256. */
#ifndef API_CODEC_FILTER_H
#define API_CODEC_FILTER_H

#include <stddef.h>

enum api_filter { API_FILTER_NONE, API_FILTER_SUB, API_FILTER_UP, API_FILTERS };

/* Pixels as PNG wants them: rows from top to bottom without gaps, 16-bit samples big-endian. */
struct api_scanlines {
    const unsigned char *pixels;
    size_t rows, row_bytes;
    size_t pixel_bytes; /* how far the left neighbour is */
};

/* Filters rows first .. first + count - 1, all the same way: count * (1 + row_bytes) bytes. */
void api_filter_rows(const struct api_scanlines *lines, enum api_filter filter, size_t first,
                     size_t count, unsigned char *ret);

#endif
