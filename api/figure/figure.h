/* A tensor as matplotlib's imshow with a colour bar would show it. */
#ifndef API_FIGURE_FIGURE_H
#define API_FIGURE_FIGURE_H

#include "api/codec/png.h"
#include "core/arena.h"
#include "core/error.h"

/* The numbers of a figure. Value (b, z, y, x, c) is at
 * data[b * stride.batch + z * stride.depth + y * stride.height + x * stride.width + c *
 * stride.channels]. */
struct api_field {
    const float *data;
    size_t batch, depth, height, width, channels; /* each >= 1 */
    struct {
        size_t batch, depth, height, width, channels;
    } stride;
    const char *const *names; /* UTF-8, of each of the batch, to be shown with it; NULL: numbers */
};

/* What becomes of cells that share a pixel. */
enum api_reduction { API_REDUCE_MAX, API_REDUCE_MEAN, API_REDUCE_NEAREST };

enum api_switch { API_AUTO, API_OFF, API_ON };

struct api_figure_options {
    const char *cmap;        /* a name of api_colormap_find; NULL: viridis */
    bool vmin_set, vmax_set; /* else the range of the finite values; of a diverging map zero is the
                              * middle unless both are set */
    double vmin, vmax;
    enum api_switch grid, ticks, colorbar; /* auto: a grid on few cells of 20 pixels or more */
    const char *title;                     /* UTF-8; NULL: none */
    size_t cell;                           /* pixels a cell; 0: chosen */
    bool bare;         /* cells only: `cell` pixels each (default 1), no margin */
    size_t max_pixels; /* of all cells: above it blocks of them become one; 0: no bound */
    enum api_reduction reduction; /* of those blocks */
    bool share_scale_off;         /* one colour scale for each tile, not one for all */
};

/* The exact range of what was drawn: minimum and maximum of the finite values (0, 0 when there are
 * none). */
struct api_figure_range {
    float min, max;
};

/* Draws: one tile, or a contact sheet when there is more than one channel, a batch, or depth. The
 * picture is a palette picture in the arena, with the range in its texts ("Value-Min" and
 * "Value-Max"). UP_E_LIMIT when it would have more than pixels_max pixels; UP_E_INVALID for an
 * unknown colour map ("cmap") or vmin > vmax ("vmin"). */
enum up_code api_figure_draw(const struct api_field *field,
                             const struct api_figure_options *options, size_t pixels_max,
                             struct up_arena *arena, struct api_picture *ret,
                             struct api_figure_range *ret_range, struct up_error *err) UP_CHECKED;

#endif
