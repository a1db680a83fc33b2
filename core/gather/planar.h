/* What the two halves of the planar algorithm share: planar_plan.c plans, planar.c runs.
 *
 * A step (core/gather/frame.h) computes the outputs of all classes of its axes; those of the depth
 * and the height in groups of whole output lines, which are computed together.
 *
 * A dilated kernel takes lines that are `apart`: the outputs of each of as many sets of lines need
 * one set of the inputs only. So a unit is of one set, and its planes have no lines between those
 * that it needs; frames count the lines of a set. */
#ifndef UP_PLANAR_H
#define UP_PLANAR_H

#include "core/gather/frame.h"

enum {
    UP_PLANAR_PLANE_FLOATS = 32768, /* of a unit, on the stack: all channels that are there */
    UP_PLANAR_SUM_FLOATS = 24576,   /* likewise: sums of lines that wait for more channels */
    UP_PLANAR_LINE_FLOATS = 8192,   /* a line of the output */
    UP_PLANAR_LANES_MAX = 16,       /* a line is read and written to a multiple of them */
};

/* Sizes, which follow from the geometry alone. */
struct up_planar_layout {
    size_t apart[3], sets[3]; /* 1 along the width */
    struct up_frame frame[3];
    size_t line_outputs;  /* of one output line at one step: period * filters */
    size_t lines_a_group; /* output lines that are computed together: classes of the height */
    size_t groups;        /* of one class of the depth */
    size_t span, spans, rows, blocks; /* steps along the width and the height, of one unit */
    size_t pitch, lines, plane;       /* floats of a line; lines and floats of one remainder */
    size_t channels;                  /* whose planes are there at a time */
    size_t run, runs;                 /* steps that are computed as one line; how often */
    size_t sums;                      /* floats from output to output of the sums */
};

/* What one call of the kernel computes: outputs first, first + step, ... of those that a group of
 * lines has at a step, [class of the height][class of the width][filter]. */
struct up_planar_part {
    size_t first, step, outputs, taps;
    size_t channel; /* the first of its channels */
    struct up_planar_tap *tap;
    float *w;    /* [channel][tap][output] */
    float *bias; /* of each output; NULL: none */
};

struct up_planar_plan {
    struct up_gather gather;
    struct up_planar_layout layout;
    size_t channels; /* of one group of channels */
    size_t parts;    /* of a group of lines; there may be some without outputs */
    struct up_planar_part *part;
};

/* False where a unit's memory would not be enough. */
bool up_planar_layout_make(const struct up_gather *gather, const struct up_kernels *kernels,
                           struct up_planar_layout *ret);

/* Floats from one remainder of the input's place along the width to the next, in the planes: those
 * of all channels that are there. */
size_t up_planar_remainder(const struct up_planar_layout *layout);

/* Where input `at` of step 0 is in the planes of its channel. */
size_t up_planar_offset(const struct up_planar_layout *layout, const size_t at[3]);

/* Lines of a group: the last may have fewer. */
size_t up_planar_group_lines(const struct up_planar_layout *layout, size_t group);

enum up_code up_planar_prepare(const struct up_gather *gather, const struct up_kernels *kernels,
                               struct up_arena *arena, struct up_sum *ret,
                               struct up_error *err) UP_CHECKED;

/* About how long it takes: see struct up_gather_algorithm. */
double up_planar_cost(const struct up_gather *gather, const struct up_kernels *kernels);

#endif
