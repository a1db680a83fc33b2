/* The function table of one instruction set. */
#include "core/kernels/vec.h"

#define UP_TEXT_(x) #x
#define UP_TEXT(x)  UP_TEXT_(x)

extern const struct up_kernels UP_PASTE(up_kernels, UP_ISA);

const struct up_kernels UP_PASTE(up_kernels, UP_ISA) = {
    .isa = UP_TEXT(UP_ISA),
    .lanes = UP_LANES,
    .tile_rows = UP_TILE_ROWS,
    .tile_columns = UP_TILE_COLUMNS,
    .planar_outputs = UP_PLANAR_OUTPUTS,
    .rows_of = {0, UP_TILE_ROWS_OF_1, UP_TILE_ROWS_OF_2, UP_TILE_ROWS_OF_3, UP_TILE_ROWS_OF_4},
    .tile = UP_KERNEL(tile),
    .few = UP_KERNEL(few),
    .planar = UP_KERNEL(planar),
    .stamped = UP_KERNEL(stamped),
    .winograd_input = UP_KERNEL(winograd_input),
    .winograd_output = UP_KERNEL(winograd_output),
    .winograd_weights = UP_KERNEL(winograd_weights),
    .depthwise = UP_KERNEL(depthwise),
    .grouped_pattern = UP_KERNEL(grouped_pattern),
    .grouped = UP_KERNEL(grouped),
    .box_max = UP_KERNEL(box_max),
    .box_mean = UP_KERNEL(box_mean),
    .stream = UP_KERNEL(stream),
    .fence = UP_KERNEL(fence),
    .repeat_pattern = UP_KERNEL(repeat_pattern),
    .repeat = UP_KERNEL(repeat),
    .blend_rows = UP_KERNEL(blend_rows),
    .blend_pixels = UP_KERNEL(blend_pixels),
    .weave_make = UP_KERNEL(weave_make),
    .weave = UP_KERNEL(weave),
    .weave_rows = UP_KERNEL(weave_rows),
    .activate = UP_KERNEL(activate),
    .activate_stream = UP_KERNEL(activate_stream),
    .softmax = UP_KERNEL(softmax),
    .log_softmax = UP_KERNEL(log_softmax),
    .softmax_across = UP_KERNEL(softmax_across),
    .sparsemax = UP_KERNEL(sparsemax),
    .glu = UP_KERNEL(glu),
    .combine = UP_KERNEL(combine),
    .contract = UP_KERNEL(contract),
    .moments = UP_KERNEL(moments),
    .normalize = UP_KERNEL(normalize),
    .affine = UP_KERNEL(affine),
    .copy = UP_KERNEL(copy),
    .transpose = UP_KERNEL(transpose),
    .transpose_stream = UP_KERNEL(transpose_stream),
    .decimals = UP_KERNEL(decimals),
};
