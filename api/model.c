/* DESIGN
 * A model is a list of members: layers, and models again. Reading goes in two steps. First every
 * member is read once, depth first, which gives the layers in the order of get_weights(). Then the
 * calls are made: a call of a layer is a node of the graph, a call of a nested model is the calls
 * inside it with its own inputs; a member that is called twice is one layer with two nodes. A
 * Sequential is a model whose members are called one after the other.
 *
 * Files list the members in any order, so calls are made in rounds until none is left. Older files
 * count the construction of a nested model as its first call: where a reference goes past the last
 * call, all references to that member are one too high. */
#include "api/model.h"

#include <string.h>

#include "api/spec.h"
#include "api/weights.h"
#include "core/limits.h"

enum { NESTED_MAX = 16, NODES_MAX = UP_LAYERS_MAX };

struct member;

/* One call of a member: the tensors that it takes, as (member, call, output) of the same model. */
struct call {
    struct reference {
        const char *name;
        size_t call, output;
    } * in;
    uint32_t in_count;
    uint32_t *out; /* values, once made; NULL before */
};

struct model {
    struct member *member;
    size_t member_count;
    bool sequential;
    struct reference *input, *output; /* of a Functional model */
    size_t input_count, output_count;
};

struct member {
    const char *name;
    bool input;          /* an InputLayer: calling it is what the model's caller does */
    struct model *model; /* NULL: a layer */
    uint32_t layer;      /* its number */
    struct call *call;
    size_t call_count, shift; /* shift: what references to it are too high by */
};

struct builder {
    struct api_reader *reader;
    const char *at; /* the model's place */
    struct up_layer *layer;
    const char **layer_name;
    uint32_t layer_count;
    struct up_node *node;
    uint32_t node_count;
    uint32_t input_count; /* of the graph: the first values */
};

static void *take(struct builder *b, size_t count, size_t size)
{
    return up_arena_zalloc(b->reader->arena, count, size, b->reader->err);
}

static const char *copied(struct builder *b, const json_t *text)
{
    const char *s = json_string_value(text);
    return up_arena_copy(b->reader->arena, b->reader->err, s == NULL ? "" : s);
}

/* --- References ----------------------------------------------------------------------------- */

static bool is_tensor(const json_t *value)
{
    const json_t *name = json_object_get(value, "class_name");
    return json_is_string(name) && strcmp(json_string_value(name), "__keras_tensor__") == 0;
}

/* ["name", call, output, ...] */
static bool is_history(const json_t *value)
{
    return json_array_size(value) >= 3 && json_is_string(json_array_get(value, 0)) &&
           json_is_integer(json_array_get(value, 1)) && json_is_integer(json_array_get(value, 2));
}

/* Counts the references in a value, however deep they stand, and writes them if there is a place.
 * Numbers that stand beside tensors are constants of an operation: *ret_constant. */
static size_t references(struct builder *b, const json_t *value, struct reference *ret,
                         size_t depth, bool *ret_constant)
{
    const json_t *history = is_tensor(value)
                                ? json_object_get(json_object_get(value, "config"), "keras_history")
                            : is_history(value) ? value
                                                : NULL;
    if (history != NULL) {
        if (ret != NULL)
            *ret = (struct reference){copied(b, json_array_get(history, 0)),
                                      (size_t)json_integer_value(json_array_get(history, 1)),
                                      (size_t)json_integer_value(json_array_get(history, 2))};
        return 1;
    }
    size_t n = 0, i;
    const char *key;
    json_t *item;
    *ret_constant = *ret_constant || json_is_number(value);
    if (depth == 0)
        return 0;
    json_array_foreach(value, i, item) n +=
        references(b, item, ret == NULL ? NULL : ret + n, depth - 1, ret_constant);
    json_object_foreach((json_t *)(uintptr_t)value, key, item) n +=
        references(b, item, ret == NULL ? NULL : ret + n, depth - 1, ret_constant);
    return n;
}

enum { REFERENCE_DEPTH = 4 };

