/* Draws what was laid out: texts, tick marks, cells, their grid, the colour bar. */
#ifndef API_FIGURE_SHEET_H
#define API_FIGURE_SHEET_H

#include "api/figure/canvas.h"
#include "api/figure/layout.h"
#include "api/figure/palette.h"

/* The canvas is fresh and of the layout's size. With the option `bare`, and a layout for that, the
 * cells alone are drawn. A font that fails says so itself (api_font_check). */
void api_sheet_draw(const struct api_contents *contents, const struct api_layout *layout,
                    const struct api_palette *palette, struct api_canvas *canvas);

#endif
