/* The handlers behind the table of routes, one file each. */
#ifndef API_ENDPOINTS_H
#define API_ENDPOINTS_H

#include "api/api.h"
#include "api/request.h"

#define API_HANDLER(name)                                                                          \
    enum up_code name(const struct api_context *context, const struct api_request *request,        \
                      struct api_response *response, struct up_error *err)

API_HANDLER(api_infer);         /* POST /upsample */
API_HANDLER(api_plan);          /* POST /plan */
API_HANDLER(api_compare);       /* POST /compare */
API_HANDLER(api_catalogue);     /* GET /layers */
API_HANDLER(api_catalogue_one); /* GET /layers/{class_name} */
API_HANDLER(api_openapi);       /* GET /openapi.json */
API_HANDLER(api_healthz);
API_HANDLER(api_readyz);
API_HANDLER(api_metrics);
API_HANDLER(api_limits);
API_HANDLER(api_version);

struct api_buffer;

/* Ends a phase that began at `since`; returns now, when the next begins. */
uint64_t api_phase_end(struct api_response *response, enum api_phase phase, uint64_t since);

/* The buffer as the response's JSON body. */
enum up_code api_respond_json(const struct api_buffer *buffer, struct api_response *response);

/* ,"warnings":[...] as a list of {"code", "pointer", "detail"}. */
void api_write_warnings(struct api_buffer *out, const struct api_warning *warnings);

/* [1,8,8,1] */
void api_write_shape(struct api_buffer *out, const struct up_shape *shape);

#endif
