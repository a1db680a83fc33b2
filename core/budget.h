/* The memory that all requests share: how much of it they may hold together, and the large blocks
 * that one request gave up and the next one takes.
 *
 * A fresh large block costs as much time as the numbers that are written into it, for the system
 * must clear it first. So blocks wait for a while on a shelf, still charged to the budget, and give
 * way when it is short. Every function is safe from any thread unless it says otherwise. */
#ifndef UP_BUDGET_H
#define UP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct up_shelf;

/* Zero-initialise what is not said. */
struct up_budget {
    _Atomic size_t used;
    size_t limit_bytes;
    struct up_shelf *shelf; /* NULL: blocks are freed at once */
    /* Who else keeps memory of the budget that could do without, NULL: nobody. Asked when `bytes`
     * are short and the shelf is empty; false when nothing could be given back. Set while no
     * request runs. */
    bool (*reclaim)(void *keeper, size_t bytes);
    void *keeper;
};

/* Gives the budget a shelf of so many bytes, and takes it away; while no request runs. Without
 * memory for a shelf there is none. */
void up_budget_shelf_new(struct up_budget *budget, size_t limit_bytes);
void up_budget_shelf_free(struct up_budget *budget);

/* A block of at least `bytes` and at most `bytes_max`, charged with *ret_bytes; before them it has
 * UP_ALIGN_BYTES for its owner. Not initialised. NULL when the budget or the process is out of
 * memory. `budget` may be NULL: there is no bound and no shelf. */
void *up_budget_block_take(struct up_budget *budget, size_t bytes, size_t bytes_max,
                           size_t *ret_bytes) UP_CHECKED;

/* Gives the block back; `bytes` are those that it was charged with. */
void up_budget_block_give(struct up_budget *budget, void *block, size_t bytes);

/* Frees the blocks that have been on the shelf since before a point in time (core/deadline.h). */
void up_budget_shelf_clear(struct up_budget *budget, uint64_t before_ns);

#endif
