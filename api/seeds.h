/* keras.utils.set_random_seed for a request. */
#ifndef API_SEEDS_H
#define API_SEEDS_H

#include "core/plan/plan.h"

/* Gives every initializer without a seed the one that Keras would draw when it makes the layers, in
 * this order, right after set_random_seed(seed). Layers with a random effect in training draw one
 * as well, which nobody sees. The configurations are changed. */
void api_seeds_draw(int64_t seed, const struct up_layer *layers, uint32_t count);

#endif
