/* Prefix codes as deflate writes them (RFC 1951, 3.2.2). */
#ifndef API_CODEC_HUFFMAN_H
#define API_CODEC_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

enum {
    API_HUFFMAN_SYMBOLS_MAX = 286,
    API_HUFFMAN_TOTAL_MAX = 4180, /* any code for so few symbols has at most 15 bits */
};

struct api_code {
    uint16_t bits; /* the first to be written lowest */
    uint8_t length;
};

/* The code that makes the least of symbols that occur so often, canonical; length 0 where `count`
 * is 0. Two of the counts or more must not be 0, and all must add up to API_HUFFMAN_TOTAL_MAX or
 * less. */
void api_huffman_make(const uint16_t *count, size_t symbols, struct api_code *ret);

/* The canonical code of the lengths that are there already. */
void api_huffman_assign(struct api_code *code, size_t symbols);

#endif
