/* What every part of reading a request shares: memory, the error, warnings, and the tensors that
 * were lifted out of the document. One reader belongs to one request. */
#ifndef API_READER_H
#define API_READER_H

#include <jansson.h>

#include "api/codec/json.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/param.h"
#include "core/tensor.h"

struct api_warning {
    const char *code, *at, *detail;
    struct api_warning *next;
};

struct api_reader {
    struct up_arena *arena;
    struct up_error *err;
    const struct up_tensor *tensors; /* of the document that is being read */
    size_t tensor_count;
    size_t tensor_bytes_max; /* what an image may decode to */
    int channels;            /* enum api_channels: what becomes of an image's channels */
    bool shapes;             /* {"shape": [...]} alone is a tensor without data: a dry run */
    struct api_warning *warnings, **warnings_end;
};

/* Records the error and returns its code; `format` as in printf. */
#define api_refuse(reader, code, at, ...) up_fail((reader)->err, code, at, __VA_ARGS__)

enum up_code api_warn(struct api_reader *reader, const char *code, const char *at,
                      const char *format, ...) UP_PRINTF(4, 5);

/* Refuses for want of jansson's memory, which is not the arena's. */
enum up_code api_no_memory(struct api_reader *reader);

/* "base/name" in the arena; NULL and an error when there is no memory. */
const char *api_under(struct api_reader *reader, const char *base, const char *name);
const char *api_under_index(struct api_reader *reader, const char *base, size_t index);

/* "an object", "the string \"abc\"", "the number 3": the value as an error text shows it. */
const char *api_describe(const json_t *value, char text[80]);

/* A tensor in any of its forms: lifted, {"shape", "data"}, {"png"}, {"npy"}, {"shape"} alone where
 * shapes do, or a bare number. data is NULL for a shape alone. */
enum up_code api_read_tensor(struct api_reader *reader, const json_t *value, const char *at,
                             struct up_tensor *ret) UP_CHECKED;

/* A tensor from a file's bytes, by its signature: PNG, NPY, else JSON text. */
enum up_code api_read_tensor_bytes(struct api_reader *reader, const void *data, size_t bytes,
                                   const char *at, struct up_tensor *ret) UP_CHECKED;

/* A tensor from its float32 values, little-endian in C order, which serve as they are where they
 * are aligned; `shape` is at `at`. */
enum up_code api_read_tensor_raw(struct api_reader *reader, const void *data, size_t bytes,
                                 const json_t *shape, const char *at,
                                 struct up_tensor *ret) UP_CHECKED;

/* Makes more tensors the reader's: they get the numbers from tensor_count on. */
enum up_code api_reader_add(struct api_reader *reader, const struct up_tensor *tensors,
                            size_t count) UP_CHECKED;

/* Parses JSON text into an envelope, and adds its tensors to the reader's. The value is the
 * caller's to json_decref. `model` takes Python's constants. NULL and an error on failure. */
json_t *api_read_json(struct api_reader *reader, const char *text, size_t bytes,
                      bool model) UP_CHECKED;

/* The second half of it, for a text that api_json_lift has split already. */
json_t *api_read_envelope(struct api_reader *reader,
                          const struct api_document *document) UP_CHECKED;

/* "jansson 2.14" */
const char *api_read_library(void);

/* --- Parameters: values for descriptor rows (api/params.c) --- */

/* Sets the configuration from an object's members: defaults first, then each member by its row, or
 * by its row in `common` (may be NULL). `spatial` is the length of a list of integers. Members that
 * `skip` (may be NULL) says yes to are somebody else's. Unknown members are refused with the
 * nearest name. */
struct api_params {
    const struct up_param *rows;
    const struct up_param *common;
    uint32_t spatial;
    const char *what; /* "Conv2DTranspose", for messages */
    bool (*skip)(const char *name);
};
enum up_code api_read_params(struct api_reader *reader, const struct api_params *params,
                             const json_t *object, const char *at, void *config) UP_CHECKED;

#endif
