/* Networks in which layers fuse, with and without fusion, against the layers one by one in double.
 * A recipe is a chain of layers, a letter each; what each letter is exactly is random. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "configure.h"
#include "core/gather/gather.h"
#include "core/plan/fusion.h"

enum { LAYERS_MAX = 16, NETS = 60 };

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

/* A value as the definition has it: channels last, missing axes first, with the sum of the sizes of
 * all terms, and how many roundings of that size it may have gone through. */
struct truth {
    size_t batch, side[3], channels;
    double *value, *size, roundings;
};

struct net {
    struct random *random;
    struct up_arena *arena;
    uint32_t spatial;
    bool first;       /* channels */
    bool transformed; /* sums' sizes are those of algorithms that transform tiles */
    struct up_layer layer[LAYERS_MAX];
    struct up_node node[LAYERS_MAX];
    uint32_t in[LAYERS_MAX][2], output;
    struct up_shape input[2];
    float *x[2];
    struct up_graph graph;
    struct truth now;
};

static size_t count_of(const struct truth *t)
{
    return t->batch * t->side[0] * t->side[1] * t->side[2] * t->channels;
}

/* A value of this shape that is all zeros yet. */
static struct truth truth_make(const struct net *n, const struct truth *shape)
{
    struct truth t = *shape;
    t.value = sample_memory(n->arena, count_of(&t), sizeof *t.value);
    t.size = sample_memory(n->arena, count_of(&t), sizeof *t.size);
    return t;
}

static size_t place(const struct truth *t, size_t image, const size_t at[3])
{
    return (((image * t->side[0] + at[0]) * t->side[1] + at[1]) * t->side[2] + at[2]) * t->channels;
}

/* The inverse of it, for pixel number i. */
static size_t place_of(const struct truth *t, size_t i, size_t ret_at[3])
{
    for (uint32_t k = 3; k-- > 0; i /= t->side[k])
        ret_at[k] = i % t->side[k];
    return i;
}

static struct up_shape shape_of(const struct net *n, const struct truth *t)
{
    const struct up_grid grid = {t->batch, {t->side[0], t->side[1], t->side[2]}, t->channels};
    const struct up_shape last = up_grid_shape(&grid, n->spatial);
    return n->first ? up_shape_to_first(&last) : last;
}

/* Values in the order of the request <-> channels last. */
static size_t index_shown(const struct net *n, const struct truth *t, size_t i)
{
    const size_t pixels = t->side[0] * t->side[1] * t->side[2];
    const size_t image = i / (pixels * t->channels), pixel = i / t->channels % pixels;
    return n->first ? (image * t->channels + i % t->channels) * pixels + pixel : i;
}

/* --- Layers --------------------------------------------------------------------------------- */

/* In the class '#' stands for the net's spatial axes. */
static struct sample layer_add(struct net *n, const char *class, bool spatial, uint32_t inputs)
{
    char name[40] = {0};
    const uint32_t i = n->graph.node_count++;
    for (size_t k = 0; class[k] != '\0'; k++)
        name[k] = class[k] == '#' ? (char)('0' + n->spatial) : class[k];
    struct sample s = {.ops = up_layer_find(name)};
    cr_assert(s.ops != NULL, "there is no %s", name);
    s.config = sample_memory(n->arena, 1, s.ops->config_bytes);
    up_params_default(s.ops->params, s.config);
    if (spatial && up_param_find(s.ops->params, "data_format") != NULL)
        *(uint32_t *)sample_value(&s, "data_format") =
            n->first ? UP_CHANNELS_FIRST : UP_CHANNELS_LAST;
    n->layer[i] = (struct up_layer){.ops = s.ops, .config = s.config, .at = "/l", .layer_at = "/l"};
    n->in[i][0] = i == 0 ? 0 : i + 1; /* the value before */
    n->in[i][1] = 1;
    n->node[i] = (struct up_node){i, inputs, n->in[i]};
    n->graph.layer_count = n->graph.node_count;
    n->output = i + 2;
    return s;
}

