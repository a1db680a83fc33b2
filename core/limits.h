/* Every hard limit of the core, by name and unit. Limits that an operator may change are options
 * and reach the core as arguments. */
#ifndef UP_LIMITS_H
#define UP_LIMITS_H

#define UP_RANK_MAX        8            /* axes of a tensor */
#define UP_SPATIAL_MAX     3            /* spatial axes of a layer */
#define UP_DIM_MAX         2147483647.0 /* one axis, and every integer parameter without its own bound */
#define UP_LAYERS_MAX      1024         /* layers of one request */
#define UP_INPUTS_MAX      64           /* inputs of a model, of a layer; outputs of a model */
#define UP_WEIGHTS_MAX     8            /* weight tensors of one layer */
#define UP_KERNEL_TAPS_MAX 65536 /* kernel positions of one layer: the product of kernel_size */
#define UP_ORTHOGONAL_MAX  2147483648.0 /* rows * columns^2 of an Orthogonal weight: cubic work */
#define UP_THREADS_MAX     1024         /* workers of one pool */
#define UP_STACK_BYTES     1048576      /* that a range of rows may keep on its thread's stack */
#define UP_ALIGN_BYTES                                                                             \
    64 /* a cache line: where tensors, arena allocations and buffers on stacks begin */

#endif
