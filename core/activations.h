/* Activation functions by Keras' names, as Keras computes them in float32 on TensorFlow. */
#ifndef UP_ACTIVATIONS_H
#define UP_ACTIVATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

enum up_activation_id {
#define X(id, name, alias, kind) UP_ACT_##id,
#include "core/activations.def"
#undef X
    UP_ACT_COUNT
};

/* How an activation reads its input. */
enum up_activation_kind {
    UP_ACT_POINTWISE, /* each value alone: may be fused into any layer's store */
    UP_ACT_LAST_AXIS, /* needs all values along an axis: the last, but for a configured softmax */
};

/* A configured activation. The meaning of the parameters is the function's own:
 * relu: alpha = negative_slope, beta = max_value (INFINITY: none), gamma = threshold;
 * leaky_relu, elu, celu: alpha;
 * softmax: the axes that share out one together, negative ones from the end. */
struct up_activation {
    enum up_activation_id id;
    float alpha, beta, gamma;
    uint8_t axes; /* how many axes are listed; 0: the last is meant */
    int8_t axis[UP_RANK_MAX];
};

/* By name or alias, lower case, with the function's default parameters; false when there is none.
 */
bool up_activation_find(const char *name, struct up_activation *ret);

/* Keras' name of the function; ids run from 0 (linear) to UP_ACT_COUNT - 1. */
const char *up_activation_name(enum up_activation_id id);
enum up_activation_kind up_activation_kind(enum up_activation_id id);

/* The activation itself when it is pointwise, else linear: what may be fused into a store. */
struct up_activation up_activation_fused(const struct up_activation *activation);

#endif
