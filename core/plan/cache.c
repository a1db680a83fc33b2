/* DESIGN
 * Entries hang in a table by hash and in a list by last use, both under one lock, which is held for
 * pointers and counts only. An entry with users is never dropped, so that whoever uses one may read
 * it, and its place in the table, without the lock: that is how contents, which may be as large as
 * a request, are compared.
 *
 * A plan that is not in the table is built in an arena of its own from a copy of the graph, and
 * linked when it fits. It serves its request in any case; an entry that is not linked goes when its
 * last user does. When there is no memory for copies the plan is built in the request's arena as if
 * there were no cache, and what is then refused is refused with the request's own limits. */
#include "core/plan/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/plan/key.h"

enum { BUCKETS = 1024 };

struct up_plan_entry {
    struct up_plan_cache *cache;
    struct up_arena *arena; /* holds all of it, this too */
    struct up_plan_key key;
    uint64_t hash, serial; /* serial: 0 until it is linked; no two have the same */
    struct up_plan *plan;
    size_t bytes;
    unsigned users;
    bool linked;
    struct up_plan_entry *next;          /* in its bucket */
    struct up_plan_entry *newer, *older; /* by last use */
};

struct up_plan_cache {
    size_t limit_bytes;
    struct up_budget *budget;
    struct up_hash_key secret;
    uint64_t hash_mask;
    pthread_mutex_t lock; /* of everything below, and of the entries' users and links */
    struct up_plan_cache_counts counts;
    uint64_t serials;
    struct up_plan_entry *newest, *oldest;
    struct up_plan_entry *bucket[BUCKETS];
};

/* --- Links, under the lock ------------------------------------------------------------------ */

static struct up_plan_entry **bucket_of(struct up_plan_cache *cache, uint64_t hash)
{
    return &cache->bucket[hash % BUCKETS];
}

