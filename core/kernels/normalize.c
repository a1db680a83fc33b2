/* DESIGN
 * Groups of values that are normalised together lie in the columns of lines: one group of any
 * width, or several narrow ones side by side. Either way the work goes along a line, so that
 * channels-last groups need no transposition. Sums are taken in double around each group's first
 * value: that value is one of the group, so its distance from the mean costs no more digits than
 * the group has values. */
#include "core/kernels/doubles.h"

/* Of sums that were taken around an origin. */
static void moments_of(double origin, double sum, double squares, double count, double *ret_mean,
                       double *ret_square)
{
    const double square = (squares - sum / count * sum) / count;
    *ret_mean = origin + sum / count;
    *ret_square = square < 0 ? 0 : square;
}

static double size_of(const struct up_groups *groups)
{
    return (double)groups->offsets * (double)groups->lines * (double)groups->width;
}

/* --- One group ------------------------------------------------------------------------------ */

enum { SUMS = 4 }; /* as many as hide an addition's latency */

struct sums {
    up_vd sum[SUMS], squares[SUMS];
};

UP_INLINE void sums_add(struct sums *s, const float *x, size_t count, up_vd origin)
{
    size_t i = 0;
    for (; i + SUMS * UP_HALF <= count; i += SUMS * UP_HALF) {
        UP_UNROLL
        for (size_t k = 0; k < SUMS; k++) {
            const up_vd d = up_widen(x + i + k * UP_HALF, UP_HALF) - origin;
            s->sum[k] += d;
            s->squares[k] += d * d;
        }
    }
    for (; i < count; i += UP_HALF) {
        const size_t n = count - i < UP_HALF ? count - i : UP_HALF;
        up_vd d = up_widen(x + i, n) - origin;
        for (size_t c = n; c < UP_HALF; c++)
            d[c] = 0;
        s->sum[0] += d;
        s->squares[0] += d * d;
    }
}

UP_INLINE double lanes_sum(const up_vd v[SUMS])
{
    const up_vd all = (v[0] + v[1]) + (v[2] + v[3]);
    double sum = 0;
    UP_UNROLL
    for (size_t c = 0; c < UP_HALF / 2; c++)
        sum += all[c] + all[c + UP_HALF / 2];
    return sum;
}

static void one_moments(const struct up_groups *groups, const float *x, bool about_zero,
                        double *mean, double *square)
{
    const double first = about_zero ? 0 : (double)x[groups->offset[0]];
    struct sums s = {0};
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++)
            sums_add(&s, x + groups->offset[o] + l * groups->stride, groups->width,
                     first - (up_vd){0});
    moments_of(first, about_zero ? 0 : lanes_sum(s.sum), lanes_sum(s.squares), size_of(groups),
               mean, square);
}

/* gamma or beta along a line: a value of each column, or one for all, which lies in `all` again and
 * again: then no bit of a column's place is left in the mask. */
struct along {
    float all[UP_LANES];
    const float *at;
    size_t mask;
};

static void along_set(struct along *a, const float *weight, bool by_column, float neutral)
{
    const bool each = by_column && weight != NULL;
    up_store(a->all, up_splat(weight == NULL ? neutral : *weight));
    a->at = each ? weight : a->all;
    a->mask = each ? SIZE_MAX : 0;
}

UP_INLINE void one_vector(const struct along weight[2], up_vf mean, up_vf factor, const float *x,
                          struct up_span columns, float *y)
{
    const size_t i = columns.first, n = columns.count;
    const up_vf gamma = up_load_first(weight[0].at + (i & weight[0].mask), n);
    const up_vf beta = up_load_first(weight[1].at + (i & weight[1].mask), n);
    up_store_first(y + i, (up_load_first(x + i, n) - mean) * factor * gamma + beta, n);
}

static void one_normalize(const struct up_groups *groups, const struct up_normalization *n,
                          const float *x, float *y)
{
    const up_vf mean = up_splat(n->mean[0]), factor = up_splat(n->factor[0]);
    const size_t width = groups->width;
    struct along weight[2];
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++) {
            const size_t at = groups->offset[o] + l * groups->stride;
            const size_t of_line = n->offset[o] + l * n->stride;
            along_set(&weight[0], n->gamma == NULL ? NULL : n->gamma + of_line, n->by_column, 1);
            /* -0 is what changes no zero's sign. */
            along_set(&weight[1], n->beta == NULL ? NULL : n->beta + of_line, n->by_column, -0.0F);
            size_t i = 0;
            for (; i + UP_LANES <= width; i += UP_LANES)
                one_vector(weight, mean, factor, x + at, (struct up_span){i, UP_LANES}, y + at);
            if (i < width)
                one_vector(weight, mean, factor, x + at, (struct up_span){i, width - i}, y + at);
        }
}

