/* What is to be known of a layer that upsamples before it runs: how evenly its kernel reaches the
 * outputs, and the checkerboard that follows. */
#ifndef UP_DIAGNOSIS_H
#define UP_DIAGNOSIS_H

#include "core/plan/plan.h"

#define UP_CHECKERBOARD_SEEN 0.01 /* from here on a spread is worth a word */

/* Away from the borders, where an output's place within the stride decides alone. */
struct up_diagnosis {
    uint32_t spatial;
    double taps_min,
        taps_max; /* inputs that reach an output with a weight other than by chance 0 */
    size_t receptive_field[UP_SPATIAL_MAX]; /* inputs from the first to the last that one sees */
    /* (max - min) / max |.| of the output for an input of ones, of the channel where it is largest;
     * NaN where the layer before decides. An activation that needs an axis is left out. */
    double checkerboard;
    bool by_weights;  /* else by a kernel of ones, as the request's is random */
    char advice[360]; /* one sentence; "": nothing to say */
};

#endif
