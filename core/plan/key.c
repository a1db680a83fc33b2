/* DESIGN
 * The form is a sequence of values of known sizes, each list behind its count, so that two graphs
 * have the same form only when they are the same. Parameters are written by their descriptor rows,
 * never as the bytes of a struct, whose padding says nothing. Layers, initializers and kernels
 * stand there as the addresses of their tables, which are constant while the program runs.
 *
 * The same walk is made twice, first without memory, to count. Contents are not copied into the
 * form: they are as large as the request. */
#include "core/plan/key.h"

#include <string.h>

static void put(struct up_plan_key *key, const void *value, size_t bytes)
{
    if (key->form != NULL)
        memcpy(key->form + key->form_bytes, value, bytes);
    key->form_bytes += bytes;
}

/* A value of any scalar type. */
#define PUT(key, value) put(key, &(value), sizeof(value))

static void put_contents(struct up_plan_key *key, const void *data, size_t bytes)
{
    if (key->contents != NULL)
        key->contents[key->contents_count] = (struct up_plan_contents){data, bytes};
    key->contents_count++;
    key->contents_bytes += bytes;
}

static void put_text(struct up_plan_key *key, const char *text)
{
    const size_t bytes = text == NULL ? 0 : strlen(text) + 1;
    PUT(key, bytes);
    if (bytes > 0)
        put(key, text, bytes);
}

static void put_shape(struct up_plan_key *key, const struct up_shape *shape)
{
    PUT(key, shape->rank);
    put(key, shape->dim, shape->rank * sizeof shape->dim[0]);
}

static void put_tensor(struct up_plan_key *key, const struct up_tensor *tensor)
{
    const bool given = tensor->data != NULL;
    put_shape(key, &tensor->shape);
    PUT(key, given);
    if (given)
        put_contents(key, tensor->data, up_shape_size(&tensor->shape) * sizeof(float));
}

static void put_seed(struct up_plan_key *key, const struct up_seed *seed)
{
    PUT(key, seed->set);
    PUT(key, seed->value);
}

static void put_list(struct up_plan_key *key, const struct up_list *list)
{
    PUT(key, list->set);
    PUT(key, list->scalar);
    PUT(key, list->count);
    put(key, list->v, list->count * sizeof list->v[0]);
}

static void put_activation(struct up_plan_key *key, const struct up_activation *activation)
{
    PUT(key, activation->id);
    PUT(key, activation->alpha);
    PUT(key, activation->beta);
    PUT(key, activation->gamma);
    PUT(key, activation->axes);
    put(key, activation->axis, activation->axes * sizeof activation->axis[0]);
}

static void put_params(struct up_plan_key *key, const struct up_param *rows, size_t axes,
                       const void *config);

static void put_initializer(struct up_plan_key *key, const struct up_initializer *init)
{
    PUT(key, init->class);
    if (init->class != NULL)
        put_params(key, init->class->params, 0, init);
}

/* `axes`: how many the layer has; what INTS and PAIRS hold of others says nothing. */
static void put_param(struct up_plan_key *key, const struct up_param *row, size_t axes,
                      const void *value)
{
    switch (row->type) {
    case UP_PARAM_INT:
        if ((row->flags & UP_PARAM_NULLABLE) != 0)
            put_seed(key, value);
        else
            put(key, value, sizeof(int64_t));
        break;
    case UP_PARAM_FLOAT:
        put(key, value, sizeof(double));
        break;
    case UP_PARAM_BOOL:
        put(key, value, sizeof(bool));
        break;
    case UP_PARAM_CHOICE:
        put(key, value, sizeof(uint32_t));
        break;
    case UP_PARAM_INTS:
        put(key, &((const struct up_ints *)value)->set, sizeof(bool));
        put(key, ((const struct up_ints *)value)->v, axes * sizeof(int64_t));
        break;
    case UP_PARAM_LIST:
        put_list(key, value);
        break;
    case UP_PARAM_PAIRS:
        put(key, ((const struct up_pairs *)value)->v, axes * 2 * sizeof(int64_t));
        break;
    case UP_PARAM_ACTIVATION:
        put_activation(key, value);
        break;
    case UP_PARAM_INITIALIZER:
        put_initializer(key, value);
        break;
    case UP_PARAM_TENSOR:
        put_tensor(key, value);
        break;
    case UP_PARAM_TEXT:
        put_text(key, *(const char *const *)value);
        break;
    case UP_PARAM_SHAPE:
    case UP_PARAM_IGNORED:
        break;
    }
}

