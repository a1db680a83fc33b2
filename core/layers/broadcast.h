/* Operations on several tensors, value by value, where axes of length 1 repeat. */
#ifndef UP_LAYERS_BROADCAST_H
#define UP_LAYERS_BROADCAST_H

#include "core/layers/layer.h"

struct up_operand {
    struct up_shape shape;       /* lengths of the output or 1, counted from the last axis */
    enum up_operation operation; /* with the result of those before it; of the first: none */
    const float *data;           /* NULL: the call's input of the same number */
};

/* Sets prepared, rows, grain and algorithm of a step that works through `count` operands in order;
 * the first has the output's shape or repeats to it. The rest of the layer is up_broadcast_rows. */
enum up_code up_broadcast_prepare(const struct up_operand *operands, uint32_t count,
                                  struct up_step *step, struct up_arena *arena,
                                  struct up_error *err) UP_CHECKED;
void up_broadcast_rows(const struct up_call *call, size_t begin, size_t end);

#endif
