/* Normalisation within groups of values: what LayerNormalization, GroupNormalization,
 * RMSNormalization and UnitNormalization share. A layer shows its input as axes; values that differ
 * only along the summed ones are one group. */
#ifndef UP_LAYERS_GROUPS_H
#define UP_LAYERS_GROUPS_H

#include "core/layers/layer.h"

enum up_groups_kind {
    UP_GROUPS_STANDARD,  /* (x - mean) / sqrt(variance + epsilon) */
    UP_GROUPS_DEVIATION, /* x / sqrt(variance + epsilon) */
    UP_GROUPS_RMS,       /* x / sqrt(mean of squares + epsilon) */
    UP_GROUPS_UNIT,      /* x / max(sqrt(sum of squares), 1e-12) */
};

struct up_groups_axis {
    size_t dim;
    bool summed;
    size_t weight_stride; /* in gamma and beta; 0: the same along the axis */
};

struct up_grouping {
    enum up_groups_kind kind;
    double epsilon;
    uint32_t rank;
    struct up_groups_axis axis[UP_RANK_MAX + 1]; /* a dense tensor, last axis fastest */
    const float *gamma, *beta;                   /* NULL: 1, and none */
};

/* Sets prepared, rows, grain, macs and algorithm of the step; the rest of the layer is
 * up_groups_rows. */
enum up_code up_groups_prepare(const struct up_grouping *grouping, struct up_step *step,
                               struct up_arena *arena, struct up_error *err) UP_CHECKED;
void up_groups_rows(const struct up_call *call, size_t begin, size_t end);

#endif
