/* The weights of a whole model. */
#ifndef API_WEIGHTS_H
#define API_WEIGHTS_H

#include "api/reader.h"
#include "core/plan/plan.h"

/* Gives the layers their weights: from an object of lists by layer name, or from one flat list as
 * model.get_weights() gives it. `layers` are in the model's order, with their names; `at` is the
 * weights' place. NULL and null: none are given. */
enum up_code api_weights_read(struct api_reader *reader, const json_t *weights, const char *at,
                              struct up_layer *layers, const char *const *names,
                              uint32_t count) UP_CHECKED;

#endif