static enum up_code references_read(struct builder *b, const json_t *value, const char *at,
                                    struct reference **ret, size_t *ret_count)
{
    bool constant = false;
    const size_t n = references(b, value, NULL, REFERENCE_DEPTH, &constant);
    if (constant)
        return api_refuse(b->reader, UP_E_INVALID, at,
                          "an operation with a constant is not taken: write it as a layer");
    if (n > UP_INPUTS_MAX)
        return api_refuse(b->reader, UP_E_LIMIT, at, "%zu tensors are more than the limit of %d", n,
                          UP_INPUTS_MAX);
    struct reference *list = take(b, n, sizeof *list);
    if (list == NULL)
        return b->reader->err->code;
    (void)references(b, value, list, REFERENCE_DEPTH, &constant);
    *ret = list;
    *ret_count = n;
    return b->reader->err->code;
}

/* --- Members -------------------------------------------------------------------------------- */

static enum up_code model_read(struct builder *b, const json_t *value, const char *at, size_t depth,
                               struct model *ret);

static bool is_model(const json_t *value)
{
    static const char *const names[] = {"Sequential", "Functional", "Model", NULL};
    const json_t *name = json_object_get(value, "class_name");
    for (const char *const *n = names; json_is_string(name) && *n != NULL; n++)
        if (strcmp(json_string_value(name), *n) == 0)
            return true;
    return false;
}

static enum up_code calls_read(struct builder *b, const json_t *value, const char *at,
                               struct member *m)
{
    const json_t *nodes = json_object_get(value, "inbound_nodes");
    const char *under = api_under(b->reader, at, "inbound_nodes");
    m->call_count = json_array_size(nodes);
    m->call = take(b, m->call_count + 1, sizeof *m->call);
    if (under == NULL || m->call == NULL)
        return b->reader->err->code;
    for (size_t i = 0; i < m->call_count; i++) {
        const json_t *node = json_array_get(nodes, i);
        size_t n;
        /* Keras 3 says what stands for the positional arguments; the named ones are options. */
        const json_t *args = json_object_get(node, "args");
        if (references_read(b, args != NULL ? args : node, under, &m->call[i].in, &n) != UP_OK)
            return b->reader->err->code;
        m->call[i].in_count = (uint32_t)n;
    }
    return UP_OK;
}

static enum up_code layer_read(struct builder *b, const json_t *value, const char *at,
                               struct member *m)
{
    if (b->layer_count == UP_LAYERS_MAX)
        return api_refuse(b->reader, UP_E_LIMIT, at, "a model has at most %d layers",
                          UP_LAYERS_MAX);
    m->layer = b->layer_count++;
    b->layer_name[m->layer] = m->name;
    if (api_spec_layer(b->reader, value, at, &b->layer[m->layer]) != UP_OK)
        return b->reader->err->code;
    m->input = strcmp(b->layer[m->layer].ops->class_name, "InputLayer") == 0;
    return UP_OK;
}

static enum up_code member_read(struct builder *b, const json_t *value, const char *at,
                                size_t depth, struct member *m)
{
    const json_t *name = json_object_get(value, "name");
    m->name =
        copied(b, name != NULL ? name : json_object_get(json_object_get(value, "config"), "name"));
    if (m->name == NULL)
        return b->reader->err->code;
    if (is_model(value)) {
        m->model = take(b, 1, sizeof *m->model);
        if (m->model == NULL || model_read(b, value, at, depth + 1, m->model) != UP_OK)
            return b->reader->err->code;
    } else if (layer_read(b, value, at, m) != UP_OK) {
        return b->reader->err->code;
    }
    return calls_read(b, value, at, m);
}

static enum up_code ends_read(struct builder *b, const json_t *config, const char *at,
                              struct model *ret)
{
    const char *in = api_under(b->reader, at, "input_layers");
    const char *out = api_under(b->reader, at, "output_layers");
    if (in == NULL || out == NULL ||
        references_read(b, json_object_get(config, "input_layers"), in, &ret->input,
                        &ret->input_count) != UP_OK ||
        references_read(b, json_object_get(config, "output_layers"), out, &ret->output,
                        &ret->output_count) != UP_OK)
        return b->reader->err->code;
    if (ret->input_count == 0 || ret->output_count == 0)
        return api_refuse(b->reader, UP_E_INVALID, ret->input_count == 0 ? in : out,
                          "the model does not say what it %s",
                          ret->input_count == 0 ? "takes" : "gives");
    return UP_OK;
}

