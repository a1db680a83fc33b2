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

static bool stays(const struct api_candidate *one)
{
    return one->overshoot <= UP_CHECKERBOARD_SEEN;
}

static bool is_any(const struct api_candidate *one)
{
    (void)one;
    return true;
}

static size_t count_of(const struct api_comparison *c, bool (*is)(const struct api_candidate *one))
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += is(&c->candidate[i]);
    return count;
}

/* The column of the table that a figure stands in, and where candidates have it. */
struct column {
    const char *name;
    size_t offset;
};

static const struct column checkerboard = {"checkerboard",
                                           offsetof(struct api_candidate, checkerboard)},
                           overshoot = {"overshoot", offsetof(struct api_candidate, overshoot)},
                           gradient = {"rms_gradient", offsetof(struct api_candidate, gradient)},
                           macs = {"macs", offsetof(struct api_candidate, macs)};

static double figure_of(const struct api_candidate *one, struct column column)
{
    return *(const double *)(const void *)((const char *)one + column.offset);
}

/* "A (checkerboard 0.75), B (0.5)": those that are; the first figure says its column's name. */
static void say_list(struct api_buffer *out, const struct api_comparison *c,
                     bool (*is)(const struct api_candidate *one), struct column column)
{
    const char *between = "";
    for (size_t i = 0; i < c->count; i++) {
        const struct api_candidate *one = &c->candidate[i];
        if (!is(one))
            continue;
        api_buffer_printf(out, "%s%s (%s%s%.3g)", between, one->name, between[0] ? "" : column.name,
                          between[0] ? "" : " ", figure_of(one, column));
        between = ", ";
    }
}

static void say_checkerboards(struct api_buffer *out, const struct api_comparison *c)
{
    const size_t with = count_of(c, has_checkerboard), without = count_of(c, is_even);
    if (with > 0) {
        api_buffer_puts(out, "With a checkerboard: ");
        say_list(out, c, has_checkerboard, checkerboard);
        api_buffer_puts(out, without > 0 ? "; without: " : ".");
    } else if (without > 0) {
        api_buffer_puts(out, "Without a checkerboard: ");
    }
    if (without > 0) {
        say_list(out, c, is_even, checkerboard);
        api_buffer_puts(out, ".");
    }
}

/* "A, B (macs 0)": those that have the best figure. */
static void say_best(struct api_buffer *out, const struct api_comparison *c,
                     bool (*is)(const struct api_candidate *one), struct column column, double best)
{
    const char *between = "";
    for (size_t i = 0; i < c->count; i++) {
        const struct api_candidate *one = &c->candidate[i];
        if (!is(one) || !(fabs(figure_of(one, column) - best) <= 1e-6 * fabs(best)))
            continue;
        api_buffer_printf(out, "%s%s", between, one->name);
        between = ", ";
    }
    api_buffer_printf(out, " (%s %.*g)", column.name, best < 1 ? 3 : 15, best);
}

/* The smallest and the largest figure of those that are; min > max when there is none. */
static struct api_range range_of(const struct api_comparison *c,
                                 bool (*is)(const struct api_candidate *one), struct column column)
{
    struct api_range range = {INFINITY, -INFINITY};
    for (size_t i = 0; i < c->count; i++) {
        if (!is(&c->candidate[i]))
            continue;
        range.min = fmin(range.min, figure_of(&c->candidate[i], column));
        range.max = fmax(range.max, figure_of(&c->candidate[i], column));
    }
    return range;
}

/* A checkerboard is steep, too, but nothing that anybody wants sharp: it is left out where there
 * are others. */
static void say_sharpness(struct api_buffer *out, const struct api_comparison *c)
{
    const bool only_even = count_of(c, is_even) > 0;
    bool (*const is)(const struct api_candidate *one) = only_even ? is_even : is_any;
    const struct api_range range = range_of(c, is, gradient);
    if (!(range.max > range.min))
        return;
    const bool some = only_even && count_of(c, has_checkerboard) > 0;
    api_buffer_puts(out, some ? " Sharpest of those without: " : " Sharpest: ");
    say_best(out, c, is, gradient, range.max);
    api_buffer_puts(out, "; smoothest: ");
    say_best(out, c, is, gradient, range.min);
    api_buffer_puts(out, ".");
}

/* An input of equal values has no range to leave. */
static void say_overshoot(struct api_buffer *out, const struct api_comparison *c)
{
    if (count_of(c, overshoots) > 0) {
        api_buffer_puts(out, " Past the input's range, in parts of it: ");
        say_list(out, c, overshoots, overshoot);
        api_buffer_puts(out, ".");
    } else if (count_of(c, stays) == c->count) {
        api_buffer_printf(out, " None leaves the input's range by more than %g of it.",
                          UP_CHECKERBOARD_SEEN);
    }
}

static void say_cheapest(struct api_buffer *out, const struct api_comparison *c)
{
    const struct api_range range = range_of(c, is_any, macs);
    if (!(range.max > range.min))
        return;
    api_buffer_puts(out, " Cheapest: ");
    say_best(out, c, is_any, macs, range.min);
    api_buffer_puts(out, ".");
}

enum up_code api_verdict(const struct api_comparison *c, const char **ret)
{
    struct api_buffer out = api_buffer_make(c->shared.reader.arena, c->shared.reader.err);
    say_checkerboards(&out, c);
    say_sharpness(&out, c);
    say_overshoot(&out, c);
    say_cheapest(&out, c);
    api_buffer_put(&out, "", 1);
    *ret = out.data + (out.data != NULL && out.data[0] == ' ');
    return api_buffer_finish(&out);
}
