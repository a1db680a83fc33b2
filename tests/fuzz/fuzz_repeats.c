/* Texts that repeat themselves, deflated: libdeflate reads back what was written. The first byte
 * chooses the bytes of a pixel, the second those of a row; then every two bytes are a fresh byte,
 * and a run at one distance or the other. */
#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/repeats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_BYTES = 1 << 18, ARENA_BYTES = 2 << 20, LONG_RUN = 240, LONGER = 64 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static size_t text_make(const uint8_t *data, size_t size, const struct api_repeats *r, uint8_t *ret)
{
    size_t bytes = 0;
    for (size_t i = 0; i + 1 < size && bytes < TEXT_BYTES; i += 2) {
        const size_t distance = data[i + 1] % 2 == 0 ? r->near : r->far;
        size_t run = data[i + 1] / 2U;
        if (data[i + 1] >= LONG_RUN)
            run *= LONGER;
        ret[bytes++] = data[i];
        for (; run > 0 && bytes < TEXT_BYTES; run--, bytes++)
            ret[bytes] = bytes < distance ? 0 : ret[bytes - distance];
    }
    return bytes;
}

static void read_back(const void *stream, size_t bytes, const struct api_repeats *r)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    uint8_t *back = malloc(r->bytes);
    expect(decompressor != NULL && back != NULL);
    expect(libdeflate_zlib_decompress(decompressor, stream, bytes, back, r->bytes, NULL) ==
           LIBDEFLATE_SUCCESS);
    expect(memcmp(back, r->data, r->bytes) == 0);
    libdeflate_free_decompressor(decompressor);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t pixel_bytes[] = {1, 2, 3, 4, 6, 8};
    if (size < 4)
        return 0;
    struct api_repeats r = {.near = pixel_bytes[data[0] % sizeof pixel_bytes]};
    r.far = (1 + (size_t)data[1] * 16) * r.near + 1;
    uint8_t *text = malloc(TEXT_BYTES), *exact;
    expect(text != NULL);
    r.bytes = text_make(data + 2, size - 2, &r, text);
    r.data = exact = realloc(text, r.bytes); /* so that reading past it is seen */
    expect(exact != NULL);
    struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
    expect(arena != NULL);
    const void *stream;
    size_t bytes;
    expect(api_repeats_deflate(&r, arena, &stream, &bytes, NULL) == UP_OK);
    if (stream != NULL)
        read_back(stream, bytes, &r);
    up_arena_free(arena);
    free(exact);
    return 0;
}
