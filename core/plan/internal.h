/* The plan's inside, shared by the files of this folder. */
#ifndef UP_PLAN_INTERNAL_H
#define UP_PLAN_INTERNAL_H

#include "core/plan/plan.h"

/* Where a tensor lies during a run. */
enum up_buffer_kind { UP_BUFFER_INPUT, UP_BUFFER_OUTPUT, UP_BUFFER_SCRATCH };

struct up_buffer {
    enum up_buffer_kind kind;
    size_t index;  /* of the graph's input or output */
    size_t offset; /* in the scratch block */
    size_t bytes;
    size_t first, last; /* steps that write it first and read it last */
};

struct up_plan_step {
    struct up_step step;
    uint32_t *in; /* buffer ids */
    uint32_t out;
};

struct up_plan {
    const struct up_kernels *kernels;
    struct up_plan_node *node;
    uint32_t node_count;
    struct up_plan_step *step;
    size_t step_count;
    struct up_buffer *buffer;
    size_t buffer_count;
    struct up_shape *output;
    uint32_t output_count;
    uint32_t inputs_max; /* of any step */
    struct up_plan_bytes bytes;
    double macs;
};

/* Steps that no request names: moving the channels axis, and copying. */
extern const struct up_layer_ops up_move_to_first, up_move_to_last, up_move_copy;

/* Gives every scratch buffer an offset, so that buffers whose lives overlap do not; returns the
 * size of the block. Largest first, each at the lowest place that is free while it lives. `order`
 * has room for buffer_count ids. */
size_t up_buffers_place(struct up_buffer *buffer, size_t buffer_count, uint32_t *order);

#endif
