/* Several nets on one input, and what was measured of each. */
#ifndef API_COMPARISON_H
#define API_COMPARISON_H

#include "api/request.h"
#include "api/traits.h"

struct api_candidate {
    struct api_job job;
    const struct up_plan *plan;
    struct api_result result;
    const char *name;
    double parameters, macs, compute_ms;
    double checkerboard, overshoot, gradient; /* NaN: there is none (api/traits.h) */
    bool comparable;                          /* its output has the axes of the reference's */
    struct api_difference difference;         /* from the reference's output */
};

enum api_view { API_VIEW_OUTPUTS, API_VIEW_DIFFERENCES };

struct api_comparison {
    struct api_job shared; /* what all candidates' jobs are copies of */
    struct api_candidate *candidate;
    size_t count;
    const struct api_candidate *reference; /* one of them */
    enum api_view view;                    /* what a picture shows */
};

/* What the figures say, as sentences in the arena. (api/verdict.c) */
enum up_code api_verdict(const struct api_comparison *comparison, const char **ret) UP_CHECKED;

/* The response, in the form that the request chose. (api/comparison.c) */
enum up_code api_comparison_answer(struct api_comparison *comparison,
                                   struct api_response *response) UP_CHECKED;

#endif
