/* Where the ticks of a figure stand and what they say. */
#ifndef API_FIGURE_TICKS_H
#define API_FIGURE_TICKS_H

#include <stddef.h>

enum { API_TICKS_MAX = 16, API_TICK_TEXT_BYTES = 32 };

struct api_ticks {
    size_t count;
    struct {
        double value;
        char text[API_TICK_TEXT_BYTES]; /* UTF-8, with a true minus sign */
    } at[API_TICKS_MAX];
    char exponent[API_TICK_TEXT_BYTES]; /* "1e9": what all texts are to be multiplied with, or "" */
};

/* Two or more round values within [vmin, vmax], at most bins + 1 where that gives two: multiples of
 * 1, 2, 2.5 or 5 times a power of ten. vmin < vmax by more than 1e-10 of their size; bins in 1..9.
 */
void api_ticks_values(double vmin, double vmax, size_t bins, struct api_ticks *ret);

/* Cells are numbered from 1. The step with which numbers `room` pixels long do not touch on cells
 * of `cell` pixels: 1 (every cell), or 5, 10, 20, 50, ... (cell 1 and the multiples). */
size_t api_ticks_step(size_t cell, size_t room);

/* The number after `number`: 1, 2, 3 or 1, 5, 10. */
size_t api_ticks_next(size_t number, size_t step);

/* "-1 ... 0.25" with a true minus sign and ellipsis. */
enum { API_RANGE_TEXT_BYTES = 64 };
void api_ticks_range_text(double min, double max, char text[API_RANGE_TEXT_BYTES]);

#endif
