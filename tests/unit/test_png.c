#include "api/codec/png.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/random.h"

/* A file of a writer of our own (see generate_png.py), and the samples in it. */
struct sample {
    const char *name;
    size_t width, height, channels;
    unsigned max;
    size_t bytes;
    const char *file;
    uint16_t value[9 * 6 * 4];
};

#define SAMPLE(name, ...) {#name, __VA_ARGS__},
static const struct sample samples[] = {
#include "tests/unit/data/png_samples.inc"
};
enum { SAMPLES = sizeof samples / sizeof samples[0], BYTES_MAX = 1 << 20 };

static struct up_arena *arena;
static struct up_error err;
static struct up_tensor tensor;

static void set_up(void)
{
    arena = up_arena_new(4 << 20, NULL);
    err = (struct up_error){UP_OK, "", ""};
    tensor = (struct up_tensor){.data = NULL};
}

static void tear_down(void)
{
    up_arena_free(arena);
}

TestSuite(png, .init = set_up, .fini = tear_down, .timeout = 20);

static const struct sample *sample_find(const char *name)
{
    for (size_t i = 0; i < SAMPLES; i++)
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    cr_assert(false, "there is no sample %s", name);
    return NULL;
}

static void *copy(const void *data, size_t bytes)
{
    void *p = up_arena_alloc(arena, 1, bytes, NULL);
    cr_assert(p != NULL, "no memory");
    return memcpy(p, data, bytes);
}

static enum up_code decode(const void *file, size_t bytes, enum api_channels channels)
{
    err = (struct up_error){UP_OK, "", ""};
    return api_png_decode(file, bytes, channels, BYTES_MAX, arena, &tensor, &err);
}

static void assert_shape(const char *name, size_t height, size_t width, size_t channels)
{
    const struct up_shape *s = &tensor.shape;
    cr_assert(s->rank == (channels == 1 ? 2 : 3) && s->dim[0] == height && s->dim[1] == width &&
                  (channels == 1 || s->dim[2] == channels),
              "%s: rank %u, %zu x %zu", name, s->rank, s->dim[0], s->dim[1]);
}

Test(png, reads_every_colour_type_depth_and_interlacing)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        const enum up_code code = decode(copy(s->file, s->bytes), s->bytes, API_CHANNELS_AS_IS);
        cr_assert(code == UP_OK, "%s: %s", s->name, err.text);
        assert_shape(s->name, s->height, s->width, s->channels);
        for (size_t k = 0; k < s->height * s->width * s->channels; k++) {
            const float expected = (float)s->value[k] / (float)s->max;
            cr_assert(tensor.data[k] == expected, "%s: sample %zu is %.9g, not %.9g", s->name, k,
                      (double)tensor.data[k], (double)expected);
        }
    }
}

/* Channel c of what pixel k should become; the sample has gray or RGB, with or without alpha. */
static double converted(const struct sample *s, size_t k, enum api_channels to, size_t c)
{
    const uint16_t *v = &s->value[k * s->channels];
    const bool colour = s->channels >= 3, alpha = s->channels % 2 == 0;
    if (c == 3)
        return alpha ? (double)v[s->channels - 1] / s->max : 1;
    if (to == API_CHANNELS_GRAY && colour)
        return (0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2]) / s->max;
    return (double)v[colour ? c : 0] / s->max;
}

Test(png, converts_channels)
{
    static const size_t count[] = {0, 1, 3, 4};
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        for (enum api_channels to = API_CHANNELS_GRAY; to <= API_CHANNELS_RGBA; to++) {
            const size_t n = count[to];
            up_arena_reset(arena, 1 << 20);
            cr_assert(decode(s->file, s->bytes, to) == UP_OK, "%s: %s", s->name, err.text);
            assert_shape(s->name, s->height, s->width, n);
            for (size_t k = 0; k < s->height * s->width * n; k++) {
                const double expected = converted(s, k / n, to, k % n);
                cr_assert(fabs((double)tensor.data[k] - expected) < 1e-7,
                          "%s to %zu channels: value %zu is %.9g, not %.9g", s->name, n, k,
                          (double)tensor.data[k], expected);
            }
        }
    }
}

