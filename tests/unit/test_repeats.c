/* What is written is read back by libdeflate, which shares no code with the writer. */
#include "api/codec/repeats.h"

#include <criterion/criterion.h>
#include <libdeflate.h>
#include <string.h>

#include "tests/support/random.h"

enum { ARENA_BYTES = 16 << 20 };

static struct up_arena *arena;
static struct up_error err;

static void set_up(void)
{
    arena = up_arena_new(ARENA_BYTES, NULL);
    err = (struct up_error){UP_OK, "", ""};
}

static void tear_down(void)
{
    up_arena_free(arena);
}

TestSuite(repeats, .init = set_up, .fini = tear_down, .timeout = 20);

static unsigned char *room(size_t bytes)
{
    unsigned char *p = up_arena_alloc(arena, bytes, 1, NULL);
    cr_assert(p != NULL, "no memory for %zu bytes", bytes);
    return p;
}

/* Bytes of the stream; 0 when it was not worth one. */
static size_t check(const char *what, const struct api_repeats *r)
{
    const void *stream;
    size_t bytes = 0, back_bytes = 0;
    cr_assert(api_repeats_deflate(r, arena, &stream, &bytes, &err) == UP_OK, "%s: %s", what,
              err.text);
    if (stream == NULL)
        return 0;
    unsigned char *back = room(r->bytes);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    const enum libdeflate_result result =
        libdeflate_zlib_decompress(d, stream, bytes, back, r->bytes, &back_bytes);
    libdeflate_free_decompressor(d);
    cr_assert(result == LIBDEFLATE_SUCCESS && back_bytes == r->bytes, "%s: result %d, %zu of %zu",
              what, (int)result, back_bytes, r->bytes);
    for (size_t i = 0; i < r->bytes; i++)
        cr_assert(back[i] == r->data[i], "%s: byte %zu is %d, not %d", what, i, back[i],
                  r->data[i]);
    return bytes;
}

/* Runs of `least` to `most` bytes that repeat at one distance or the other, and between them a few
 * bytes of `kinds` values, those below the smaller more often. */
static unsigned char *text_random(struct random *random, const struct api_repeats *r, size_t least,
                                  size_t most, unsigned kinds)
{
    unsigned char *text = room(r->bytes);
    for (size_t i = 0; i < r->bytes;) {
        for (size_t fresh = random_size(random, 1, 3); fresh > 0 && i < r->bytes; fresh--)
            text[i++] = (unsigned char)(random_size(random, 0, kinds - 1) *
                                        random_size(random, 0, kinds - 1) / kinds);
        const size_t distance = random_bits(random) % 2 == 0 ? r->near : r->far;
        for (size_t run = random_size(random, least, most); run > 0 && i < r->bytes; run--, i++)
            text[i] = i < distance ? 7 : text[i - distance];
    }
    return text;
}

Test(repeats, come_back_for_all_distances_of_pixels)
{
    static const size_t nears[] = {1, 2, 3, 4, 6, 8};
    struct random random = {1};
    for (size_t n = 0; n < sizeof nears / sizeof nears[0]; n++)
        for (size_t pixels = 1; pixels <= 4096; pixels *= 2) {
            struct api_repeats r = {.bytes = 50000, .near = nears[n], .far = pixels * nears[n] + 1};
            if (r.far > API_REPEATS_FAR_MAX)
                r.far = 2 * r.near;
            r.data = text_random(&random, &r, 20, 400, 256);
            const size_t bytes = check("pixels", &r);
            cr_assert(bytes > 0 && bytes < r.bytes / 8, "near %zu, far %zu: %zu bytes", r.near,
                      r.far, bytes);
            up_arena_reset(arena, ARENA_BYTES);
        }
}

/* A run of every length, so that every symbol and every extra bit of them is written. */
Test(repeats, come_back_for_all_lengths)
{
    struct api_repeats r = {.near = 1, .far = API_REPEATS_FAR_MAX};
    unsigned char *text = room(300 * 300), value = 0;
    for (size_t length = 1; length < 300; length++, value ^= 1) {
        memset(text + r.bytes, value, length);
        r.bytes += length;
    }
    r.data = text;
    cr_assert(check("lengths", &r) > 0, "not written");
}

Test(repeats, come_back_for_every_size)
{
    struct random random = {2};
    size_t written = 0;
    for (size_t bytes = 1; bytes < 3000; bytes += 1 + bytes / 100) {
        struct api_repeats r = {.bytes = bytes, .near = 1, .far = 33};
        r.data = text_random(&random, &r, 30, 300, 3);
        written += check("size", &r) > 0;
        up_arena_reset(arena, ARENA_BYTES);
    }
    cr_assert(written > 100, "%zu texts were worth it", written);
}

/* Values as rare as Fibonacci's numbers make the longest codes that there can be. */
Test(repeats, come_back_with_the_longest_codes)
{
    enum { RUN = 40 };
    struct api_repeats r = {.near = 1, .far = 2};
    unsigned char *text = room(1 << 20);
    size_t times = 1, before = 1;
    for (unsigned value = 0; value < 16; value++) {
        for (size_t i = 0; i < times; i++, r.bytes += RUN) { /* one literal, one match */
            text[r.bytes] = (unsigned char)(value + 1);
            memset(text + r.bytes + 1, 0, RUN - 1);
        }
        const size_t sum = times + before;
        before = times;
        times = sum;
    }
    r.data = text;
    cr_assert(check("Fibonacci", &r) > 0, "not written");
}

Test(repeats, leave_what_does_not_repeat_to_others)
{
    struct random random = {3};
    struct api_repeats r = {.bytes = 100000, .near = 1, .far = 100};
    r.data = text_random(&random, &r, 0, 8, 256);
    cr_assert(check("short runs", &r) == 0, "written");
    r.data = text_random(&random, &r, 60, 90, 256);
    cr_assert(check("long runs", &r) > 0, "not written");
}

Test(repeats, fail_where_the_memory_ends)
{
    struct random random = {4};
    struct api_repeats r = {.bytes = 400000, .near = 1, .far = 100};
    const unsigned char *text = text_random(&random, &r, 60, 90, 256);
    static unsigned char copy[400000];
    r.data = memcpy(copy, text, r.bytes);
    size_t failed = 0;
    enum up_code code = UP_E_LIMIT;
    for (size_t limit = 1024; code != UP_OK; limit *= 2, failed++) {
        const void *stream = NULL;
        size_t bytes;
        up_arena_reset(arena, limit);
        err = (struct up_error){UP_OK, "", ""};
        code = api_repeats_deflate(&r, arena, &stream, &bytes, &err);
        cr_assert((code == UP_OK) == (stream != NULL), "%zu bytes: %s", limit, err.text);
    }
    cr_assert(failed > 0, "1024 bytes were enough");
}
