#include "api/figure/canvas.h"

#include <string.h>

#include "api/figure/palette.h"

enum up_code api_canvas_make(size_t width, size_t height, struct up_arena *arena,
                             struct api_canvas *ret, struct up_error *err)
{
    uint8_t *plane = up_arena_zalloc(arena, height, width, err);
    if (plane == NULL)
        return err->code;
    *ret = (struct api_canvas){plane, width, height};
    return UP_OK;
}

void api_canvas_text(struct api_canvas *canvas, struct api_font *font, const char *text,
                     enum api_anchor anchor, size_t x, size_t baseline)
{
    const long width = (long)api_text_width(font, text);
    const long left = anchor == API_ANCHOR_LEFT     ? 0
                      : anchor == API_ANCHOR_MIDDLE ? width / 2
                                                    : width;
    api_text_draw(font, text, (long)x - left, (long)baseline, canvas->plane, canvas->width,
                  canvas->height);
}

/* Nearly all of it is paper, and is passed by in words. */
void api_canvas_ink(struct api_canvas *canvas)
{
    const size_t count = canvas->width * canvas->height;
    for (size_t i = 0; i < count;) {
        uint64_t word = 1;
        if (count - i >= sizeof word)
            memcpy(&word, canvas->plane + i, sizeof word);
        if (word == 0) {
            i += sizeof word;
            continue;
        }
        canvas->plane[i] = (uint8_t)((canvas->plane[i] * API_INK_BLACK + 127) / 255);
        i++;
    }
}

void api_canvas_fill(struct api_canvas *canvas, struct api_rect rect, uint8_t entry)
{
    for (size_t y = rect.y; y < rect.y + rect.height; y++)
        memset(canvas->plane + y * canvas->width + rect.x, entry, rect.width);
}

void api_canvas_frame(struct api_canvas *canvas, struct api_rect rect)
{
    const size_t left = rect.x - 1, top = rect.y - 1, right = rect.x + rect.width,
                 bottom = rect.y + rect.height;
    api_canvas_fill(canvas, (struct api_rect){left, top, rect.width + 2, 1}, API_INK_BLACK);
    api_canvas_fill(canvas, (struct api_rect){left, bottom, rect.width + 2, 1}, API_INK_BLACK);
    api_canvas_fill(canvas, (struct api_rect){left, top, 1, rect.height + 2}, API_INK_BLACK);
    api_canvas_fill(canvas, (struct api_rect){right, top, 1, rect.height + 2}, API_INK_BLACK);
}
