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

/* What model.to_json() printed, as an object or as that text: a Sequential model. `weights` may be
 * NULL, an object of lists by layer name, or one flat list as model.get_weights() gives it. */
enum up_code api_spec_model(struct api_reader *reader, const json_t *value, const json_t *weights,
                            struct api_chain *ret) UP_CHECKED;

/* Parameters that every layer takes beside its own, and the catalogue does not repeat. */
extern const struct up_param api_spec_common[];

#endif
