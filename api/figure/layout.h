/* Where everything of a figure stands, in pixels from the top left corner. */
#ifndef API_FIGURE_LAYOUT_H
#define API_FIGURE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "api/figure/canvas.h"
#include "api/figure/figure.h"
#include "api/figure/palette.h"
#include "api/figure/text.h"
#include "api/figure/ticks.h"

/* Around and between the parts. */
enum {
    API_MARK_PIXELS = 4,    /* of a tick */
    API_MARK_GAP = 3,       /* between it and its text */
    API_EXPONENT_GAP = 7,   /* between the colour bar and its exponent */
    API_LABEL_GAP = 5,      /* below the text above a tile */
    API_SWATCH_PIXELS = 12, /* the square that says which colour NaN has */
    API_SWATCH_GAP = 9,
};

enum api_bar_side { API_BAR_NONE, API_BAR_RIGHT, API_BAR_BELOW };

/* What is to be laid out. */
struct api_contents {
    const struct api_field *field; /* as it is drawn: */
    size_t block;                  /* each cell stands for block x block cells of */
    size_t height, width;          /* a tile of the tensor; ticks count these */
    const struct api_figure_options *options;
    const struct api_figure_range *ranges; /* of each tile, to be shown with it; NULL: not */
    const struct api_colormap *map;
    bool map_reversed;
    struct api_scale scale;
    bool bar, nan;
    struct api_font *small, *large; /* large is for the title */
};

struct api_layout {
    size_t width, height;
    size_t tiles, columns;
    size_t cell, grid;              /* grid: width of its lines, 0 for none */
    struct api_rect first;          /* the cells of the first tile */
    size_t pitch_x, pitch_y;        /* from a tile to the next */
    size_t tick_step;               /* 0: no ticks */
    bool label_short;               /* "b2 z5 c1" */
    size_t label_lines;             /* above each tile, 0 when there is but one */
    size_t title_x, title_baseline; /* the title's middle */
    enum api_bar_side bar_side;
    struct api_rect bar;
    struct api_ticks bar_ticks;
};

/* Tiles in the order batch, depth, channel: the last moves fastest. */
size_t api_field_tiles(const struct api_field *field);

/* The tile's first value. */
const float *api_field_tile(const struct api_field *field, size_t tile);

/* UP_E_LIMIT past pixels_max; UP_E_INVALID ("grid") for lines on cells too small for them. */
enum up_code api_layout_make(const struct api_contents *contents, size_t pixels_max,
                             struct api_layout *ret, struct up_error *err) UP_CHECKED;

/* The same for cells without anything around them. */
enum up_code api_layout_bare(const struct api_contents *contents, size_t pixels_max,
                             struct api_layout *ret, struct up_error *err) UP_CHECKED;

struct api_rect api_layout_tile(const struct api_layout *layout, size_t tile);

/* "batch 2, z 5, channel 1", counted from 1, with what there is more than one of; or with a name in
 * the batch's place. */
enum { API_LABEL_BYTES = 160 };
void api_layout_label(const struct api_field *field, size_t tile, bool shortened,
                      char text[API_LABEL_BYTES]);

#endif
