/* DESIGN
 * libpng reports errors by longjmp. `fenced` is the only place that sets a jump: it runs one step
 * over a context that lives in its caller, so no local of ours is alive across a jump. All of
 * libpng's memory is the arena's, so an abandoned read or write needs no clean-up.
 *
 * A read asks libpng for 8 or 16 bit samples of 1 to 4 channels and turns each finished row into
 * floats; only an interlaced file needs all of its rows at once. Ancillary chunks other than tRNS
 * are skipped unread, but their checksums count.
 *
 * A write compresses all rows at once: as repeated pixels where they are that, else by libdeflate,
 * with the one filter that was best for a few of them. libpng writes the chunks around that. */
#include "api/codec/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/deflate.h"
#include "api/codec/filter.h"
#include "api/codec/repeats.h"

enum {
    SIGNATURE_BYTES = 8,
    DIMENSION_MAX = 0x7fffffff, /* of a chunk's bytes too */
    LEVEL = 6,
    LEVEL_LARGE = 1, /* a fifth larger, and several times as fast: for more than */
    LARGE_BYTES = 256 * 1024,
    SAMPLE_BYTES = 32 * 1024, /* to try the filters on, */
    SAMPLE_ROWS = 4,          /* and at least so many */
};

/* What the callbacks of libpng see. */
struct context {
    png_structp png;
    png_infop info;
    struct up_arena *arena;
    bool writing;
    struct up_error error; /* the arena's, or libpng's complaint */
};

struct reader {
    struct context context;
    const unsigned char *data;
    size_t bytes, at;
    size_t width, height, raw_channels, channels;
    enum api_channels wanted;
    unsigned max; /* of a sample */
    bool interlaced;
    unsigned char *raw; /* rows as libpng gives them: one, or all when interlaced */
    float *values;
};

/* A zlib stream, and where it is made. */
struct compressed {
    struct up_arena *arena;
    struct up_error *err;
    const void *data;
    size_t bytes;
};

struct writer {
    struct context context;
    const struct api_picture *picture;
    struct compressed pixels; /* all of them */
    struct api_buffer buffer;
};

/* --- Callbacks -------------------------------------------------------------------------------- */

