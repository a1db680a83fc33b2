/* What the figures of a comparison say, in words: no claim without its figure. */
#include <math.h>

#include "api/codec/buffer.h"
#include "api/comparison.h"
#include "core/plan/diagnosis.h"

static bool has_checkerboard(const struct api_candidate *one)
{
    return one->checkerboard > UP_CHECKERBOARD_SEEN;
}

static bool is_even(const struct api_candidate *one)
{
    return one->checkerboard <= UP_CHECKERBOARD_SEEN;
}

static bool overshoots(const struct api_candidate *one)
{
    return one->overshoot > UP_CHECKERBOARD_SEEN;
}

static size_t count_of(const struct api_comparison *c, bool (*is)(const struct api_candidate *one))
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += is(&c->candidate[i]);
    return count;
}

/* "A (0.75), B (0.5)": those that are, with the figure at `offset` where it is not 0. */
static void say_list(struct api_buffer *out, const struct api_comparison *c,
                     bool (*is)(const struct api_candidate *one), size_t offset)
{
    const char *between = "";
    for (size_t i = 0; i < c->count; i++) {
        const struct api_candidate *one = &c->candidate[i];
        if (!is(one))
            continue;
        api_buffer_printf(out, "%s%s", between, one->name);
        if (offset != 0)
            api_buffer_printf(out, " (%.3g)", *(const double *)((const char *)one + offset));
        between = ", ";
    }
}

static void say_checkerboards(struct api_buffer *out, const struct api_comparison *c)
{
    const size_t offset = offsetof(struct api_candidate, checkerboard);
    const size_t with = count_of(c, has_checkerboard), without = count_of(c, is_even);
    if (with > 0) {
        api_buffer_puts(out, "With a checkerboard: ");
        say_list(out, c, has_checkerboard, offset);
        api_buffer_puts(out, without > 0 ? "; without: " : ".");
    } else if (without > 0) {
        api_buffer_puts(out, "Without a checkerboard: ");
    }
    if (without > 0) {
        say_list(out, c, is_even, offset);
        api_buffer_puts(out, ".");
    }
}

/* A checkerboard is steep, too, but nothing that anybody wants sharp: it is left out where there
 * are others. */
static void say_sharpness(struct api_buffer *out, const struct api_comparison *c)
{
    const struct api_candidate *sharpest = NULL, *smoothest = NULL;
    const bool only_even = count_of(c, is_even) > 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct api_candidate *one = &c->candidate[i];
        if (isnan(one->gradient) || (only_even && !is_even(one)))
            continue;
        if (sharpest == NULL || one->gradient > sharpest->gradient)
            sharpest = one;
        if (smoothest == NULL || one->gradient < smoothest->gradient)
            smoothest = one;
    }
    if (sharpest == NULL || !(sharpest->gradient > smoothest->gradient))
        return;
    api_buffer_printf(out, " %s sharpest is %s (rms_gradient %.3g), the smoothest %s (%.3g).",
                      only_even && count_of(c, has_checkerboard) > 0 ? "Of those without, the"
                                                                     : "The",
                      sharpest->name, sharpest->gradient, smoothest->name, smoothest->gradient);
}

static void say_overshoot(struct api_buffer *out, const struct api_comparison *c)
{
    if (count_of(c, overshoots) == 0) {
        api_buffer_puts(out, " None leaves the input's range.");
        return;
    }
    api_buffer_puts(out, " Past the input's range, in parts of it: ");
    say_list(out, c, overshoots, offsetof(struct api_candidate, overshoot));
    api_buffer_puts(out, ".");
}

static void say_cheapest(struct api_buffer *out, const struct api_comparison *c)
{
    double least = INFINITY;
    const char *between = "";
    for (size_t i = 0; i < c->count; i++)
        least = fmin(least, c->candidate[i].macs);
    api_buffer_puts(out, " Cheapest: ");
    for (size_t i = 0; i < c->count; i++) {
        if (c->candidate[i].macs > least)
            continue;
        api_buffer_printf(out, "%s%s", between, c->candidate[i].name);
        between = ", ";
    }
    api_buffer_printf(out, " (%.0f multiply-accumulates).", least);
}

enum up_code api_verdict(const struct api_comparison *c, const char **ret)
{
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    say_checkerboards(&out, c);
    say_sharpness(&out, c);
    say_overshoot(&out, c);
    say_cheapest(&out, c);
    api_buffer_put(&out, "", 1);
    *ret = out.data;
    return api_buffer_finish(&out);
}
