/* Any bytes as a NumPy file: refused with a sentence, or a tensor that is the same, bit for bit,
 * when it is written and read again. The first byte is the start's distance from alignment. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 16 << 20 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void write_again(const struct up_tensor *t, struct up_arena *arena)
{
    const void *file;
    size_t bytes;
    struct up_tensor again;
    if (api_npy_encode(t, arena, &file, &bytes, NULL) != UP_OK)
        return;
    expect(api_npy_matches(file, bytes));
    expect(api_npy_decode(file, bytes, arena, &again, NULL) == UP_OK);
    expect(up_shape_equal(&again.shape, &t->shape));
    const size_t count = up_shape_size(&t->shape);
    expect(count == 0 || memcmp(again.data, t->data, count * sizeof(float)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const size_t shift = data[0] % 8;
    uint8_t *block = malloc(shift + size - 1 + (shift + size == 1));
    struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
    expect(block != NULL && arena != NULL);
    uint8_t *file = block + shift;
    memcpy(file, data + 1, size - 1);
    struct up_tensor t;
    struct up_error err = {.code = UP_OK};
    if (api_npy_decode(file, size - 1, arena, &t, &err) == UP_OK)
        write_again(&t, arena);
    else
        expect(err.code != UP_OK && err.text[0] != '\0');
    up_arena_free(arena);
    free(block);
    return 0;
}
