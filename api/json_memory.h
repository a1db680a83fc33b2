/* jansson's memory, and reading with it that survives want of it.
 *
 * Where jansson 2.14 has no memory for a character of a string it goes on without: the text that it
 * returns is another, and without its closing quote it reads on past its end. */
#ifndef API_JSON_MEMORY_H
#define API_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

/* Takes jansson's memory from these functions: malloc and free, or a test's. Once, before any
 * thread uses jansson; without it api_json_load is json_loadb. */
void api_json_memory_from(void *(*take)(size_t bytes), void (*give)(void *memory));

/* json_loadb; NULL and *ret_no_memory as soon as memory is refused, when all that it took is given
 * back. The value stays in this thread. */
json_t *api_json_load(const char *text, size_t bytes, size_t flags, json_error_t *error,
                      bool *ret_no_memory);

#endif
