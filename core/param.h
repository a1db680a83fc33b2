/* Parameters: how a layer or an initializer describes its configuration.
 *
 * A descriptor row says everything about one parameter: its Keras name, type, place in the
 * configuration struct, bounds, default, choices and meaning. Parsing, error texts, the catalogue,
 * the page's forms, the OpenAPI schema and the property tests all read these rows; none of them
 * knows a layer by name. */
#ifndef UP_PARAM_H
#define UP_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

enum up_param_type {
    UP_PARAM_INT,    /* int64_t; struct up_seed (core/initializers.h) when it is nullable */
    UP_PARAM_FLOAT,  /* double */
    UP_PARAM_BOOL,   /* bool */
    UP_PARAM_CHOICE, /* uint32_t, index into choices; text is lower-cased first, as Keras does */
    UP_PARAM_INTS,   /* struct up_ints: one integer for all spatial axes, or one for each */
    UP_PARAM_LIST,   /* struct up_list: an integer or a list of any length: axes, a shape */
    UP_PARAM_PAIRS,  /* struct up_pairs: one integer, or an integer or a pair for each spatial axis;
                        with one spatial axis an integer or one pair */
    UP_PARAM_ACTIVATION,  /* struct up_activation */
    UP_PARAM_INITIALIZER, /* struct up_initializer */
    UP_PARAM_TENSOR,      /* struct up_tensor: a number or nested arrays */
    UP_PARAM_TEXT,        /* const char *, borrowed; NULL by default */
    UP_PARAM_SHAPE,   /* checked against the input, stored nowhere: input_shape, batch_shape, ... */
    UP_PARAM_IGNORED, /* Keras writes it, inference does not need it: regularizers, name, ... */
};

enum up_param_flags {
    UP_PARAM_REQUIRED = 1,   /* no default */
    UP_PARAM_NULLABLE = 2,   /* null is allowed: `set == false` in INT, INTS and LIST, a zero in
                                ACTIVATION, INITIALIZER and TENSOR, in the others the same as the
                                default */
    UP_PARAM_NULL_ITEMS = 4, /* null may stand in a LIST for -1, whatever the bounds are */
};

/* Integers along the spatial axes. */
struct up_ints {
    bool set; /* false: null was given (only where the parameter is nullable) */
    int64_t v[3];
};

/* Integers in a list of their own length. */
struct up_list {
    bool set;    /* false: null was given (only where the parameter is nullable) */
    bool scalar; /* a bare integer was given; count is 1 */
    uint32_t count;
    int64_t v[UP_RANK_MAX];
};

/* Before and after, along the spatial axes. */
struct up_pairs {
    int64_t v[3][2];
};

struct up_param {
    const char *name;
    enum up_param_type type;
    unsigned flags;
    size_t offset;             /* of the value in the configuration struct */
    double min, max;           /* inclusive; of the integers and FLOAT; both 0: no bound */
    double fallback;           /* default of the integers, FLOAT, BOOL; index for CHOICE */
    const char *fallback_text; /* default of ACTIVATION and INITIALIZER: a class or function name */
    const char *const *choices; /* NULL-terminated; of CHOICE */
    const char *meaning;        /* one line for people */
};

/* A list of rows ends with a row without a name. */
#define UP_PARAM_END                                                                               \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* Writes every default into `config`; required parameters become zero, nullable INT, INTS and
 * LIST not set. INTS and PAIRS get their default for all three axes. */
void up_params_default(const struct up_param *params, void *config);

/* NULL when no row has the name. */
const struct up_param *up_param_find(const struct up_param *params, const char *name);

/* "same" of {"valid", "same"}: its index, or -1. */
int up_choice_find(const char *const *choices, const char *text);

/* Levenshtein distance for "did you mean": the candidate nearest to `text`, case-insensitive, or
 * NULL when none is near (more than a third of the text differs). Start with {.text = ...}, offer
 * candidates one by one; the first of equally near ones wins. Candidates are not copied. */
struct up_nearest {
    const char *text;
    const char *best;
    size_t distance;
};
void up_nearest_offer(struct up_nearest *nearest, const char *candidate);
const char *up_nearest_best(const struct up_nearest *nearest);

/* What a refusal ends with: `; did you mean "same"?`, or nothing where none is near. Returns text.
 */
enum { UP_HINT_BYTES = 96 };
const char *up_nearest_hint(const struct up_nearest *nearest, char text[UP_HINT_BYTES]);

#endif
