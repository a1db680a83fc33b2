/* DESIGN
 * A list of blocks, newest first; only the newest is allocated from. Blocks double from 64 KiB to
 * 1 MiB; a request larger than that gets a block of its own size. A reset keeps the largest blocks
 * that fit the caller's bound, so that a warm arena serves the next request without malloc.
 * Between two allocations lies a poisoned gap of one cache line when AddressSanitizer is on. */
#include "core/arena.h"

#include <assert.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#define UP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UP_ASAN 1
#endif
#endif

#ifdef UP_ASAN
#include <sanitizer/asan_interface.h>
#define GAP_BYTES      UP_ALIGN_BYTES
#define poison(p, n)   __asan_poison_memory_region(p, n)
#define unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define GAP_BYTES      0
#define poison(p, n)   ((void)0)
#define unpoison(p, n) ((void)0)
#endif

enum {
    BLOCK_FIRST_BYTES = 64 * 1024,
    BLOCK_GROWN_BYTES = 1024 * 1024,
};

struct block {
    struct block *next;
    size_t bytes, used; /* of the payload, which starts one cache line after the block does */
};

static_assert(sizeof(struct block) <= UP_ALIGN_BYTES, "the header fits before the payload");

struct up_arena {
    struct block *blocks; /* allocated from, newest first */
    struct block *spare;  /* kept by the last reset */
    size_t held_bytes, limit_bytes, next_bytes;
    size_t fail_at; /* 0: never; else the allocation that fails, counted down */
    struct up_budget *budget;
};

bool up_size_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

static char *payload(struct block *b)
{
    return (char *)b + UP_ALIGN_BYTES;
}

static void block_free(struct up_arena *a, struct block *b)
{
    unpoison(payload(b), b->bytes);
    a->held_bytes -= b->bytes;
    up_budget_block_give(a->budget, b, b->bytes);
}

static void blocks_free(struct up_arena *a, struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        block_free(a, b);
        b = next;
    }
}

struct up_arena *up_arena_new(size_t limit_bytes, struct up_budget *budget)
{
    struct up_arena *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->limit_bytes = limit_bytes;
    a->next_bytes = BLOCK_FIRST_BYTES;
    a->budget = budget;
    return a;
}

void up_arena_free(struct up_arena *a)
{
    if (a == NULL)
        return;
    blocks_free(a, a->blocks);
    blocks_free(a, a->spare);
    free(a);
}

void up_arena_reset(struct up_arena *a, size_t keep_bytes)
{
    struct block *lists[2] = {a->blocks, a->spare};
    a->blocks = a->spare = NULL;
    a->next_bytes = BLOCK_FIRST_BYTES;
    a->fail_at = 0;
    for (size_t i = 0; i < 2; i++) {
        for (struct block *b = lists[i], *next; b != NULL; b = next) {
            next = b->next;
            if (b->bytes > keep_bytes) {
                block_free(a, b);
                continue;
            }
            keep_bytes -= b->bytes;
            b->used = 0;
            poison(payload(b), b->bytes);
            b->next = a->spare;
            a->spare = b;
        }
    }
}

static struct block *spare_take(struct up_arena *a, size_t bytes)
{
    for (struct block **at = &a->spare; *at != NULL; at = &(*at)->next) {
        struct block *b = *at;
        if (b->bytes >= bytes) {
            *at = b->next;
            return b;
        }
    }
    return NULL;
}

static struct block *block_new(struct up_arena *a, size_t bytes, struct up_error *err)
{
    const size_t room = a->limit_bytes - a->held_bytes;
    if (bytes > room) {
        blocks_free(a, a->spare);
        a->spare = NULL;
    }
    if (bytes > a->limit_bytes - a->held_bytes) {
        (void)up_fail(err, UP_E_LIMIT, "", "the request needs more than %zu bytes of memory",
                      a->limit_bytes);
        return NULL;
    }
    struct block *b =
        up_budget_block_take(a->budget, bytes, a->limit_bytes - a->held_bytes, &bytes);
    if (b == NULL) {
        (void)up_fail(err, UP_E_BUSY, "", "no memory for the request now: %zu bytes are wanted",
                      bytes);
        return NULL;
    }
    b->bytes = bytes;
    b->used = 0;
    a->held_bytes += bytes;
    poison(payload(b), bytes);
    return b;
}

