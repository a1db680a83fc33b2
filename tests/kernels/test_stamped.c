/* Outputs as they lie in memory against the formula of their contract, in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "guard.h"
#include "tests/support/random.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

enum { TAPS_MAX = 7, OFFSET_MAX = 20, SHIFT_MAX = 15, TURNS = 600 };

struct stamped_case {
    struct up_stamped call;
    struct up_stamped_tap tap[TAPS_MAX];
    size_t x_count, w_count, y_count, shift; /* shift: where y begins, in floats */
    float *x, *w[TAPS_MAX], *bias, *y;
    uint8_t place[TAPS_MAX][64 * UP_LANES_MAX];
};

static bool taken(const struct stamped_case *c, size_t t, size_t r, size_t lanes)
{
    return (c->place[t][r * lanes] & UP_STAMPED_TAKEN) != 0;
}

/* Outputs r of a tap that is not whole have it where two bits of a random number say so. */
static void places_make(struct stamped_case *c, struct random *random, size_t t, size_t lanes)
{
    const struct up_stamped *s = &c->call;
    bool has[64];
    for (size_t r = 0; r < s->period; r++)
        has[r] = t < s->whole || random_size(random, 0, 3) == 0;
    for (size_t r = 0; r < s->period; r++)
        for (size_t i = 0; i < lanes; i++)
            c->place[t][r * lanes + i] =
                (uint8_t)((r + i) / s->period * s->step +
                          (has[(r + i) % s->period] ? UP_STAMPED_TAKEN : 0));
}

static void case_make(struct stamped_case *c, const struct up_kernels *k, struct random *random)
{
    const size_t lanes = k->lanes;
    struct up_stamped *s = &c->call;
    *s = (struct up_stamped){.period = random_size(random, 1, 64),
                             .taps = random_size(random, 0, TAPS_MAX),
                             .count = random_size(random, 0, 200),
                             .stream = random_size(random, 0, 1) == 1,
                             .tap = c->tap};
    const size_t apart = (s->period + lanes - 2) / s->period; /* pixels in a vector, at most */
    s->step = apart == 0 ? random_size(random, 1, 5) : random_size(random, 1, (lanes - 1) / apart);
    s->whole = random_size(random, 0, s->taps);
    s->first = random_size(random, 0, 2 * s->period);
    c->x_count = OFFSET_MAX + (s->first + s->count) / s->period * s->step + 2 * lanes;
    s->x = c->x = guarded_new(c->x_count);
    random_fill(random, c->x, c->x_count);
    c->w_count = s->period + lanes;
    for (size_t t = 0; t < s->taps; t++) {
        places_make(c, random, t, lanes);
        c->w[t] = guarded_new(c->w_count);
        for (size_t i = 0; i < c->w_count; i++)
            c->w[t][i] = i >= s->period          ? c->w[t][i - s->period]
                         : taken(c, t, i, lanes) ? random_float(random, 2)
                                                 : 0;
        c->tap[t] =
            (struct up_stamped_tap){random_size(random, 0, OFFSET_MAX), c->w[t], c->place[t]};
    }
    c->bias = guarded_new(c->w_count);
    random_fill(random, c->bias, c->w_count);
    for (size_t i = s->period; i < c->w_count; i++)
        c->bias[i] = c->bias[i - s->period];
    s->bias = random_size(random, 0, 1) == 0 ? c->bias : NULL;
    c->shift = random_size(random, 0, SHIFT_MAX);
    c->y_count = c->shift + s->count;
    c->y = guarded_new(c->y_count);
    s->y = c->y + c->shift;
}

static void case_check(const struct stamped_case *c, const struct up_kernels *k)
{
    const struct up_stamped *s = &c->call;
    for (size_t i = 0; i < s->count; i++) {
        const size_t q = s->first + i, r = q % s->period;
        double sum = s->bias != NULL ? (double)s->bias[r] : 0, size = fabs(sum);
        for (size_t t = 0; t < s->taps; t++) {
            if (!taken(c, t, r, k->lanes))
                continue;
            const double product =
                (double)s->x[c->tap[t].offset + q / s->period * s->step] * (double)c->w[t][r];
            sum += product;
            size += fabs(product);
        }
        cr_assert(fabs((double)s->y[i] - sum) <= 2 * TAPS_MAX * unit * size,
                  "%s: output %zu of period %zu is %.9g, not %.17g", k->isa, q, s->period,
                  (double)s->y[i], sum);
    }
}

static void case_free(struct stamped_case *c)
{
    guarded_free(c->x, c->x_count, "x");
    guarded_free(c->bias, c->w_count, "bias");
    guarded_free(c->y, c->y_count, "y");
    for (size_t t = 0; t < c->call.taps; t++)
        guarded_free(c->w[t], c->w_count, "w");
}

static void stamped_matches(const struct up_kernels *k)
{
    static struct stamped_case c;
    for (size_t i = 0; i < TURNS; i++) {
        struct random random = {i};
        case_make(&c, k, &random);
        k->stamped(&c.call);
        k->fence();
        case_check(&c, k);
        case_free(&c);
    }
}

Test(stamped, is_its_formula_and_touches_nothing_else, .timeout = 60)
{
    each_isa(stamped_matches);
}
