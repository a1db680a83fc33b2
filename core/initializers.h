/* Initializers: the weights that a layer starts with when the request brings none. They are Keras',
 * and two that are made for upsampling: Bilinear and ICNR.
 *
 * A class is a row of core/initializers.def and a fill function; its parameters are described by
 * the same descriptors as those of layers. Values with a given seed equal those of Keras on
 * TensorFlow bit for bit (core/random.h). */
#ifndef UP_INITIALIZERS_H
#define UP_INITIALIZERS_H

#include "core/arena.h"
#include "core/error.h"
#include "core/param.h"
#include "core/tensor.h"

enum up_fan_mode { UP_FAN_IN, UP_FAN_OUT, UP_FAN_AVG };
enum up_distribution {
    UP_TRUNCATED_NORMAL,
    UP_UNTRUNCATED_NORMAL,
    UP_UNIFORM,
    UP_NORMAL, /* Keras' older name of truncated_normal */
};

struct up_initializer_class;

/* A configured initializer: the union of all classes' parameters. */
struct up_initializer {
    const struct up_initializer_class *class;
    struct up_seed {
        bool set; /* false: draw a fresh one; UP_PARAM_INT rows with UP_PARAM_NULLABLE store here */
        int64_t value;
    } seed;
    double value, mean, stddev, minval, maxval, scale, gain;
    uint32_t mode, distribution; /* enum up_fan_mode, enum up_distribution */
    int64_t block_size;          /* of ICNR, and what it draws: */
    uint32_t initializer;        /* index into the choices of its parameter */
    struct up_tensor tensor;     /* Constant: broadcast over the weight; without data: `value` */
};

struct up_initializer_class {
    const char *class_name;     /* "GlorotUniform" */
    const char *const *aliases; /* NULL-terminated: "glorot_uniform", ... */
    const char *summary;
    const struct up_param *params; /* offsets into struct up_initializer */
    bool random;                   /* draws, so it has a seed */
    /* Writes the values. `shape` is the weight's; count is its size. UP_E_INVALID when the class
     * cannot fill such a shape (Identity of rank 3), at "" (the initializer itself). */
    enum up_code (*fill)(const struct up_initializer *init, const struct up_shape *shape,
                         float *ret, struct up_arena *arena, struct up_error *err);
};

/* All classes, NULL-terminated, in the order of the catalogue. */
const struct up_initializer_class *const *up_initializer_classes(void);

/* By class name or alias; NULL when there is none. */
const struct up_initializer_class *up_initializer_find(const char *name);

/* The class's defaults. */
struct up_initializer up_initializer_default(const struct up_initializer_class *class);

/* Fills a weight; the seed must be set when the class is random. `arena` is for scratch. */
enum up_code up_initializer_fill(const struct up_initializer *init, const struct up_shape *shape,
                                 float *ret, struct up_arena *arena,
                                 struct up_error *err) UP_CHECKED;

/* Keras' compute_fans: rank 0 and 1 are their own fans, rank 2 is (rows, columns), above that the
 * leading axes multiply both of the last two. */
void up_fans(const struct up_shape *shape, double *ret_in, double *ret_out);

#endif
