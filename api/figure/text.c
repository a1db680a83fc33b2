/* DESIGN
 * The font file is part of this object (.incbin of UP_FONT_FILE). FreeType allocates through
 * FT_Memory from the request's arena, so a font is never closed. Pens stand on whole pixels: at
 * the sizes of a figure that keeps digits sharp and equally wide. ASCII glyphs are rendered once
 * and kept. A glyph for which there is no memory is left out and remembered for api_font_check. */
#include "api/figure/text.h"

#include <ft2build.h>
#include <string.h>

#include FT_FREETYPE_H
#include FT_MODULE_H

__asm__(".pushsection .rodata\n"
        ".global api_font_file\n"
        ".hidden api_font_file\n"
        ".global api_font_file_end\n"
        ".hidden api_font_file_end\n"
        ".balign 16\n"
        "api_font_file:\n"
        ".incbin \"" UP_FONT_FILE "\"\n"
        "api_font_file_end:\n"
        ".popsection\n");

extern const unsigned char api_font_file[], api_font_file_end[];

enum { CACHED = 128, REPLACEMENT = 0xfffd, LOAD = FT_LOAD_TARGET_LIGHT };

struct glyph {
    bool rendered;
    long left, top, advance; /* from the pen to the bitmap's corner; pixels */
    size_t width, height;
    const uint8_t *coverage; /* width x height */
};

struct api_font {
    struct FT_MemoryRec_ memory;
    struct up_arena *arena;
    struct up_error error; /* the first failure of the arena since the font was opened */
    FT_Library library;
    FT_Face face;
    size_t ascent;
    struct glyph cache[CACHED];
};

/* --- FreeType's memory ------------------------------------------------------------------------ */

static void *on_alloc(FT_Memory memory, long bytes)
{
    struct api_font *font = memory->user;
    return up_arena_alloc(font->arena, 1, (size_t)bytes, &font->error);
}

static void on_free(FT_Memory memory, void *block)
{
    (void)memory;
    (void)block;
}

static void *on_realloc(FT_Memory memory, long old_bytes, long new_bytes, void *block)
{
    struct api_font *font = memory->user;
    return up_arena_grow(font->arena, block, (size_t)old_bytes, (size_t)new_bytes, &font->error);
}

/* Of 26.6 fixed point. */
static long pixels_of(FT_Pos length)
{
    return (length + 32) >> 6;
}

/* --- Glyphs ---------------------------------------------------------------------------------- */

/* The code point at *text, which is moved past it; bytes that are no UTF-8 give REPLACEMENT, one at
 * a time, and control characters a blank. */
static uint32_t code_point_next(const char **text)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*text;
    const size_t more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3fU >> more);
    *text += 1;
    if (more == 0)
        return c < ' ' ? ' ' : c;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return REPLACEMENT;
    for (size_t i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (s[i] & 0x3fU);
    }
    if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return REPLACEMENT;
    *text += more;
    return c;
}

/* False, and nothing to draw, when FreeType fails. */
static bool glyph_render(struct api_font *font, uint32_t code_point, struct glyph *ret)
{
    if (FT_Load_Char(font->face, code_point, LOAD | FT_LOAD_RENDER) != 0)
        return false;
    const FT_GlyphSlot slot = font->face->glyph;
    const FT_Bitmap *bitmap = &slot->bitmap;
    uint8_t *coverage = up_arena_alloc(font->arena, bitmap->rows, bitmap->width, &font->error);
    if (coverage == NULL)
        return false;
    for (size_t y = 0; y < bitmap->rows; y++)
        memcpy(coverage + y * bitmap->width, bitmap->buffer + y * (size_t)bitmap->pitch,
               bitmap->width);
    *ret = (struct glyph){
        .rendered = true,
        .left = slot->bitmap_left,
        .top = slot->bitmap_top,
        .advance = pixels_of(slot->advance.x),
        .width = bitmap->width,
        .height = bitmap->rows,
        .coverage = coverage,
    };
    return true;
}

/* The next glyph of the text, drawn at most once when it is ASCII. */
static struct glyph glyph_next(struct api_font *font, const char **text)
{
    const uint32_t c = code_point_next(text);
    struct glyph once = {.rendered = false}, *glyph = c < CACHED ? &font->cache[c] : &once;
    if (!glyph->rendered)
        (void)glyph_render(font, c, glyph);
    return *glyph;
}

/* --- Fonts ------------------------------------------------------------------------------------ */

static bool face_open(struct api_font *font, unsigned pixels)
{
    if (FT_New_Library(&font->memory, &font->library) != 0)
        return false;
    FT_Add_Default_Modules(font->library);
    const FT_Long bytes = (FT_Long)(api_font_file_end - api_font_file);
    return FT_New_Memory_Face(font->library, api_font_file, bytes, 0, &font->face) == 0 &&
           FT_Set_Pixel_Sizes(font->face, 0, pixels) == 0;
}

enum up_code api_font_open(unsigned pixels, struct up_arena *arena, struct api_font **ret,
                           struct up_error *err)
{
    struct api_font *font = up_arena_zalloc(arena, 1, sizeof *font, err);
    if (font == NULL)
        return err->code;
    font->memory = (struct FT_MemoryRec_){font, on_alloc, on_free, on_realloc};
    font->arena = arena;
    const bool opened = face_open(font, pixels);
    if (opened) {
        const char *capital = "H";
        font->ascent = (size_t)glyph_next(font, &capital).top;
    }
    const enum up_code code = api_font_check(font, err);
    if (code != UP_OK)
        return code;
    if (!opened)
        return up_fail(err, UP_E_INTERNAL, "", "the font cannot be opened at %u pixels", pixels);
    *ret = font;
    return UP_OK;
}

enum up_code api_font_check(const struct api_font *font, struct up_error *err)
{
    const struct up_error *e = &font->error;
    return e->code == UP_OK ? UP_OK : up_fail(err, e->code, e->at, "%s", e->text);
}

size_t api_font_ascent(const struct api_font *font)
{
    return font->ascent;
}

size_t api_font_line(const struct api_font *font)
{
    return (size_t)pixels_of(font->face->size->metrics.height);
}

/* --- Text ------------------------------------------------------------------------------------- */

size_t api_text_width(struct api_font *font, const char *text)
{
    long width = 0;
    while (*text != '\0')
        width += glyph_next(font, &text).advance;
    return (size_t)width;
}

static void glyph_draw(const struct glyph *g, long x, long y, uint8_t *plane, size_t width,
                       size_t height)
{
    for (size_t j = 0; j < g->height; j++)
        for (size_t i = 0; i < g->width; i++) {
            const long px = x + (long)i, py = y + (long)j;
            if (px < 0 || py < 0 || (size_t)px >= width || (size_t)py >= height)
                continue;
            uint8_t *to = &plane[(size_t)py * width + (size_t)px];
            const uint8_t coverage = g->coverage[j * g->width + i];
            *to = *to > coverage ? *to : coverage;
        }
}

void api_text_draw(struct api_font *font, const char *text, long x, long baseline, uint8_t *plane,
                   size_t width, size_t height)
{
    while (*text != '\0') {
        const struct glyph g = glyph_next(font, &text);
        glyph_draw(&g, x + g.left, baseline - g.top, plane, width, height);
        x += g.advance;
    }
}

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *api_text_library(void)
{
    return "freetype " TEXT(FREETYPE_MAJOR) "." TEXT(FREETYPE_MINOR) "." TEXT(FREETYPE_PATCH);
}