Test(png, refuses_every_file_that_is_cut_short)
{
    static const char *const names[] = {"gray8", "palette4_trns_interlaced", "rgba16"};
    for (size_t i = 0; i < 3; i++) {
        const struct sample *s = sample_find(names[i]);
        for (size_t bytes = 0; bytes < s->bytes; bytes++) {
            cr_assert(decode(copy(s->file, bytes), bytes, API_CHANNELS_AS_IS) == UP_E_SYNTAX,
                      "%s: %zu of %zu bytes taken", s->name, bytes, s->bytes);
            cr_assert(strstr(err.text, bytes < 8 ? "not a PNG" : "cut short") != NULL,
                      "%zu bytes: %s", bytes, err.text);
            up_arena_reset(arena, 1 << 20);
        }
    }
}

/* Every byte after the signature is under a checksum, is one, or is the length of a chunk. */
Test(png, refuses_every_flipped_bit)
{
    static const char *const names[] = {"gray1", "palette2_trns", "rgb8_interlaced"};
    for (size_t i = 0; i < 3; i++) {
        const struct sample *s = sample_find(names[i]);
        for (size_t bit = 0; bit < 8 * s->bytes; bit++) {
            char *file = copy(s->file, s->bytes);
            file[bit / 8] = (char)(file[bit / 8] ^ 1 << bit % 8);
            const enum up_code code = decode(file, s->bytes, API_CHANNELS_AS_IS);
            cr_assert(code == UP_E_SYNTAX, "%s: bit %zu flipped: code %d, %s", s->name, bit, code,
                      err.text);
            cr_assert(err.text[0] != '\0', "bit %zu: no sentence", bit);
            up_arena_reset(arena, 1 << 20);
        }
    }
}

Test(png, refuses_what_is_no_png)
{
    cr_assert(decode("GIF89a..", 8, API_CHANNELS_AS_IS) == UP_E_SYNTAX, "a GIF");
    cr_assert(strstr(err.text, "not a PNG") != NULL, "%s", err.text);
    cr_assert(decode("", 0, API_CHANNELS_AS_IS) == UP_E_SYNTAX, "nothing");
    cr_assert(api_png_matches(samples[0].file, 8) && !api_png_matches(samples[0].file, 7),
              "the signature is eight bytes");
}

Test(png, holds_the_header_against_the_limit)
{
    const struct sample *s = sample_find("rgb8");
    const size_t bytes = s->width * s->height * 3 * sizeof(float);
    cr_assert(api_png_decode(s->file, s->bytes, API_CHANNELS_AS_IS, bytes, arena, &tensor, &err) ==
                  UP_OK,
              "%s", err.text);
    cr_assert(api_png_decode(s->file, s->bytes, API_CHANNELS_AS_IS, bytes - 1, arena, &tensor,
                             &err) == UP_E_LIMIT,
              "one byte past the limit");
    cr_assert(strstr(err.text, "9 x 6") != NULL && strstr(err.text, "648") != NULL &&
                  strstr(err.text, "647") != NULL,
              "%s", err.text);
    err = (struct up_error){UP_OK, "", ""};
    cr_assert(api_png_decode(s->file, s->bytes, API_CHANNELS_RGBA, bytes, arena, &tensor, &err) ==
                  UP_E_LIMIT,
              "the asked channels count");
}