static struct up_tensor *weights_add(struct net *n, uint32_t count)
{
    struct up_layer *layer = &n->layer[n->graph.node_count - 1];
    struct up_tensor *weights = sample_memory(n->arena, count, sizeof *weights);
    layer->weights = weights;
    layer->weight_count = count;
    return weights;
}

static struct up_tensor tensor_make(struct net *n, struct up_shape shape)
{
    const size_t count = up_shape_size(&shape);
    const struct up_tensor t = {shape, sample_memory(n->arena, count, sizeof(float))};
    random_fill(n->random, t.data, count);
    return t;
}

static bool used(const struct net *n, uint32_t axis)
{
    return axis >= 3 - n->spatial;
}

static void pick(struct net *n, size_t low, size_t high, size_t ret[3])
{
    for (uint32_t i = 0; i < 3; i++)
        ret[i] = used(n, i) ? random_size(n->random, low, high) : 1;
}

/* The value shown in other places: output o shows input floor((o - before) / repeat). */
static void show(struct net *n, const size_t side[3], const int64_t before[3],
                 const size_t repeat[3])
{
    struct truth t = n->now;
    memcpy(t.side, side, sizeof t.side);
    t = truth_make(n, &t);
    for (size_t i = 0; i < count_of(&t) / t.channels; i++) {
        size_t at[3], from[3];
        const size_t image = place_of(&t, i, at);
        bool inside = true;
        for (uint32_t k = 0; k < 3; k++) {
            const int64_t o = (int64_t)at[k] - before[k];
            from[k] = (size_t)o / repeat[k];
            inside = inside && o >= 0 && from[k] < n->now.side[k];
        }
        for (size_t c = 0; inside && c < t.channels; c++) {
            t.value[i * t.channels + c] = n->now.value[place(&n->now, image, from) + c];
            t.size[i * t.channels + c] = n->now.size[place(&n->now, image, from) + c];
        }
    }
    n->now = t;
}

static void upsampling(struct net *n)
{
    const struct sample s = layer_add(n, "UpSampling#D", true, 1);
    const int64_t before[3] = {0};
    size_t repeat[3], side[3];
    pick(n, 1, 3, repeat);
    repeat[2] = repeat[2] > 1 ? repeat[2] : 2;
    sample_set_ints(&s, "size", repeat);
    for (uint32_t i = 0; i < 3; i++)
        side[i] = n->now.side[i] * repeat[i];
    show(n, side, before, repeat);
}

static void border(struct net *n, bool cropping)
{
    const size_t repeat[3] = {1, 1, 1};
    size_t side[3];
    int64_t before[3] = {0};
    const struct sample s = layer_add(n, cropping ? "Cropping#D" : "ZeroPadding#D", true, 1);
    struct up_pairs *pairs = sample_value(&s, cropping ? "cropping" : "padding");
    *pairs = (struct up_pairs){{{0}}};
    memcpy(side, n->now.side, sizeof side);
    for (uint32_t i = 3 - n->spatial; i < 3; i++) {
        int64_t *pair = pairs->v[i - (3 - n->spatial)];
        for (uint32_t k = 0; k < 2; k++) { /* something at least, as long as there is */
            const size_t most = cropping && side[i] < 3 ? side[i] - 1 : 2;
            pair[k] = (int64_t)random_size(n->random, i == 2 && k == 0 && most > 0, most);
            side[i] = cropping ? side[i] - (size_t)pair[k] : side[i] + (size_t)pair[k];
        }
        before[i] = cropping ? -pair[0] : pair[0];
    }
    show(n, side, before, repeat);
}

/* What a convolution and a transposed one share. */
struct conv {
    bool transposed;
    size_t kernel[3], stride[3], dilation[3], crop[3], groups, filters;
    struct up_tensor weight, bias;
};

/* Output position o takes input i through j. */
static bool meets(const struct conv *c, uint32_t k, size_t o, size_t j, size_t sides, size_t *ret_i)
{
    const int64_t d = (int64_t)(j * c->dilation[k]), crop = (int64_t)c->crop[k];
    const int64_t s = (int64_t)c->stride[k], at = (int64_t)o;
    const int64_t i = c->transposed ? at - d + crop : at * s + d - crop;
    if (i < 0 || (c->transposed && i % s != 0))
        return false;
    *ret_i = (size_t)(c->transposed ? i / s : i);
    return *ret_i < sides;
}

