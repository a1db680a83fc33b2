/* What the direct algorithms prepare (core/gather/tiles.c): the kernel, packed into panels of
 * output channels, and how the work is divided. Immutable. */
#ifndef UP_PANELS_H
#define UP_PANELS_H

#include "core/gather/axes.h"

enum {
    UP_BLOCK_PIXELS = 192, /* of each class along the line: a panel is fetched once for so many */
    UP_TABLE_POINTERS = 2304, /* to inputs, of one call */
    UP_EDGE_FLOATS = 49152,   /* of inputs that had to be copied, of one call */
};

struct up_panels {
    struct up_gather gather;
    struct up_axis axis[3];
    bool few;                    /* filters: the kernel of that name computes */
    size_t channels, filters;    /* of one group */
    size_t taps;                 /* of all phases */
    size_t columns, panels;      /* of a panel, and panels of one group */
    size_t last_columns, width;  /* of a group's last panel, of all of them */
    size_t products_a_call;      /* of one output */
    size_t lines;                /* phases along the axes that are not the line's */
    size_t block, blocks;        /* pixels a block */
    size_t parts, panels_a_part; /* of the panels of all groups */
    bool dense;                  /* every input between two that are used is used */
    size_t reach;                /* input values that outputs take past their own place, at most */
    bool whole;                  /* an output's results are one call's, and whole cache lines */
    float *packed; /* [group][panel][phase, in class order][tap][channel][column]; few:
                    * ...[segment][column][tap][channel]. Taps are in the input's order along the
                    * line. */
    float *zeros;  /* as many as a segment may have */
};

/* Taps of one class along the line that are summed as one run of `taps` * channels products: the
 * last segment of a line may have fewer. */
struct up_segments {
    size_t taps, count;
    int64_t step; /* inputs from tap to tap; 0: not always as many */
};
struct up_segments up_panels_segments(const struct up_panels *p, size_t class);

/* Tap `number` of a class along the line, in the input's order. */
const struct up_tap *up_panels_tap(const struct up_panels *p, size_t class, size_t number);

/* About how long it takes: see struct up_gather_algorithm. */
double up_panels_cost(const struct up_gather *gather, bool few, const struct up_kernels *kernels);

enum up_code up_panels_prepare(const struct up_gather *gather, bool few,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_sum *ret, struct up_error *err) UP_CHECKED;

/* What will be read after this: some lines of it are fetched from memory beside each tile. */
struct up_ahead {
    const float *at, *end;
    size_t lines;
};

/* Computes `rows` rows of a panel in tiles that share them out evenly: few rows keep the
 * multipliers idle. `call` has the pointers of the first, and says where `next` begins; all are
 * moved on, as is `ahead` (NULL: nothing). */
void up_panels_rows(const struct up_kernels *kernels, struct up_tile *call, size_t rows,
                    struct up_ahead *ahead);

#endif