static enum up_code model_read(struct builder *b, const json_t *value, const char *at, size_t depth,
                               struct model *ret)
{
    const json_t *config = json_object_get(value, "config");
    const bool bare = json_is_array(config); /* a Sequential before Keras 2.3 */
    const json_t *list = bare ? config : json_object_get(config, "layers");
    const char *under = api_under(b->reader, at, bare ? "config" : "config/layers");
    const char *config_at = api_under(b->reader, at, "config");
    if (under == NULL || config_at == NULL)
        return b->reader->err->code;
    if (!is_model(value) || !json_is_array(list))
        return api_refuse(b->reader, UP_E_INVALID, at,
                          "a model has class_name Sequential or Functional and a list of layers");
    if (depth > NESTED_MAX)
        return api_refuse(b->reader, UP_E_LIMIT, at, "models are nested more than %d deep",
                          NESTED_MAX);
    ret->sequential =
        strcmp(json_string_value(json_object_get(value, "class_name")), "Sequential") == 0;
    ret->member_count = json_array_size(list);
    ret->member = take(b, ret->member_count, sizeof *ret->member);
    if (ret->member == NULL)
        return b->reader->err->code;
    for (size_t i = 0; i < ret->member_count; i++) {
        const char *member_at = api_under_index(b->reader, under, i);
        if (member_at == NULL ||
            member_read(b, json_array_get(list, i), member_at, depth, &ret->member[i]) != UP_OK)
            return b->reader->err->code;
    }
    return ret->sequential ? UP_OK : ends_read(b, config, config_at, ret);
}

/* --- Calls ---------------------------------------------------------------------------------- */

static enum up_code node_add(struct builder *b, uint32_t layer, const uint32_t *in,
                             uint32_t in_count, uint32_t *ret_value)
{
    if (b->node_count == NODES_MAX)
        return api_refuse(b->reader, UP_E_LIMIT, b->layer[layer].layer_at,
                          "a model makes at most %d calls", NODES_MAX);
    uint32_t *copy = take(b, in_count, sizeof *copy);
    if (copy == NULL)
        return b->reader->err->code;
    memcpy(copy, in, in_count * sizeof *copy);
    b->node[b->node_count] = (struct up_node){layer, in_count, copy};
    *ret_value = b->input_count + b->node_count++;
    return UP_OK;
}

static enum up_code model_call(struct builder *b, struct model *m, const uint32_t *in,
                               uint32_t in_count, uint32_t **ret_out);

/* One call of a member; *ret_out gets its outputs. */
static enum up_code member_call(struct builder *b, struct member *m, const uint32_t *in,
                                uint32_t in_count, uint32_t **ret_out)
{
    if (m->model != NULL)
        return model_call(b, m->model, in, in_count, ret_out);
    uint32_t *out = take(b, 1, sizeof *out);
    if (out == NULL || node_add(b, m->layer, in, in_count, out) != UP_OK)
        return b->reader->err->code;
    *ret_out = out;
    return UP_OK;
}

static enum up_code sequential_call(struct builder *b, struct model *m, const uint32_t *in,
                                    uint32_t in_count, uint32_t **ret_out)
{
    uint32_t *value = take(b, 1, sizeof *value);
    if (value == NULL)
        return b->reader->err->code;
    *value = in[0];
    for (size_t i = 0; i < m->member_count; i++)
        if (member_call(b, &m->member[i], value, i == 0 ? in_count : 1, &value) != UP_OK)
            return b->reader->err->code;
    *ret_out = value;
    return UP_OK;
}

static struct member *member_find(const struct model *m, const char *name)
{
    for (size_t i = 0; i < m->member_count; i++)
        if (strcmp(m->member[i].name, name) == 0)
            return &m->member[i];
    return NULL;
}

static size_t output_count(const struct member *m)
{
    return m->model == NULL || m->model->sequential ? 1 : m->model->output_count;
}

