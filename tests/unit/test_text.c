#include "api/figure/text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { WIDTH = 160, HEIGHT = 40, BASELINE = 25, PIXELS = 14 };

static struct up_arena *arena;
static struct up_error err;
static struct api_font *font;
static uint8_t plane[HEIGHT][WIDTH];

static void set_up(void)
{
    arena = up_arena_new(8 << 20, NULL);
    err = (struct up_error){UP_OK, "", ""};
    cr_assert(api_font_open(PIXELS, arena, &font, &err) == UP_OK, "%s", err.text);
    memset(plane, 0, sizeof plane);
}

static void tear_down(void)
{
    up_arena_free(arena);
}

TestSuite(text, .init = set_up, .fini = tear_down, .timeout = 20);

struct box {
    long left, top, right, bottom; /* of what is inked, both ends included; left > right: nothing */
};

static struct box drawn(const char *text, long x, long baseline)
{
    struct box box = {WIDTH, HEIGHT, -1, -1};
    memset(plane, 0, sizeof plane);
    api_text_draw(font, text, x, baseline, &plane[0][0], WIDTH, HEIGHT);
    for (long y = 0; y < HEIGHT; y++)
        for (long i = 0; i < WIDTH; i++)
            if (plane[y][i] > 64) {
                box.left = i < box.left ? i : box.left;
                box.right = i > box.right ? i : box.right;
                box.top = y < box.top ? y : box.top;
                box.bottom = y > box.bottom ? y : box.bottom;
            }
    return box;
}

/* Advances of DejaVu Sans 2.37 in units of the em, from its hmtx table. */
Test(text, is_as_wide_as_the_font_says)
{
    static const struct {
        const char *text;
        double em;
        double glyphs;
    } published[] = {
        {"", 0, 0},
        {"0123456789", 6.3623046875, 10},
        {"channel 12", 5.54736328125, 10},
        {"\xe2\x88\x92"
         "0.25",
         3.064453125, 5},
        {"\xc3\xa9\xe2\x80\xa6", 1.615234375, 2},
        {"HHHH", 3.0078125, 4},
    };
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        const double width = (double)api_text_width(font, published[i].text);
        cr_assert(fabs(width - published[i].em * PIXELS) <= 0.5 * published[i].glyphs,
                  "'%s' is %g pixels wide, %g by the font", published[i].text, width,
                  published[i].em * PIXELS);
    }
}

Test(text, stands_on_its_baseline)
{
    const long ascent = (long)api_font_ascent(font);
    cr_assert(fabs((double)ascent - 0.729 * PIXELS) <= 1, "capitals are %ld high", ascent);
    const struct box capital = drawn("H", 10, BASELINE), tail = drawn("p", 10, BASELINE);
    cr_assert(capital.top == BASELINE - ascent && capital.bottom == BASELINE - 1,
              "H goes from %ld to %ld", capital.top, capital.bottom);
    cr_assert(tail.bottom > BASELINE, "p ends at %ld", tail.bottom);
    cr_assert(capital.left >= 10 && capital.right < 10 + (long)api_text_width(font, "H"),
              "H goes from %ld to %ld", capital.left, capital.right);
    cr_assert(api_font_line(font) > (size_t)ascent, "lines would overlap");
}

Test(text, has_the_shapes_of_its_letters)
{
    struct box box = drawn("l", 10, BASELINE);
    cr_assert(box.right - box.left <= 1 && box.bottom - box.top >= 9, "l is no upright line");
    box = drawn("\xe2\x88\x92", 10, BASELINE);
    cr_assert(box.bottom - box.top <= 1 && box.right - box.left >= 6, "minus is no level line");
    box = drawn("O", 10, BASELINE);
    const long x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    cr_assert(plane[y][x] == 0 && plane[y][box.left] > 128 && plane[y][box.right] > 128,
              "O has no hole");
    cr_assert(drawn(" ", 10, BASELINE).right == -1, "a blank is inked");
}

Test(text, is_drawn_letter_after_letter)
{
    const long pair = drawn("HH", 10, BASELINE).right, one = drawn("H", 10, BASELINE).right;
    cr_assert(pair - one == (long)api_text_width(font, "H"), "the second H is %ld further",
              pair - one);
}

Test(text, is_merged_by_maximum)
{
    memset(plane, 100, sizeof plane);
    api_text_draw(font, "H", 10, BASELINE, &plane[0][0], WIDTH, HEIGHT);
    size_t over = 0;
    for (size_t i = 0; i < sizeof plane; i++) {
        cr_assert(plane[i / WIDTH][i % WIDTH] >= 100, "coverage was lost");
        over += plane[i / WIDTH][i % WIDTH] > 100;
    }
    cr_assert(over > 20, "%zu pixels of H", over);
}

Test(text, is_cut_at_the_edges)
{
    enum { SIDE = 12 };
    uint8_t *small = up_arena_zalloc(arena, SIDE, SIDE, NULL);
    cr_assert(small != NULL, "no memory");
    for (long y = -20; y < 40; y += 3)
        for (long x = -120; x < 40; x += 3)
            api_text_draw(font, "Wg\xe2\x80\xa6pH", x, y, small, SIDE, SIDE);
    size_t inked = 0;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        inked += small[i] > 0;
    cr_assert(inked > 100, "only %zu pixels", inked);
}

Test(text, shows_bytes_that_are_no_utf8_as_replacements)
{
    static const char *const bad[] = {
        "\x80", "\xff", "\xc3", "\xc0\xaf", "\xe2\x88", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8"};
    const size_t replacement = api_text_width(font, "\xef\xbf\xbd");
    cr_assert(replacement > 0, "no replacement character");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const size_t width = api_text_width(font, bad[i]);
        cr_assert(width == replacement * strlen(bad[i]), "case %zu is %zu wide", i, width);
    }
    cr_assert(api_text_width(font, "a\nb") == api_text_width(font, "a b"), "a newline");
}

Test(text, fails_cleanly_at_every_allocation)
{
    size_t failed = 0;
    enum { ALLOCATIONS = 400 };
    for (size_t nth = 0; nth < ALLOCATIONS; nth++) {
        struct api_font *f = NULL;
        up_arena_reset(arena, 8 << 20);
        up_arena_fail_at(arena, nth);
        err = (struct up_error){UP_OK, "", ""};
        enum up_code code = api_font_open(PIXELS, arena, &f, &err);
        cr_assert((code == UP_OK) == (f != NULL), "allocation %zu: the output", nth);
        if (code == UP_OK) {
            api_text_draw(f,
                          "Hp\xe2\x88\x92"
                          "1",
                          10, BASELINE, &plane[0][0], WIDTH, HEIGHT);
            code = api_font_check(f, &err);
        }
        cr_assert(code == UP_OK || code == UP_E_BUSY, "allocation %zu: %s", nth, err.text);
        failed += code != UP_OK;
    }
    cr_assert(failed > 20 && failed < ALLOCATIONS, "%zu allocations failed", failed);
}
