/* What the two halves of the Winograd algorithms share: winograd_pack.c plans, winograd.c runs.
 *
 * The outputs of a class (core/gather/axes.h) that take `taps` inputs in a row are computed m at a
 * time from a window of four inputs (struct up_winograd_input, core/kernels/kernels.h). Windows are
 * the same for all classes, so one transformed window serves all phases: their filters are the
 * columns of one matrix product for each point,
 *
 *   M[point][tile][column] = sum over channels of V[point][tile][channel] *
 * U[point][channel][column]
 *
 * with column = phase * filters + filter, phases numbered with the last axis fastest.
 *
 * At most two axes are transformed. Taps along one more, the deep axis, are summed as if they were
 * channels: "channel" above is then a pair (offset along the deep axis, channel), and a window of
 * two axes is read and transformed at each offset. */
#ifndef UP_WINOGRAD_H
#define UP_WINOGRAD_H

#include "core/gather/axes.h"

enum {
    UP_WINOGRAD_V_FLOATS = 96 << 10, /* V and M of one block of tiles, on the stack */
    UP_WINOGRAD_M_FLOATS = 80 << 10,
    UP_WINOGRAD_TILES = 96,
    UP_WINOGRAD_TABLE = 1280,   /* inputs of a block's windows, outputs of one phase of it */
    UP_WINOGRAD_CHANNELS = 128, /* of a sum at once */
    UP_WINOGRAD_PERIOD_MAX = 4, /* classes along an axis */
    UP_WINOGRAD_V_PAD = 16,     /* floats between rows: they are not a power of two apart */
};

/* One axis: tile t sees inputs base + t * step .. of a row of `points`, 4 or, where the axis is not
 * transformed, 1, and of one such row further on for each of its `offsets`, which are 1 but along
 * the deep axis. Output e < side of a class with taps from `low` is number
 * t * side + base - low + e. */
struct up_winograd_axis {
    size_t points, side, taps, offsets, tiles;
    int64_t base, step;
    int64_t low[UP_WINOGRAD_PERIOD_MAX]; /* of each class */
};

struct up_winograd {
    struct up_gather gather;
    struct up_axis axis[3];
    struct up_winograd_axis form[3];
    size_t axes, taps; /* transformed axes, taps along each */
    size_t points, outputs, phases;
    size_t deep, offsets; /* the deep axis, else another that is not transformed; its offsets */
    size_t channels, filters;
    size_t columns, panels, panels_a_part, parts; /* columns of a panel; parts are those of M */
    size_t channels_a_call, v_row;
    size_t tiles, block, blocks; /* tiles of all images, of a block */
    size_t parts_a_unit, shares; /* shares: units a block */
    bool exact;                  /* weights too large, or not finite: only the direct sum will do */
    float *packed;   /* U: [part][offset][call][point][panel of the part][channel][column] */
    uint16_t *needs; /* [panel][offset]: a bit for each point whose weights are not all 0 */
    float *zeros;    /* as many as the input has channels */
};

/* Whether it can be computed with `taps`, and then, about how long that takes: see struct
 * up_gather_algorithm. */
bool up_winograd_applies(const struct up_gather *gather, size_t taps);
double up_winograd_cost(const struct up_gather *gather, size_t taps,
                        const struct up_kernels *kernels);

enum up_code up_winograd_prepare(const struct up_gather *gather, size_t taps,
                                 const struct up_kernels *kernels, struct up_arena *arena,
                                 struct up_sum *ret, struct up_error *err) UP_CHECKED;

/* The weights of channels first .. first + count - 1 for `width` filters from `filter` on through
 * one tap of each axis: ret[channel * columns + filter]. */
void up_winograd_tap(const struct up_winograd *p, const struct up_tap *const tap[3], size_t first,
                     size_t count, size_t filter, size_t width, float *ret);

/* A run of a panel's columns that belong to one phase. */
struct up_winograd_segment {
    size_t column, width, phase, filter;
};

/* The segment of a panel that starts at `column` of it; false past the last. */
bool up_winograd_segment(const struct up_winograd *p, size_t panel, size_t column,
                         struct up_winograd_segment *ret);

/* The classes of a phase. */
void up_winograd_classes(const struct up_winograd *p, size_t phase, size_t ret[3]);

/* Where in `packed` a part's weights are at an offset, for channels from `channel` on, a multiple
 * of channels_a_call. */
size_t up_winograd_weights_at(const struct up_winograd *p, size_t part, size_t offset,
                              size_t channel);

/* Panels of a part: all have panels_a_part but the last. */
size_t up_winograd_panels(const struct up_winograd *p, size_t part);

#endif
