/* DESIGN
 * Each gathered sum of the graph is a head. From it the layers after it, then those before it, are
 * taken one by one while a row of the table takes them: every row changes the head's struct
 * up_gather, so that rows follow one another in any number and order. A value between two layers
 * must have no other reader and be no output.
 *
 * Positions compose: input i of a padding before a convolution is i + before, and every further
 * upsampling repeats what the axis repeats already. */
#include "core/plan/fusion.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/gather/axes.h"
#include "core/plan/internal.h"

struct fuser {
    struct up_builder *b;
    struct up_fusion *f;
    uint32_t *uses, *user; /* of each value: how many, and the node of the last one */
};

static uint32_t value_of(const struct up_builder *b, uint32_t node)
{
    return b->graph->input_count + node;
}

/* --- Before the sum ------------------------------------------------------------------------- */

/* What the layer shows of its input, when its axes are those of the sum. */
static bool placement_of(const struct fuser *z, const struct up_step *step,
                         struct up_placement *ret)
{
    const struct up_layer *head = up_builder_layer(z->b, z->f->head);
    return step->ops->placement != NULL && step->ops->spatial == head->ops->spatial &&
           ((const struct up_config *)step->config)->data_format ==
               ((const struct up_config *)head->config)->data_format &&
           step->ops->placement(step, ret);
}

static bool repeats(const struct up_placement *p)
{
    return p->repeat[0] > 1 || p->repeat[1] > 1 || p->repeat[2] > 1;
}

/* The sum over the layer's input; false when the layer hides a part of it. */
static bool read_through(const struct up_step *step, const struct up_placement *p,
                         struct up_gather *g)
{
    const struct up_grid in = up_grid_of(&step->in[0], step->ops->spatial);
    for (uint32_t i = 0; i < 3; i++) {
        struct up_gather_axis *a = &g->axis[i];
        if (p->before[i] < 0 ||
            (int64_t)g->in.spatial[i] < (int64_t)in.spatial[i] * p->repeat[i] + p->before[i])
            return false;
        a->crop += g->transposed ? -p->before[i] * a->stride : p->before[i] * a->repeat;
        a->repeat *= p->repeat[i];
    }
    g->in = in;
    return true;
}

/* What a gather costs: what it takes to sum its kernel, to compute, and to write its input out and
 * read it again. Measured on Zen 5: a multiply-add takes 8 ps, a weight's sum 500 to 900, a value's
 * way 100. A sum counts for less than that, because plans are kept. And the floats that stay in
 * memory. */
static double cost(const struct up_gather *g, double *ret_floats)
{
    enum { SUMMED = 20, WRITTEN = 16 }; /* in multiply-adds */
    const double weights = (double)(g->in.channels / g->groups) * (double)g->out.channels;
    double products = (double)g->out.batch, sums = 1, packed = 1, values = (double)g->in.batch;
    bool summed = false;
    for (uint32_t i = 0; i < 3; i++) {
        struct up_axis axis;
        up_axis_measure(g, i, &axis);
        products *= (double)axis.outputs * (double)axis.taps / (double)axis.classes;
        packed *= (double)axis.taps;
        sums *= (double)axis.classes * (double)axis.kernel;
        values *= (double)g->in.spatial[i];
        summed = summed || g->axis[i].repeat > 1;
    }
    values *= (double)g->in.channels;
    *ret_floats = packed * weights + values;
    return (products + (summed ? sums * SUMMED : 0)) * weights + values * WRITTEN;
}

static bool upsampling_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    (void)node;
    struct up_placement p;
    struct up_gather fused = z->f->gather;
    double apart_floats, fused_floats;
    enum { MEMORY_FACTOR = 3 }; /* more, and a large factor's kernels are many times the kernel */
    if (fused.transposed || !placement_of(z, step, &p) || !repeats(&p) ||
        !read_through(step, &p, &fused) ||
        cost(&fused, &fused_floats) >= cost(&z->f->gather, &apart_floats) ||
        fused_floats > MEMORY_FACTOR * apart_floats)
        return false;
    z->f->gather = fused;
    return true;
}

