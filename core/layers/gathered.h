/* The layers whose outputs are gathered sums (core/gather/gather.h): each says what is summed, the
 * rest is the same for all of them. */
#ifndef UP_GATHERED_H
#define UP_GATHERED_H

#include "core/gather/gather.h"
#include "core/layers/layer.h"

/* The two weights that all these layers have: a kernel, and a bias of one value a filter, which
 * `bias_init` NULL leaves out. Returns how many. */
uint32_t up_gathered_weights(const struct up_shape *kernel,
                             const struct up_initializer *kernel_init, size_t filters,
                             const struct up_initializer *bias_init,
                             struct up_weight ret[UP_WEIGHTS_MAX]);

/* `prepare` and `rows` of a layer that has `gather`. A step's second input, of the output's shape,
 * is added before the activation. */
enum up_code up_gathered_prepare(struct up_step *step, const struct up_kernels *kernels,
                                 struct up_arena *arena, struct up_error *err) UP_CHECKED;
void up_gathered_rows(const struct up_call *call, size_t begin, size_t end);

#endif
