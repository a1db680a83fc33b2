/* The kernels: the only code that touches every number. One table of functions per instruction set,
 * all compiled from the same sources; which table serves is decided once, at start.
 *
 * Kernels know shapes as plain sizes and memory as plain pointers: no layer, no plan, no thread, no
 * allocation, no error. Unless said otherwise pointers need no alignment, `restrict` is implied
 * between inputs and outputs, and no byte outside the stated ranges is read or written.
 *
 * `stream` asks for stores that go around the cache, where the machine has them: for results that
 * no cache will hold until they are read. It changes no bit of them. See `fence`. */
#ifndef UP_KERNELS_H
#define UP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/activations.h"

enum {
    UP_LANES_MAX = 16,         /* of any instruction set */
    UP_TILE_ROWS_MAX = 12,     /* output pixels of one tile, over all instruction sets */
    UP_TILE_COLUMNS_MAX = 64,  /* output channels of one tile, likewise */
    UP_TILE_VECTORS_MAX = 4,   /* and vectors of them */
    UP_FEW_COLUMNS = 8,        /* output channels that are few */
    UP_PLANAR_OUTPUTS_MAX = 8, /* outputs of one planar call, over all instruction sets */
};

/* One tile of an implicit matrix product: `rows` output pixels by up to `columns` output channels,
 * summed over `taps` kernel positions of `depth` input channels each.
 *
 *   c[r][c_first + j] = sum over t < taps, k < depth of
 *     a[t * a_stride + r][a_first + k] * b[(t * depth + k) * columns + j]
 *
 * where b is one packed panel, padded with zeros: of 1 to UP_TILE_VECTORS_MAX vectors.
 * With `accumulate` the sum is added to what c holds. With `finish` the bias is added (NULL: none),
 * then add[r][c_first + j] (NULL: none), and then the activation is applied, which must be
 * pointwise. Sums over (t, k) run in order.
 *
 * With `stream`, which goes with `finish` and without `accumulate`, c is written around the cache:
 * all rows begin at a cache line, and `width` is `columns`, whole lines. */
struct up_tile {
    const float *const *a;   /* for each tap, `rows` pointers */
    const float *b;          /* one panel */
    float *const *c;         /* `rows` pointers */
    const float *const *add; /* NULL, or `rows` pointers; none into c */
    size_t a_stride;         /* pointers from tap to tap */
    size_t b_stride;         /* of `few`: floats from column to column of b */
    size_t a_first, c_first; /* floats to skip in every row of a, of c */
    const float *next;       /* of a later call's panel, or b: fetched into the cache meanwhile, */
    size_t next_step;        /* so many floats of it for each (t, k) */
    const float *bias;       /* `width` floats */
    size_t columns;          /* of b; 0: the table's tile_columns */
    size_t rows, taps, depth, width; /* rows <= rows_of[vectors], width <= columns */
    bool accumulate, finish, stream;
    struct up_activation activation;
};

/* Sums along lines of pixels, each channel of which lies apart: for i < count, j < outputs
 *
 *   y[j * y_stride + i] = sum over c < channels, t < taps where tap[t].outputs has bit j of
 *     x[c * x_stride + tap[t].offset + i] * w[c * w_stride + t * outputs + j]
 *
 * added to what y holds with `accumulate`; then bias[j] (NULL: none) is added. Sums over (c, t) run
 * in order. Lines are read and written as if `count` were the next multiple of `lanes`. */
struct up_planar_tap {
    size_t offset;
    unsigned outputs;
};
struct up_planar {
    const float *x, *w, *bias;
    const struct up_planar_tap *tap;
    float *y;
    size_t x_stride, w_stride, y_stride;
    size_t channels, taps, outputs, count; /* outputs <= planar_outputs */
    bool accumulate;
};

/* Outputs in the order in which memory has them, with weights that come again every `period`
 * outputs: for i < count, q = first + i, r = q % period
 *
 *   y[i] = bias[r] + sum over t < taps of x[tap[t].offset + q / period * step] * tap[t].w[r]
 *
 * of the taps that output r has. Weights and bias (NULL: none) go on for `lanes` more values as
 * they began. What place[r * lanes + i] says is of lane i of a vector that begins at r: its input
 * is (r + i) / period * step floats on, which is below `lanes`, and UP_STAMPED_TAKEN is set where
 * it has the tap. The first `whole` taps are had by every output, and the first one's places are
 * theirs. Up to `lanes` floats are read where an input is. With `stream`, y is written around the
 * cache. */
