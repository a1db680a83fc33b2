/* From a figure's values to the colour scale they are drawn on. */
#ifndef API_FIGURE_SCALE_H
#define API_FIGURE_SCALE_H

#include <stdbool.h>

#include "api/figure/layout.h"

/* The range of all finite values, of each tile's into ranges (as many as there are tiles) where
 * that is not NULL, and whether there is a NaN. */
struct api_figure_range api_scale_ranges(const struct api_field *field,
                                         struct api_figure_range *ranges, bool *ret_nan);

/* The scale for values of a range: the options' limits, else the range's; a diverging map's middle
 * is zero where the limits do not say otherwise. Of the contents it needs the options and the map.
 */
struct api_scale api_scale_of(const struct api_contents *contents, struct api_figure_range range);

/* A colour bar needs two ends: as matplotlib does, a tenth of the value is put on either side. */
void api_scale_widen(struct api_scale *scale);

#endif