static bool padding_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    (void)node;
    struct up_placement p;
    struct up_gather fused = z->f->gather;
    if (!placement_of(z, step, &p) || repeats(&p) || !read_through(step, &p, &fused))
        return false;
    z->f->gather = fused;
    return true;
}

/* --- After the sum -------------------------------------------------------------------------- */

static bool linear_so_far(const struct fuser *z)
{
    return z->f->gather.activation.id == UP_ACT_LINEAR;
}

static bool cropping_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    (void)node;
    struct up_placement p;
    struct up_gather fused = z->f->gather;
    const struct up_grid out = up_grid_of(&step->out, step->ops->spatial);
    if (fused.add || !placement_of(z, step, &p) || repeats(&p))
        return false;
    for (uint32_t i = 0; i < 3; i++) {
        struct up_gather_axis *a = &fused.axis[i];
        if (p.before[i] > 0 ||
            (int64_t)out.spatial[i] - p.before[i] > (int64_t)fused.out.spatial[i])
            return false;
        a->crop += fused.transposed ? -p.before[i] : p.before[i] * a->stride;
    }
    fused.out = out;
    z->f->gather = fused;
    return true;
}

/* One kernel value, or a row of them, times its filter's factor; false where that leaves the
 * numbers that float holds in full, as the sum times the factor need not. */
static bool scaled(const float *x, size_t count, const double *scale, size_t scale_stride,
                   float *ret)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        const float y = (float)((double)x[i] * scale[i * scale_stride]);
        const bool normal = fabsf(x[i]) >= FLT_MIN && fabsf(x[i]) <= FLT_MAX;
        fits = fits && (!normal || (fabsf(y) >= FLT_MIN && fabsf(y) <= FLT_MAX));
        ret[i] = y;
    }
    return fits;
}

/* The kernel, filter by filter, in a copy that lies as it does. */
static bool kernel_scale(const struct up_gather *g, size_t positions, const double *scale,
                         float *ret)
{
    const size_t filters = g->out.channels, channels = g->in.channels / g->groups;
    const bool by_column = g->filter_stride == 1; /* else a line is all channels of one filter */
    const size_t columns = by_column ? filters : channels, lines = by_column ? channels : filters;
    bool fits = true;
    for (size_t i = 0; fits && i < positions * lines; i++)
        fits = scaled(g->kernel + i * columns, columns, by_column ? scale : scale + i % lines,
                      by_column, ret + i * columns);
    return fits;
}

static bool bias_scale(const struct up_gather *g, const double *scale, const double *shift,
                       float *ret)
{
    bool fits = true;
    for (size_t f = 0; f < g->out.channels; f++) {
        const float bias = g->bias == NULL ? 0 : g->bias[f];
        ret[f] = (float)((double)bias * scale[f] + shift[f]);
        fits = fits && isfinite(scale[f]) && scale[f] != 0 && isfinite((float)shift[f]) &&
               (isfinite(ret[f]) || !isfinite(bias));
    }
    return fits;
}

static bool scaling_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    const struct up_builder *b = z->b;
    struct up_gather *g = &z->f->gather;
    const bool first = up_layer_channels_first(up_builder_layer(b, z->f->head));
    const size_t filters = g->out.channels, channels = g->in.channels / g->groups;
    size_t positions = 1;
    for (uint32_t i = 0; i < 3; i++)
        positions *= (size_t)g->axis[i].kernel;
    if (step->ops->scaling == NULL || g->add || !linear_so_far(z))
        return false;
    double *pairs = up_arena_alloc(b->arena, 2 * filters, sizeof *pairs, b->err);
    float *bias = up_arena_alloc(b->arena, filters, sizeof *bias, b->err);
    float *kernel =
        up_arena_alloc(b->arena, positions * channels * filters, sizeof *kernel, b->err);
    if (pairs == NULL || bias == NULL || kernel == NULL ||
        !step->ops->scaling(step, first ? 1 : step->in->rank - 1, pairs, pairs + filters) ||
        !bias_scale(g, pairs, pairs + filters, bias) || !kernel_scale(g, positions, pairs, kernel))
        return false;
    g->kernel = kernel;
    g->bias = bias;
    b->plan->node[node].macs = (double)up_shape_size(&step->out);
    return true;
}

