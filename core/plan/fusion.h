/* Fusion: layers next to a gathered sum that become a part of it, so that no tensor is written
 * between them. A nearest upsampling and a padding before a convolution are another way to read its
 * input; a cropping after it another way to read its output; a batch normalization other weights;
 * an activation and an Add an end of each sum.
 *
 * What fuses is a row of a table. Numbers change within rounding: summed and scaled kernels are
 * rounded once. Shapes, weights, refusals and multiply-accumulates stay those of the layers. */
#ifndef UP_FUSION_H
#define UP_FUSION_H

#include "core/error.h"

/* Reads a list of fusions, "upsampling,padding", into a set; "" is none, "all" is all. An unknown
 * name is UP_E_INVALID. */
enum up_code up_fusions_read(const char *list, unsigned *ret_set, struct up_error *err) UP_CHECKED;

/* The name of fusion n, bit n of a set; NULL past the last. */
const char *up_fusion_name(unsigned n);

#endif
