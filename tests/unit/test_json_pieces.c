/* Texts in pieces: together they are what one writer writes, whatever the shape, the threads and
 * the numbers. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/json.h"
#include "api/codec/json_pieces.h"

enum { ARENA_BYTES = 256 << 20, THREADS = 3 };

struct bench {
    struct up_arena *arena;
    struct up_pool *pool;
    struct up_error err;
};

static struct bench bench_make(void)
{
    const struct bench b = {
        up_arena_new(ARENA_BYTES, NULL), up_pool_new(THREADS, 4), {.code = UP_OK}};
    cr_assert(b.arena != NULL && b.pool != NULL, "no memory");
    return b;
}

static void bench_free(struct bench *b)
{
    up_pool_free(b->pool);
    up_arena_free(b->arena);
}

/* The first `plain` numbers are small integers, which are short; the rest have all digits. */
static struct up_tensor tensor_make(struct bench *b, struct up_shape shape, size_t plain)
{
    const size_t count = up_shape_size(&shape);
    float *data = up_arena_alloc(b->arena, count, sizeof *data, &b->err);
    cr_assert(data != NULL, "%s", b->err.text);
    for (size_t i = 0; i < count; i++)
        data[i] = i < plain ? (float)(i % 7) : sinf((float)i) * 1e-3f;
    data[count / 2] = NAN;
    data[count - 1] = INFINITY;
    return (struct up_tensor){shape, data};
}

static void assert_same(struct bench *b, const struct up_tensor *tensor, bool flat, bool pieces)
{
    struct api_pieces text = api_pieces_make(b->arena, &b->err);
    struct api_buffer whole = api_buffer_make(b->arena, &b->err);
    struct api_response r = {.status = 200};
    api_buffer_puts(&text.now, "{\"output\":");
    api_buffer_puts(&whole, "{\"output\":");
    const size_t nulls = api_pieces_tensor(&text, tensor, flat, b->pool);
    const size_t expected = api_json_write_tensor(&whole, tensor, flat);
    api_buffer_puts(&text.now, "}");
    api_buffer_puts(&whole, "}");
    cr_assert(api_pieces_finish(&text, &r) == UP_OK, "%s", b->err.text);
    cr_assert(nulls == expected, "%zu nulls, not %zu", nulls, expected);
    cr_assert((r.more_count > 0) == pieces, "%zu pieces", r.more_count + 1);
    cr_assert(api_response_bytes(&r) == whole.bytes, "%zu bytes, not %zu", api_response_bytes(&r),
              whole.bytes);
    const char *at = whole.data;
    for (size_t i = 0; i <= r.more_count; i++) {
        const struct api_piece piece =
            i == 0 ? (struct api_piece){r.body, r.body_bytes} : r.more[i - 1];
        cr_assert(memcmp(at, piece.data, piece.bytes) == 0, "piece %zu differs", i);
        at += piece.bytes;
    }
}

Test(json_pieces, are_the_text_of_one_writer, .timeout = 60)
{
    static const struct {
        struct up_shape shape;
        bool pieces;
    } cases[] = {
        {{4, {1, 512, 512, 1}}, true},
        {{4, {3, 130, 170, 7}}, true},
        {{5, {2, 1, 70, 90, 30}}, true},
        {{2, {300000, 2}}, true},
        {{3, {2, 2, 50000}}, false}, /* fewer items than chunks */
        {{1, {200000}}, false},
        {{4, {1, 8, 8, 1}}, false},
        {{2, {1, 1}}, false},
    };
    struct bench b = bench_make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        up_arena_reset(b.arena, ARENA_BYTES);
        const size_t count = up_shape_size(&cases[i].shape);
        const struct up_tensor tensor = tensor_make(&b, cases[i].shape, count / 3);
        assert_same(&b, &tensor, false, cases[i].pieces);
        assert_same(&b, &tensor, true, false);
    }
    bench_free(&b);
}

Test(json_pieces, a_chunk_that_needs_more_than_the_sample_says_is_written_again, .timeout = 60)
{
    const struct up_shape shape = {3, {400, 1000, 1}};
    struct bench b = bench_make();
    const struct up_tensor tensor = tensor_make(&b, shape, 390000);
    assert_same(&b, &tensor, false, true);
    bench_free(&b);
}

Test(json_pieces, repeat_what_repeats, .timeout = 60)
{
    const struct up_shape shape = {4, {1, 600, 400, 2}};
    struct bench b = bench_make();
    const struct up_tensor tensor = tensor_make(&b, shape, 0);
    float *data = up_arena_alloc(b.arena, up_shape_size(&shape), sizeof *data, &b.err);
    for (size_t row = 0; row < 600; row++)
        memcpy(data + row * 800, tensor.data + row / 3 * 800, 800 * sizeof *data);
    const struct up_tensor repeated = {shape, data};
    assert_same(&b, &repeated, false, true);
    bench_free(&b);
}

Test(json_pieces, without_memory_they_fail, .timeout = 60)
{
    const struct up_shape shape = {2, {600, 400}};
    struct bench b = bench_make();
    const struct up_tensor tensor = tensor_make(&b, shape, 0);
    size_t failures = 0;
    for (size_t nth = 0; nth < 40; nth++) {
        struct api_pieces text = api_pieces_make(b.arena, &b.err);
        struct api_response r = {.status = 200};
        up_arena_fail_at(b.arena, nth);
        api_buffer_puts(&text.now, "{");
        (void)api_pieces_tensor(&text, &tensor, false, b.pool);
        const enum up_code code = api_pieces_finish(&text, &r);
        cr_assert(code == UP_OK || code == UP_E_BUSY || code == UP_E_LIMIT, "code %d", (int)code);
        failures += code != UP_OK;
        b.err = (struct up_error){.code = UP_OK};
    }
    cr_assert(failures > 0, "no allocation is missed");
    bench_free(&b);
}