static bool activation_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    (void)node;
    if (step->ops->function == NULL || !linear_so_far(z))
        return false;
    const struct up_activation a = step->ops->function(step->config);
    if (up_activation_kind(a.id) != UP_ACT_POINTWISE)
        return false;
    z->f->gather.activation = a;
    return true;
}

static bool add_take(struct fuser *z, uint32_t node, const struct up_step *step)
{
    const struct up_node *n = &z->b->graph->nodes[node];
    if ((step->ops->flags & UP_LAYER_ADDS) == 0 || n->in_count != 2 || z->f->gather.add ||
        !linear_so_far(z) || !up_shape_equal(&step->in[0], &step->in[1]))
        return false;
    z->f->gather.add = true;
    z->f->add = n->in[0] == value_of(z->b, z->f->last) ? n->in[1] : n->in[0];
    return true;
}

/* --- The table ------------------------------------------------------------------------------ */

static const struct row {
    const char *name;
    bool before;
    /* Takes a layer next to those taken already; false: it does not fit, and nothing is changed.
     * An error of the arena's is in the builder then. */
    bool (*take)(struct fuser *z, uint32_t node, const struct up_step *step);
} rows[] = {
    {"upsampling", true, upsampling_take},  {"padding", true, padding_take},
    {"cropping", false, cropping_take},     {"batch_normalization", false, scaling_take},
    {"activation", false, activation_take}, {"add", false, add_take},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const char *up_fusion_name(unsigned n)
{
    return n < ROWS ? rows[n].name : NULL;
}

/* The set that a word means; 0: none. */
static unsigned word_read(const char *word, size_t length)
{
    if (length == 3 && memcmp(word, "all", length) == 0)
        return (1U << ROWS) - 1;
    for (unsigned i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, word, length) == 0)
            return 1U << i;
    return 0;
}

enum up_code up_fusions_read(const char *list, unsigned *ret_set, struct up_error *err)
{
    unsigned set = 0;
    while (*list != '\0') {
        const size_t length = strcspn(list, ",");
        const unsigned word = word_read(list, length);
        if (word == 0)
            return up_fail(err, UP_E_INVALID, "", "there is no fusion \"%.*s\"",
                           length < 60 ? (int)length : 60, list);
        set |= word;
        list += length + (list[length] == ',');
    }
    *ret_set = set;
    return UP_OK;
}

/* --- The graph ------------------------------------------------------------------------------ */

static bool row_takes(struct fuser *z, bool before, uint32_t node)
{
    struct up_shape shapes[UP_INPUTS_MAX];
    const struct up_layer *layer = up_builder_layer(z->b, node);
    const struct up_step step = up_builder_step(z->b, node, up_layer_channels_first(layer), shapes);
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].before == before && (z->b->options->no_fusion >> i & 1) == 0 &&
            rows[i].take(z, node, &step))
            return true;
    return false;
}

static bool bypasses(const struct fuser *z, uint32_t node)
{
    return (up_builder_layer(z->b, node)->ops->flags & UP_LAYER_BYPASS) != 0;
}

/* The only reader of what the last layer makes, when it is free to be taken; else UP_NONE. What
 * ends with an activation over an axis is made by a step more, which is the last. */
static uint32_t next_after(const struct fuser *z)
{
    const struct up_layer *head = up_builder_layer(z->b, z->f->head);
    const uint32_t value = value_of(z->b, z->f->last), user = z->user[value];
    const bool ended = up_activation_kind(up_layer_ending(head)->id) != UP_ACT_POINTWISE;
    return !ended && z->uses[value] == 1 && user != UP_NONE && z->b->fusion[user] == NULL ? user
                                                                                          : UP_NONE;
}

