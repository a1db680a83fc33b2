/* JSON documents with tensors in them.
 *
 * jansson is made for configurations, not for a million numbers. So a document is split: numeric
 * arrays that stand where a tensor may stand are read straight into float32 tensors, and what is
 * left, the envelope, is small and goes to jansson. In the envelope a lifted tensor stands as
 * {"tensor": N}. (A client may write that itself: it then names one of its own tensors, and N is
 * checked like any other number.)
 *
 * Tensors may stand: at a top-level "input"; at each item, or each member's value, of a top-level
 * "inputs"; at each item of a list that is the value of a member "weights", wherever that member
 * is, and where "weights" is an object, at each item of the lists that are its values; at a member
 * "value" of an initializer object (the value of a member whose name ends in "_initializer") or of
 * its "config". Where a tensor may stand there may be an object instead, whose member "data" then
 * is such a place too; anything else there, a bare number too, stays in the envelope. */
#ifndef API_CODEC_JSON_H
#define API_CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "api/codec/buffer.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/tensor.h"

enum { API_JSON_DEPTH_MAX = 100 };

struct api_document {
    const char
        *envelope; /* strict RFC 8259 text, no NUL; the text itself when nothing was lifted */
    size_t envelope_bytes;
    const struct up_tensor *tensors;
    size_t tensor_count;
};

/* Reads the whole text once, strictly: one value, then only white space. UP_E_SYNTAX with the line,
 * the column and what was wrong; for a tensor with its pointer ("/input/3/0"): a ragged array (both
 * lengths), a value that is no number, a number past float32, more than UP_RANK_MAX levels.
 * The envelope numbers the tensors from `first` on, so that those of several documents can stand in
 * one list. Under a top-level member "model" Python's NaN, Infinity and -Infinity become null. */
enum up_code api_json_lift(const char *text, size_t bytes, size_t first, struct up_arena *arena,
                           struct api_document *ret, struct up_error *err) UP_CHECKED;

/* The same reader for a text that is a Keras model (what to_json() prints): nothing is lifted, and
 * Python's bare constants become null everywhere. */
enum up_code api_json_relax(const char *text, size_t bytes, struct up_arena *arena,
                            struct api_document *ret, struct up_error *err) UP_CHECKED;

/* Writes nested arrays (flat: one list); numbers as api_number_write writes them, NaN and
 * infinities as null. Returns how many nulls. A tensor of rank 0 is a bare number. */
size_t api_json_write_tensor(struct api_buffer *buffer, const struct up_tensor *tensor, bool flat);

/* A part of a nested tensor's text: items begin .. end - 1 of those that the axes before `axis`
 * hold, 0 < axis < rank, with the commas and brackets before each, and those that close behind the
 * last. All parts after one another are what api_json_write_tensor writes. No axis has length 0. */
struct api_json_items {
    const struct up_tensor *tensor;
    uint32_t axis;
    size_t begin, end;
};
size_t api_json_write_items(struct api_buffer *buffer, const struct api_json_items *items);

/* About how many bytes writing the tensor's text takes, from a sample of its numbers, of which
 * there are at least 64. */
size_t api_json_estimate(const struct up_tensor *tensor);

#endif
