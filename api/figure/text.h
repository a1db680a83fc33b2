/* Text as coverage: FreeType over the embedded DejaVu Sans. The only user of FreeType. */
#ifndef API_FIGURE_TEXT_H
#define API_FIGURE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

struct api_font;

/* A face at one size, wholly in the arena; belongs to the request like everything else there. */
enum up_code api_font_open(unsigned pixels, struct up_arena *arena, struct api_font **ret,
                           struct up_error *err) UP_CHECKED;

/* Width of a UTF-8 text in pixels. */
size_t api_text_width(struct api_font *font, const char *text);

/* Pixels from the baseline up to a capital's top, and from the top of a line to the next. */
size_t api_font_ascent(const struct api_font *font);
size_t api_font_line(const struct api_font *font);

/* Coverage 0..255 of the text, merged (maximum) into a plane of width x height bytes, the pen
 * starting at (x, baseline). What falls outside is cut. */
void api_text_draw(struct api_font *font, const char *text, long x, long baseline, uint8_t *plane,
                   size_t width, size_t height);

/* A glyph for which the arena had no memory is left out, and this then fails: check once, when all
 * text is drawn. */
enum up_code api_font_check(const struct api_font *font, struct up_error *err) UP_CHECKED;

/* "freetype 2.12.1" */
const char *api_text_library(void);

#endif
