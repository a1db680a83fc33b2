/* What a request asks of its answer, and the answer's body. */
#ifndef API_OUTPUT_H
#define API_OUTPUT_H

#include "api/api.h"
#include "api/figure/figure.h"
#include "api/reader.h"
#include "core/plan/plan.h"

enum api_format { API_JSON, API_PNG, API_NPY, API_RAW, API_FORMAT_COUNT };
enum api_render { API_RENDER_FIGURE, API_RENDER_IMAGE };

/* The members of "output", and the query parameters of the same names. */
struct api_output {
    uint32_t format, render; /* enum api_format, enum api_render */
    uint32_t on_error;       /* read from the query by api_problem, since it must not fail itself */
    bool flat, bare, share_scale, grid, ticks, colorbar;
    bool grid_set, ticks_set, colorbar_set; /* else chosen */
    uint32_t reduction;                     /* enum api_reduction */
    int64_t bits, cell, max_pixels;
    const char *cmap, *title;
    double vmin, vmax; /* NaN: the values' own */
};
extern const struct up_param api_output_params[];

/* Reads "output"; `object` may be NULL. The format stays what `fallback` says when none is given.
 */
enum up_code api_output_read(struct api_reader *reader, const json_t *object,
                             enum api_format fallback, struct api_output *ret) UP_CHECKED;

/* The form that the Accept header prefers (q-values count; a missing header, and what accepts all
 * alike, is `natural`); false when it takes none of ours. */
bool api_accept_choose(const char *accept, enum api_format natural, enum api_format *ret);

const char *api_format_type(enum api_format format); /* "application/json" */

/* A result with what is known of its axes. */
struct api_result {
    struct up_tensor tensor;
    uint32_t spatial;     /* 0: not known */
    bool batch, channels; /* whether the axes are there, when spatial is known */
    bool channels_first;
    const char *const *names; /* of each of the batch, for a figure; NULL: none */
};

/* The body as NPY, as bare float32 values (little-endian, in C order), or as PNG, with its headers.
 */
enum up_code api_output_npy(const struct api_result *result, struct up_arena *arena,
                            struct api_response *response, struct up_error *err) UP_CHECKED;
void api_output_raw(const struct api_result *result, struct api_response *response);
enum up_code api_output_png(const struct api_result *result, const struct api_output *output,
                            struct up_arena *arena, struct api_response *response,
                            struct up_error *err) UP_CHECKED;

#endif
