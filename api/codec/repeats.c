/* DESIGN
 * A picture drawn in cells or enlarged by repetition is matches at two distances and little else.
 * A general compressor looks for matches at all of them, and enters each byte that it passes into
 * its tables; here a word is compared with two others. The tokens found are written in blocks, each
 * with a code for its literals and lengths (RFC 1951, 3.2.7) and one bit for the two distances. A
 * block is so short that no code gets too long (huffman.h). */
#include "api/codec/repeats.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/deflate.h"
#include "api/codec/huffman.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are compared, first byte low");

enum {
    LENGTH_MIN = 3,
    LENGTH_MAX = 258,
    END = 256, /* of a block: the symbol before those of lengths */
    SYMBOLS = API_HUFFMAN_SYMBOLS_MAX,
    DISTANCES = 30,
    TOKENS = 4096, /* of a block */
    GAIN = 8,      /* bytes a token, or it is not worth it */
    BLOCK_BYTES = 1024 + TOKENS * 5,
};
static_assert(TOKENS + 1 <= (int)API_HUFFMAN_TOTAL_MAX, "a code may get too long");

/* A literal, or one of these and a length less LENGTH_MIN. */
enum { NEAR = 1 << 8, FAR = 2 << 8 };

/* A value as deflate codes lengths and distances: a symbol, and bits that follow it. */
struct bucket {
    unsigned symbol, extra, extra_bits;
};

/* 2^detail symbols for each power of two. */
static struct bucket bucket_of(unsigned value, unsigned detail)
{
    if (value < 1U << detail)
        return (struct bucket){value, 0, 0};
    const unsigned more = 31 - (unsigned)__builtin_clz(value) - detail;
    return (struct bucket){((more + 1) << detail) + (value >> more) - (1U << detail),
                           value & ((1U << more) - 1), more};
}

static struct bucket length_bucket(unsigned token)
{
    struct bucket b = bucket_of(token & 0xff, 2);
    if ((token & 0xff) == LENGTH_MAX - LENGTH_MIN)
        b = (struct bucket){SYMBOLS - 1 - END - 1, 0, 0};
    b.symbol += END + 1;
    return b;
}

/* --- Tokens ----------------------------------------------------------------------------------- */

