/* Resampling of images: the interpolations of UpSampling2D that are not repetition. An output is a
 * weighted sum of the inputs around its place, along the rows and along the columns, with the
 * weights that TensorFlow's image resizing gives: half-pixel centres, no antialiasing, edges
 * renormalised. */
#ifndef UP_RESIZE_H
#define UP_RESIZE_H

#include "core/layers/layer.h"

enum up_resize_method {
    UP_RESIZE_BILINEAR,
    UP_RESIZE_BICUBIC, /* Keys' cubic, a = -0.5, its phase rounded to 1/1024 */
    UP_RESIZE_LANCZOS3,
    UP_RESIZE_LANCZOS5,
    UP_RESIZE_GAUSSIAN, /* deviation 0.5, cut at 1.5 */
    UP_RESIZE_MITCHELL, /* B = C = 1/3 */
};

/* For a step from one image to a larger one: makes the tables of weights and sets prepared, rows,
 * grain, macs and algorithm; the rest of the layer is up_resize_rows. */
enum up_code up_resize_prepare(enum up_resize_method method, struct up_step *step,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_error *err) UP_CHECKED;
void up_resize_rows(const struct up_call *call, size_t begin, size_t end);

#endif
