/* The ways to code numbers and pictures that bench_codec measures: ours, and other libraries'.
 * Also included by codec_peers.cpp, which is a shared object of its own. */
#ifndef TEST_CODEC_WAYS_H
#define TEST_CODEC_WAYS_H

#include <stdbool.h>
#include <stddef.h>

enum codec_work { CODEC_READ, CODEC_WRITE, CODEC_PNG };

/* rows x columns numbers and their text, or as many indices of a palette of 256 colours. */
struct codec_subject {
    const char *name;
    enum codec_work work;
    size_t rows, columns;
    bool whole; /* the numbers are integers in 0 .. 255 */
    const float *values;
    const char *text; /* nested arrays */
    size_t text_bytes;
    const unsigned char *pixels, (*palette)[3];
};

struct codec_bytes {
    const void *data;
    size_t bytes;
};

/* A function each way must have: open makes what need not be measured, for the process' life, or
 * returns NULL; run leaves rows x columns floats, a text or a file, valid until the next run. What
 * only parses leaves nothing, and so does what failed to write. */
struct codec_way {
    const char *name;
    enum codec_work work;
    void *(*open)(const struct codec_subject *subject);
    struct codec_bytes (*run)(void *opened);
};

/* Tables, each ended by a row without a name. The last is the shared object's. */
extern const struct codec_way codec_text_ways[], codec_png_ways[];
#define CODEC_PEER_WAYS "codec_peer_ways"

#endif