enum { UP_STAMPED_TAKEN = 0x80 };
struct up_stamped_tap {
    size_t offset;
    const float *w;
    const uint8_t *place;
};
struct up_stamped {
    const float *x, *bias;
    const struct up_stamped_tap *tap;
    float *y;
    size_t step, period, taps, whole, first, count;
    bool stream;
};

/* Winograd's minimal filtering F(m, r): m = 5 - r outputs of r = 2 or 3 taps from four inputs in a
 * row, by four products, along each of `axes` axes (Lavin and Gray, arXiv:1509.09308, at the points
 * 0, 1, -1 and infinity):
 *
 *   products = (B x) * (G g), outputs = A products
 *        | 1  0 -1  0 |           | 1    0   |           | 1  1  1  0 |
 *   B  = | 0  1  1  0 |  G(3,2) = | 1/2  1/2 |  A(3,2) = | 0  1 -1  0 |
 *        | 0 -1  1  0 |           | 1/2 -1/2 |           | 0  1  1 -1 |
 *        | 0  1  0 -1 |           | 0    1   |
 *                         | 1    0   0   |
 *                G(2,3) = | 1/2  1/2 1/2 |  A(2,3) = | 1  1  1  0 |
 *                         | 1/2 -1/2 1/2 |           | 0  1 -1 -1 |
 *                         | 0    0   1   |
 *
 * A tile has 4^axes points, r^axes taps and m^axes outputs, the last axis fastest. */
enum { UP_WINOGRAD_BASE = 4, UP_WINOGRAD_AXES_MAX = 2 };

/* v[p * v_point + t * v_row + k] = point p of B over x[t * points + ...][first + k], for each tile
 * t < tiles and channel k < depth. What pads a row of v to whole vectors is written too. */
struct up_winograd_input {
    const float *const *x;
    float *v;
    size_t axes, tiles, first, depth, v_point, v_row;
};

/* y[at[t * outputs + i] + f] = activation(output i of A over m[p * m_point + t * m_row + f] +
 * bias[f] + add[at[t * outputs + i] + f]) for f < width; outputs that are at UP_WINOGRAD_NOWHERE
 * are left out. The activation is pointwise; bias and add may be NULL. */
#define UP_WINOGRAD_NOWHERE SIZE_MAX
struct up_winograd_output {
    const float *m;
    const size_t *at;
    const float *bias, *add;
    float *y;
    size_t axes, taps, tiles, width, m_point, m_row;
    struct up_activation activation;
};

/* u[p * u_point + i] = point p of G over g[tap * count + i], computed in double, for i < count; a
 * multiple of `lanes`. */
struct up_winograd_weights {
    const float *g;
    float *u;
    size_t axes, taps, count, u_point;
};

/* Operations of two values, each rounded to float. Where a maximum or minimum has a choice between
 * zeros it is the first's; NaN wins both. PRELU is max(a, 0) - b * max(-a, 0). */
enum up_operation {
    UP_ADD,
    UP_SUBTRACT,
    UP_MULTIPLY,
    UP_DIVIDE,
    UP_MAXIMUM,
    UP_MINIMUM,
    UP_PRELU,
};

/* y[r * columns + c] = a[r * a_row + c * a_column] operation b[r * b_row + c * b_column]; a stride
 * of 0 repeats. y may be a where a's strides are y's. */
struct up_combination {
    enum up_operation operation;
    size_t rows, columns, a_row, a_column, b_row, b_column;
};

/* y[j] = sum over k < depth of a[k * a_stride] * b[k * b_depth + j * b_width] for j < width; with
 * `cosine` of both vectors scaled by 1 / sqrt(sum of squares), or by 1e7 where that is larger. */
struct up_contraction {
    size_t depth, width, a_stride, b_depth, b_width;
    bool cosine;
};

/* A tensor that lies in memory by strides, in floats; a stride of 0 repeats. */
enum { UP_STRIDED_RANK_MAX = 8 };
struct up_strided {
    size_t rank, dim[UP_STRIDED_RANK_MAX], stride[UP_STRIDED_RANK_MAX];
};