/* The value of a reference; false when its call is not made yet, or does not exist. */
static bool value_of(const struct model *m, const struct reference *r, uint32_t *ret)
{
    const struct member *from = member_find(m, r->name);
    if (from == NULL || r->call < from->shift || r->call - from->shift >= from->call_count ||
        r->output >= output_count(from))
        return false;
    const uint32_t *out = from->call[r->call - from->shift].out;
    if (out == NULL)
        return false;
    *ret = out[r->output];
    return true;
}

static void shift_see(const struct model *m, const struct reference *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct member *to = member_find(m, list[i].name);
        if (to != NULL && to->model != NULL && list[i].call == to->call_count)
            to->shift = 1;
    }
}

static void shifts_find(const struct model *m)
{
    shift_see(m, m->output, m->output_count);
    for (size_t i = 0; i < m->member_count; i++)
        for (size_t c = 0; c < m->member[i].call_count; c++)
            shift_see(m, m->member[i].call[c].in, m->member[i].call[c].in_count);
}

/* Makes every call whose inputs are there; *ret_made counts them. */
static enum up_code round_make(struct builder *b, const struct model *m, size_t *ret_made)
{
    for (size_t i = 0; i < m->member_count; i++)
        for (size_t c = 0; c < m->member[i].call_count; c++) {
            struct call *call = &m->member[i].call[c];
            uint32_t in[UP_INPUTS_MAX];
            bool ready = call->out == NULL;
            for (uint32_t k = 0; ready && k < call->in_count; k++)
                ready = value_of(m, &call->in[k], &in[k]);
            if (!ready)
                continue;
            if (member_call(b, &m->member[i], in, call->in_count, &call->out) != UP_OK)
                return b->reader->err->code;
            ++*ret_made;
        }
    return UP_OK;
}

/* A model that is called again makes its calls anew. The inputs are called by the caller. */
static enum up_code inputs_bind(struct builder *b, struct model *m, const uint32_t *in,
                                uint32_t in_count)
{
    for (size_t i = 0; i < m->member_count; i++)
        for (size_t c = 0; c < m->member[i].call_count; c++)
            m->member[i].call[c].out = NULL;
    for (size_t i = 0; i < m->input_count; i++) {
        struct member *to = member_find(m, m->input[i].name);
        if (to == NULL || to->model != NULL || in_count != m->input_count)
            return api_refuse(b->reader, UP_E_INVALID, b->at,
                              "the model takes %zu inputs, %u are given; input \"%.60s\" is %s",
                              m->input_count, in_count, m->input[i].name,
                              to == NULL ? "none of its layers" : "one");
        to->call_count = 1; /* calls_read leaves room for it */
        if (member_call(b, to, &in[i], 1, &to->call[0].out) != UP_OK)
            return b->reader->err->code;
    }
    return UP_OK;
}

static enum up_code model_call(struct builder *b, struct model *m, const uint32_t *in,
                               uint32_t in_count, uint32_t **ret_out)
{
    if (m->sequential)
        return sequential_call(b, m, in, in_count, ret_out);
    if (inputs_bind(b, m, in, in_count) != UP_OK)
        return b->reader->err->code;
    shifts_find(m);
    for (size_t made = 1; made > 0;) {
        made = 0;
        if (round_make(b, m, &made) != UP_OK)
            return b->reader->err->code;
    }
    uint32_t *out = take(b, m->output_count, sizeof *out);
    if (out == NULL)
        return b->reader->err->code;
    for (size_t i = 0; i < m->output_count; i++)
        if (!value_of(m, &m->output[i], &out[i]))
            return api_refuse(b->reader, UP_E_INVALID, b->at,
                              "output \"%.60s\" of the model is never computed", m->output[i].name);
    *ret_out = out;
    return UP_OK;
}

/* --- Nets ----------------------------------------------------------------------------------- */

static enum up_code builder_make(struct api_reader *reader, const char *at, struct builder *ret)
{
    *ret = (struct builder){.reader = reader, .at = api_under(reader, at, "model")};
    ret->layer = take(ret, UP_LAYERS_MAX, sizeof *ret->layer);
    ret->layer_name = take(ret, UP_LAYERS_MAX, sizeof *ret->layer_name);
    ret->node = take(ret, NODES_MAX, sizeof *ret->node);
    return reader->err->code;
}