/* The layer that makes what the first one alone reads, likewise. */
static uint32_t next_before(const struct fuser *z)
{
    const uint32_t inputs = z->b->graph->input_count;
    const uint32_t value = z->b->graph->nodes[z->f->first].in[0];
    return z->uses[value] == 1 && value >= inputs && z->b->fusion[value - inputs] == NULL
               ? value - inputs
               : UP_NONE;
}

/* Takes what can be taken; returns how many layers that is. */
static size_t neighbours_take(struct fuser *z)
{
    size_t taken = 0;
    uint32_t node;
    while ((node = next_after(z)) != UP_NONE) {
        const bool bypass = bypasses(z, node);
        if (!bypass && !row_takes(z, false, node))
            break;
        taken += !bypass;
        z->f->last = node;
    }
    while ((node = next_before(z)) != UP_NONE) {
        const bool bypass = bypasses(z, node);
        if (!bypass && !row_takes(z, true, node))
            break;
        taken += !bypass;
        z->f->first = node;
    }
    return taken;
}

/* Every layer from the first to the last is told, and the plan's nodes with them. */
static void fusion_enter(struct fuser *z)
{
    struct up_builder *b = z->b;
    for (uint32_t node = z->f->first;; node = z->user[value_of(b, node)]) {
        b->fusion[node] = z->f;
        if (node != z->f->head && !bypasses(z, node)) {
            b->plan->node[node].computed_by = z->f->head;
            b->plan->node[node].algorithm = "fused";
        }
        if (node == z->f->last)
            return;
    }
}

/* The fusion that a sum is the head of, if it takes any neighbour. */
static enum up_code head_fuse(struct fuser *z, uint32_t head)
{
    struct up_builder *b = z->b;
    struct up_shape shapes[UP_INPUTS_MAX];
    const struct up_layer *layer = up_builder_layer(b, head);
    const struct up_step step = up_builder_step(b, head, up_layer_channels_first(layer), shapes);
    struct up_fusion f = {.first = head, .head = head, .last = head, .add = UP_NONE};
    layer->ops->gather(&step, &f.gather);
    const double macs = up_gather_macs(&f.gather);
    z->f = &f;
    if (neighbours_take(z) == 0)
        return b->err->code;
    z->f = up_arena_alloc(b->arena, 1, sizeof *z->f, b->err);
    if (z->f == NULL)
        return b->err->code;
    f.in = b->graph->nodes[f.first].in[0];
    *z->f = f;
    b->plan->node[head].macs = macs;
    fusion_enter(z);
    return b->err->code;
}

static void uses_count(struct fuser *z)
{
    const struct up_graph *g = z->b->graph;
    for (uint32_t i = 0; i < g->node_count; i++)
        for (uint32_t k = 0; k < g->nodes[i].in_count; k++) {
            z->uses[g->nodes[i].in[k]]++;
            z->user[g->nodes[i].in[k]] = i;
        }
    for (uint32_t i = 0; i < g->output_count; i++) {
        z->uses[g->outputs[i]]++;
        z->user[g->outputs[i]] = UP_NONE;
    }
}

enum up_code up_plan_fusions(struct up_builder *b)
{
    const struct up_graph *g = b->graph;
    const size_t values = g->input_count + g->node_count;
    struct fuser z = {.b = b};
    b->fusion = up_arena_zalloc(b->arena, g->node_count, sizeof(void *), b->err);
    z.uses = up_arena_zalloc(b->arena, values, sizeof *z.uses, b->err);
    z.user = up_arena_zalloc(b->arena, values, sizeof *z.user, b->err);
    if (b->fusion == NULL || z.uses == NULL || z.user == NULL)
        return b->err->code;
    uses_count(&z);
    for (uint32_t i = 0; i < g->node_count; i++)
        if (b->fusion[i] == NULL && up_builder_layer(b, i)->ops->gather != NULL &&
            head_fuse(&z, i) != UP_OK)
            return b->err->code;
    return UP_OK;
}