/* --- Groups side by side: a line is at most COLUMNS values ---------------------------------- */

enum { COLUMNS = UP_GROUPS_COLUMNS };

struct lanes {
    double origin[COLUMNS], sum[COLUMNS], squares[COLUMNS];
};

UP_INLINE void add(struct lanes *lanes, const float *x, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        const double d = (double)x[c] - lanes->origin[c];
        lanes->sum[c] += d;
        lanes->squares[c] += d * d;
    }
}

UP_INLINE void lines_add(const struct up_groups *groups, const float *x, size_t columns,
                         struct lanes *lanes)
{
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++)
            add(lanes, x + groups->offset[o] + l * groups->stride, columns);
}

void UP_KERNEL(moments)(const struct up_groups *groups, const float *x, bool about_zero,
                        double *mean, double *square)
{
    const size_t width = groups->width, columns = groups->count * width;
    struct lanes lanes;
    if (groups->count == 1) {
        one_moments(groups, x, about_zero, mean, square);
        return;
    }
    for (size_t c = 0; c < columns; c++) {
        lanes.origin[c] = about_zero ? 0 : (double)x[groups->offset[0] + c / width * width];
        lanes.sum[c] = lanes.squares[c] = 0;
    }
    if (columns == COLUMNS)
        lines_add(groups, x, COLUMNS, &lanes);
    else
        lines_add(groups, x, columns, &lanes);
    for (size_t g = 0; g < groups->count; g++) {
        double sum = 0, squares = 0;
        for (size_t c = g * width; c < (g + 1) * width; c++) {
            sum += about_zero ? 0 : lanes.sum[c];
            squares += lanes.squares[c];
        }
        moments_of(lanes.origin[g * width], sum, squares, size_of(groups), &mean[g], &square[g]);
    }
}

/* What the columns of a line are computed with. */
struct factors {
    float mean[COLUMNS], factor[COLUMNS], gamma[COLUMNS], beta[COLUMNS];
};

UP_INLINE void apply(const struct factors *f, const float *gamma, const float *beta,
                     const float *restrict x, size_t count, float *restrict y)
{
    for (size_t c = 0; c < count; c++)
        y[c] = (x[c] - f->mean[c]) * f->factor[c] * gamma[c] + beta[c];
}

static void fill(float *to, size_t count, float value)
{
    for (size_t c = 0; c < count; c++)
        to[c] = value;
}

void UP_KERNEL(normalize)(const struct up_groups *groups,
                          const struct up_normalization *normalization, const float *x, float *y)
{
    const struct up_normalization *n = normalization;
    const size_t columns = groups->count * groups->width;
    const bool by_column = n->by_column;
    struct factors f;
    if (groups->count == 1) {
        one_normalize(groups, n, x, y);
        return;
    }
    for (size_t c = 0; c < columns; c++) {
        f.mean[c] = n->mean[c / groups->width];
        f.factor[c] = n->factor[c / groups->width];
    }
    fill(f.gamma, columns, 1);
    fill(f.beta, columns, -0.0F); /* the one that changes no zero's sign */
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++) {
            const size_t at = groups->offset[o] + l * groups->stride;
            const size_t weight = n->offset[o] + l * n->stride;
            if (!by_column && n->gamma != NULL)
                fill(f.gamma, columns, n->gamma[weight]);
            if (!by_column && n->beta != NULL)
                fill(f.beta, columns, n->beta[weight]);
            const float *gamma = by_column && n->gamma != NULL ? n->gamma + weight : f.gamma;
            const float *beta = by_column && n->beta != NULL ? n->beta + weight : f.beta;
            if (columns == COLUMNS)
                apply(&f, gamma, beta, x + at, COLUMNS, y + at);
            else
                apply(&f, gamma, beta, x + at, columns, y + at);
        }
}

void UP_KERNEL(affine)(const struct up_affine *affine, const float *restrict x, float *restrict y)
{
    const float *scale = affine->scale, *shift = affine->shift;
    const size_t columns = affine->columns;
    for (size_t r = 0; r < affine->rows; r++, x += columns, y += columns) {
        if (affine->by_column)
            for (size_t c = 0; c < columns; c++)
                y[c] = x[c] * scale[c] + shift[c];
        else
            for (size_t c = 0; c < columns; c++)
                y[c] = x[c] * scale[r] + shift[r];
    }
}
