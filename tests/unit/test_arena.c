#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "core/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif

#ifdef UNDER_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = UP_ALIGN_BYTES }; /* what AddressSanitizer's red zone takes of the limit */
#else
enum { GAP_BYTES = 0 };
#endif

enum { MIB = 1024 * 1024 };

static struct up_arena *arena_new(size_t limit_bytes, struct up_budget *budget)
{
    struct up_arena *arena = up_arena_new(limit_bytes, budget);
    cr_assert(arena != NULL, "no arena");
    return arena;
}

Test(arena, allocations_are_aligned_apart_and_writable, .timeout = 20)
{
    struct up_arena *arena = arena_new(64 * MIB, NULL);
    unsigned char *p[300];
    for (size_t i = 0; i < 300; i++) {
        const size_t bytes = i * i % 5000;
        p[i] = up_arena_alloc(arena, bytes, 1, NULL);
        cr_assert(p[i] != NULL, "allocation %zu", i);
        cr_assert((uintptr_t)p[i] % UP_ALIGN_BYTES == 0, "allocation %zu at %p", i, (void *)p[i]);
        memset(p[i], (int)(i % 251), bytes);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t b = 0; b < i * i % 5000; b++)
            cr_assert(p[i][b] == i % 251, "byte %zu of allocation %zu", b, i);
    up_arena_free(arena);
}

Test(arena, zalloc_is_zeroed_also_in_memory_that_was_used, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    void *used = up_arena_alloc(arena, 1000, 1, NULL);
    cr_assert(used != NULL, "no memory");
    memset(used, 0xff, 1000);
    up_arena_reset(arena, MIB);
    const unsigned char *zeroed = up_arena_zalloc(arena, 250, 4, NULL);
    cr_assert(zeroed == used, "the block was kept and is used again");
    for (size_t i = 0; i < 1000; i++)
        cr_assert(zeroed[i] == 0, "byte %zu is %d", i, zeroed[i]);
    up_arena_free(arena);
}

Test(arena, limit_holds_exactly, .timeout = 20)
{
    const size_t limit = 300 * 1024;
    struct up_error err = {0};
    struct up_arena *arena = arena_new(limit, NULL);
    cr_assert(up_arena_alloc(arena, limit - GAP_BYTES + 1, 1, &err) == NULL, "one past the limit");
    cr_assert(err.code == UP_E_LIMIT, "code %d", (int)err.code);
    cr_assert(strstr(err.text, "307200") != NULL, "the limit is named: %s", err.text);
    cr_assert(up_arena_alloc(arena, limit - GAP_BYTES, 1, NULL) != NULL, "at the limit");
    cr_assert(up_arena_alloc(arena, 1, 1, NULL) == NULL, "nothing is left");
    cr_assert(up_arena_bytes(arena) == limit, "%zu held", up_arena_bytes(arena));
    up_arena_free(arena);
}

Test(arena, limit_holds_over_many_small_allocations, .timeout = 20)
{
    const size_t limit = 200 * 1024, each = UP_ALIGN_BYTES + GAP_BYTES;
    struct up_arena *arena = arena_new(limit, NULL);
    size_t count = 0;
    while (up_arena_alloc(arena, UP_ALIGN_BYTES, 1, NULL) != NULL)
        count++;
    cr_assert(count <= limit / each, "%zu allocations", count);
    cr_assert(count >= limit / each - 3, "%zu allocations: room is wasted", count);
    cr_assert(up_arena_bytes(arena) <= limit, "%zu held", up_arena_bytes(arena));
    up_arena_free(arena);
}

Test(arena, size_that_overflows_is_a_limit_and_not_a_small_allocation, .timeout = 20)
{
    const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8 + 1, SIZE_MAX / 4 + 2};
    struct up_arena *arena = arena_new(SIZE_MAX, NULL);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct up_error err = {0};
        cr_assert(up_arena_alloc(arena, counts[i], 8, &err) == NULL, "%zu x 8", counts[i]);
        cr_assert(err.code == UP_E_LIMIT, "code %d", (int)err.code);
    }
    struct up_error err = {0};
    cr_assert(up_arena_zalloc(arena, SIZE_MAX, 1, &err) == NULL && err.code == UP_E_LIMIT, "1");
    cr_assert(up_arena_bytes(arena) == 0, "%zu held", up_arena_bytes(arena));
    up_arena_free(arena);
}

Test(arena, size_mul_knows_the_last_product_that_fits, .timeout = 20)
{
    size_t product = 99;
    cr_assert(up_size_mul(SIZE_MAX / 3, 3, &product) && product == SIZE_MAX, "%zu", product);
    cr_assert(up_size_mul(SIZE_MAX, 0, &product) && product == 0, "%zu", product);
    cr_assert(!up_size_mul(SIZE_MAX / 3 + 1, 3, &product), "one past");
}

