/* The engine behind convolution, transposed convolution and dense layers: sums over kernel
 * positions, gathered. Every output is computed from its inputs by one thread and written once;
 * there is no scatter.
 *
 * What is to be summed is a struct up_gather; how is an algorithm, a row of core/gather/rules.c. */
#ifndef UP_GATHER_H
#define UP_GATHER_H

#include "core/activations.h"
#include "core/arena.h"
#include "core/error.h"
#include "core/geometry.h"
#include "core/kernels/kernels.h"

/* Along one axis, output o takes input i through kernel position j where
 *   convolution:             i = floor((o * stride + j * dilation - crop) / repeat)
 *   transposed convolution:  i * stride + j * dilation - crop = o
 * `repeat` is how often each input stands there in a row: a nearest upsampling that is not written
 * out. It is 1 in a transposed convolution. */
struct up_gather_axis {
    int64_t kernel, stride, dilation, crop, repeat;
};

struct up_gather {
    struct up_grid in, out;
    struct up_gather_axis axis[3];
    bool transposed;
    size_t groups; /* of channels: group g of the output sees group g of the input only */
    /* Kernel value (position, channel of the group, filter) is at
     * kernel[position * position_stride + channel * channel_stride + filter * filter_stride]. */
    const float *kernel;
    size_t position_stride, channel_stride, filter_stride;
    const float *bias; /* NULL: none */
    bool add;          /* another input, of the output's shape, is added before the activation */
    struct up_activation activation;
};

/* Where one run's tensors are. */
struct up_gather_call {
    const struct up_kernels *kernels;
    const float *in;
    const float *add; /* of a gather with `add`; never `out` */
    float *out;
    bool stream; /* no cache will hold the output until it is read: a hint */
};

/* A gather that is ready to be computed, in units of work that do not depend on one another. */
struct up_sum {
    const struct up_gather_algorithm *algorithm;
    const void *prepared; /* the algorithm's own */
    size_t units, grain;  /* grain: units that are worth handing to another thread together */
};

struct up_gather_algorithm {
    const char *name; /* "winograd_f3x2" */

    /* Whether it can compute this at all; and then, about how long that takes one thread: in
     * multiply-adds of one lane at the machine's peak. */
    bool (*applies)(const struct up_gather *gather, const struct up_kernels *kernels);
    double (*cost)(const struct up_gather *gather, const struct up_kernels *kernels);

    /* Packs the kernel, in `arena`; sets all of `ret` but the algorithm. */
    enum up_code (*prepare)(const struct up_gather *gather, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_sum *ret, struct up_error *err);

    /* Computes units begin .. end - 1: no allocation, no lock, no error, the same bits however
     * they are divided. */
    void (*units)(const void *prepared, const struct up_gather_call *call, size_t begin,
                  size_t end);
};

/* All of them, NULL-terminated; the last one applies to everything. */
extern const struct up_gather_algorithm *const up_gather_algorithms[];

/* Their names, in that order; NULL behind the last. */
const char *up_gather_algorithm_name(size_t index);

/* Multiply-accumulates of the formula, borders included: what every algorithm's speed is measured
 * by. */
double up_gather_macs(const struct up_gather *gather);

/* Chooses the algorithm that costs least and prepares it. `forced` (NULL or "": none) is the name
 * of one to take wherever it applies. */
enum up_code up_gather_prepare(const struct up_gather *gather, const char *forced,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_sum *ret, struct up_error *err) UP_CHECKED;

#endif
