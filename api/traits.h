/* What a comparison measures of an output. */
#ifndef API_TRAITS_H
#define API_TRAITS_H

#include "api/output.h"

/* The smallest and largest finite value; min > max when there is none. */
struct api_range {
    double min, max;
};
struct api_range api_range_of(const struct up_tensor *tensor);

/* Of an output for an input of ones: (max - min) / max |.| of a channel in the middle half of each
 * axis, where borders reach seldom; of the channel where it is largest. NaN without spatial axes.
 */
double api_trait_checkerboard(const struct api_result *ones);

/* How far the output leaves the input's range, in parts of that range; NaN when that is empty. */
double api_trait_overshoot(struct api_range in, struct api_range out);

/* Root mean square of the differences between neighbours along the spatial axes, in parts of the
 * output's range: a step in one place counts more than the same step in several. NaN where there
 * are no neighbours, 0 when all values are equal. */
double api_trait_gradient(const struct api_result *result, struct api_range out);

/* Of two outputs of one shape, place by place: the largest absolute difference and the mean, where
 * both are finite. NaN where none are. */
struct api_difference {
    double max, mean;
};
struct api_difference api_trait_difference(const struct up_tensor *a, const struct up_tensor *b);

#endif
