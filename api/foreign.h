/* Formats that are not taken, but sent. */
#ifndef API_FOREIGN_H
#define API_FOREIGN_H

#include <stddef.h>

/* "a JPEG": what the data is by its first bytes, to stand behind "is"; NULL where they do not say.
 * No JSON begins like one of these. */
const char *api_foreign_format(const void *data, size_t bytes);

#endif
