/* A request's memory: bump allocation from a few blocks, freed as a whole.
 *
 * Every allocation is UP_ALIGN_BYTES aligned. An arena has a limit of its own and may draw on a
 * budget that many arenas share. One arena belongs to one thread at a time; the budget is safe to
 * share. Under AddressSanitizer what is not handed out is poisoned. */
#ifndef UP_ARENA_H
#define UP_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/budget.h"
#include "core/error.h"

struct up_arena;

/* NULL when the process has no memory. `budget` may be NULL and must outlive the arena. */
struct up_arena *up_arena_new(size_t limit_bytes, struct up_budget *budget);
void up_arena_free(struct up_arena *arena); /* NULL is allowed */

/* Ends the life of all allocations; keeps up to `keep_bytes` of blocks for the next request. */
void up_arena_reset(struct up_arena *arena, size_t keep_bytes);

/* `count` elements of `size` bytes, not initialised (zalloc: zeroed). NULL and an error: UP_E_LIMIT
 * past the arena's limit or when count * size overflows, UP_E_BUSY past the budget. */
void *up_arena_alloc(struct up_arena *arena, size_t count, size_t size,
                     struct up_error *err) UP_CHECKED;
void *up_arena_zalloc(struct up_arena *arena, size_t count, size_t size,
                      struct up_error *err) UP_CHECKED;

/* Makes an allocation larger, in place where it is the newest and its block has room; else it is
 * copied. `old` may be NULL with old_bytes 0. */
void *up_arena_grow(struct up_arena *arena, void *old, size_t old_bytes, size_t new_bytes,
                    struct up_error *err) UP_CHECKED;

/* The texts one after the other; NULL and an error as above. `texts` ends with a NULL. */
char *up_arena_join(struct up_arena *arena, struct up_error *err,
                    const char *const *texts) UP_CHECKED;
char *up_arena_copy(struct up_arena *arena, struct up_error *err, const char *text) UP_CHECKED;

/* A printf into the arena; NULL and an error as above. */
char *up_arena_printf(struct up_arena *arena, struct up_error *err, const char *format, ...)
    UP_PRINTF(3, 4) UP_CHECKED;

/* Bytes of the blocks held now. */
size_t up_arena_bytes(const struct up_arena *arena);

/* For tests of failure paths: allocation number `nth` from now (0 is the next) fails with
 * UP_E_BUSY, once. */
void up_arena_fail_at(struct up_arena *arena, size_t nth);

/* *ret = a * b; false when that overflows. */
bool up_size_mul(size_t a, size_t b, size_t *ret);

#endif