Test(arena, newest_allocation_grows_in_place, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    unsigned char *p = up_arena_grow(arena, NULL, 0, 100, NULL);
    cr_assert(p != NULL, "no memory");
    memset(p, 7, 100);
    unsigned char *grown = up_arena_grow(arena, p, 100, 5000, NULL);
    cr_assert(grown == p, "it was the newest and its block has room");
    memset(grown + 100, 8, 4900);
    unsigned char *next = up_arena_alloc(arena, 1, 1, NULL);
    cr_assert(next >= grown + 5000, "the next one is behind it");
    cr_assert(grown[0] == 7 && grown[99] == 7 && grown[4999] == 8, "contents");
    cr_assert(up_arena_grow(arena, grown, 5000, 10, NULL) == grown, "smaller is the same");
    up_arena_free(arena);
}

Test(arena, older_allocation_is_copied_when_it_grows, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    unsigned char *old = up_arena_alloc(arena, 100, 1, NULL);
    unsigned char *newer = up_arena_zalloc(arena, 100, 1, NULL);
    cr_assert(old != NULL && newer != NULL, "no memory");
    memset(old, 7, 100);
    unsigned char *grown = up_arena_grow(arena, old, 100, 200, NULL);
    cr_assert(grown != NULL && grown != old, "moved");
    memset(grown + 100, 9, 100);
    for (size_t i = 0; i < 100; i++)
        cr_assert(grown[i] == 7 && newer[i] == 0, "byte %zu", i);
    up_arena_free(arena);
}

Test(arena, growth_past_block_and_limit, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    struct up_error err = {0};
    unsigned char *p = up_arena_grow(arena, NULL, 0, 60000, NULL);
    cr_assert(p != NULL, "no memory");
    memset(p, 5, 60000);
    unsigned char *moved = up_arena_grow(arena, p, 60000, 400000, NULL);
    cr_assert(moved != NULL && moved[0] == 5 && moved[59999] == 5, "copied to a larger block");
    cr_assert(up_arena_grow(arena, moved, 400000, MIB + 1, &err) == NULL, "past the limit");
    cr_assert(err.code == UP_E_LIMIT && moved[59999] == 5, "code %d", (int)err.code);
    err = (struct up_error){0};
    cr_assert(up_arena_grow(arena, moved, 400000, SIZE_MAX, &err) == NULL, "SIZE_MAX");
    cr_assert(err.code == UP_E_LIMIT, "code %d", (int)err.code);
    up_arena_free(arena);
}

Test(arena, printf_is_as_long_as_it_needs, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    const char *text = up_arena_printf(arena, NULL, "%s=%d", "strides", 2);
    cr_assert(text != NULL && strcmp(text, "strides=2") == 0, "%s", text);
    const char *wide = up_arena_printf(arena, NULL, "%*d", 100000, 7);
    cr_assert(wide != NULL && strlen(wide) == 100000 && wide[99999] == '7', "a long one");
    struct up_error err = {0};
    cr_assert(up_arena_printf(arena, &err, "%*d", MIB, 7) == NULL, "past the limit");
    cr_assert(err.code == UP_E_LIMIT, "code %d", (int)err.code);
    up_arena_free(arena);
}

Test(arena, reset_keeps_no_more_than_it_is_told, .timeout = 20)
{
    struct up_arena *arena = arena_new(64 * MIB, NULL);
    for (size_t i = 0; i < 8; i++)
        cr_assert(up_arena_alloc(arena, 2 * MIB, 1, NULL) != NULL, "allocation %zu", i);
    const size_t full = up_arena_bytes(arena);
    cr_assert(full >= (size_t)16 * MIB, "%zu held", full);
    up_arena_reset(arena, 5 * MIB);
    const size_t kept = up_arena_bytes(arena);
    cr_assert(kept <= (size_t)5 * MIB && kept >= (size_t)2 * MIB, "%zu kept", kept);
    cr_assert(up_arena_alloc(arena, MIB, 1, NULL) != NULL, "no memory");
    cr_assert(up_arena_bytes(arena) == kept, "a kept block serves: %zu", up_arena_bytes(arena));
    up_arena_reset(arena, 0);
    cr_assert(up_arena_bytes(arena) == 0, "%zu held", up_arena_bytes(arena));
    up_arena_free(arena);
}

Test(arena, kept_blocks_do_not_stand_in_the_way_of_the_limit, .timeout = 20)
{
    struct up_arena *arena = arena_new(4 * MIB, NULL);
    for (size_t i = 0; i < 3; i++)
        cr_assert(up_arena_alloc(arena, MIB, 1, NULL) != NULL, "allocation %zu", i);
    up_arena_reset(arena, 4 * MIB);
    cr_assert(up_arena_alloc(arena, 3 * MIB + MIB / 2, 1, NULL) != NULL, "spares give way");
    up_arena_free(arena);
}