/* The products of one output through one kernel position. */
static void products_add(const struct net *n, const struct conv *c, size_t position, size_t from,
                         struct truth *t, size_t to)
{
    const size_t f = to % t->channels, depth = n->now.channels / c->groups;
    const size_t group = f / (c->filters / c->groups);
    for (size_t k = 0; k < depth; k++) {
        const size_t at = c->transposed ? (position * c->filters + f) * depth + k
                                        : (position * depth + k) * c->filters + f;
        const double w = (double)c->weight.data[at];
        t->value[to] += n->now.value[from + group * depth + k] * w;
        t->size[to] += n->now.size[from + group * depth + k] * fabs(w);
    }
}

static void sum(const struct net *n, const struct conv *c, struct truth *t, size_t to)
{
    size_t at[3], j[3], i[3];
    const size_t image = place_of(t, to / t->channels, at);
    for (j[0] = 0; j[0] < c->kernel[0]; j[0]++)
        for (j[1] = 0; j[1] < c->kernel[1]; j[1]++)
            for (j[2] = 0; j[2] < c->kernel[2]; j[2]++)
                if (meets(c, 0, at[0], j[0], n->now.side[0], &i[0]) &&
                    meets(c, 1, at[1], j[1], n->now.side[1], &i[1]) &&
                    meets(c, 2, at[2], j[2], n->now.side[2], &i[2]))
                    products_add(n, c, (j[0] * c->kernel[1] + j[1]) * c->kernel[2] + j[2],
                                 place(&n->now, image, i), t, to);
    t->value[to] += (double)c->bias.data[to % t->channels];
    t->size[to] += fabs((double)c->bias.data[to % t->channels]);
}

static void sums(struct net *n, const struct conv *c, struct truth shape)
{
    const size_t products = c->kernel[0] * c->kernel[1] * c->kernel[2] * n->now.channels;
    struct truth t = truth_make(n, &shape);
    double largest = 0;
    for (size_t i = 0; i < count_of(&t); i++)
        sum(n, c, &t, i);
    t.roundings = n->now.roundings + 4 + sqrt((double)products);
    for (size_t i = 0; n->transformed && i < count_of(&t); i++) /* a tile's terms are mixed */
        largest = fmax(largest, t.size[i]);
    for (size_t i = 0; n->transformed && i < count_of(&t); i++)
        t.size[i] = 4 * largest;
    n->now = t;
}

/* Keras' rule for same: the odd zero is at the end. */
static void convolution_sides(const struct net *n, struct conv *c, bool same, struct truth *t)
{
    for (uint32_t i = 0; i < 3; i++) {
        const size_t in = n->now.side[i], extent = (c->kernel[i] - 1) * c->dilation[i] + 1;
        t->side[i] = same ? (in - 1) / c->stride[i] + 1 : (in - extent) / c->stride[i] + 1;
        const size_t reach = (t->side[i] - 1) * c->stride[i] + extent;
        c->crop[i] = same && reach > in ? (reach - in) / 2 : 0;
    }
}

static void transposed_sides(const struct net *n, struct conv *c, bool same, struct truth *t)
{
    for (uint32_t i = 0; i < 3; i++) {
        const size_t in = n->now.side[i] * c->stride[i], k = c->kernel[i], s = c->stride[i];
        t->side[i] = same || k < s ? in : in - s + k;
        c->crop[i] = same && k > s ? (k - s) / 2 : 0;
    }
}

