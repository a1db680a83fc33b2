#define _DEFAULT_SOURCE /* of madvise() */
#include "core/budget.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/deadline.h"
#include "core/limits.h"

enum {
    HUGE_BYTES = 2 * 1024 * 1024, /* a huge page */
    SHELF_BYTES_MIN = 64 * 1024,  /* what malloc keeps at hand itself needs no place */
    SHELF_BLOCKS_MAX = 256,       /* they are looked through one by one */
    SPARE_PART = 4,               /* a block may be larger than what is wanted by this part */
};

/* A block on the shelf; it lies in the block itself. */
struct shelved {
    struct shelved *next;
    size_t bytes;
    uint64_t since_ns;
};

static_assert(sizeof(struct shelved) <= UP_ALIGN_BYTES, "it lies in the owner's part of a block");

struct up_shelf {
    pthread_mutex_t lock;
    struct shelved *blocks; /* newest first */
    size_t count, bytes, limit_bytes;
};

/* --- The shelf ------------------------------------------------------------------------------ */

void up_budget_shelf_new(struct up_budget *budget, size_t limit_bytes)
{
    struct up_shelf *shelf = calloc(1, sizeof *shelf);
    if (shelf == NULL)
        return;
    pthread_mutex_init(&shelf->lock, NULL);
    shelf->limit_bytes = limit_bytes;
    budget->shelf = shelf;
}

void up_budget_shelf_free(struct up_budget *budget)
{
    struct up_shelf *shelf = budget->shelf;
    if (shelf == NULL)
        return;
    up_budget_shelf_clear(budget, UINT64_MAX);
    budget->shelf = NULL;
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

void up_budget_shelf_clear(struct up_budget *budget, uint64_t before_ns)
{
    struct up_shelf *shelf = budget->shelf;
    if (shelf == NULL)
        return;
    pthread_mutex_lock(&shelf->lock);
    struct shelved **at = &shelf->blocks;
    while (*at != NULL && (*at)->since_ns >= before_ns)
        at = &(*at)->next;
    struct shelved *old = *at; /* and all after it: they are older */
    *at = NULL;
    for (const struct shelved *b = old; b != NULL; b = b->next) {
        shelf->bytes -= b->bytes;
        shelf->count--;
    }
    pthread_mutex_unlock(&shelf->lock);
    while (old != NULL) {
        struct shelved *next = old->next;
        atomic_fetch_sub_explicit(&budget->used, old->bytes, memory_order_relaxed);
        free(old);
        old = next;
    }
}

/* The smallest block that does, still charged; NULL: none. */
static void *shelf_take(struct up_shelf *shelf, size_t bytes, size_t bytes_max, size_t *ret_bytes)
{
    struct shelved **best = NULL;
    pthread_mutex_lock(&shelf->lock);
    for (struct shelved **at = &shelf->blocks; *at != NULL; at = &(*at)->next)
        if ((*at)->bytes >= bytes && (*at)->bytes <= bytes_max &&
            (best == NULL || (*at)->bytes < (*best)->bytes))
            best = at;
    struct shelved *taken = best == NULL ? NULL : *best;
    if (taken != NULL) {
        *best = taken->next;
        shelf->bytes -= taken->bytes;
        shelf->count--;
        *ret_bytes = taken->bytes;
    }
    pthread_mutex_unlock(&shelf->lock);
    return taken;
}

static bool shelf_put(struct up_shelf *shelf, void *block, size_t bytes)
{
    struct shelved *b = block;
    pthread_mutex_lock(&shelf->lock);
    const bool room = bytes <= shelf->limit_bytes - shelf->bytes && shelf->count < SHELF_BLOCKS_MAX;
    if (room) {
        *b = (struct shelved){shelf->blocks, bytes, up_now_ns()};
        shelf->blocks = b;
        shelf->bytes += bytes;
        shelf->count++;
    }
    pthread_mutex_unlock(&shelf->lock);
    return room;
}

/* --- The budget ----------------------------------------------------------------------------- */

/* How many bytes are short; 0 when they have been charged. */
static size_t charge(struct up_budget *budget, size_t bytes)
{
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        const size_t room = used < budget->limit_bytes ? budget->limit_bytes - used : 0;
        if (bytes > room)
            return bytes - room;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}

static bool charge_or_reclaim(struct up_budget *budget, size_t bytes)
{
    size_t missing = charge(budget, bytes);
    if (missing == 0)
        return true;
    up_budget_shelf_clear(budget, UINT64_MAX);
    missing = charge(budget, bytes);
    while (missing != 0 && bytes <= budget->limit_bytes && budget->reclaim != NULL &&
           budget->reclaim(budget->keeper, missing)) {
        up_budget_shelf_clear(budget, UINT64_MAX); /* where what was given back may lie */
        missing = charge(budget, bytes);
    }
    return missing == 0;
}

/* Memory in huge pages as far as whole ones fit, where the system has them: large tensors are
 * written from one end to the other, and small pages cost as much time as the numbers in them. The
 * rest of a block stays in small pages, so that nothing is held beyond its end. */
static void *memory_take(size_t bytes)
{
    const bool huge = bytes >= HUGE_BYTES;
    void *memory;
    if (posix_memalign(&memory, huge ? HUGE_BYTES : UP_ALIGN_BYTES, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (huge)
        (void)madvise(memory, bytes / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
#endif
    return memory;
}

void *up_budget_block_take(struct up_budget *budget, size_t bytes, size_t bytes_max,
                           size_t *ret_bytes)
{
    if (budget != NULL && budget->shelf != NULL && bytes >= SHELF_BYTES_MIN) {
        const size_t most = bytes + bytes / SPARE_PART;
        void *block =
            shelf_take(budget->shelf, bytes, most < bytes_max ? most : bytes_max, ret_bytes);
        if (block != NULL)
            return block;
    }
    if (budget != NULL && !charge_or_reclaim(budget, bytes))
        return NULL;
    void *block = memory_take(UP_ALIGN_BYTES + bytes);
    if (block != NULL)
        *ret_bytes = bytes;
    else if (budget != NULL)
        atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    return block;
}

void up_budget_block_give(struct up_budget *budget, void *block, size_t bytes)
{
    if (budget != NULL && budget->shelf != NULL && bytes >= SHELF_BYTES_MIN &&
        shelf_put(budget->shelf, block, bytes))
        return;
    free(block);
    if (budget != NULL)
        atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}
