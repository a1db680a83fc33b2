#include "core/budget.h"

#include <criterion/criterion.h>
#include <stdint.h>

#include "core/deadline.h"

#define MIB ((size_t)1 << 20)

static void *block_take(struct up_budget *budget, size_t bytes, size_t *ret_bytes)
{
    return up_budget_block_take(budget, bytes, SIZE_MAX, ret_bytes);
}

static void assert_used(struct up_budget *budget, size_t expected)
{
    cr_assert(budget->used == expected, "%zu bytes are charged, not %zu", (size_t)budget->used,
              expected);
}

Test(budget, a_large_block_waits_for_the_next_request, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 64 * MIB};
    size_t bytes;
    up_budget_shelf_new(&budget, 64 * MIB);
    void *first = block_take(&budget, 8 * MIB, &bytes);
    cr_assert(first != NULL && bytes == 8 * MIB);
    up_budget_block_give(&budget, first, bytes);
    assert_used(&budget, 8 * MIB);
    void *second = block_take(&budget, 7 * MIB, &bytes);
    cr_assert(second == first && bytes == 8 * MIB, "another block, of %zu bytes", bytes);
    up_budget_block_give(&budget, second, bytes);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

Test(budget, the_smallest_block_that_does_is_taken_and_none_that_is_much_larger, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 256 * MIB};
    static const size_t sizes[] = {20, 8, 10, 9};
    void *block[4];
    size_t bytes;
    up_budget_shelf_new(&budget, 256 * MIB);
    for (int i = 0; i < 4; i++)
        block[i] = block_take(&budget, sizes[i] * MIB, &bytes);
    for (int i = 0; i < 4; i++)
        up_budget_block_give(&budget, block[i], sizes[i] * MIB);
    void *taken = block_take(&budget, 17 * MIB / 2, &bytes);
    cr_assert(taken == block[3] && bytes == 9 * MIB, "%zu bytes", bytes);
    void *fresh = block_take(&budget, 4 * MIB, &bytes);
    cr_assert(bytes == 4 * MIB, "%zu bytes for 4 MB", bytes);
    void *bounded = up_budget_block_take(&budget, 9 * MIB, 9 * MIB, &bytes);
    cr_assert(bytes == 9 * MIB, "%zu bytes, 9 MB are allowed", bytes);
    up_budget_block_give(&budget, taken, 9 * MIB);
    up_budget_block_give(&budget, fresh, 4 * MIB);
    up_budget_block_give(&budget, bounded, 9 * MIB);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

Test(budget, the_shelf_has_a_bound_and_small_blocks_have_no_place, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 256 * MIB};
    size_t bytes;
    up_budget_shelf_new(&budget, 10 * MIB);
    void *a = block_take(&budget, 6 * MIB, &bytes), *b = block_take(&budget, 6 * MIB, &bytes),
         *small = block_take(&budget, MIB / 32, &bytes);
    assert_used(&budget, 12 * MIB + MIB / 32);
    up_budget_block_give(&budget, a, 6 * MIB);
    up_budget_block_give(&budget, b, 6 * MIB);
    up_budget_block_give(&budget, small, MIB / 32);
    assert_used(&budget, 6 * MIB);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

Test(budget, the_shelf_holds_no_more_blocks_than_are_looked_through_quickly, .timeout = 20)
{
    enum { TAKEN = 400, HELD = 256 };
    struct up_budget budget = {.limit_bytes = 256 * MIB};
    static void *block[TAKEN];
    size_t bytes;
    up_budget_shelf_new(&budget, 256 * MIB);
    for (int i = 0; i < TAKEN; i++)
        block[i] = block_take(&budget, MIB / 16, &bytes);
    for (int i = 0; i < TAKEN; i++)
        up_budget_block_give(&budget, block[i], MIB / 16);
    assert_used(&budget, HELD * MIB / 16);
    block[0] = block_take(&budget, MIB / 16, &bytes);
    up_budget_block_give(&budget, block[0], bytes);
    assert_used(&budget, HELD * MIB / 16);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

Test(budget, what_has_waited_long_goes_and_what_is_newer_stays, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 256 * MIB};
    size_t bytes;
    up_budget_shelf_new(&budget, 256 * MIB);
    void *old = block_take(&budget, 4 * MIB, &bytes), *young = block_take(&budget, 8 * MIB, &bytes);
    const uint64_t before = up_now_ns();
    up_budget_block_give(&budget, old, 4 * MIB);
    uint64_t between = up_now_ns();
    while (up_now_ns() == between)
        continue;
    between = up_now_ns();
    up_budget_block_give(&budget, young, 8 * MIB);
    up_budget_shelf_clear(&budget, before);
    assert_used(&budget, 12 * MIB);
    up_budget_shelf_clear(&budget, between);
    assert_used(&budget, 8 * MIB);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

Test(budget, the_shelf_gives_way_when_the_budget_is_short, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 20 * MIB};
    size_t bytes;
    up_budget_shelf_new(&budget, 20 * MIB);
    void *block = block_take(&budget, 16 * MIB, &bytes);
    up_budget_block_give(&budget, block, bytes);
    void *small = block_take(&budget, 5 * MIB, &bytes);
    cr_assert(small != NULL, "the shelf is in the way");
    assert_used(&budget, 5 * MIB);
    cr_assert(block_take(&budget, 16 * MIB, &bytes) == NULL, "more than the budget");
    up_budget_block_give(&budget, small, 5 * MIB);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}

struct keeper {
    struct up_budget *budget;
    void *block;
    size_t asked;
};

static bool keeper_gives(void *arg, size_t bytes)
{
    struct keeper *keeper = arg;
    keeper->asked = bytes;
    if (keeper->block == NULL)
        return false;
    up_budget_block_give(keeper->budget, keeper->block, 12 * MIB);
    keeper->block = NULL;
    return true;
}

Test(budget, who_keeps_memory_is_asked_for_what_is_short, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 20 * MIB};
    struct keeper keeper = {.budget = &budget};
    size_t bytes;
    up_budget_shelf_new(&budget, 20 * MIB);
    keeper.block = block_take(&budget, 12 * MIB, &bytes);
    budget.keeper = &keeper;
    budget.reclaim = keeper_gives;
    void *block = block_take(&budget, 10 * MIB, &bytes);
    cr_assert(block != NULL && keeper.asked == 2 * MIB, "%zu bytes are asked for", keeper.asked);
    assert_used(&budget, 10 * MIB);
    cr_assert(block_take(&budget, 11 * MIB, &bytes) == NULL && keeper.asked == MIB);
    up_budget_block_give(&budget, block, 10 * MIB);
    up_budget_shelf_free(&budget);
    assert_used(&budget, 0);
}