static void convolution(struct net *n, bool transposed)
{
    const size_t few[] = {1, 2, 4, 6, 18};
    struct conv c = {.transposed = transposed, .groups = 1};
    const struct sample s = layer_add(n, transposed ? "Conv#DTranspose" : "Conv#D", true, 1);
    struct truth t = n->now;
    bool same = random_size(n->random, 0, 2) > 0;
    pick(n, 1, 4, c.kernel);
    pick(n, 1, random_size(n->random, 0, 2) == 0 ? 3 : 1, c.stride);
    for (uint32_t i = 0; i < 3; i++) {
        const bool plain = c.stride[0] * c.stride[1] * c.stride[2] == 1 && !transposed;
        c.dilation[i] = plain && used(n, i) ? random_size(n->random, 1, 2) : 1;
        same = same || (c.kernel[i] - 1) * c.dilation[i] >= n->now.side[i];
    }
    c.filters = t.channels = few[random_size(n->random, 0, 4)];
    if (!transposed && c.filters % 2 == 0 && n->now.channels % 2 == 0)
        *(int64_t *)sample_value(&s, "groups") = (int64_t)(c.groups = 2);
    *(int64_t *)sample_value(&s, "filters") = (int64_t)c.filters;
    *(uint32_t *)sample_value(&s, "padding") = same ? UP_PADDING_SAME : UP_PADDING_VALID;
    sample_set_ints(&s, "kernel_size", c.kernel);
    sample_set_ints(&s, "strides", c.stride);
    sample_set_ints(&s, "dilation_rate", c.dilation);
    (transposed ? transposed_sides : convolution_sides)(n, &c, same, &t);
    struct up_shape kernel = {.rank = n->spatial + 2};
    for (uint32_t i = 0; i < n->spatial; i++)
        kernel.dim[i] = c.kernel[3 - n->spatial + i];
    kernel.dim[n->spatial] = transposed ? c.filters : n->now.channels / c.groups;
    kernel.dim[n->spatial + 1] = transposed ? n->now.channels : c.filters;
    struct up_tensor *weights = weights_add(n, 2);
    c.weight = weights[0] = tensor_make(n, kernel);
    c.bias = weights[1] = tensor_make(n, (struct up_shape){1, {c.filters}});
    sums(n, &c, t);
}

static void dense(struct net *n)
{
    struct conv c = {.kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .groups = 1};
    const struct sample s = layer_add(n, "Dense", false, 1);
    struct up_tensor *weights = weights_add(n, 2);
    struct truth t = n->now;
    c.filters = t.channels = random_size(n->random, 1, 20);
    *(int64_t *)sample_value(&s, "units") = (int64_t)c.filters;
    c.weight = weights[0] = tensor_make(n, (struct up_shape){2, {n->now.channels, c.filters}});
    c.bias = weights[1] = tensor_make(n, (struct up_shape){1, {c.filters}});
    sums(n, &c, t);
}

static void normalization(struct net *n)
{
    const struct sample s = layer_add(n, "BatchNormalization", false, 1);
    const struct up_shape channels = {1, {n->now.channels}};
    struct up_tensor *weights = weights_add(n, 4); /* gamma, beta, mean, variance */
    const struct truth t = truth_make(n, &n->now);
    if (n->first)
        *(struct up_list *)sample_value(&s, "axis") = (struct up_list){true, true, 1, {1}};
    for (uint32_t i = 0; i < 4; i++)
        weights[i] = tensor_make(n, channels);
    for (size_t c = 0; c < n->now.channels; c++) {
        weights[0].data[c] += weights[0].data[c] == 0; /* a factor of 0 does not fuse */
        weights[3].data[c] = 0.1F + fabsf(weights[3].data[c]);
    }
    for (size_t i = 0; i < count_of(&t); i++) {
        const size_t c = i % t.channels;
        const double scale =
            (double)weights[0].data[c] / sqrt((double)weights[3].data[c] + (double)1e-3F);
        const double mean = (double)weights[2].data[c], beta = (double)weights[1].data[c];
        t.value[i] = (n->now.value[i] - mean) * scale + beta;
        t.size[i] = (n->now.size[i] + fabs(mean)) * fabs(scale) + fabs(beta);
    }
    n->now = t;
    n->now.roundings += 4;
}

static void activation(struct net *n)
{
    const struct sample s = layer_add(n, "LeakyReLU", false, 1);
    const double slope = *(double *)sample_value(&s, "negative_slope");
    for (size_t i = 0; i < count_of(&n->now); i++)
        n->now.value[i] *= n->now.value[i] < 0 ? (double)(float)slope : 1;
    n->now.roundings += 1;
}