/* Depthwise sums of one run of output pixels: for p < pixels, c < channels, m < multiplier
 *
 *   y[p * y_stride + c * multiplier + m] =
 *       sum over t < taps of x[t][p * x_stride + c] * w[t][c * multiplier + m]
 *
 * added to what y holds with `accumulate`, with the bias added last (NULL: none), which has
 * channels * multiplier values. taps may be 0. With `line` > 0 the taps are lines of so many
 * neighbours: x[t + 1] = x[t] + x_stride, but for the last of a line. The inputs of the first
 * `readable` pixels may be read over to whole vectors: a machine fetches no memory ahead of loads
 * that leave lanes out. */
struct up_depthwise {
    const float *const *x, *const *w; /* taps pointers each */
    const float *bias;
    float *y;
    size_t pixels, readable, taps, line, x_stride, y_stride, channels, multiplier;
    bool accumulate;
};

/* How neighbouring groups of channels lie in a vector: `groups` of them, each of `width` inputs and
 * `filters` outputs. Lanes are outputs where these are more, and each load is permuted for each of
 * the inputs of a group; else lanes are inputs, and `fold` adds a group's up. `products` is how
 * many multiplications a loaded vector takes. */
enum { UP_GROUPED_FOLDS = 4 };
struct up_grouped_pattern {
    size_t width, filters, groups, inputs, outputs, products, folds; /* inputs, outputs: of all */
    bool permuted;
    int32_t index[UP_LANES_MAX][UP_LANES_MAX], fold[UP_GROUPED_FOLDS][UP_LANES_MAX];
};

/* Sums of one run of output pixels, each group of channels alone: for p < pixels, g < groups,
 * k < filters
 *
 *   y[p * y_stride + g * filters + k] = sum over t < taps, n < tap[t].count, i < width of
 *     x[tap[t].x + (p + n) * x_stride + g * width + i] * weight(t, n, g, i, k)
 *
 * added to what y holds with `accumulate`, with the bias added last (NULL: none), a value for each
 * output of a pixel. taps may be 0. For group h of block b, which is g = b * pattern->groups + h,
 * the weight is among zeros at
 *
 *   w[b * w_stride + tap[t].w + n * products * lanes + (k * lanes + h * width + i)], or, where
 *   lanes are outputs, ... + (i * lanes + h * filters + k)].
 *
 * Meanwhile pixels * x_stride floats of each of the `lines` lines at `next` are fetched into the
 * cache. */
enum { UP_GROUPED_RUN = 3 };
struct up_grouped_tap {
    size_t x, w, count; /* count <= UP_GROUPED_RUN */
};
struct up_grouped {
    const struct up_grouped_pattern *pattern;
    const struct up_grouped_tap *tap;
    const float *x, *w, *bias;
    float *y;
    const float *const *next;
    size_t groups, pixels, taps, lines, x_stride, y_stride, w_stride;
    bool accumulate;
};

/* A box of pixels in a channels-last image: depth planes of height lines of width pixels, which are
 * neighbours along a line. Strides in floats; nothing is empty. */
struct up_box {
    const float *x;
    size_t depth, height, width, depth_stride, height_stride, channels;
};

/* How the lines of nearest-neighbour upsampling repeat their vectors: lane i of vector v of a
 * period is the input base[v] + index[v][i] of the period's pixels. 0 vectors: there is no pattern.
 */
enum { UP_PATTERN_VECTORS = 32 };
struct up_pattern {
    size_t vectors, pixels, reach; /* reach: floats of x that a period reads over */
    size_t base[UP_PATTERN_VECTORS];
    int32_t index[UP_PATTERN_VECTORS][UP_LANES_MAX];
};

/* Nearest-neighbour upsampling of one line into `lines` lines that are line_stride floats apart:
 * y[l * line_stride + (p * factor + f) * channels + c] = x[p * channels + c] for l < lines,
 * p < pixels, f < factor. */
struct up_repeat {
    size_t pixels, channels, factor, lines, line_stride;
    const struct up_pattern *pattern; /* of channels and factor */
    bool stream;
};

/* Inputs of one output: first .. first + count - 1, count >= 1. */
struct up_span {
    size_t first, count;
};

/* Weighted sums of the same rows for one or two lines: y[l * line_stride + i] =
 * sum over k < taps of weight[l * weight_stride + k] * x[k][i] for l < lines, i < count, in order
 * of k, taps >= 1. */
struct up_blend_rows {
    const float *weight;
    size_t taps, count, lines, weight_stride, line_stride;
    bool stream;
};

