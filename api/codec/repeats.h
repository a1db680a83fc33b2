/* Compression of what repeats itself at distances that are known: pixels, with their left neighbour
 * and with the row above. */
#ifndef API_CODEC_REPEATS_H
#define API_CODEC_REPEATS_H

#include "core/arena.h"
#include "core/error.h"

enum { API_REPEATS_FAR_MAX = 32768 };

struct api_repeats {
    const unsigned char *data;
    size_t bytes;     /* 1 or more */
    size_t near, far; /* the distances, 1 .. API_REPEATS_FAR_MAX, of different symbols */
};

/* A zlib stream (RFC 1950, 1951) in `arena`; or NULL where matches and literals are not eight bytes
 * long in the mean, for which a general compressor is better. The arena's errors. */
enum up_code api_repeats_deflate(const struct api_repeats *repeats, struct up_arena *arena,
                                 const void **ret_data, size_t *ret_bytes,
                                 struct up_error *err) UP_CHECKED;

#endif
