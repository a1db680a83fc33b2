/* DESIGN
 * Groups of values that are normalised together lie in the columns of lines: one wide group, or
 * several narrow ones side by side. Either way the work goes along a line, COLUMNS at a time, so
 * that channels-last groups need no transposition. Sums are taken in double around each group's
 * first value: that value is one of the group, so its distance from the mean costs no more digits
 * than the group has values. */
#include "core/kernels/vec.h"

enum { COLUMNS = UP_GROUPS_COLUMNS };

struct lanes {
    double origin[COLUMNS], sum[COLUMNS], squares[COLUMNS];
};

static size_t at_most(size_t count)
{
    return count < COLUMNS ? count : COLUMNS;
}

UP_INLINE void add(struct lanes *lanes, const float *x, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        const double d = (double)x[c] - lanes->origin[c];
        lanes->sum[c] += d;
        lanes->squares[c] += d * d;
    }
}

static void add_line(struct lanes *lanes, const float *x, size_t columns)
{
    for (; columns >= COLUMNS; columns -= COLUMNS, x += COLUMNS)
        add(lanes, x, COLUMNS);
    add(lanes, x, columns);
}

/* Sums over the lanes of group g, taken around its origin. */
static void group_moments(const struct lanes *lanes, size_t g, size_t width, double count,
                          double *ret_mean, double *ret_square)
{
    double sum = 0, squares = 0;
    for (size_t c = g * width; c < (g + 1) * width; c++) {
        sum += lanes->sum[c];
        squares += lanes->squares[c];
    }
    const double square = (squares - sum / count * sum) / count;
    *ret_mean = lanes->origin[g * width] + sum / count;
    *ret_square = square < 0 ? 0 : square;
}

void UP_KERNEL(moments)(const struct up_groups *groups, const float *x, bool about_zero,
                        double *mean, double *square)
{
    const size_t columns = groups->count * groups->width, lanes_used = at_most(columns);
    const size_t width = at_most(groups->width); /* lanes of one group */
    const double count = (double)groups->offsets * (double)groups->lines * (double)groups->width;
    struct lanes lanes;
    for (size_t c = 0; c < lanes_used; c++) {
        lanes.origin[c] =
            about_zero
                ? 0
                : (double)x[groups->offset[0] + (groups->count == 1 ? 0 : c / width * width)];
        lanes.sum[c] = lanes.squares[c] = 0;
    }
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++)
            add_line(&lanes, x + groups->offset[o] + l * groups->stride, columns);
    if (about_zero)
        memset(lanes.sum, 0, lanes_used * sizeof lanes.sum[0]);
    for (size_t g = 0; g < groups->count; g++)
        group_moments(&lanes, g, width, count, &mean[g], &square[g]);
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

/* gamma and beta of a line: one for every column, or the same COLUMNS again and again. */
static void apply_line(const struct factors *f, const float *gamma, const float *beta,
                       const float *x, size_t columns, float *y)
{
    size_t at = 0;
    for (; columns - at >= COLUMNS; at += COLUMNS)
        apply(f, gamma == NULL ? f->gamma : gamma + at, beta == NULL ? f->beta : beta + at, x + at,
              COLUMNS, y + at);
    apply(f, gamma == NULL ? f->gamma : gamma + at, beta == NULL ? f->beta : beta + at, x + at,
          columns - at, y + at);
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
    const size_t columns = groups->count * groups->width, width = at_most(groups->width);
    const size_t lanes = at_most(columns);
    const bool by_column = n->by_column;
    struct factors f;
    for (size_t c = 0; c < lanes; c++) {
        const size_t g = groups->count == 1 ? 0 : c / width;
        f.mean[c] = n->mean[g];
        f.factor[c] = n->factor[g];
    }
    fill(f.gamma, lanes, 1);
    fill(f.beta, lanes, -0.0F); /* the one that changes no zero's sign */
    for (size_t o = 0; o < groups->offsets; o++)
        for (size_t l = 0; l < groups->lines; l++) {
            const size_t at = groups->offset[o] + l * groups->stride;
            const size_t weight = n->offset[o] + l * n->stride;
            if (!by_column && n->gamma != NULL)
                fill(f.gamma, lanes, n->gamma[weight]);
            if (!by_column && n->beta != NULL)
                fill(f.beta, lanes, n->beta[weight]);
            apply_line(&f, by_column && n->gamma != NULL ? n->gamma + weight : NULL,
                       by_column && n->beta != NULL ? n->beta + weight : NULL, x + at, columns,
                       y + at);
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
