/* DESIGN
 * While a text is read, the blocks that jansson takes form a ring. When memory is refused, the
 * allocator leaves jansson by longjmp and the ring is given back; when the text is read, the ring
 * only loses its head, and its blocks leave it one by one as they are freed. */
#include "api/json_memory.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

struct block {
    _Alignas(max_align_t) struct block *prev;
    struct block *next;
};

static struct {
    void *(*take)(size_t bytes);
    void (*give)(void *memory);
} source;

struct loading {
    jmp_buf out;
    struct block head;
};

static _Thread_local struct loading *loading;

static void block_link(struct block *block, struct block *after)
{
    block->prev = after;
    block->next = after->next;
    after->next->prev = block;
    after->next = block;
}

static void block_unlink(struct block *block)
{
    block->prev->next = block->next;
    block->next->prev = block->prev;
}

static void *take(size_t bytes)
{
    struct block *block =
        bytes > SIZE_MAX - sizeof *block ? NULL : source.take(sizeof *block + bytes);
    if (block == NULL) {
        if (loading != NULL)
            longjmp(loading->out, 1);
        return NULL;
    }
    block->prev = block->next = block;
    if (loading != NULL)
        block_link(block, &loading->head);
    return block + 1;
}

static void give(void *memory)
{
    if (memory == NULL)
        return;
    struct block *block = (struct block *)memory - 1;
    block_unlink(block);
    source.give(block);
}

void api_json_memory_from(void *(*from)(size_t bytes), void (*to)(void *memory))
{
    source.take = from;
    source.give = to;
    json_set_alloc_funcs(take, give);
}

json_t *api_json_load(const char *text, size_t bytes, size_t flags, json_error_t *error,
                      bool *ret_no_memory)
{
    struct loading here;
    here.head.prev = here.head.next = &here.head;
    *ret_no_memory = false;
    loading = &here;
    if (setjmp(here.out) == 0) {
        json_t *root = json_loadb(text, bytes, flags, error);
        loading = NULL;
        block_unlink(&here.head);
        return root;
    }
    loading = NULL;
    while (here.head.next != &here.head)
        give(here.head.next + 1);
    *ret_no_memory = true;
    return NULL;
}