static void on_error(png_structp png, png_const_charp message)
{
    struct context *c = png_get_error_ptr(png);
    (void)up_fail(&c->error, c->writing ? UP_E_INTERNAL : UP_E_SYNTAX, "",
                  "the PNG cannot be %s: %s", c->writing ? "written" : "read", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void *on_malloc(png_structp png, png_alloc_size_t bytes)
{
    struct context *c = png_get_mem_ptr(png);
    return up_arena_alloc(c->arena, 1, bytes, &c->error);
}

static void on_free(png_structp png, void *memory)
{
    (void)png;
    (void)memory;
}

static void on_read(png_structp png, png_bytep to, size_t bytes)
{
    struct reader *r = png_get_io_ptr(png);
    if (bytes > r->bytes - r->at) {
        (void)up_fail(&r->context.error, UP_E_SYNTAX, "", "the PNG is cut short after %zu bytes",
                      r->bytes);
        png_error(png, "cut short");
    }
    memcpy(to, r->data + r->at, bytes);
    r->at += bytes;
}

static void on_write(png_structp png, png_bytep data, size_t bytes)
{
    struct writer *w = png_get_io_ptr(png);
    api_buffer_put(&w->buffer, data, bytes);
    if (w->buffer.failed)
        png_error(png, "no memory");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Runs one step; false when libpng jumped out of it, with context->error set. */
static bool fenced(struct context *context, void (*step)(void *self), void *self)
{
    if (setjmp(png_jmpbuf(context->png)) != 0)
        return false;
    step(self);
    return true;
}

/* --- Reading ---------------------------------------------------------------------------------- */

bool api_png_matches(const void *data, size_t bytes)
{
    return bytes >= SIGNATURE_BYTES && png_sig_cmp(data, 0, SIGNATURE_BYTES) == 0;
}

static void header_read(void *self)
{
    struct reader *r = self;
    png_structp png = r->context.png;
    png_infop info = r->context.info;
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, DIMENSION_MAX, DIMENSION_MAX);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, info);
    const size_t alpha = png_get_valid(png, info, PNG_INFO_tRNS) != 0 ? 1 : 0;
    const bool palette = png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
    r->width = png_get_image_width(png, info);
    r->height = png_get_image_height(png, info);
    r->raw_channels = alpha + (palette ? 3 : png_get_channels(png, info));
    r->max = png_get_bit_depth(png, info) == 16 ? 65535 : 255;
}

/* Allocates rows, so the header must have been held against the limit. */
static void pixels_start(void *self)
{
    struct reader *r = self;
    png_set_expand(r->context.png); /* palette to RGB, 1 2 4 bit to 8, tRNS to alpha */
    r->interlaced = png_set_interlace_handling(r->context.png) > 1;
    png_read_update_info(r->context.png, r->context.info);
}

static unsigned sample(const struct reader *r, const unsigned char *raw, size_t i)
{
    return r->max == 255 ? raw[i] : (unsigned)raw[2 * i] << 8 | raw[2 * i + 1];
}

/* Gray and gray + alpha have their colour three times; without alpha it is opaque. */
static void pixel_convert(const struct reader *r, const unsigned char *raw, float *to)
{
    const size_t n = r->raw_channels;
    const bool colour = n >= 3;
    const float max = (float)r->max;
    const unsigned red = sample(r, raw, 0), green = colour ? sample(r, raw, 1) : red,
                   blue = colour ? sample(r, raw, 2) : red;
    if (r->wanted == API_CHANNELS_GRAY) {
        to[0] = (float)((299.0 * red + 587.0 * green + 114.0 * blue) / (1000.0 * r->max));
        return;
    }
    to[0] = (float)red / max;
    to[1] = (float)green / max;
    to[2] = (float)blue / max;
    if (r->wanted == API_CHANNELS_RGBA)
        to[3] = n % 2 == 0 ? (float)sample(r, raw, n - 1) / max : 1.0F;
}

static void row_convert(const struct reader *r, const unsigned char *raw, float *to)
{
    const size_t sample_bytes = r->max == 255 ? 1 : 2;
    if (r->wanted == API_CHANNELS_AS_IS) {
        const float max = (float)r->max;
        for (size_t i = 0; i < r->width * r->channels; i++)
            to[i] = (float)sample(r, raw, i) / max;
        return;
    }
    for (size_t x = 0; x < r->width; x++)
        pixel_convert(r, raw + x * r->raw_channels * sample_bytes, to + x * r->channels);
}

static void pixels_read(void *self)
{
    struct reader *r = self;
    png_structp png = r->context.png;
    const size_t row_bytes = png_get_rowbytes(png, r->context.info);
    const int passes = r->interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1;
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < r->height; y++) {
            unsigned char *raw = r->raw + (r->interlaced ? y * row_bytes : 0);
            png_read_row(png, raw, NULL);
            if (pass == passes - 1)
                row_convert(r, raw, r->values + y * r->width * r->channels);
        }
    png_read_end(png, NULL);
}

static size_t channels_out(enum api_channels wanted, size_t raw_channels)
{
    static const size_t count[] = {
        [API_CHANNELS_GRAY] = 1, [API_CHANNELS_RGB] = 3, [API_CHANNELS_RGBA] = 4};
    return wanted == API_CHANNELS_AS_IS ? raw_channels : count[wanted];
}

static enum up_code limit_check(const struct reader *r, size_t bytes_max, struct up_error *err)
{
    size_t pixels, count, bytes;
    if (up_size_mul(r->width, r->height, &pixels) && up_size_mul(pixels, r->channels, &count) &&
        up_size_mul(count, sizeof(float), &bytes) && bytes <= bytes_max)
        return UP_OK;
    return up_fail(err, UP_E_LIMIT, "",
                   "the PNG is %zu x %zu pixels of %zu channels, %.0f bytes as a tensor; the limit "
                   "is %zu bytes",
                   r->width, r->height, r->channels,
                   (double)r->width * (double)r->height * (double)r->channels * sizeof(float),
                   bytes_max);
}

static enum up_code room_take(struct reader *r, struct up_error *err)
{
    const size_t row_bytes = png_get_rowbytes(r->context.png, r->context.info);
    const size_t count = r->width * r->height * r->channels;
    r->raw = up_arena_zalloc(r->context.arena, r->interlaced ? r->height : 1, row_bytes, err);
    r->values = up_arena_alloc(r->context.arena, count, sizeof(float), err);
    return r->raw == NULL || r->values == NULL ? err->code : UP_OK;
}

