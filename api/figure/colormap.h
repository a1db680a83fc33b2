/* Colour maps by matplotlib's names. */
#ifndef API_FIGURE_COLORMAP_H
#define API_FIGURE_COLORMAP_H

#include <stddef.h>
#include <stdint.h>

struct api_colormap {
    const char *name;
    uint8_t rgb[256][3];
};

/* NULL when there is none of the name. */
const struct api_colormap *api_colormap_find(const char *name);

/* The names, NULL-terminated. */
const char *const *api_colormap_names(void);

#endif