static void use_link(struct up_plan_entry *e)
{
    struct up_plan_cache *cache = e->cache;
    e->newer = NULL;
    e->older = cache->newest;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void use_unlink(struct up_plan_entry *e)
{
    struct up_plan_cache *cache = e->cache;
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
}

static void entry_link(struct up_plan_entry *e)
{
    struct up_plan_cache *cache = e->cache;
    struct up_plan_entry **bucket = bucket_of(cache, e->hash);
    e->next = *bucket;
    *bucket = e;
    use_link(e);
    e->linked = true;
    e->serial = ++cache->serials;
    cache->counts.entries++;
    cache->counts.bytes += e->bytes;
}

static void entry_unlink(struct up_plan_entry *e)
{
    struct up_plan_cache *cache = e->cache;
    struct up_plan_entry **at = bucket_of(cache, e->hash);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    use_unlink(e);
    e->linked = false;
    cache->counts.entries--;
    cache->counts.bytes -= e->bytes;
}

/* Unlinks entries that nobody uses, the least recently used first, until at least `bytes` are
 * free; returns them as a list by `next`. */
static struct up_plan_entry *evict(struct up_plan_cache *cache, size_t bytes)
{
    struct up_plan_entry *gone = NULL;
    size_t freed = 0;
    for (struct up_plan_entry *e = cache->oldest, *newer; e != NULL && freed < bytes; e = newer) {
        newer = e->newer;
        if (e->users != 0)
            continue;
        entry_unlink(e);
        freed += e->bytes;
        cache->counts.evictions++;
        e->next = gone;
        gone = e;
    }
    return gone;
}

static void entries_free(struct up_plan_entry *list)
{
    while (list != NULL) {
        struct up_plan_entry *next = list->next;
        up_arena_free(list->arena);
        list = next;
    }
}

/* The next entry after `e` (NULL: the first) with this hash and form. */
static struct up_plan_entry *next_alike(struct up_plan_cache *cache, const struct up_plan_entry *e,
                                        const struct up_plan_key *key, uint64_t hash)
{
    struct up_plan_entry *next = e == NULL ? *bucket_of(cache, hash) : e->next;
    while (next != NULL && (next->hash != hash || !up_plan_key_same_form(&next->key, key)))
        next = next->next;
    return next;
}

/* --- Use ------------------------------------------------------------------------------------ */

/* An entry with one user more, or NULL. */
static struct up_plan_entry *find(struct up_plan_cache *cache, const struct up_plan_key *key,
                                  uint64_t hash)
{
    pthread_mutex_lock(&cache->lock);
    struct up_plan_entry *e = next_alike(cache, NULL, key, hash);
    bool same = false;
    while (e != NULL && !same) {
        e->users++;
        pthread_mutex_unlock(&cache->lock);
        same = up_plan_key_same_contents(&e->key, key);
        pthread_mutex_lock(&cache->lock);
        if (!same) {
            e->users--;
            e = next_alike(cache, e, key, hash);
        }
    }
    if (e != NULL) {
        use_unlink(e);
        use_link(e);
    }
    cache->counts.hits += e != NULL;
    pthread_mutex_unlock(&cache->lock);
    return e;
}

struct up_plan_name up_plan_name(const struct up_plan_use *use)
{
    const struct up_plan_entry *e = use->entry;
    return e == NULL ? (struct up_plan_name){.serial = 0}
                     : (struct up_plan_name){e->hash, e->serial};
}

bool up_plan_cache_again(struct up_plan_cache *cache, const struct up_plan_name *name,
                         struct up_plan_use *ret)
{
    pthread_mutex_lock(&cache->lock);
    struct up_plan_entry *e = *bucket_of(cache, name->hash);
    while (e != NULL && e->serial != name->serial)
        e = e->next;
    if (e != NULL) {
        e->users++;
        use_unlink(e);
        use_link(e);
        cache->counts.hits++;
        *ret = (struct up_plan_use){e->plan, e, true};
    }
    pthread_mutex_unlock(&cache->lock);
    return e != NULL;
}

static void count_miss(struct up_plan_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cache->counts.misses++;
    pthread_mutex_unlock(&cache->lock);
}

/* Keeps an entry if there is room, and nobody was faster. */
static void keep(struct up_plan_entry *e)
{
    struct up_plan_cache *cache = e->cache;
    struct up_plan_entry *gone = NULL;
    pthread_mutex_lock(&cache->lock);
    if (e->bytes <= cache->limit_bytes && next_alike(cache, NULL, &e->key, e->hash) == NULL) {
        const size_t room = cache->limit_bytes - cache->counts.bytes;
        if (e->bytes > room)
            gone = evict(cache, e->bytes - room);
        if (e->bytes <= cache->limit_bytes - cache->counts.bytes)
            entry_link(e);
    }
    pthread_mutex_unlock(&cache->lock);
    entries_free(gone);
}

void up_plan_release(struct up_plan_use *use)
{
    struct up_plan_entry *e = use->entry;
    *use = (struct up_plan_use){.plan = NULL};
    if (e == NULL)
        return;
    struct up_plan_cache *cache = e->cache;
    pthread_mutex_lock(&cache->lock);
    const bool last = --e->users == 0 && !e->linked;
    pthread_mutex_unlock(&cache->lock);
    if (last)
        up_arena_free(e->arena);
}

/* A new entry with one user, in an arena of its own. */
static enum up_code entry_build(struct up_plan_cache *cache, const struct up_graph *graph,
                                const struct up_plan_options *options, struct up_plan_entry **ret,
                                struct up_error *err)
{
    struct up_graph copy;
    struct up_arena *arena = up_arena_new(SIZE_MAX, cache->budget);
    if (arena == NULL)
        return up_fail(err, UP_E_BUSY, "", "no memory for the plan now");
    struct up_plan_entry *e = up_arena_zalloc(arena, 1, sizeof *e, err);
    if (e == NULL || up_graph_copy(graph, arena, &copy, err) != UP_OK ||
        up_plan_key_make(&copy, options, arena, &e->key, err) != UP_OK ||
        up_plan_build(&copy, options, arena, &e->plan, err) != UP_OK) {
        up_arena_free(arena);
        return err->code;
    }
    e->cache = cache;
    e->arena = arena;
    e->bytes = up_arena_bytes(arena);
    e->users = 1;
    *ret = e;
    return UP_OK;
}

static enum up_code build_in(const struct up_graph *graph, const struct up_plan_options *options,
                             struct up_arena *arena, struct up_plan_use *ret, struct up_error *err)
{
    struct up_plan *plan;
    if (up_plan_build(graph, options, arena, &plan, err) != UP_OK)
        return err->code;
    *ret = (struct up_plan_use){.plan = plan};
    return UP_OK;
}

static bool may_be_kept(const struct up_plan_cache *cache, const struct up_plan_key *key)
{
    return !key->fresh && key->contents_bytes <= cache->limit_bytes;
}

static uint64_t hash_of(const struct up_plan_cache *cache, const struct up_plan_key *key)
{
    return up_plan_key_hash(key, &cache->secret) & cache->hash_mask;
}

bool up_plan_cache_find(struct up_plan_cache *cache, const struct up_graph *graph,
                        const struct up_plan_options *options, struct up_arena *arena,
                        struct up_plan_use *ret)
{
    struct up_plan_key key;
    struct up_error err = {.code = UP_OK};
    if (cache == NULL || up_plan_key_make(graph, options, arena, &key, &err) != UP_OK ||
        !may_be_kept(cache, &key))
        return false;
    struct up_plan_entry *e = find(cache, &key, hash_of(cache, &key));
    if (e != NULL)
        *ret = (struct up_plan_use){e->plan, e, true};
    return e != NULL;
}

enum up_code up_plan_cache_get(struct up_plan_cache *cache, const struct up_graph *graph,
                               const struct up_plan_options *options, struct up_arena *arena,
                               struct up_plan_use *ret, struct up_error *err)
{
    struct up_plan_key key;
    struct up_plan_entry *e;
    struct up_error own = {.code = UP_OK};
    if (cache == NULL)
        return build_in(graph, options, arena, ret, err);
    if (up_plan_key_make(graph, options, arena, &key, err) != UP_OK)
        return err->code;
    if (!may_be_kept(cache, &key))
        return build_in(graph, options, arena, ret, err);
    const uint64_t hash = hash_of(cache, &key);
    e = find(cache, &key, hash);
    const bool found = e != NULL;
    if (!found) {
        count_miss(cache);
        const enum up_code code = entry_build(cache, graph, options, &e, &own);
        if (code == UP_E_BUSY || code == UP_E_LIMIT)
            return build_in(graph, options, arena, ret, err);
        if (code != UP_OK) {
            *err = own;
            return code;
        }
        e->hash = hash;
        keep(e);
    }
    *ret = (struct up_plan_use){e->plan, e, found};
    return UP_OK;
}

/* --- Life ----------------------------------------------------------------------------------- */

/* The budget's: gives back what nobody uses. */
static bool reclaim(void *keeper, size_t bytes)
{
    struct up_plan_cache *cache = keeper;
    pthread_mutex_lock(&cache->lock);
    struct up_plan_entry *gone = evict(cache, bytes);
    pthread_mutex_unlock(&cache->lock);
    const bool freed = gone != NULL;
    entries_free(gone);
    return freed;
}

struct up_plan_cache *up_plan_cache_new(size_t limit_bytes, struct up_budget *budget)
{
    struct up_plan_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    up_hash_key_draw(&cache->secret);
    cache->hash_mask = UINT64_MAX;
    cache->limit_bytes = limit_bytes;
    cache->budget = budget;
    if (budget != NULL) {
        budget->keeper = cache;
        budget->reclaim = reclaim;
    }
    return cache;
}

void up_plan_cache_free(struct up_plan_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->budget != NULL)
        cache->budget->reclaim = NULL;
    entries_free(evict(cache, SIZE_MAX));
    UP_ASSERT(cache->counts.entries == 0);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

struct up_plan_cache_counts up_plan_cache_counts(struct up_plan_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    const struct up_plan_cache_counts counts = cache->counts;
    pthread_mutex_unlock(&cache->lock);
    return counts;
}

void up_plan_cache_hash_mask(struct up_plan_cache *cache, uint64_t mask)
{
    cache->hash_mask = mask;
}