static enum up_code fail_again(const struct up_error *from, struct up_error *err)
{
    return up_fail(err, from->code, from->at, "%s", from->text);
}

enum up_code api_png_decode(const void *data, size_t bytes, enum api_channels channels,
                            size_t bytes_max, struct up_arena *arena, struct up_tensor *ret,
                            struct up_error *err)
{
    if (!api_png_matches(data, bytes))
        return up_fail(err, UP_E_SYNTAX, "", "not a PNG: its eight bytes of signature are missing");
    struct reader r = {.context.arena = arena, .data = data, .bytes = bytes, .wanted = channels};
    struct context *c = &r.context;
    c->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, c, on_error, on_warning, c, on_malloc,
                                      on_free);
    if (c->png != NULL)
        c->info = png_create_info_struct(c->png);
    if (c->info == NULL || !fenced(c, header_read, &r))
        return fail_again(&c->error, err);
    r.channels = channels_out(channels, r.raw_channels);
    enum up_code code = limit_check(&r, bytes_max, err);
    if (code != UP_OK)
        return code;
    if (!fenced(c, pixels_start, &r))
        return fail_again(&c->error, err);
    code = room_take(&r, err);
    if (code != UP_OK)
        return code;
    if (!fenced(c, pixels_read, &r))
        return fail_again(&c->error, err);
    *ret = (struct up_tensor){
        .shape = {r.channels == 1 ? 2 : 3, {r.height, r.width, r.channels}},
        .data = r.values,
    };
    return UP_OK;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int color_type(const struct api_picture *p)
{
    static const int by_channels[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                      PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    return p->palette != NULL ? PNG_COLOR_TYPE_PALETTE : by_channels[p->channels];
}

static void palette_write(struct writer *w)
{
    png_color palette[PNG_MAX_PALETTE_LENGTH];
    const struct api_picture *p = w->picture;
    for (size_t i = 0; i < p->palette_count; i++)
        palette[i] = (png_color){p->palette[i][0], p->palette[i][1], p->palette[i][2]};
    png_set_PLTE(w->context.png, w->context.info, palette, (int)p->palette_count);
}

static void text_write(struct writer *w, const struct api_picture_text *from)
{
    png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE};
    text.key = (char *)(uintptr_t)from->key; /* libpng copies both */
    text.text = (char *)(uintptr_t)from->value;
    text.text_length = strlen(from->value);
    png_set_text(w->context.png, w->context.info, &text, 1);
}

static enum up_code compress(const struct api_scanlines *lines, enum api_filter filter,
                             size_t first, size_t count, struct compressed *ret)
{
    const size_t bytes = count * (1 + lines->row_bytes);
    unsigned char *filtered = up_arena_alloc(ret->arena, bytes, 1, ret->err);
    if (filtered == NULL)
        return ret->err->code;
    api_filter_rows(lines, filter, first, count, filtered);
    /* The sample of a large picture is compressed as the whole will be. */
    const bool large = lines->rows * (1 + lines->row_bytes) > LARGE_BYTES;
    return api_deflate(filtered, bytes, large ? LEVEL_LARGE : LEVEL, ret->arena, &ret->data,
                       &ret->bytes, ret->err);
}

/* Rows that repeat pixels, without a filter; else ret->data is NULL. */
static enum up_code compress_repeats(const struct api_scanlines *lines, size_t first, size_t count,
                                     struct compressed *ret)
{
    const size_t row = 1 + lines->row_bytes, near = lines->pixel_bytes;
    struct api_repeats repeats = {
        .bytes = count * row, .near = near, .far = row <= API_REPEATS_FAR_MAX ? row : 2 * near};
    unsigned char *rows = up_arena_alloc(ret->arena, repeats.bytes, 1, ret->err);
    if (rows == NULL)
        return ret->err->code;
    api_filter_rows(lines, API_FILTER_NONE, first, count, rows);
    repeats.data = rows;
    return api_repeats_deflate(&repeats, ret->arena, &ret->data, &ret->bytes, ret->err);
}

/* By the filter that makes the least of some rows. */
static enum up_code compress_filtered(const struct api_scanlines *lines, size_t first, size_t count,
                                      struct compressed *ret)
{
    struct compressed least = {.bytes = SIZE_MAX};
    enum api_filter best = API_FILTER_NONE;
    for (enum api_filter filter = 0; filter < API_FILTERS; filter++) {
        if (compress(lines, filter, first, count, ret) != UP_OK)
            return ret->err->code;
        best = ret->bytes < least.bytes ? filter : best;
        least = ret->bytes < least.bytes ? *ret : least;
    }
    *ret = least;
    return count == lines->rows ? UP_OK : compress(lines, best, 0, lines->rows, ret);
}

