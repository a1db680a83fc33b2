/* The service asked in process, as the server asks it: a JSON document in, an answer out. */
#ifndef GOLDEN_ASK_H
#define GOLDEN_ASK_H

#include <jansson.h>

#include "api/api.h"

enum { GOLDEN_VALUES_MAX = 16384, GOLDEN_KERNELS_MAX = 8 };

struct golden_question {
    const struct up_kernels *kernels;
    const char *path;      /* of a POST */
    struct api_pair query; /* one parameter; a NULL name: none */
};

/* The answer's document, to json_decref; every number in it is a real, so that -0 keeps its sign.
 */
json_t *golden_ask(const struct golden_question *question, const json_t *body,
                   unsigned *ret_status);

/* The values of nested arrays that must have exactly this shape (null is NaN); returns how many, at
 * most GOLDEN_VALUES_MAX. */
size_t golden_values(const json_t *nested, const json_t *shape, double *ret);

/* A whole file; the test ends when it cannot be read. */
json_t *golden_load(const char *path);

#endif