static void put_params(struct up_plan_key *key, const struct up_param *rows, size_t axes,
                       const void *config)
{
    for (const struct up_param *row = rows; row->name != NULL; row++)
        put_param(key, row, axes, (const char *)config + row->offset);
}

static bool draws_fresh(const struct up_layer *layer)
{
    for (const struct up_param *row = layer->ops->params; row->name != NULL; row++) {
        const struct up_initializer *init =
            (const void *)((const char *)layer->config + row->offset);
        if (row->type == UP_PARAM_INITIALIZER && init->class != NULL && init->class->random &&
            !init->seed.set)
            return layer->weights == NULL;
    }
    return false;
}

static void put_layer(struct up_plan_key *key, const struct up_layer *layer)
{
    const bool given = layer->weights != NULL;
    const size_t spatial = layer->ops->spatial;
    PUT(key, layer->ops);
    put_params(key, layer->ops->params, spatial == 0 ? UP_SPATIAL_MAX : spatial, layer->config);
    PUT(key, layer->expected.rank);
    put(key, layer->expected.dim, layer->expected.rank * sizeof layer->expected.dim[0]);
    PUT(key, given);
    PUT(key, layer->weight_count);
    for (uint32_t i = 0; given && i < layer->weight_count; i++)
        put_tensor(key, &layer->weights[i]);
    key->fresh = key->fresh || draws_fresh(layer);
}

static void put_plan(struct up_plan_key *key, const struct up_graph *graph,
                     const struct up_plan_options *options)
{
    PUT(key, options->kernels);
    PUT(key, options->output_bytes_max);
    put_text(key, options->algorithm);
    PUT(key, options->no_fusion);
    PUT(key, options->stream_bytes);
    PUT(key, graph->input_count);
    for (uint32_t i = 0; i < graph->input_count; i++)
        put_shape(key, &graph->inputs[i]);
    PUT(key, graph->layer_count);
    for (uint32_t i = 0; i < graph->layer_count; i++)
        put_layer(key, &graph->layers[i]);
    PUT(key, graph->node_count);
    for (uint32_t i = 0; i < graph->node_count; i++) {
        PUT(key, graph->nodes[i].layer);
        PUT(key, graph->nodes[i].in_count);
        put(key, graph->nodes[i].in, graph->nodes[i].in_count * sizeof graph->nodes[i].in[0]);
    }
    PUT(key, graph->output_count);
    put(key, graph->outputs, graph->output_count * sizeof graph->outputs[0]);
}

enum up_code up_plan_key_make(const struct up_graph *graph, const struct up_plan_options *options,
                              struct up_arena *arena, struct up_plan_key *ret, struct up_error *err)
{
    struct up_plan_key size = {.form = NULL}, key = {.form = NULL};
    put_plan(&size, graph, options);
    key.form = up_arena_alloc(arena, size.form_bytes, 1, err);
    key.contents = up_arena_alloc(arena, size.contents_count, sizeof *key.contents, err);
    if (key.form == NULL || key.contents == NULL)
        return err->code;
    put_plan(&key, graph, options);
    *ret = key;
    return UP_OK;
}

uint64_t up_plan_key_hash(const struct up_plan_key *key, const struct up_hash_key *secret)
{
    uint64_t hash = up_hash(secret, 0, key->form, key->form_bytes);
    for (size_t i = 0; i < key->contents_count; i++)
        hash = up_hash(secret, hash, key->contents[i].data, key->contents[i].bytes);
    return hash;
}

bool up_plan_key_same_form(const struct up_plan_key *a, const struct up_plan_key *b)
{
    return a->form_bytes == b->form_bytes && memcmp(a->form, b->form, a->form_bytes) == 0;
}

bool up_plan_key_same_contents(const struct up_plan_key *a, const struct up_plan_key *b)
{
    UP_ASSERT(a->contents_count == b->contents_count);
    for (size_t i = 0; i < a->contents_count; i++)
        if (memcmp(a->contents[i].data, b->contents[i].data, a->contents[i].bytes) != 0)
            return false;
    return true;
}