/* Makes a->blocks a block with `bytes` of room; false and an error when that cannot be. */
static bool room_make(struct up_arena *a, size_t bytes, struct up_error *err)
{
    if (a->blocks != NULL && a->blocks->bytes - a->blocks->used >= bytes)
        return true;
    struct block *b = spare_take(a, bytes);
    if (b == NULL) {
        size_t wanted = bytes > a->next_bytes ? bytes : a->next_bytes;
        if (wanted > a->limit_bytes - a->held_bytes)
            wanted = bytes;
        b = block_new(a, wanted, err);
        if (a->next_bytes < BLOCK_GROWN_BYTES)
            a->next_bytes *= 2;
    }
    if (b == NULL)
        return false;
    b->next = a->blocks;
    a->blocks = b;
    return true;
}

static size_t padded(size_t bytes)
{
    return (bytes + GAP_BYTES + UP_ALIGN_BYTES - 1) & ~(size_t)(UP_ALIGN_BYTES - 1);
}

void *up_arena_alloc(struct up_arena *a, size_t count, size_t size, struct up_error *err)
{
    size_t bytes;
    if (!up_size_mul(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        (void)up_fail(err, UP_E_LIMIT, "", "a size of %zu x %zu bytes is beyond any memory", count,
                      size);
        return NULL;
    }
    if (a->fail_at != 0 && --a->fail_at == 0) {
        (void)up_fail(err, UP_E_BUSY, "", "no memory for the request now: %zu bytes are wanted",
                      bytes);
        return NULL;
    }
    const size_t room = padded(bytes == 0 ? 1 : bytes);
    if (!room_make(a, room, err))
        return NULL;
    char *p = payload(a->blocks) + a->blocks->used;
    a->blocks->used += room;
    unpoison(p, bytes);
    return p;
}

void *up_arena_zalloc(struct up_arena *a, size_t count, size_t size, struct up_error *err)
{
    void *p = up_arena_alloc(a, count, size, err);
    return p == NULL ? NULL : memset(p, 0, count * size);
}

void *up_arena_grow(struct up_arena *a, void *old, size_t old_bytes, size_t new_bytes,
                    struct up_error *err)
{
    if (old != NULL && new_bytes <= old_bytes)
        return old;
    struct block *b = a->blocks;
    if (old != NULL && b != NULL && new_bytes <= SIZE_MAX / 2) {
        const size_t old_room = padded(old_bytes == 0 ? 1 : old_bytes),
                     new_room = padded(new_bytes);
        const bool newest = (char *)old + old_room == payload(b) + b->used;
        if (newest && new_room - old_room <= b->bytes - b->used) {
            b->used += new_room - old_room;
            unpoison(old, new_bytes);
            return old;
        }
    }
    void *p = up_arena_alloc(a, 1, new_bytes, err);
    if (p != NULL && old_bytes != 0)
        memcpy(p, old, old_bytes);
    return p;
}

char *up_arena_join(struct up_arena *a, struct up_error *err, const char *const *texts)
{
    size_t bytes = 1;
    for (const char *const *t = texts; *t != NULL; t++)
        bytes += strlen(*t);
    char *joined = up_arena_alloc(a, bytes, 1, err), *end = joined;
    if (joined == NULL)
        return NULL;
    for (const char *const *t = texts; *t != NULL; t++) {
        const size_t length = strlen(*t);
        memcpy(end, *t, length);
        end += length;
    }
    *end = '\0';
    return joined;
}

char *up_arena_copy(struct up_arena *a, struct up_error *err, const char *text)
{
    return up_arena_join(a, err, (const char *const[]){text, NULL});
}

char *up_arena_printf(struct up_arena *a, struct up_error *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : up_arena_alloc(a, (size_t)n + 1, 1, err);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

size_t up_arena_bytes(const struct up_arena *a)
{
    return a->held_bytes;
}

void up_arena_fail_at(struct up_arena *a, size_t nth)
{
    a->fail_at = nth + 1;
}
