/* The algorithms, for the table alone. */
#ifndef UP_GATHER_ALGORITHMS_H
#define UP_GATHER_ALGORITHMS_H

#include "core/gather/gather.h"

extern const struct up_gather_algorithm up_gather_few, up_gather_grouped, up_gather_overlap,
    up_gather_planar, up_gather_stamped, up_gather_tiles, up_gather_winograd_f2x3,
    up_gather_winograd_f3x2;

#endif
