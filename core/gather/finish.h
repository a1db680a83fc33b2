/* What comes after the sums of a gather. */
#ifndef UP_FINISH_H
#define UP_FINISH_H

#include "core/gather/gather.h"

/* Whether that is nothing. */
bool up_finish_nothing(const struct up_gather *gather);

/* Of `count` values of the output from number `first` on, whose sums are at y: adds what is to be
 * added, applies the activation, and takes them to call->out, unless y is there already. */
void up_finish(const struct up_gather *gather, const struct up_gather_call *call, float *y,
               size_t count, size_t first);

#endif
