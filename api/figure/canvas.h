/* A plane of palette entries to draw on. */
#ifndef API_FIGURE_CANVAS_H
#define API_FIGURE_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#include "api/figure/text.h"
#include "core/arena.h"
#include "core/error.h"

struct api_rect {
    size_t x, y, width, height;
};

/* All text comes first, then api_canvas_ink, then everything else: until then the plane holds
 * coverage, which becomes entries of the palette's ramp of inks. */
struct api_canvas {
    uint8_t *plane;
    size_t width, height;
};

/* White, in the arena. */
enum up_code api_canvas_make(size_t width, size_t height, struct up_arena *arena,
                             struct api_canvas *ret, struct up_error *err) UP_CHECKED;

/* The text's left end, middle or right end stands at x. */
enum api_anchor { API_ANCHOR_LEFT, API_ANCHOR_MIDDLE, API_ANCHOR_RIGHT };
void api_canvas_text(struct api_canvas *canvas, struct api_font *font, const char *text,
                     enum api_anchor anchor, size_t x, size_t baseline);
void api_canvas_ink(struct api_canvas *canvas);

/* The rectangle must lie on the canvas. */
void api_canvas_fill(struct api_canvas *canvas, struct api_rect rect, uint8_t entry);

/* A black line of one pixel around the outside of the rectangle. */
void api_canvas_frame(struct api_canvas *canvas, struct api_rect rect);

#endif
