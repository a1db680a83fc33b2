/* Layers as Keras writes them: JSON to the core's layers. */
#ifndef API_SPEC_H
#define API_SPEC_H

#include "api/reader.h"
#include "core/plan/plan.h"

/* A chain of layers, in the reader's arena. */
struct api_chain {
    struct up_layer *layer;
    uint32_t count;
};

/* A layer object (Keras' own, or the short form with the parameters beside class_name), or a name.
 * `at` is its place in the request. */
enum up_code api_spec_layer(struct api_reader *reader, const json_t *value, const char *at,
                            struct up_layer *ret) UP_CHECKED;

/* A list of layers, run in order; may be empty. */
enum up_code api_spec_layers(struct api_reader *reader, const json_t *value, const char *at,
                             struct api_chain *ret) UP_CHECKED;

/* The weights of one layer: a list of tensors; NULL and null: none are given. */
enum up_code api_spec_weights(struct api_reader *reader, const json_t *list, const char *at,
                              struct up_layer *layer) UP_CHECKED;

/* What ends the sentence that there is no such layer: the nearest one, or where all are listed. */
const char *api_spec_hint(const char *class_name, char text[UP_HINT_BYTES]);

/* Parameters that every layer takes beside its own, and the catalogue does not repeat. */
extern const struct up_param api_spec_common[];

#endif