/* The sum with the net's second input, which is then of the shape that the value has. */
static void add(struct net *n)
{
    const uint32_t i = n->graph.node_count;
    (void)layer_add(n, "Add", false, 2);
    if (random_size(n->random, 0, 1) == 0) {
        n->in[i][1] = n->in[i][0];
        n->in[i][0] = 1;
    }
    n->input[1] = shape_of(n, &n->now);
    n->x[1] = tensor_make(n, n->input[1]).data;
    for (size_t k = 0; k < count_of(&n->now); k++) {
        const double other = (double)n->x[1][index_shown(n, &n->now, k)];
        n->now.value[k] += other;
        n->now.size[k] += fabs(other);
    }
    n->now.roundings += 1;
}

static void layer_make(struct net *n, char letter)
{
    switch (letter) {
    case 'u':
        upsampling(n);
        break;
    case 'p':
    case 'x':
        border(n, letter == 'x');
        break;
    case 'c':
    case 't':
        convolution(n, letter == 't');
        break;
    case 'd':
        dense(n);
        break;
    case 'b':
        normalization(n);
        break;
    case 'r':
        activation(n);
        break;
    case 'a':
        add(n);
        break;
    default:
        (void)layer_add(n, "Dropout", false, 1);
        *(double *)((char *)(uintptr_t)n->layer[n->graph.node_count - 1].config +
                    up_param_find(up_layer_find("Dropout")->params, "rate")->offset) = 0.5;
    }
}

/* --- Nets ----------------------------------------------------------------------------------- */

static struct net *net_make(struct random *random, const char *recipe, bool transformed,
                            struct up_arena *arena)
{
    static const size_t sides[] = {0, 40, 9, 4}, channels[] = {1, 2, 3, 8, 17};
    struct net *n = sample_memory(arena, 1, sizeof *n);
    n->random = random;
    n->arena = arena;
    n->transformed = transformed;
    n->spatial = (uint32_t)random_size(random, 1, 3);
    n->first = n->spatial > 1 && strchr(recipe, 'd') == NULL && random_size(random, 0, 2) == 0;
    n->now.batch = random_size(random, 1, 2);
    n->now.channels = channels[random_size(random, 0, 4)];
    pick(n, 2, sides[n->spatial], n->now.side);
    n->now = truth_make(n, &n->now);
    n->input[0] = n->input[1] = shape_of(n, &n->now);
    n->x[0] = n->x[1] = tensor_make(n, n->input[0]).data;
    for (size_t i = 0; i < count_of(&n->now); i++) {
        n->now.value[i] = (double)n->x[0][index_shown(n, &n->now, i)];
        n->now.size[i] = fabs(n->now.value[i]);
    }
    n->graph = (struct up_graph){.inputs = n->input,
                                 .input_count = 2,
                                 .layers = n->layer,
                                 .nodes = n->node,
                                 .outputs = &n->output,
                                 .output_count = 1};
    for (size_t i = 0; recipe[i] != '\0'; i++)
        layer_make(n, recipe[i]);
    return n;
}

static uint32_t fused_count(const struct up_plan *plan)
{
    uint32_t fused = 0;
    for (uint32_t i = 0; i < up_plan_node_count(plan); i++)
        fused += up_plan_node(plan, i)->computed_by != i;
    return fused;
}

static bool transforms(const struct up_plan *plan)
{
    bool any = false;
    for (uint32_t i = 0; i < up_plan_node_count(plan); i++) {
        const char *algorithm = up_plan_node(plan, i)->algorithm;
        any = any || (algorithm != NULL && strncmp(algorithm, "winograd", 8) == 0);
    }
    return any;
}

/* Plans, runs and compares; `exact` and `transformed` are one net. Returns how many layers were
 * fused into others. */