/* The layer's name; a layer that gives several outputs numbers the later ones, as Keras does. */
static const char *output_name(struct builder *b, const struct model *m, uint32_t output)
{
    if (m->sequential)
        return "output";
    size_t before = 0;
    for (uint32_t i = 0; i < output; i++)
        before += strcmp(m->output[i].name, m->output[output].name) == 0;
    return before == 0 ? m->output[output].name
                       : up_arena_printf(b->reader->arena, b->reader->err, "%s_%zu",
                                         m->output[output].name, before);
}

static enum up_code net_make(struct builder *b, struct model *m, struct api_net *ret)
{
    uint32_t in[UP_INPUTS_MAX], *out = NULL;
    b->input_count = m->sequential ? 1 : (uint32_t)m->input_count;
    for (uint32_t i = 0; i < b->input_count; i++)
        in[i] = i;
    if (model_call(b, m, in, b->input_count, &out) != UP_OK)
        return b->reader->err->code;
    const uint32_t outputs = m->sequential ? 1 : (uint32_t)m->output_count;
    *ret = (struct api_net){.graph = {.input_count = b->input_count,
                                      .layers = b->layer,
                                      .layer_count = b->layer_count,
                                      .nodes = b->node,
                                      .node_count = b->node_count,
                                      .outputs = out,
                                      .output_count = outputs}};
    for (uint32_t i = 0; i < outputs; i++)
        if ((ret->output_name[i] = output_name(b, m, i)) == NULL)
            return b->reader->err->code;
    for (uint32_t i = 0; i < b->input_count; i++) {
        const struct member *from = m->sequential ? m->member : member_find(m, m->input[i].name);
        if (m->sequential && m->member_count == 0)
            continue;
        ret->input_name[i] = m->sequential ? NULL : from->name;
        ret->input_layer[i] = from->input ? &b->layer[from->layer] : NULL;
    }
    return UP_OK;
}

static enum up_code model_make(struct builder *b, const json_t *value, const json_t *owner,
                               const char *at, struct api_net *ret)
{
    struct model model = {.member = NULL};
    const char *weights_at = api_under(b->reader, at, "weights");
    if (weights_at == NULL || model_read(b, value, b->at, 0, &model) != UP_OK ||
        api_weights_read(b->reader, json_object_get(owner, "weights"), weights_at, b->layer,
                         b->layer_name, b->layer_count) != UP_OK)
        return b->reader->err->code;
    return net_make(b, &model, ret);
}

enum up_code api_net_model(struct api_reader *reader, const json_t *owner, const char *at,
                           struct api_net *ret)
{
    struct builder b;
    const json_t *value = json_object_get(owner, "model");
    if (builder_make(reader, at, &b) != UP_OK)
        return reader->err->code;
    if (!json_is_string(value))
        return model_make(&b, value, owner, at, ret);
    json_auto_t *model =
        api_read_json(reader, json_string_value(value), json_string_length(value), true);
    if (model == NULL) {
        up_error_under(reader->err, b.at);
        return reader->err->code;
    }
    return model_make(&b, model, owner, at, ret);
}

enum up_code api_net_chain(struct api_reader *reader, struct up_layer *layers, uint32_t count,
                           struct api_net *ret)
{
    struct up_node *node = up_arena_alloc(reader->arena, count, sizeof *node, reader->err);
    uint32_t *id = up_arena_alloc(reader->arena, (size_t)count + 1, sizeof *id, reader->err);
    if (node == NULL || id == NULL)
        return reader->err->code;
    for (uint32_t i = 0; i <= count; i++)
        id[i] = i;
    for (uint32_t i = 0; i < count; i++)
        node[i] = (struct up_node){.layer = i, .in_count = 1, .in = &id[i]};
    *ret = (struct api_net){.output_name = {"output"},
                            .graph = {.input_count = 1,
                                      .layers = layers,
                                      .layer_count = count,
                                      .nodes = node,
                                      .node_count = count,
                                      .outputs = &id[count],
                                      .output_count = 1}};
    return UP_OK;
}
