/* The at most 256 colours of a figure, and which of them a value has. */
#ifndef API_FIGURE_PALETTE_H
#define API_FIGURE_PALETTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/figure/colormap.h"

/* Entries 0 to API_INK_BLACK are a ramp from white to black, for paper, lines and text. */
enum { API_INK_WHITE = 0, API_INK_BLACK = 14 };

struct api_palette {
    uint8_t rgb[256][3];
    size_t count;
    uint8_t level[256]; /* the entry of each of the map's 256 levels */
    uint8_t nan;        /* the entry of NaN: unlike every colour of the map */
};

/* With inks or NaN there are fewer than 256 entries for the map: some levels then share the entry
 * of their neighbour. Both ends and all levels that are multiples of 8 keep their own colour.
 * `reversed` gives level 0 the map's last colour. */
void api_palette_make(const struct api_colormap *map, bool reversed, bool inks, bool nan,
                      struct api_palette *ret);

/* The colour scale: what lies outside is clipped to its ends. */
struct api_scale {
    double vmin, vmax; /* finite, vmin <= vmax, within float32's range */
};

/* matplotlib's normalisation: level min(int(256 * (value - vmin) / (vmax - vmin)), 255). */
uint8_t api_palette_entry(const struct api_palette *palette, const struct api_scale *scale,
                          float value);

/* Whether two entries are so alike that a line of one is lost on the other. */
bool api_palette_near(const struct api_palette *palette, size_t a, size_t b);

#endif
