/* Layers that move values and compute none: their output is a strided view of the input. */
#ifndef UP_LAYERS_STRIDED_H
#define UP_LAYERS_STRIDED_H

#include "core/layers/layer.h"

/* The view of a whole dense tensor. */
struct up_strided up_strided_of(const struct up_shape *shape);

/* Sets prepared, rows, grain and algorithm of a step whose output is the view that starts at value
 * `first` of the input; the rest of the layer is up_strided_rows. */
enum up_code up_strided_prepare(const struct up_strided *view, size_t first, struct up_step *step,
                                struct up_arena *arena, struct up_error *err) UP_CHECKED;
void up_strided_rows(const struct up_call *call, size_t begin, size_t end);

/* Takes axes of length 1 out of `rank` lengths, and joins neighbours that are one axis in each of
 * `count` lists of strides; returns the new rank. */
size_t up_axes_join(size_t rank, size_t dim[UP_STRIDED_RANK_MAX],
                    size_t (*stride)[UP_STRIDED_RANK_MAX], size_t count);

#endif
