/* Which inputs an output needs, along one axis.
 *
 * Outputs o with the same o mod period form a class: they use the same kernel positions, each at a
 * fixed distance from the output's own place in the input. So the outputs of one class along every
 * axis, a phase, are a dense correlation without a wasted multiply. A plain convolution has one
 * class; a transposed one has a class for each step of its stride, and so has a convolution over an
 * upsampled input, where kernel positions that meet the same input are one tap. */
#ifndef UP_GATHER_AXES_H
#define UP_GATHER_AXES_H

#include "core/gather/gather.h"

/* Output o of the tap's class takes input o / period * advance + shift, times the sum of the
 * kernel at positions index[first .. first + count - 1]. */
struct up_tap {
    size_t first, count;
    int64_t shift;
};

/* Taps tap[first .. first + count - 1], in the order of the kernel. */
struct up_class {
    size_t first, count;
};

struct up_axis {
    size_t period, classes; /* classes that the output never reaches are left out */
    int64_t advance;
    size_t outputs, kernel;
    struct up_class *class;
    struct up_tap *tap;
    size_t taps;   /* of all classes */
    size_t *index; /* kernel positions */
};

/* Everything but the tables, from which it takes no memory. */
void up_axis_measure(const struct up_gather *gather, uint32_t axis, struct up_axis *ret);

/* How many different inputs the outputs of a class take, and the lowest and highest of their
 * shifts, which are not set where there are none. */
size_t up_axis_span(const struct up_gather *gather, uint32_t axis, size_t class, int64_t *ret_low,
                    int64_t *ret_high);

/* How much an axis asks for, over all outputs: taps, and those that meet an input; and the most
 * taps of one output. */
struct up_axis_work {
    double taps, inside;
    size_t taps_max;
};
struct up_axis_work up_axis_work(const struct up_gather *gather, uint32_t axis);

enum up_code up_axis_prepare(const struct up_gather *gather, uint32_t axis, struct up_arena *arena,
                             struct up_axis *ret, struct up_error *err) UP_CHECKED;

/* Outputs of one class. */
size_t up_axis_outputs(const struct up_axis *axis, size_t class);

/* The most taps that a class has. */
size_t up_axis_taps_max(const struct up_axis *axis);

/* The kernel value of one tap of each axis: the sum of its positions, in double where there are
 * several. `at` is the place of (channel, filter) in the first position. */
float up_axes_value(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    const struct up_gather *gather, size_t at);

/* The same for `count` places from `at` on, which are neighbours in memory. */
void up_axes_values(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    const struct up_gather *gather, size_t at, size_t count, float *ret);

/* Whether that value is one kernel position alone, and then which. */
bool up_axes_single(const struct up_axis axis[3], const struct up_tap *const tap[3],
                    size_t *ret_position);

#endif
