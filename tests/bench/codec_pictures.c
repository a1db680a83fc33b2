/* Palette pictures by our codec, by libdeflate with one filter throughout, and by libpng. */
#include <png.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/deflate.h"
#include "api/codec/filter.h"
#include "api/codec/png.h"
#include "tests/bench/codec_ways.h"

enum { LEVEL = 1, PALETTE = 256 };

static const struct codec_bytes nothing = {NULL, 0};

struct opened {
    const struct codec_subject *subject;
    struct up_arena *arena;
    unsigned char *file; /* libpng's, or filtered rows */
    size_t bytes;
};

static void *picture_open(const struct codec_subject *s)
{
    struct opened *o = malloc(sizeof *o);
    if (o == NULL)
        return NULL;
    *o = (struct opened){.subject = s,
                         .arena = up_arena_new((size_t)1 << 30, NULL),
                         .file = malloc(2 * s->rows * (s->columns + 1) + 4096)};
    return o->arena == NULL || o->file == NULL ? NULL : o;
}

static struct codec_bytes our_png(void *self)
{
    struct opened *o = self;
    const struct codec_subject *s = o->subject;
    struct up_error err = {.code = UP_OK};
    struct codec_bytes ret;
    const struct api_picture picture = {.width = s->columns,
                                        .height = s->rows,
                                        .channels = 1,
                                        .bits = 8,
                                        .pixels = s->pixels,
                                        .palette = s->palette,
                                        .palette_count = PALETTE};
    up_arena_reset(o->arena, SIZE_MAX);
    return api_png_encode(&picture, o->arena, &ret.data, &ret.bytes, &err) == UP_OK ? ret : nothing;
}

/* --- libdeflate ----------------------------------------------------------------------------- */

static int paeth(int left, int above, int corner)
{
    const int a = abs(above - corner), b = abs(left - corner), c = abs(left + above - 2 * corner);
    return a <= b && a <= c ? left : b <= c ? above : corner;
}

/* The two filters of PNG that ours leaves out: 3 is Average, 4 Paeth. */
static void filter_mean(const struct codec_subject *s, int filter, unsigned char *to)
{
    for (size_t y = 0; y < s->rows; y++) {
        const unsigned char *row = s->pixels + y * s->columns, *above = row - s->columns;
        *to++ = (unsigned char)filter;
        for (size_t x = 0; x < s->columns; x++) {
            const int a = x > 0 ? row[x - 1] : 0, b = y > 0 ? above[x] : 0;
            const int c = x > 0 && y > 0 ? above[x - 1] : 0;
            *to++ = (unsigned char)(row[x] - (filter == 3 ? (a + b) / 2 : paeth(a, b, c)));
        }
    }
}

/* The compressed rows alone, which is all but the whole file. */
static struct codec_bytes deflate(struct opened *o, int filter)
{
    const struct codec_subject *s = o->subject;
    struct up_error err = {.code = UP_OK};
    struct codec_bytes ret;
    const struct api_scanlines lines = {s->pixels, s->rows, s->columns, 1};
    up_arena_reset(o->arena, SIZE_MAX);
    if (filter < API_FILTERS)
        api_filter_rows(&lines, (enum api_filter)filter, 0, s->rows, o->file);
    else
        filter_mean(s, filter, o->file);
    return api_deflate(o->file, s->rows * (s->columns + 1), LEVEL, o->arena, &ret.data, &ret.bytes,
                       &err) == UP_OK
               ? ret
               : nothing;
}

#define DEFLATE_WAY(number)                                                                        \
    static struct codec_bytes deflate_##number(void *self)                                         \
    {                                                                                              \
        return deflate(self, number);                                                              \
    }
DEFLATE_WAY(0)
DEFLATE_WAY(1)
DEFLATE_WAY(2)
DEFLATE_WAY(3)
DEFLATE_WAY(4)

/* --- libpng --------------------------------------------------------------------------------- */

static void on_write(png_structp png, png_bytep data, size_t bytes)
{
    struct opened *o = png_get_io_ptr(png);
    memcpy(o->file + o->bytes, data, bytes);
    o->bytes += bytes;
}

static void on_flush(png_structp png)
{
    (void)png;
}

static struct codec_bytes libpng(struct opened *o, int level)
{
    const struct codec_subject *s = o->subject;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[PALETTE];
    o->bytes = 0;
    memcpy(palette, s->palette, sizeof palette);
    png_set_write_fn(png, o, on_write, on_flush);
    png_set_compression_level(png, level);
    png_set_IHDR(png, info, (png_uint_32)s->columns, (png_uint_32)s->rows, 8,
                 PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_PLTE(png, info, palette, PALETTE);
    png_write_info(png, info);
    for (size_t y = 0; y < s->rows; y++)
        png_write_row(png, s->pixels + y * s->columns);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return (struct codec_bytes){o->file, o->bytes};
}

static struct codec_bytes libpng_1(void *self)
{
    return libpng(self, 1);
}

static struct codec_bytes libpng_6(void *self)
{
    return libpng(self, 6);
}

const struct codec_way codec_png_ways[] = {
    {"ours", CODEC_PNG, picture_open, our_png},
    {"libdeflate 1, none", CODEC_PNG, picture_open, deflate_0},
    {"libdeflate 1, Sub", CODEC_PNG, picture_open, deflate_1},
    {"libdeflate 1, Up", CODEC_PNG, picture_open, deflate_2},
    {"libdeflate 1, Average", CODEC_PNG, picture_open, deflate_3},
    {"libdeflate 1, Paeth", CODEC_PNG, picture_open, deflate_4},
    {"libpng, zlib 1", CODEC_PNG, picture_open, libpng_1},
    {"libpng, zlib 6", CODEC_PNG, picture_open, libpng_6},
    {NULL, CODEC_PNG, NULL, NULL},
};
