/* The outputs of all classes of an axis (core/gather/axes.h) side by side, as they lie in the
 * output: at step q, class r of a frame is output
 *
 *   o = (first_step + q) * period - before + r,        0 <= r < period,
 *
 * if there is such an output, and takes the inputs (first_step + q) * advance + first + j for those
 * j < range that have a tap. So the classes that an input serves share its load. An axis of one
 * class may be `folded`: that many outputs in a row count as classes. */
#ifndef UP_FRAME_H
#define UP_FRAME_H

#include "core/gather/axes.h"

struct up_frame {
    size_t period, range, steps, outputs;
    int64_t advance, before, first, first_step;
    const struct up_tap **tap; /* [r * range + j]; NULL: none */
};

/* All but the taps. False where classes would not lie side by side: strides and dilation together,
 * outputs that are fewer than classes, more than UP_FRAME_PERIOD_MAX of them. */
enum { UP_FRAME_PERIOD_MAX = 64 };
bool up_frame_make(const struct up_gather *gather, uint32_t axis, size_t folded,
                   struct up_frame *ret);

/* Finds the taps. `axis` stays in use. */
enum up_code up_frame_prepare(const struct up_axis *axis, struct up_arena *arena,
                              struct up_frame *frame, struct up_error *err) UP_CHECKED;

/* Output r of step q, or -1 when it is outside. */
int64_t up_frame_output(const struct up_frame *frame, size_t step, size_t r);

/* The outputs of some steps that there are: `count` from `first` on, which are those of the steps
 * but for `skip` at the start. */
struct up_frame_span {
    size_t skip, first, count;
};
struct up_frame_span up_frame_span(const struct up_frame *frame, size_t step, size_t steps);

#endif
