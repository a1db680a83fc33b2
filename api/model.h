/* What a request computes, as a graph with names: a layer, a list of layers, or a Keras model. */
#ifndef API_MODEL_H
#define API_MODEL_H

#include "api/reader.h"
#include "core/plan/plan.h"

struct api_net {
    struct up_graph graph;                  /* but for the inputs' shapes */
    const char *input_name[UP_INPUTS_MAX];  /* of a Functional model; else NULL */
    const char *output_name[UP_INPUTS_MAX]; /* "output" where there is only one */
    const struct up_layer
        *input_layer[UP_INPUTS_MAX]; /* the InputLayer of each input; NULL: none */
};

/* Layers run in order; one input, one output. */
enum up_code api_net_chain(struct api_reader *reader, struct up_layer *layers, uint32_t count,
                           struct api_net *ret) UP_CHECKED;

/* The member "model" of the object at `at`: what model.to_json() printed, as an object or as that
 * text, by Keras 3 or Keras 2: Sequential or Functional, with shared layers, nested models, several
 * inputs and outputs. Its member "weights" may be missing, an object of lists by layer name, or one
 * flat list as model.get_weights() gives it: the layers in their order, shared ones once, those of
 * a nested model where it stands. */
enum up_code api_net_model(struct api_reader *reader, const json_t *owner, const char *at,
                           struct api_net *ret) UP_CHECKED;

#endif
