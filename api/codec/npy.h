/* NumPy files: format versions 1 to 3 in, version 1 out.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef API_CODEC_NPY_H
#define API_CODEC_NPY_H

#include "core/arena.h"
#include "core/error.h"
#include "core/tensor.h"

bool api_npy_matches(const void *data, size_t bytes); /* the magic is there */

/* Takes f2 f4 f8, i1..i8, u1..u8 and b1, both byte orders, C and Fortran order; values are rounded
 * to float32 once. The tensor borrows `data` where its bytes serve as they are (little-endian f4,
 * C order, 4-byte aligned), else it is in the arena. UP_E_SYNTAX for what is no such file, a dtype
 * that is not taken, a file cut short or too long, and a finite number that float32 cannot hold;
 * UP_E_INVALID past UP_RANK_MAX axes. NaN and infinities in the file are kept. */
enum up_code api_npy_decode(const void *data, size_t bytes, struct up_arena *arena,
                            struct up_tensor *ret, struct up_error *err) UP_CHECKED;

/* float32, little-endian, C order: the whole file, or all that stands before the values. */
enum up_code api_npy_encode(const struct up_tensor *tensor, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes,
                            struct up_error *err) UP_CHECKED;
enum up_code api_npy_header(const struct up_shape *shape, struct up_arena *arena,
                            const void **ret_data, size_t *ret_bytes,
                            struct up_error *err) UP_CHECKED;

#endif