static uint32_t net_check(const struct net *exact, const struct net *transformed,
                          const struct up_plan_options *options, struct up_pool *pool,
                          const char *recipe)
{
    const struct net *n = exact;
    struct up_plan *plan;
    struct up_error err = {.code = UP_OK};
    size_t count;
    cr_assert(up_plan_build(&n->graph, options, n->arena, &plan, &err) == UP_OK, "%s: %s", recipe,
              err.text);
    if (transforms(plan))
        n = transformed;
    const struct up_shape shape = shape_of(n, &n->now);
    cr_assert(up_shape_equal(up_plan_output(plan, 0), &shape), "%s: another shape", recipe);
    const float *y = sample_run(plan, (const float *const *)n->x, pool, n->arena, &count);
    for (size_t i = 0; i < count; i++) {
        const double got = (double)y[index_shown(n, &n->now, i)];
        cr_assert(fabs(got - n->now.value[i]) <= n->now.roundings * unit * n->now.size[i],
                  "%s on %s by \"%s\" without fusions %x: value %zu is %.9g, not %.17g", recipe,
                  options->kernels->isa, options->algorithm, options->no_fusion, i, got,
                  n->now.value[i]);
    }
    return fused_count(plan);
}

/* What fuses in it, at most; and whether that depends on its size. */
struct recipe {
    const char *layers;
    uint32_t fused;
    bool by_size;
};

static const struct recipe recipes[] = {
    {"uc", 1, true},        {"upc", 2, true},      {"puc", 2, true},        {"uuc", 2, true},
    {"u-c", 1, true},       {"ut", 0, false},      {"pc", 1, false},        {"p-pc", 2, false},
    {"pt", 1, false},       {"cx", 1, false},      {"tx", 1, false},        {"cb", 1, false},
    {"tb", 1, false},       {"db", 1, false},      {"c-b-b", 2, false},     {"cr", 1, false},
    {"tr", 1, false},       {"dr", 1, false},      {"crb", 1, false},       {"crr", 1, false},
    {"ca", 1, false},       {"ta", 1, false},      {"cra", 1, false},       {"cabr", 1, false},
    {"cbar", 3, false},     {"dbar", 3, false},    {"cxax", 2, false},      {"tbxr", 3, false},
    {"pcbr-pcb", 5, false}, {"tbr-pcx", 4, false}, {"upcbxar", 6, true},    {"cp", 0, false},
    {"xc", 0, false},       {"br", 0, false},      {"ucrub-tbxr", 5, true},
};

static void recipe_check(const struct recipe *recipe, struct up_arena *arena, struct up_pool *pool)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    uint32_t most = 0, least = UINT32_MAX;
    unsigned all;
    cr_assert(up_fusions_read("all", &all, NULL) == UP_OK, "no all");
    for (size_t i = 0; i < NETS; i++) {
        struct random random = {i};
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        const struct net *other = net_make(&random, recipe->layers, true, arena);
        random = (struct random){i};
        const struct net *n = net_make(&random, recipe->layers, false, arena);
        struct up_plan_options options = {.kernels = usable[i % isas],
                                          .output_bytes_max = SAMPLE_BYTES_MAX,
                                          .output_bytes_flag = "--output-limit",
                                          .algorithm = "",
                                          .no_fusion = all};
        cr_assert(net_check(n, other, &options, NULL, recipe->layers) == 0, "fused without leave");
        options.no_fusion = (unsigned)random_bits(&random) & all;
        (void)net_check(n, other, &options, NULL, recipe->layers);
        options.no_fusion = 0;
        for (size_t a = 0; up_gather_algorithms[a] != NULL; a++) {
            options.algorithm = up_gather_algorithms[a]->name;
            (void)net_check(n, other, &options, pool, recipe->layers);
        }
        options.algorithm = NULL;
        const uint32_t fused = net_check(n, other, &options, pool, recipe->layers);
        most = fused > most ? fused : most;
        least = fused < least ? fused : least;
    }
    cr_assert(most == recipe->fused && (recipe->by_size || least == most),
              "%s: %u to %u layers are fused, not %u", recipe->layers, least, most, recipe->fused);
}

Test(fusion, computes_what_the_layers_compute, .timeout = 120)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct up_pool *pool = up_pool_new(3, 1);
    cr_assert(pool != NULL, "no threads");
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++)
        recipe_check(&recipes[i], arena, pool);
    up_pool_free(pool);
    up_arena_free(arena);
}