/* Weighted sums of pixels along lines, for l < lines, p < pixels and c < channels, in order of k:
 *   y[l * y_line + p * y_stride + c] = sum over k < span[p].count of
 *     weight[p * taps + k] * x[l * x_line + (span[p].first + k - origin) * x_stride + c] */
struct up_blend {
    const struct up_span *span;
    const float *weight;
    size_t taps, origin, pixels, channels, x_stride, y_stride;
    size_t lines, x_line, y_line;
    bool stream;
};

/* Tables of such a line of few channels, for each vector of outputs: where its inputs begin (never
 * before those of the vector before), which of them its lanes take, and `taps` vectors of weights.
 * The arrays have room for the line's values, rounded up to whole vectors. Vectors begin .. end - 1
 * lack no tap, and each but the first `period` is the one of a period before, a constant number of
 * inputs further on. `near`: most vectors are these, and one vector of inputs has all taps of each.
 */
enum { UP_WEAVE_CHANNELS = 16, UP_WEAVE_ROWS = 4 };
struct up_weave {
    size_t *base;
    int32_t *index;
    float *weight;
    size_t begin, end, period;
    bool near;
};

/* Groups of values that are normalised together. Group g < count has the values
 * x[offset[o] + l * stride + g * width + w] for o < offsets, l < lines, w < width. Nothing is
 * empty; where count > 1, a line has at most UP_GROUPS_COLUMNS values. */
enum { UP_GROUPS_COLUMNS = 32 };
struct up_groups {
    const size_t *offset;
    size_t offsets, lines, stride, count, width;
};

/* y = (x - mean[g]) * factor[g] * gamma + beta, for the values of each group. gamma and beta (NULL:
 * 1, and none) of value c = g * width + w of a line are at
 * offset[o] + l * stride, with `by_column` c places after it. */
struct up_normalization {
    const float *mean, *factor, *gamma, *beta;
    const size_t *offset;
    size_t stride;
    bool by_column;
};

/* y[r * columns + c] = x[r * columns + c] * scale[k] + shift[k] with k = by_column ? c : r. */
struct up_affine {
    const float *scale, *shift;
    size_t rows, columns;
    bool by_column;
};

/* Decimals as text: `length` bytes, up to 16, the first of them lowest in text[i][0]; 0: none. */
enum { UP_DECIMALS = 128, UP_DECIMALS_STEP = 16 };
struct up_decimals {
    uint64_t text[UP_DECIMALS][2];
    uint32_t length[UP_DECIMALS];
};

struct up_kernels {
    const char *isa;                         /* "avx2" */
    unsigned lanes;                          /* floats of one vector */
    size_t tile_rows, tile_columns;          /* of the tile that computes fastest */
    size_t rows_of[UP_TILE_VECTORS_MAX + 1]; /* most rows of a tile of so many vectors; [0] is 0 */
    size_t planar_outputs;

    void (*tile)(const struct up_tile *tile);

    /* The same for width <= UP_FEW_COLUMNS, any number of rows, and another order of b:
     * b[(t * width + j) * b_stride + k]. `next` is not looked at; lanes are summed apart. */
    void (*few)(const struct up_tile *tile);
    void (*planar)(const struct up_planar *planar);
    void (*stamped)(const struct up_stamped *stamped);

    /* Input and weights return the sum of squares of what they read: where the input's is finite,
     * so is all of it, and below 2e19. */
    float (*winograd_input)(const struct up_winograd_input *input);
    void (*winograd_output)(const struct up_winograd_output *output);
    double (*winograd_weights)(const struct up_winograd_weights *weights);

    void (*depthwise)(const struct up_depthwise *depthwise);

    /* False where a group's channels, of either side, do not fit a vector. */
    bool (*grouped_pattern)(size_t width, size_t filters, struct up_grouped_pattern *ret);
    void (*grouped)(const struct up_grouped *grouped);

    /* y[c] = the largest value, or the mean, of channel c in the box. NaN wins a maximum. */
    void (*box_max)(const struct up_box *box, float *y);
    void (*box_mean)(const struct up_box *box, float *y);

    /* y[i] = x[i] for i < count, with `stream` stores. */
    void (*stream)(const float *x, size_t count, float *y);

    /* Ends a run of kernels that were told to `stream`: before it, another thread that is told of
     * their results may not see them. */
    void (*fence)(void);

    void (*repeat_pattern)(size_t channels, size_t factor, struct up_pattern *ret);
    void (*repeat)(const struct up_repeat *repeat, const float *x, float *y);