/* 2^31 - 1 square: what follows the header is never looked at. */
Test(png, refuses_a_bomb_by_its_header)
{
    static const char file[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0\x31\xa2\x54\xba"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e";
    const enum up_code code = decode(file, sizeof file - 1, API_CHANNELS_AS_IS);
    cr_assert(code == UP_E_LIMIT, "code %d: %s", code, err.text);
    cr_assert(strstr(err.text, "2147483647 x 2147483647") != NULL, "%s", err.text);
}

/* Far more than either direction makes. */
enum { ALLOCATIONS = 60 };

Test(png, fails_cleanly_at_every_allocation)
{
    const struct sample *s = sample_find("palette4_trns_interlaced");
    size_t failed = 0;
    for (size_t nth = 0; nth < ALLOCATIONS; nth++) {
        up_arena_reset(arena, 1 << 20);
        up_arena_fail_at(arena, nth);
        const enum up_code code = decode(s->file, s->bytes, API_CHANNELS_AS_IS);
        cr_assert(code == UP_OK || code == UP_E_BUSY, "allocation %zu: %s", nth, err.text);
        failed += code != UP_OK;
    }
    cr_assert(failed > 3 && failed < ALLOCATIONS, "%zu allocations failed", failed);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static struct api_picture picture_random(size_t width, size_t height, unsigned channels,
                                         unsigned bits)
{
    struct random random = {width + channels};
    uint16_t *pixels = up_arena_alloc(arena, width * height * channels, sizeof *pixels, NULL);
    cr_assert(pixels != NULL, "no memory");
    for (size_t i = 0; i < width * height * channels; i++)
        pixels[i] = (uint16_t)random_bits(&random);
    return (struct api_picture){
        .width = width, .height = height, .channels = channels, .bits = bits, .pixels = pixels};
}

Test(png, writes_what_it_reads_back)
{
    for (unsigned channels = 1; channels <= 4; channels++)
        for (unsigned bits = 8; bits <= 16; bits += 8) {
            const struct api_picture p = picture_random(13, 7, channels, bits);
            const void *file = NULL;
            size_t bytes = 0;
            cr_assert(api_png_encode(&p, arena, &file, &bytes, &err) == UP_OK, "%s", err.text);
            cr_assert(decode(file, bytes, API_CHANNELS_AS_IS) == UP_OK, "%s", err.text);
            assert_shape("picture", 7, 13, channels);
            for (size_t i = 0; i < 13 * 7 * channels; i++) {
                const float expected = bits == 8
                                           ? (float)((const uint8_t *)p.pixels)[i] / 255.0F
                                           : (float)((const uint16_t *)p.pixels)[i] / 65535.0F;
                cr_assert(tensor.data[i] == expected, "%u channels of %u bits: value %zu", channels,
                          bits, i);
            }
        }
}

Test(png, writes_palettes_and_texts)
{
    static const uint8_t palette[3][3] = {{1, 2, 3}, {250, 0, 7}, {9, 99, 199}};
    static const uint8_t pixels[4] = {0, 2, 1, 2};
    const struct api_picture_text text[] = {{"Value-Min", "-1.5"}, {"Value-Max", "2"}};
    const struct api_picture p = {.width = 2,
                                  .height = 2,
                                  .channels = 1,
                                  .bits = 8,
                                  .pixels = pixels,
                                  .palette = palette,
                                  .palette_count = 3,
                                  .text = text,
                                  .text_count = 2};
    const void *file = NULL;
    size_t bytes = 0;
    cr_assert(api_png_encode(&p, arena, &file, &bytes, &err) == UP_OK, "%s", err.text);
    cr_assert(((const uint8_t *)file)[25] == 3, "the colour type is not palette");
    cr_assert(decode(file, bytes, API_CHANNELS_AS_IS) == UP_OK, "%s", err.text);
    assert_shape("palette", 2, 2, 3);
    for (size_t i = 0; i < 12; i++)
        cr_assert(tensor.data[i] == (float)palette[pixels[i / 3]][i % 3] / 255.0F, "value %zu", i);
    static const char chunk[] = "tEXtValue-Min\0-1.5";
    size_t found = 0;
    for (size_t i = 0; i + sizeof chunk - 1 <= bytes; i++)
        found += memcmp((const char *)file + i, chunk, sizeof chunk - 1) == 0;
    cr_assert(found == 1, "the text is there %zu times", found);
}

Test(png, refuses_to_write_no_pixels)
{
    const struct api_picture p = {.width = 0, .height = 3, .channels = 1, .bits = 8, .pixels = ""};
    const void *file = NULL;
    size_t bytes = 0;
    cr_assert(api_png_encode(&p, arena, &file, &bytes, &err) == UP_E_LIMIT, "0 x 3 written");
    cr_assert(strstr(err.text, "0 x 3") != NULL && file == NULL, "%s", err.text);
}

/* The buffer gets over a failure of its own; libpng and zlib do not. */
Test(png, writing_fails_cleanly_at_every_allocation)
{
    size_t failed = 0;
    for (size_t nth = 0; nth < ALLOCATIONS; nth++) {
        up_arena_reset(arena, 1 << 20);
        const struct api_picture p = picture_random(64, 64, 3, 16);
        const void *file = NULL;
        size_t bytes = 0;
        up_arena_fail_at(arena, nth);
        err = (struct up_error){UP_OK, "", ""};
        const enum up_code code = api_png_encode(&p, arena, &file, &bytes, &err);
        cr_assert(code == UP_OK || code == UP_E_BUSY, "allocation %zu: %s", nth, err.text);
        cr_assert((code == UP_OK) == (file != NULL), "allocation %zu: the output", nth);
        failed += code != UP_OK;
    }
    cr_assert(failed > 3 && failed < ALLOCATIONS, "%zu allocations failed", failed);
}
