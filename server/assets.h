/* The files that are part of the program. */
#ifndef SRV_ASSETS_H
#define SRV_ASSETS_H

#include "api/api.h"

/* A list that ends with a row without a path; made by the first call, which must come before the
 * first thread. */
const struct api_asset *srv_assets(void);

#endif