Test(arena, budget_is_shared_and_given_back, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 3 * MIB};
    struct up_arena *a = arena_new(64 * MIB, &budget), *b = arena_new(64 * MIB, &budget);
    struct up_error err = {0};
    cr_assert(up_arena_alloc(a, 2 * MIB, 1, NULL) != NULL, "two of three");
    cr_assert(up_arena_alloc(b, 2 * MIB, 1, &err) == NULL, "four of three");
    cr_assert(err.code == UP_E_BUSY, "code %d", (int)err.code);
    cr_assert(atomic_load(&budget.used) == up_arena_bytes(a), "a refusal takes nothing");
    up_arena_reset(a, 0);
    cr_assert(up_arena_alloc(b, 3 * MIB - GAP_BYTES, 1, NULL) != NULL, "exactly three");
    cr_assert(up_arena_alloc(a, 1, 1, NULL) == NULL, "none left");
    up_arena_free(b);
    up_arena_free(a);
    cr_assert(atomic_load(&budget.used) == 0, "%zu used", atomic_load(&budget.used));
}

/* Takes and gives back; counts what was refused. */
struct taker {
    struct up_budget *budget;
    pthread_barrier_t *start;
    size_t refused, over;
};

static void *take_and_give(void *arg)
{
    struct taker *taker = arg;
    struct up_arena *arena = up_arena_new(64 * MIB, taker->budget);
    pthread_barrier_wait(taker->start);
    for (unsigned i = 0; arena != NULL && i < 3000; i++) {
        if (up_arena_alloc(arena, 100000 + i * 7 % 50000, 1, NULL) == NULL)
            taker->refused++;
        if (atomic_load(&taker->budget->used) > taker->budget->limit_bytes)
            taker->over++;
        if (i % 5 == 4)
            up_arena_reset(arena, i % 2 == 0 ? 0 : 200000);
    }
    up_arena_free(arena);
    return NULL;
}

Test(arena, budget_holds_under_many_threads, .timeout = 20)
{
    enum { THREADS = 8 };
    struct up_budget budget = {.limit_bytes = 400000}; /* less than one thread wants at a time */
    pthread_barrier_t start;
    struct taker takers[THREADS];
    pthread_t threads[THREADS];
    size_t refused = 0;
    cr_assert(pthread_barrier_init(&start, NULL, THREADS) == 0, "barrier");
    for (size_t i = 0; i < THREADS; i++) {
        takers[i] = (struct taker){.budget = &budget, .start = &start};
        cr_assert(pthread_create(&threads[i], NULL, take_and_give, &takers[i]) == 0, "thread");
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(takers[i].over == 0, "the budget was exceeded %zu times", takers[i].over);
        refused += takers[i].refused;
    }
    pthread_barrier_destroy(&start);
    cr_assert(refused > 0, "the budget never bit");
    cr_assert(atomic_load(&budget.used) == 0, "%zu used", atomic_load(&budget.used));
}

Test(arena, fail_at_fails_that_allocation_once, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    for (size_t nth = 0; nth < 4; nth++) {
        up_arena_fail_at(arena, nth);
        for (size_t i = 0; i < 6; i++) {
            struct up_error err = {0};
            const void *p = up_arena_alloc(arena, 10, 1, &err);
            cr_assert((p == NULL) == (i == nth), "allocation %zu of fail_at(%zu)", i, nth);
            cr_assert(err.code == (i == nth ? UP_E_BUSY : UP_OK), "code %d", (int)err.code);
        }
    }
    up_arena_fail_at(arena, 0);
    up_arena_reset(arena, MIB);
    cr_assert(up_arena_alloc(arena, 10, 1, NULL) != NULL, "a reset forgets it");
    up_arena_free(arena);
}

Test(arena, free_of_null_is_allowed, .timeout = 20)
{
    up_arena_free(NULL);
}

#ifdef UNDER_ASAN
Test(arena, address_sanitizer_guards_what_is_not_handed_out, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    const char *first = up_arena_alloc(arena, 13, 1, NULL);
    const char *second = up_arena_alloc(arena, UP_ALIGN_BYTES, 1, NULL);
    cr_assert(first != NULL && second != NULL, "no memory");
    cr_assert(!__asan_address_is_poisoned(first + 12), "the last byte is ours");
    cr_assert(__asan_address_is_poisoned(first + 13), "the byte behind an odd size");
    cr_assert(__asan_address_is_poisoned(second - 1), "the byte before");
    cr_assert(__asan_address_is_poisoned(second + UP_ALIGN_BYTES), "the byte behind a full line");
    up_arena_reset(arena, MIB);
    cr_assert(__asan_address_is_poisoned(first), "what a reset took back");
    up_arena_free(arena);
}
#endif

Test(arena, joins_texts, .timeout = 20)
{
    struct up_arena *arena = arena_new(MIB, NULL);
    const char *joined =
        up_arena_join(arena, NULL, (const char *const[]){"/a", "", "/", "b", NULL});
    const char *copy = up_arena_copy(arena, NULL, joined), *none = up_arena_copy(arena, NULL, "");
    cr_assert(joined != NULL && strcmp(joined, "/a/b") == 0, "%s", joined);
    cr_assert(copy != NULL && copy != joined && strcmp(copy, "/a/b") == 0, "%s", copy);
    cr_assert(none != NULL && none[0] == '\0', "%s", none);
    up_arena_fail_at(arena, 0);
    cr_assert(up_arena_copy(arena, NULL, "text") == NULL, "memory where there is none");
    up_arena_free(arena);
}