    void (*blend_rows)(const struct up_blend_rows *blend, const float *const *x, float *y);
    void (*blend_pixels)(const struct up_blend *blend, const float *x, float *y);

    /* Fills the arrays of `ret` for a whole line of `inputs` pixels that lie side by side, x_stride
     * and y_stride being `channels`, origin 0. False where such a line is not for `weave`: always
     * with more than UP_WEAVE_CHANNELS. `weave` then is blend_pixels for
     * `pixels` of the line, one at least, of which the first begins a vector; y is the place of the
     * first of the pixels. x has the line's inputs from the first vector's base on; read are those
     * to the last vector's base + (taps - 1) * channels + lanes. */
    bool (*weave_make)(const struct up_blend *blend, size_t inputs, struct up_weave *ret);
    void (*weave)(const struct up_blend *blend, const struct up_weave *weave, struct up_span pixels,
                  const float *x, float *y);

    /* The same, where the weave is near, of the sums that blend_rows would make of x for the lines:
     * they stay in registers. One line or two, of UP_WEAVE_ROWS rows at most; of `rows`, count,
     * line_stride and stream are not looked at. */
    void (*weave_rows)(const struct up_blend *blend, const struct up_weave *weave,
                       const struct up_blend_rows *rows, struct up_span pixels,
                       const float *const *x, float *y);

    /* y[i] = activation(x[i]) for i < count; pointwise activations only. y may be x. */
    void (*activate)(const struct up_activation *activation, const float *x, size_t count,
                     float *y);
    void (*activate_stream)(const struct up_activation *activation, const float *x, size_t count,
                            float *y); /* with `stream` stores; y is not x */

    /* Softmax over each of `count` groups of `width` values. y may be x. */
    void (*softmax)(const float *x, size_t count, size_t width, float *y);
    void (*log_softmax)(const float *x, size_t count, size_t width, float *y);

    /* max(x - t, 0) over each of `count` groups of `width` values. Where k values of a group stay
     * on its projection on the simplex, t is (sum of their partial sums, largest first, - 1) / k:
     * what Keras on TensorFlow computes, and for k = 1 the projection. y is not x. */
    void (*sparsemax)(const float *x, size_t count, size_t width, float *y);

    /* Softmax over groups that are neighbours: value i of group j is x[offset[i] + j], for
     * i < width, j < count, and its result y[offset[i] + j]. y may be x. */
    void (*softmax_across)(const float *x, const size_t *offset, size_t width, size_t count,
                           float *y);

    /* Each of `count` groups of 2 * width values becomes width: the first half times the sigmoid
     * of the second. */
    void (*glu)(const float *x, size_t count, size_t width, float *y);

    void (*combine)(const struct up_combination *combination, const float *a, const float *b,
                    float *y);
    void (*contract)(const struct up_contraction *contraction, const float *a, const float *b,
                     float *y);

    /* Of each group the mean, and the mean of the squared distances from it; or, about zero, 0 and
     * the mean of the squares. Summed in double. */
    void (*moments)(const struct up_groups *groups, const float *x, bool about_zero, double *mean,
                    double *square);
    void (*normalize)(const struct up_groups *groups, const struct up_normalization *normalization,
                      const float *x, float *y);
    void (*affine)(const struct up_affine *affine, const float *x, float *y);

    /* Makes a strided tensor dense. */
    void (*copy)(const struct up_strided *from, const float *x, float *y);

    /* y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < columns. */
    void (*transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                      size_t y_stride);

    /* The same by stores around the cache, as far as that is faster. */
    void (*transpose_stream)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                             size_t y_stride);

    /* The shortest decimals that read back as x[i], without an exponent, for i < count, a multiple
     * of UP_DECIMALS_STEP up to UP_DECIMALS. None where x[i] is NaN or infinite, and where it is
     * not 0 and below 1e-5 or from 1e9 on. */
    void (*decimals)(const float *x, size_t count, struct up_decimals *ret);
};

/* The tables that this build has and this machine can run, best first: at most `max` of them into
 * `ret`; returns how many. */
size_t up_kernels_usable(const struct up_kernels **ret, size_t max);

/* The best usable table that is not above `cap` ("avx2"; NULL or "": no cap). NULL when this build
 * has no table of that name. */
const struct up_kernels *up_kernels_select(const char *cap);

/* The names that up_kernels_select knows, best first; NULL behind the last. */
const char *up_kernels_name(size_t index);

#endif
