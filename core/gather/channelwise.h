/* Sums over a kernel's window of each input channel alone: those of depthwise convolutions, and of
 * convolutions in groups before a group's channels are added. */
#ifndef UP_CHANNELWISE_H
#define UP_CHANNELWISE_H

#include "core/gather/gather.h"

struct up_channelwise {
    struct up_grid in;
    struct up_gather_axis axis[3]; /* as of a convolution, `repeat` 1 */
    size_t weights;                /* floats from tap to tap of the weights */
};

/* Neighbours on an output line, and the channels of them that are wanted: `multiplier` outputs of
 * each of `channels` input channels from `channel` on. */
struct up_channelwise_run {
    const float *image;   /* the batch item's first input value */
    const float *weights; /* of the first tap and the first of these outputs */
    const float *bias;    /* of these outputs; NULL: none */
    float *y;             /* of the first pixel, and `y_stride` floats from pixel to pixel */
    size_t at[3], pixels; /* the first pixel's place in the output */
    size_t channel, channels, multiplier, y_stride;
};

/* Windows may reach over the image's borders, where the input counts as zeros: whatever does is
 * left out of the sums. */
void up_channelwise_sum(const struct up_channelwise *c, const struct up_kernels *kernels,
                        const struct up_channelwise_run *run);

#endif