/* Some rows in the middle, or all of a small picture, say which way is best. */
static enum up_code compress_best(const struct api_scanlines *lines, struct compressed *ret)
{
    const size_t wanted = SAMPLE_BYTES / (lines->row_bytes + 1) + SAMPLE_ROWS;
    const size_t count = lines->rows < wanted ? lines->rows : wanted;
    const size_t first = (lines->rows - count) / 2;
    enum up_code code = compress_repeats(lines, first, count, ret);
    if (code == UP_OK && ret->data != NULL && count < lines->rows)
        code = compress_repeats(lines, 0, lines->rows, ret);
    return code != UP_OK || ret->data != NULL ? code : compress_filtered(lines, first, count, ret);
}

/* Samples of 16 bits in the file's byte order. */
static const unsigned char *swapped(const struct api_picture *p, size_t bytes,
                                    struct up_arena *arena, struct up_error *err)
{
    const unsigned char *from = p->pixels;
    if (p->bits == 8 || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        return from;
    unsigned char *to = up_arena_alloc(arena, bytes, 1, err);
    for (size_t i = 0; to != NULL && i < bytes; i += 2) {
        to[i] = from[i + 1];
        to[i + 1] = from[i];
    }
    return to;
}

static enum up_code pixels_compress(const struct api_picture *p, struct compressed *ret)
{
    const size_t pixel_bytes = p->palette != NULL ? 1 : p->channels * p->bits / 8;
    struct api_scanlines lines = {
        .rows = p->height, .row_bytes = p->width * pixel_bytes, .pixel_bytes = pixel_bytes};
    lines.pixels = swapped(p, lines.rows * lines.row_bytes, ret->arena, ret->err);
    return lines.pixels == NULL ? ret->err->code : compress_best(&lines, ret);
}

/* libpng would compress row by row with zlib; it is given the compressed rows instead. */
static void picture_write(void *self)
{
    struct writer *w = self;
    const struct api_picture *p = w->picture;
    png_structp png = w->context.png;
    png_infop info = w->context.info;
    png_set_write_fn(png, w, on_write, on_flush);
    png_set_user_limits(png, DIMENSION_MAX, DIMENSION_MAX);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, (int)p->bits,
                 color_type(p), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (p->palette != NULL)
        palette_write(w);
    for (size_t i = 0; i < p->text_count; i++)
        text_write(w, &p->text[i]);
    png_write_info(png, info);
    const unsigned char *data = w->pixels.data;
    for (size_t left = w->pixels.bytes; left > 0;) {
        const size_t bytes = left < DIMENSION_MAX ? left : DIMENSION_MAX;
        png_write_chunk(png, (png_const_bytep) "IDAT", data, bytes);
        data += bytes;
        left -= bytes;
    }
    png_write_chunk(png, (png_const_bytep) "IEND", NULL, 0);
}

enum up_code api_png_encode(const struct api_picture *picture, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    const struct api_picture *p = picture;
    if (p->width < 1 || p->width > DIMENSION_MAX || p->height < 1 || p->height > DIMENSION_MAX)
        return up_fail(err, UP_E_LIMIT, "", "a PNG cannot have %zu x %zu pixels", p->width,
                       p->height);
    struct writer w = {.context = {.arena = arena, .writing = true}, .picture = p};
    struct context *c = &w.context;
    w.buffer = api_buffer_make(arena, &c->error);
    w.pixels = (struct compressed){.arena = arena, .err = err};
    if (pixels_compress(p, &w.pixels) != UP_OK)
        return err->code;
    c->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, c, on_error, on_warning, c, on_malloc,
                                       on_free);
    if (c->png != NULL)
        c->info = png_create_info_struct(c->png);
    if (c->info == NULL || !fenced(c, picture_write, &w))
        return fail_again(&c->error, err);
    *ret_data = w.buffer.data;
    *ret_bytes = w.buffer.bytes;
    return UP_OK;
}

const char *api_png_library(void)
{
    return "libpng " PNG_LIBPNG_VER_STRING;
}
