/* Nested arrays of numbers, read straight into a tensor. */
#ifndef API_CODEC_JSON_ARRAY_H
#define API_CODEC_JSON_ARRAY_H

#include "api/codec/json_scan.h"
#include "core/arena.h"
#include "core/tensor.h"

/* Where the numbers of one document go. Zero-initialise all but the arena. */
struct api_floats {
    struct up_arena *arena;
    float *data;
    size_t used, capacity;
};

/* Reads the array that starts at scan->at; `pointer` is where it stands in the document. The data
 * of a tensor without elements may be NULL. */
enum up_code api_array_read(struct api_scan *scan, struct api_floats *floats, const char *pointer,
                            struct up_tensor *ret) UP_CHECKED;

#endif
