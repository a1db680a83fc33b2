/* Figures seen as a viewer sees them: each is written as a PNG and read again, and frames, cells
 * and texts are found by their colours, not by asking the layout. */
#ifndef TESTS_LOOK_H
#define TESTS_LOOK_H

#include "api/figure/colormap.h"
#include "api/figure/figure.h"

enum { LOOK_PIXELS_MAX = 4000 * 4000, LOOK_FRAMES_MAX = 40 };

struct image {
    size_t width, height;
    const float *rgb; /* 0..1 */
};

/* The inside of a frame. */
struct box {
    size_t x, y, width, height;
};

/* Of the test that runs. */
extern struct up_arena *look_arena;
extern struct up_error look_err;
extern struct api_picture look_picture;
extern struct api_figure_range look_range;
void look_set_up(void);
void look_tear_down(void);

/* One image, channels last; and 3 samples of 4 channels of 8 x 8, channels last or first. */
struct api_field look_field(const float *data, size_t height, size_t width, size_t channels);
struct api_field look_batch(const float *data, bool channels_first);

/* Draws with LOOK_PIXELS_MAX; and draws, writes, reads, which must succeed. */
enum up_code look_draw(const struct api_field *field, const struct api_figure_options *options);
struct image look(const struct api_field *field, const struct api_figure_options *options);

/* The map of a name, turned around where the name says so. */
const struct api_colormap *look_map(const char *name);

extern const uint8_t look_white[3], look_black[3];
bool look_is(const struct image *image, size_t x, size_t y, const uint8_t rgb[3]);

/* Black all around, the corners included. */
bool look_framed(const struct image *image, const struct box *box);

/* All frames from the top, from the left; of maps without black. */
size_t look_frames(const struct image *image, struct box found[LOOK_FRAMES_MAX]);

/* Pixels that are not white in a part of the picture. */
size_t look_ink(const struct image *image, size_t x, size_t y, size_t width, size_t height);

/* The middle of cell (row, column) of a box of cells. */
bool look_cell_is(const struct image *image, const struct box *box, size_t cell, size_t row,
                  size_t column, const uint8_t rgb[3]);

/* matplotlib: Normalize, then min(int(x * 256), 255). */
size_t look_level(double value, double vmin, double vmax);

/* -3..3, in the arena; and their ends, over every step-th. */
float *look_values(size_t count, uint64_t seed);
double look_least(const float *values, size_t count, size_t step);
double look_greatest(const float *values, size_t count, size_t step);

#endif
