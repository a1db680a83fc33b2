/* Which algorithm computes a gather: the only place that chooses. */
#include <string.h>

#include "core/gather/algorithms.h"

const struct up_gather_algorithm *const up_gather_algorithms[] = {
    &up_gather_winograd_f3x2, &up_gather_winograd_f2x3, &up_gather_overlap,
    &up_gather_stamped,       &up_gather_planar,        &up_gather_grouped,
    &up_gather_few,           &up_gather_tiles,         NULL,
};

const char *up_gather_algorithm_name(size_t index)
{
    const size_t count = sizeof up_gather_algorithms / sizeof up_gather_algorithms[0] - 1;
    return index < count ? up_gather_algorithms[index]->name : NULL;
}

static const struct up_gather_algorithm *choose(const struct up_gather *gather, const char *forced,
                                                const struct up_kernels *kernels)
{
    const struct up_gather_algorithm *const *at;
    if (forced != NULL)
        for (at = up_gather_algorithms; *at != NULL; at++)
            if (strcmp((*at)->name, forced) == 0 && (*at)->applies(gather, kernels))
                return *at;
    const struct up_gather_algorithm *best = NULL;
    double least = 0;
    for (at = up_gather_algorithms; *at != NULL; at++) {
        if (!(*at)->applies(gather, kernels))
            continue;
        const double cost = (*at)->cost(gather, kernels);
        if (best == NULL || cost < least) {
            best = *at;
            least = cost;
        }
    }
    return best;
}

double up_gather_macs(const struct up_gather *gather)
{
    const struct up_grid *over = gather->transposed ? &gather->in : &gather->out;
    double macs = (double)over->batch * (double)(gather->in.channels / gather->groups) *
                  (double)gather->out.channels;
    for (uint32_t i = 0; i < 3; i++)
        macs *= (double)over->spatial[i] * (double)gather->axis[i].kernel;
    return macs;
}

enum up_code up_gather_prepare(const struct up_gather *gather, const char *forced,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_sum *ret, struct up_error *err)
{
    ret->algorithm = choose(gather, forced, kernels);
    return ret->algorithm->prepare(gather, kernels, arena, ret, err);
}
