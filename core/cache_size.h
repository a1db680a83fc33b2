/* The caches of the machine. */
#ifndef UP_CACHE_SIZE_H
#define UP_CACHE_SIZE_H

#include <stddef.h>

/* Bytes of the last-level cache that the first processor has a share of, as the system tells; 0: it
 * does not. Asked once; any thread. */
size_t up_cache_bytes(void);

#endif
