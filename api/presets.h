/* Comparisons that have a name: what a request that names one leaves out, it has from there. */
#ifndef API_PRESETS_H
#define API_PRESETS_H

#include "api/request.h"

struct api_preset {
    const char *name, *meaning;
    const char *candidates; /* JSON: {"candidates": [...]} */
};

/* The table, ended by a row without a name. */
extern const struct api_preset api_presets[];

/* Fills the gaps of the job's document by its member "preset", if it has one: the candidates, and
 * as the input an image of 8 x 8 with a bright square. A document that may have candidates, and has
 * neither, is refused. */
enum up_code api_job_preset(struct api_job *job) UP_CHECKED;

#endif
