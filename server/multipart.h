/* multipart/form-data (RFC 7578), split in place. Pure functions, any thread. */
#ifndef SRV_MULTIPART_H
#define SRV_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"

enum { SRV_PARTS_MAX = 1024, SRV_PART_HEADERS_BYTES_MAX = 8192 };

/* Whether the Content-Type (NULL is allowed) says so. */
bool srv_multipart_is(const char *content_type);

struct srv_parts {
    struct api_part *part;
    size_t count;
};

/* Splits a body. The parts' data lie in the body, everything else in the arena. UP_E_SYNTAX for a
 * body that does not hold what the type promises or is cut off, UP_E_LIMIT for too many parts. */
enum up_code srv_multipart_split(const char *content_type, const void *body, size_t bytes,
                                 struct up_arena *arena, struct srv_parts *ret,
                                 struct up_error *err) UP_CHECKED;

#endif
