/* DESIGN
 * Winograd's transforms at the points 0, 1, -1 and infinity, where they only add, subtract and, of
 * weights, halve. A tile's values are an array whose index has a digit of base 4 for each axis;
 * the axes are transformed one after the other, in registers. A vector holds neighbouring channels
 * or filters. */
#include "core/kernels/vec.h"

enum { BASE = UP_WINOGRAD_BASE, POINTS_MAX = BASE * BASE, HALF = UP_LANES / 2 };

typedef float narrow __attribute__((vector_size(HALF * sizeof(float))));
typedef double wide __attribute__((vector_size(HALF * sizeof(double))));

/* Where a line of four points starts: lines run along one axis, `step` is from point to point. */
UP_INLINE size_t line_first(size_t line, const size_t step)
{
    return step == 1 ? BASE * line : line;
}

/* --- Input ---------------------------------------------------------------------------------- */

UP_INLINE void input_axis(up_vf *d, const size_t points, const size_t step)
{
    UP_UNROLL for (size_t line = 0; line < points / BASE; line++)
    {
        const size_t i = line_first(line, step);
        const up_vf d0 = d[i], d1 = d[i + step], d2 = d[i + 2 * step], d3 = d[i + 3 * step];
        d[i] = d0 - d2;
        d[i + step] = d1 + d2;
        d[i + 2 * step] = d2 - d1;
        d[i + 3 * step] = d1 - d3;
    }
}

/* One vector of a tile's channels; `count` of its lanes are there. Adds to sums of squares. */
UP_INLINE void input_vector(const struct up_winograd_input *in, const size_t points, size_t tile,
                            size_t k, const size_t count, up_vf squares[2])
{
    up_vf d[POINTS_MAX];
    float *v = in->v + tile * in->v_row + k;
    UP_UNROLL for (size_t i = 0; i < points; i++)
    {
        const float *x = in->x[tile * points + i] + in->first + k;
        d[i] = up_load_first(x, count);
        squares[i % 2] += d[i] * d[i];
    }
    input_axis(d, points, 1);
    if (points > BASE)
        input_axis(d, points, BASE);
    UP_UNROLL for (size_t i = 0; i < points; i++) up_store(v + i * in->v_point, d[i]);
}

UP_INLINE float input(const struct up_winograd_input *in, const size_t points)
{
    up_vf squares[2] = {up_splat(0), up_splat(0)};
    for (size_t t = 0; t < in->tiles; t++) {
        size_t k = 0;
        for (; k + UP_LANES <= in->depth; k += UP_LANES)
            input_vector(in, points, t, k, UP_LANES, squares);
        if (k < in->depth)
            input_vector(in, points, t, k, in->depth - k, squares);
    }
    float lane[UP_LANES], sum = 0;
    up_store(lane, squares[0] + squares[1]);
    for (size_t i = 0; i < UP_LANES; i++)
        sum += lane[i];
    return sum;
}

float UP_KERNEL(winograd_input)(const struct up_winograd_input *in)
{
    return in->axes == 1 ? input(in, BASE) : input(in, POINTS_MAX);
}

/* --- Output --------------------------------------------------------------------------------- */

UP_INLINE void output_axis(up_vf *m, const size_t points, const size_t taps, const size_t step)
{
    UP_UNROLL for (size_t line = 0; line < points / BASE; line++)
    {
        const size_t i = line_first(line, step);
        const up_vf m0 = m[i], m1 = m[i + step], m2 = m[i + 2 * step], m3 = m[i + 3 * step];
        m[i] = m0 + (m1 + m2);
        m[i + step] = taps == 2 ? m1 - m2 : m1 - m2 - m3;
        if (taps == 2)
            m[i + 2 * step] = m1 + m2 - m3;
    }
}

