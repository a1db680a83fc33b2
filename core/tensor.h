/* Shapes and views of float32 tensors. Row-major (C order), contiguous; a tensor never owns. */
#ifndef UP_TENSOR_H
#define UP_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

struct up_shape {
    uint32_t rank;
    size_t dim[UP_RANK_MAX];
};

struct up_tensor {
    struct up_shape shape;
    float *data;
};

/* Elements of the shape (1 for rank 0); false when the product does not fit, or its bytes do not.
 */
bool up_shape_count(const struct up_shape *shape, size_t *ret_count);

/* The same for a shape that is known to fit: one that a tensor or a plan has. */
size_t up_shape_size(const struct up_shape *shape);

/* The product of the axes as a double, for messages about shapes that fit no integer. */
double up_shape_estimate(const struct up_shape *shape);

bool up_shape_equal(const struct up_shape *a, const struct up_shape *b);

/* The shape with `count` of its axes, from `first` on, taken out / with an axis of `dim` put in. */
struct up_shape up_shape_without(const struct up_shape *shape, uint32_t first, uint32_t count);
struct up_shape up_shape_with(const struct up_shape *shape, uint32_t axis, size_t dim);

/* Channels moved from last to axis 1, and back; rank < 3 is returned as it is. */
struct up_shape up_shape_to_first(const struct up_shape *shape);
struct up_shape up_shape_to_last(const struct up_shape *shape);

/* "(1, 8, 8, 1)", cut to the buffer; returns the buffer. */
enum { UP_SHAPE_TEXT_BYTES = 8 * 22 + 3 };
const char *up_shape_text(const struct up_shape *shape, char text[UP_SHAPE_TEXT_BYTES]);

#endif
