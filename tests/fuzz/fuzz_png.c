/* Any bytes as a PNG file: refused, or a tensor within its limit whose values are all 0..1, which
 * as a 16 bit picture is read back as it is. The first byte chooses what becomes of the channels,
 * and whether the checksums are made right first: with wrong ones a file is over at its first
 * chunk. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 20, ARENA_BYTES = 16 << 20, SIGNATURE = 8, CHUNK = 12 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* CRC-32 as PNG's specification has it, a bit at a time. */
static uint32_t checksum(const uint8_t *data, size_t bytes)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
    }
    return ~crc;
}

static void make_right(uint8_t *data, size_t size)
{
    for (size_t at = SIGNATURE; size >= CHUNK && at <= size - CHUNK;) {
        const size_t length = read_u32(data + at);
        if (length > size - CHUNK - at)
            return;
        const uint32_t crc = checksum(data + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            data[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += CHUNK + length;
    }
}

static size_t channels_of(const struct up_shape *shape)
{
    return shape->rank == 2 ? 1 : shape->dim[2];
}

/* Values are k / 65535, or of 8 bits k / 255 = 257 k / 65535: 16 bits hold them all. */
static void write_again(const struct up_tensor *t, struct up_arena *arena)
{
    const size_t count = up_shape_size(&t->shape);
    uint16_t *pixels = up_arena_alloc(arena, count, sizeof *pixels, NULL);
    const void *file;
    size_t bytes;
    struct up_tensor again;
    if (pixels == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint16_t)lrintf(t->data[i] * 65535);
    const struct api_picture picture = {.width = t->shape.dim[1],
                                        .height = t->shape.dim[0],
                                        .channels = (unsigned)channels_of(&t->shape),
                                        .bits = 16,
                                        .pixels = pixels};
    if (api_png_encode(&picture, arena, &file, &bytes, NULL) != UP_OK)
        return;
    const enum up_code code =
        api_png_decode(file, bytes, API_CHANNELS_AS_IS, BYTES_MAX, arena, &again, NULL);
    if (code == UP_E_LIMIT)
        return;
    expect(code == UP_OK && up_shape_equal(&again.shape, &t->shape));
    for (size_t i = 0; i < count; i++)
        expect(fabsf(again.data[i] - t->data[i]) <= 0.5F / 65535);
}

static void check(const struct up_tensor *t, enum api_channels channels)
{
    static const size_t wanted[] = {
        [API_CHANNELS_GRAY] = 1, [API_CHANNELS_RGB] = 3, [API_CHANNELS_RGBA] = 4};
    const size_t count = up_shape_size(&t->shape);
    expect(t->shape.rank == 2 || (t->shape.rank == 3 && t->shape.dim[2] <= 4));
    expect(channels == API_CHANNELS_AS_IS || channels_of(&t->shape) == wanted[channels]);
    expect(count * sizeof(float) <= BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        expect(t->data[i] >= 0 && t->data[i] <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const enum api_channels channels = (enum api_channels)(data[0] & 3);
    uint8_t *file = malloc(size - 1);
    struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
    expect(arena != NULL && (file != NULL || size == 1));
    if (size > 1)
        memcpy(file, data + 1, size - 1);
    if ((data[0] & 4) == 0)
        make_right(file, size - 1);
    struct up_tensor t;
    struct up_error err = {.code = UP_OK};
    if (api_png_decode(file, size - 1, channels, BYTES_MAX, arena, &t, &err) == UP_OK) {
        check(&t, channels);
        write_again(&t, arena);
    } else {
        expect(err.code != UP_OK && err.text[0] != '\0');
    }
    up_arena_free(arena);
    free(file);
    return 0;
}