/* One vector of a tile's filters; `count` of its lanes are there. */
UP_INLINE void output_vector(const struct up_winograd_output *out, const size_t points,
                             const size_t taps, size_t tile, size_t f, size_t count)
{
    const size_t side = BASE + 1 - taps;
    const size_t outputs = points == BASE ? side : side * side;
    up_vf m[POINTS_MAX], bias = up_splat(0);
    const float *from = out->m + tile * out->m_row + f;
    UP_UNROLL for (size_t i = 0; i < points; i++)
    {
        const float *at = from + i * out->m_point;
        m[i] = up_load_first(at, count);
    }
    if (out->bias != NULL)
        bias = up_load_first(out->bias + f, count);
    output_axis(m, points, taps, 1);
    if (points > BASE)
        output_axis(m, points, taps, BASE);
    UP_UNROLL for (size_t i = 0; i < outputs; i++)
    {
        const size_t at = out->at[tile * outputs + i] + f;
        if (at - f == UP_WINOGRAD_NOWHERE)
            continue;
        up_vf y = m[i % side + BASE * (i / side)] + bias;
        if (out->add != NULL)
            y += up_load_first(out->add + at, count);
        up_store_first(out->y + at, y, count);
    }
}

UP_INLINE void output(const struct up_winograd_output *out, const size_t points, const size_t taps)
{
    for (size_t t = 0; t < out->tiles; t++) {
        size_t f = 0;
        for (; f + UP_LANES <= out->width; f += UP_LANES)
            output_vector(out, points, taps, t, f, UP_LANES);
        if (f < out->width)
            output_vector(out, points, taps, t, f, out->width - f);
    }
}

static void activate(const struct up_winograd_output *out)
{
    const size_t side = BASE + 1 - out->taps, outputs = out->axes == 1 ? side : side * side;
    for (size_t i = 0; i < out->tiles * outputs; i++) {
        if (out->at[i] != UP_WINOGRAD_NOWHERE)
            UP_KERNEL(activate)
        (&out->activation, out->y + out->at[i], out->width, out->y + out->at[i]);
    }
}

void UP_KERNEL(winograd_output)(const struct up_winograd_output *out)
{
    if (out->axes == 1 && out->taps == 2)
        output(out, BASE, 2);
    else if (out->axes == 1)
        output(out, BASE, 3);
    else if (out->taps == 2)
        output(out, POINTS_MAX, 2);
    else
        output(out, POINTS_MAX, 3);
    if (out->activation.id != UP_ACT_LINEAR)
        activate(out);
}

/* --- Weights -------------------------------------------------------------------------------- */

UP_INLINE void weights_axis(wide *g, const size_t points, const size_t taps, const size_t step)
{
    UP_UNROLL for (size_t line = 0; line < points / BASE; line++)
    {
        const size_t i = line_first(line, step);
        const wide last = g[i + (taps - 1) * step], odd = g[i + step] * 0.5;
        const wide even = (taps == 2 ? g[i] : g[i] + last) * 0.5;
        g[i + step] = even + odd;
        g[i + 2 * step] = even - odd;
        g[i + 3 * step] = last;
    }
}

UP_INLINE double weights(const struct up_winograd_weights *w, const size_t points,
                         const size_t taps)
{
    const size_t all = points == BASE ? taps : taps * taps;
    wide squares = {0};
    for (size_t k = 0; k < w->count; k += HALF) {
        wide g[POINTS_MAX] = {{0}};
        UP_UNROLL for (size_t t = 0; t < all; t++)
        {
            const size_t i = t % taps + BASE * (t / taps);
            narrow value;
            memcpy(&value, w->g + t * w->count + k, sizeof value);
            g[i] = __builtin_convertvector(value, wide);
            squares += g[i] * g[i];
        }
        weights_axis(g, points, taps, 1);
        if (points > BASE)
            weights_axis(g, points, taps, BASE);
        UP_UNROLL for (size_t i = 0; i < points; i++)
        {
            const narrow value = __builtin_convertvector(g[i], narrow);
            memcpy(w->u + i * w->u_point + k, &value, sizeof value);
        }
    }
    double sum = 0;
    for (size_t i = 0; i < HALF; i++)
        sum += squares[i];
    return sum;
}

double UP_KERNEL(winograd_weights)(const struct up_winograd_weights *w)
{
    if (w->axes == 1)
        return w->taps == 2 ? weights(w, BASE, 2) : weights(w, BASE, 3);
    return w->taps == 2 ? weights(w, POINTS_MAX, 2) : weights(w, POINTS_MAX, 3);
}
