/* PNG files: pixels to float planes, and pictures to files. The only user of libpng. */
#ifndef API_CODEC_PNG_H
#define API_CODEC_PNG_H

#include "core/arena.h"
#include "core/error.h"
#include "core/tensor.h"

bool api_png_matches(const void *data, size_t bytes); /* the signature is there */

/* What becomes of the channels: as the file has them (a palette counts as RGB, transparency of any
 * kind as alpha), or converted; gray is Rec. 601 luma, alpha is dropped or 1. */
enum api_channels { API_CHANNELS_AS_IS, API_CHANNELS_GRAY, API_CHANNELS_RGB, API_CHANNELS_RGBA };

/* A tensor of (height, width) or (height, width, channels) when there is more than one, values in
 * 0..1 (/255; 16 bit: /65535; 1, 2 and 4 bit gray: /1, /3, /15). gAMA is ignored. The size in the
 * header is held against bytes_max (bytes of the tensor) before anything is decoded: UP_E_LIMIT.
 * UP_E_SYNTAX for what is no PNG, is cut short or fails a checksum. */
enum up_code api_png_decode(const void *data, size_t bytes, enum api_channels channels,
                            size_t bytes_max, struct up_arena *arena, struct up_tensor *ret,
                            struct up_error *err) UP_CHECKED;

/* A picture to write: rows from top to bottom, without gaps. */
struct api_picture {
    size_t width, height;
    unsigned channels;           /* 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; ignored with a palette */
    unsigned bits;               /* 8 or 16 (native uint16_t) */
    const void *pixels;          /* with a palette: one index a byte */
    const uint8_t (*palette)[3]; /* NULL: none; palette_count <= 256 colours */
    size_t palette_count;
    const struct api_picture_text {
        const char *key, *value; /* tEXt chunks, Latin-1 */
    } * text;
    size_t text_count;
};

enum up_code api_png_encode(const struct api_picture *picture, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes,
                            struct up_error *err) UP_CHECKED;

/* "libpng 1.6.39" */
const char *api_png_library(void);

#endif
