#include "api/figure/message.h"

#include <string.h>

#include "api/figure/canvas.h"
#include "api/figure/palette.h"

enum { MARGIN = 16, SMALL_PIXELS = 14, LARGE_PIXELS = 17, LINE_BYTES = 256, INKS = 15 };

/* Bytes of the longest beginning of the text that fits a line: up to a space where there is one,
 * and never within a character. */
static size_t line_bytes(struct api_font *font, const char *text)
{
    char line[LINE_BYTES];
    size_t fits = 0, word = 0;
    for (size_t n = 1; n < LINE_BYTES && text[n - 1] != '\0'; n++) {
        if (((unsigned char)text[n] & 0xC0) == 0x80)
            continue;
        memcpy(line, text, n);
        line[n] = '\0';
        if (api_text_width(font, line) > API_MESSAGE_WIDTH - 2 * MARGIN)
            break;
        fits = n;
        word = text[n] == ' ' || text[n] == '\0' ? n : word;
    }
    return word > 0 ? word : fits;
}

/* Writes lines from the top on; returns how many there are. Without a canvas it only counts. */
static size_t lines_write(struct api_canvas *canvas, struct api_font *font, const char *text,
                          size_t top)
{
    char line[LINE_BYTES];
    size_t count = 0;
    while (*text != '\0' && count < API_MESSAGE_LINES) {
        const size_t bytes = line_bytes(font, text);
        if (bytes == 0)
            break;
        memcpy(line, text, bytes);
        line[bytes] = '\0';
        count++;
        if (canvas != NULL)
            api_canvas_text(canvas, font, line, API_ANCHOR_LEFT, MARGIN,
                            top + count * api_font_line(font));
        text += bytes;
        text += *text == ' ';
    }
    return count;
}

enum up_code api_message_draw(const char *heading, const char *text, struct up_arena *arena,
                              struct api_picture *ret, struct up_error *err)
{
    struct api_font *small, *large;
    struct api_canvas canvas;
    uint8_t(*palette)[3] = up_arena_alloc(arena, INKS, sizeof *palette, err);
    if (palette == NULL || api_font_open(SMALL_PIXELS, arena, &small, err) != UP_OK ||
        api_font_open(LARGE_PIXELS, arena, &large, err) != UP_OK)
        return err->code;
    const size_t top = MARGIN + api_font_line(large) + MARGIN / 2;
    const size_t height = top + lines_write(NULL, small, text, 0) * api_font_line(small) + MARGIN;
    if (api_canvas_make(API_MESSAGE_WIDTH, height, arena, &canvas, err) != UP_OK)
        return err->code;
    api_canvas_text(&canvas, large, heading, API_ANCHOR_LEFT, MARGIN,
                    MARGIN + api_font_line(large));
    (void)lines_write(&canvas, small, text, top);
    api_canvas_ink(&canvas);
    for (int i = 0; i < INKS; i++)
        memset(palette[i], 255 - 255 * i / (INKS - 1), sizeof palette[i]);
    *ret = (struct api_picture){.width = canvas.width,
                                .height = canvas.height,
                                .channels = 1,
                                .bits = 8,
                                .pixels = canvas.plane,
                                .palette = (const uint8_t(*)[3])palette,
                                .palette_count = INKS};
    return api_font_check(small, err) == UP_OK ? api_font_check(large, err) : err->code;
}
