/* Fewer cells for a field that is larger than its picture may be. */
#ifndef API_FIGURE_REDUCE_H
#define API_FIGURE_REDUCE_H

#include "api/figure/figure.h"

/* One cell for each `block` x `block` cells of every tile, those at the right and lower edge of
 * what is left: the largest value, the mean, or the value in the middle. NaN wins a maximum and a
 * mean. The result is in the arena. */
enum up_code api_field_reduce(const struct api_field *field, size_t block,
                              enum api_reduction reduction, struct up_arena *arena,
                              struct api_field *ret, struct up_error *err) UP_CHECKED;

#endif