static size_t match(const unsigned char *data, size_t at, size_t distance, size_t most)
{
    if (at < distance)
        return 0;
    const unsigned char *a = data + at, *b = a - distance;
    size_t n = 0;
    for (uint64_t x, y; n + sizeof x <= most; n += sizeof x) {
        memcpy(&x, a + n, sizeof x);
        memcpy(&y, b + n, sizeof y);
        if (x != y)
            return n + (size_t)__builtin_ctzll(x ^ y) / 8;
    }
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* The tokens of one block from *at on, which is moved behind them. */
static size_t tokens_take(const struct api_repeats *r, size_t *at, uint16_t *tokens)
{
    size_t count = 0, i = *at;
    while (i < r->bytes && count < TOKENS) {
        const size_t most = r->bytes - i < LENGTH_MAX ? r->bytes - i : LENGTH_MAX;
        const size_t near = match(r->data, i, r->near, most);
        const size_t far = near < most ? match(r->data, i, r->far, most) : 0;
        const size_t length = near < far ? far : near;
        const bool literal = length < LENGTH_MIN;
        tokens[count++] =
            (uint16_t)(literal ? r->data[i] : (near < far ? FAR : NEAR) + (length - LENGTH_MIN));
        i += literal ? 1 : length;
    }
    *at = i;
    return count;
}

/* --- Bits ------------------------------------------------------------------------------------- */

/* Fewer than 8 of them wait between calls; eight bytes of room must follow `to`. */
struct bits {
    unsigned char *to;
    uint64_t waiting;
    unsigned count;
};

static void bits_put(struct bits *bits, unsigned value, unsigned count)
{
    bits->waiting |= (uint64_t)value << bits->count;
    bits->count += count;
    memcpy(bits->to, &bits->waiting, sizeof bits->waiting);
    bits->to += bits->count / 8;
    bits->waiting >>= bits->count / 8 * 8;
    bits->count %= 8;
}

static void code_put(struct bits *bits, struct api_code code)
{
    bits_put(bits, code.bits, code.length);
}

/* The code of code lengths is always the same: all have 4 bits but those that are rarest. */
enum { ZEROS_FEW = 17, ZEROS_MANY = 18, LENGTH_SYMBOLS = 19 };
static const struct {
    uint8_t symbol, length;
} length_code[LENGTH_SYMBOLS] = {
    /* in the order in which a block tells them */
    {16, 0}, {17, 4}, {18, 4}, {0, 4}, {8, 4},  {7, 4}, {9, 4},  {6, 4}, {10, 4}, {5, 4},
    {11, 4}, {4, 4},  {12, 4}, {3, 4}, {13, 5}, {2, 4}, {14, 5}, {1, 5}, {15, 5},
};

/* How long the codes of all literals and lengths are, and then of the distances. */
static void lengths_put(struct bits *bits, const uint8_t *length, size_t count)
{
    struct api_code code[LENGTH_SYMBOLS];
    for (size_t i = 0; i < LENGTH_SYMBOLS; i++) {
        bits_put(bits, length_code[i].length, 3);
        code[length_code[i].symbol].length = length_code[i].length;
    }
    api_huffman_assign(code, LENGTH_SYMBOLS);
    for (size_t i = 0, zeros; i<count; i += zeros> 0 ? zeros : 1) {
        for (zeros = 0; zeros < 138 && i + zeros < count && length[i + zeros] == 0;)
            zeros++;
        if (zeros > 10) {
            code_put(bits, code[ZEROS_MANY]);
            bits_put(bits, (unsigned)zeros - 11, 7);
        } else if (zeros > 2) {
            code_put(bits, code[ZEROS_FEW]);
            bits_put(bits, (unsigned)zeros - 3, 3);
        } else {
            zeros = 0;
            code_put(bits, code[length[i]]);
        }
    }
}

/* --- Blocks ----------------------------------------------------------------------------------- */

static void block_begin(struct bits *bits, const struct api_code *code,
                        const struct bucket distance[2], bool last)
{
    uint8_t length[SYMBOLS + DISTANCES] = {0};
    for (size_t i = 0; i < SYMBOLS; i++)
        length[i] = code[i].length;
    length[SYMBOLS + distance[0].symbol] = length[SYMBOLS + distance[1].symbol] = 1;
    bits_put(bits, last, 1);
    bits_put(bits, 2, 2); /* codes of its own */
    bits_put(bits, SYMBOLS - 257, 5);
    bits_put(bits, DISTANCES - 1, 5);
    bits_put(bits, LENGTH_SYMBOLS - 4, 4);
    lengths_put(bits, length, SYMBOLS + DISTANCES);
}

static void block_put(struct bits *bits, const struct api_repeats *r, const uint16_t *tokens,
                      size_t count, bool last)
{
    const struct bucket distance[2] = {bucket_of((unsigned)r->near - 1, 1),
                                       bucket_of((unsigned)r->far - 1, 1)};
    uint16_t times[SYMBOLS] = {[END] = 1};
    struct api_code code[SYMBOLS];
    for (size_t i = 0; i < count; i++)
        times[tokens[i] < NEAR ? tokens[i] : length_bucket(tokens[i]).symbol]++;
    api_huffman_make(times, SYMBOLS, code);
    block_begin(bits, code, distance, last);
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < NEAR) {
            code_put(bits, code[tokens[i]]);
            continue;
        }
        const struct bucket length = length_bucket(tokens[i]);
        const bool far = tokens[i] >= FAR;
        code_put(bits, code[length.symbol]);
        bits_put(bits, length.extra, length.extra_bits);
        bits_put(bits, far | distance[far].extra << 1, 1 + distance[far].extra_bits);
    }
    code_put(bits, code[END]);
}

/* False where the text does not repeat itself enough, or memory fails. */
static bool blocks_put(struct api_buffer *buffer, const struct api_repeats *r, struct bits *bits)
{
    uint16_t tokens[TOKENS];
    for (size_t at = 0, all = 0; at < r->bytes;) {
        const size_t count = tokens_take(r, &at, tokens);
        all += count;
        if (all > at / GAIN)
            return false;
        char *room = api_buffer_room(buffer, BLOCK_BYTES);
        if (room == NULL)
            return false;
        bits->to = (unsigned char *)room;
        block_put(bits, r, tokens, count, at == r->bytes);
        api_buffer_advance(buffer, (size_t)((char *)bits->to - room));
    }
    return true;
}

enum up_code api_repeats_deflate(const struct api_repeats *repeats, struct up_arena *arena,
                                 const void **ret_data, size_t *ret_bytes, struct up_error *err)
{
    static const unsigned char zlib[2] = {0x78, 0x01};
    struct api_buffer buffer = api_buffer_make(arena, err);
    struct bits bits = {NULL, 0, 0};
    api_buffer_put(&buffer, zlib, sizeof zlib);
    *ret_data = NULL;
    if (!blocks_put(&buffer, repeats, &bits))
        return api_buffer_finish(&buffer);
    const uint32_t sum = api_adler32(repeats->data, repeats->bytes);
    const unsigned char tail[5] = {(unsigned char)bits.waiting, (unsigned char)(sum >> 24),
                                   (unsigned char)(sum >> 16), (unsigned char)(sum >> 8),
                                   (unsigned char)sum};
    const size_t whole = bits.count == 0; /* no bits wait for a byte of their own */
    api_buffer_put(&buffer, tail + whole, sizeof tail - whole);
    *ret_data = buffer.data;
    *ret_bytes = buffer.bytes;
    return api_buffer_finish(&buffer);
}
