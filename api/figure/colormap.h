/* Colour maps by matplotlib's names. */
#ifndef API_FIGURE_COLORMAP_H
#define API_FIGURE_COLORMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_colormap {
    const char *name;
    bool diverging; /* its middle stands for zero */
    uint8_t rgb[256][3];
};

/* NULL when there is none of the name. With "_r" behind it a name means the map from its last
 * colour to its first: *ret_reversed. */
const struct api_colormap *api_colormap_find(const char *name, bool *ret_reversed);

/* The names without "_r", NULL-terminated. */
const char *const *api_colormap_names(void);

#endif
