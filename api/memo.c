/* DESIGN
 * A request that is to be kept is read a second time, in an arena of its own, from a copy of its
 * body: so nothing needs to know how to copy what it became. Entries are few, and found by a walk
 * along the hashes under one lock; an entry with users is freed by the last of them. */
#include "api/memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "core/hash.h"

enum {
    ENTRIES_MAX = 64,
    ENTRY_BYTES = 64 * 1024, /* an arena's first block */
    BODY_BYTES_MAX = 8 * 1024,
    INPUTS_MAX = 4,
};

struct api_memo_entry {
    struct api_memo *memo;
    struct up_arena *arena; /* holds all of it, this too */
    const void *form;
    size_t form_bytes;
    struct api_job job;
    struct up_tensor *tensors;       /* of the document; without data: an input */
    size_t input_tensor[INPUTS_MAX]; /* which is input i */
    struct up_plan_name plan;
    unsigned users;
    bool linked;
};

struct api_memo {
    size_t entries_max;
    struct up_budget *budget;
    struct up_hash_key secret;
    pthread_mutex_t lock; /* of everything below, and of the entries' users */
    uint64_t clock;
    size_t hits, evictions, count;
    struct slot {
        uint64_t hash, used; /* beside one another: a walk does not go through the entries */
        struct api_memo_entry *entry;
    } slot[ENTRIES_MAX];
};

/* --- The form ------------------------------------------------------------------------------- */

static void put_text(struct api_buffer *out, const char *text)
{
    const size_t bytes = text == NULL ? 0 : strlen(text) + 1;
    api_buffer_put(out, &bytes, sizeof bytes);
    if (bytes > 0)
        api_buffer_put(out, text, bytes);
}

static enum up_code form_make(const struct api_memo *memo, struct api_job *job,
                              struct up_error *err)
{
    const struct api_request *request = job->request;
    const struct api_document *document = &job->memo.document;
    struct api_buffer out = api_buffer_make(job->reader.arena, err);
    put_text(&out, request->accept);
    put_text(&out, request->content_type);
    api_buffer_put(&out, &request->query_count, sizeof request->query_count);
    for (size_t i = 0; i < request->query_count; i++) {
        put_text(&out, request->query[i].name);
        put_text(&out, request->query[i].value);
    }
    api_buffer_put(&out, &document->tensor_count, sizeof document->tensor_count);
    for (size_t i = 0; i < document->tensor_count; i++) {
        const struct up_shape *shape = &document->tensors[i].shape;
        api_buffer_put(&out, &shape->rank, sizeof shape->rank);
        api_buffer_put(&out, shape->dim, shape->rank * sizeof shape->dim[0]);
    }
    api_buffer_put(&out, document->envelope, document->envelope_bytes);
    if (api_buffer_finish(&out) != UP_OK)
        return api_buffer_finish(&out);
    job->memo.form = out.data;
    job->memo.form_bytes = out.bytes;
    job->memo.hash = up_hash(&memo->secret, 0, out.data, out.bytes);
    return UP_OK;
}

/* Whether a job of this form is the entry's, but for its inputs. */
static bool same(const struct api_memo_entry *e, const struct api_memo_use *use)
{
    if (e->form_bytes != use->form_bytes || memcmp(e->form, use->form, e->form_bytes) != 0)
        return false;
    for (size_t i = 0; i < use->document.tensor_count; i++) {
        const struct up_tensor *given = &use->document.tensors[i];
        const size_t bytes = up_shape_size(&given->shape) * sizeof(float);
        if (e->tensors[i].data != NULL && bytes > 0 &&
            memcmp(e->tensors[i].data, given->data, bytes) != 0)
            return false;
    }
    return true;
}

/* --- Entries, under the lock ---------------------------------------------------------------- */

static struct slot *slot_find(struct api_memo *memo, const struct api_memo_use *use)
{
    for (struct slot *s = memo->slot; s < memo->slot + memo->count; s++)
        if (s->hash == use->hash && same(s->entry, use))
            return s;
    return NULL;
}

/* Empties a slot; what is returned is to be freed, NULL: somebody uses it. */
static struct api_memo_entry *slot_empty(struct api_memo *memo, struct slot *s)
{
    struct api_memo_entry *e = s->entry;
    *s = memo->slot[--memo->count];
    e->linked = false;
    return e->users == 0 ? e : NULL;
}

static struct slot *slot_oldest(struct api_memo *memo)
{
    struct slot *found = memo->slot;
    for (struct slot *s = memo->slot + 1; s < memo->slot + memo->count; s++)
        if (s->used < found->used)
            found = s;
    return found;
}

static void entry_free(struct api_memo_entry *e)
{
    if (e == NULL)
        return;
    json_decref(e->job.root);
    up_arena_free(e->arena);
}

/* --- Use ------------------------------------------------------------------------------------ */

static struct api_memo_entry *entry_take(struct api_memo *memo, const struct api_memo_use *use)
{
    (void)pthread_mutex_lock(&memo->lock);
    struct slot *s = slot_find(memo, use);
    struct api_memo_entry *e = s == NULL ? NULL : s->entry;
    if (s != NULL) {
        e->users++;
        s->used = ++memo->clock;
        memo->hits++;
    }
    (void)pthread_mutex_unlock(&memo->lock);
    return e;
}

/* An entry whose plan has gone, with at least one user. */
static void entry_drop(struct api_memo *memo, const struct api_memo_entry *e)
{
    (void)pthread_mutex_lock(&memo->lock);
    memo->hits--;
    for (struct slot *s = memo->slot; e->linked && s < memo->slot + memo->count; s++)
        if (s->entry == e)
            (void)slot_empty(memo, s);
    (void)pthread_mutex_unlock(&memo->lock);
}

/* Warnings are written on to; what was kept is not. */
static bool warnings_copy(struct api_job *job, const struct api_warning *from)
{
    struct api_warning *first = NULL, **end = &first;
    for (; from != NULL; from = from->next, end = &(*end)->next) {
        *end = up_arena_alloc(job->reader.arena, 1, sizeof **end, NULL);
        if (*end == NULL)
            return false;
        **end = *from;
    }
    job->reader.warnings = first;
    job->reader.warnings_end = first == NULL ? &job->reader.warnings : end;
    return true;
}

static void job_adopt(struct api_job *job, const struct api_memo_entry *e)
{
    const struct api_job *kept = &e->job;
    job->form = kept->form;
    job->input_count = kept->input_count;
    job->axes = kept->axes;
    job->net = kept->net;
    job->net.graph.inputs = job->input_shape;
    job->output = kept->output;
    job->closing = kept->closing;
    for (uint32_t i = 0; i < job->input_count; i++) {
        job->input[i].shape = job->input_shape[i] = kept->input_shape[i];
        job->input[i].data = job->memo.document.tensors[e->input_tensor[i]].data;
        job->input_name[i] = kept->input_name[i];
    }
}

/* Splits the body and makes its form; what is wrong with it is said by whoever reads it. */
static bool body_split(const struct api_memo *memo, struct api_job *job)
{
    const struct api_part *body = memo == NULL ? NULL : api_job_document(job);
    struct api_memo_use *use = &job->memo;
    struct up_error unheard = {.code = UP_OK};
    if (body == NULL || body->bytes > BODY_BYTES_MAX ||
        api_json_lift(body->data, body->bytes, 0, job->reader.arena, &use->document, &unheard) !=
            UP_OK)
        return false;
    use->split = true;
    return form_make(memo, job, &unheard) == UP_OK;
}

bool api_memo_find(const struct api_context *context, struct api_job *job)
{
    struct api_memo_use *use = &job->memo;
    if (!body_split(context->memo, job))
        return false;
    use->entry = entry_take(context->memo, use);
    if (use->entry == NULL)
        return false;
    if (!up_plan_cache_again(context->plans, &use->entry->plan, &job->use)) {
        entry_drop(context->memo, use->entry);
    } else if (warnings_copy(job, use->entry->job.reader.warnings)) {
        job_adopt(job, use->entry);
        return true;
    }
    up_plan_release(&job->use);
    api_memo_release(use);
    return false;
}

void api_memo_release(struct api_memo_use *use)
{
    struct api_memo_entry *e = use->entry;
    use->entry = NULL;
    if (e == NULL)
        return;
    (void)pthread_mutex_lock(&e->memo->lock);
    const bool last = --e->users == 0 && !e->linked;
    (void)pthread_mutex_unlock(&e->memo->lock);
    if (last)
        entry_free(e);
}

/* --- Keeping -------------------------------------------------------------------------------- */

/* Notes which of the document's tensors are the inputs; false when an input is none of them, or
 * when there are others than the document's. */
static bool inputs_note(struct api_memo_entry *e)
{
    struct api_job *job = &e->job;
    const size_t count = job->memo.document.tensor_count;
    if (job->input_count > INPUTS_MAX || job->reader.tensor_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        e->tensors[i] = job->reader.tensors[i];
    for (uint32_t i = 0; i < job->input_count; i++) {
        size_t n = 0;
        while (n < count && job->reader.tensors[n].data != job->input[i].data)
            n++;
        if (n == count || job->input[i].data == NULL)
            return false;
        e->input_tensor[i] = n;
        e->tensors[n].data = NULL;
    }
    return true;
}

/* Reads the job's request again, into the entry. */
static bool entry_read(const struct api_context *context, const struct api_job *job,
                       struct api_memo_entry *e, struct up_error *err)
{
    struct api_context alone = *context;
    alone.memo = NULL;
    struct api_request request = *job->request;
    struct api_part body = request.parts[0];
    char *text = up_arena_alloc(e->arena, body.bytes, 1, err);
    char *form = up_arena_alloc(e->arena, job->memo.form_bytes, 1, err);
    if (text == NULL || form == NULL)
        return false;
    e->form = memcpy(form, job->memo.form, job->memo.form_bytes);
    e->form_bytes = job->memo.form_bytes;
    body.data = memcpy(text, body.data, body.bytes);
    request.parts = &body;
    request.arena = e->arena;
    const size_t count = job->memo.document.tensor_count;
    e->tensors = up_arena_alloc(e->arena, count, sizeof *e->tensors, err);
    if (e->tensors == NULL || api_job_open(&alone, &request, false, &e->job, err) != UP_OK)
        return false;
    e->job.request = NULL;
    e->job.memo.document.tensor_count = count;
    return inputs_note(e) && api_job_diagnose(&e->job, job->use.plan) == UP_OK &&
           api_job_closing(&e->job, job->use.plan) == UP_OK;
}

static struct api_memo_entry *entry_make(const struct api_context *context,
                                         const struct api_job *job)
{
    struct up_error err = {.code = UP_OK};
    struct up_arena *arena = up_arena_new(ENTRY_BYTES, context->memo->budget);
    struct api_memo_entry *e = arena == NULL ? NULL : up_arena_zalloc(arena, 1, sizeof *e, &err);
    if (e == NULL) {
        up_arena_free(arena);
        return NULL;
    }
    e->memo = context->memo;
    e->arena = arena;
    e->plan = up_plan_name(&job->use);
    if (entry_read(context, job, e, &err))
        return e;
    entry_free(e);
    return NULL;
}

void api_memo_keep(const struct api_context *context, const struct api_job *job)
{
    struct api_memo *memo = context->memo;
    if (memo == NULL || job->memo.entry != NULL || job->memo.form == NULL || !job->use.found)
        return;
    struct api_memo_entry *e = entry_make(context, job), *gone = NULL;
    if (e == NULL)
        return;
    (void)pthread_mutex_lock(&memo->lock);
    if (slot_find(memo, &job->memo) != NULL) {
        gone = e; /* somebody was faster */
    } else {
        if (memo->count == memo->entries_max) {
            gone = slot_empty(memo, slot_oldest(memo));
            memo->evictions++;
        }
        e->linked = true;
        memo->slot[memo->count++] = (struct slot){job->memo.hash, ++memo->clock, e};
    }
    (void)pthread_mutex_unlock(&memo->lock);
    entry_free(gone);
}

/* --- Life ----------------------------------------------------------------------------------- */

struct api_memo *api_memo_new(size_t limit_bytes, struct up_budget *budget)
{
    const size_t entries = limit_bytes / ENTRY_BYTES;
    struct api_memo *memo = entries == 0 ? NULL : calloc(1, sizeof *memo);
    if (memo == NULL)
        return NULL;
    (void)pthread_mutex_init(&memo->lock, NULL);
    up_hash_key_draw(&memo->secret);
    memo->budget = budget;
    memo->entries_max = entries < ENTRIES_MAX ? entries : ENTRIES_MAX;
    return memo;
}

void api_memo_free(struct api_memo *memo)
{
    if (memo == NULL)
        return;
    while (memo->count > 0)
        entry_free(slot_empty(memo, memo->slot));
    (void)pthread_mutex_destroy(&memo->lock);
    free(memo);
}

struct api_memo_counts api_memo_counts(struct api_memo *memo)
{
    (void)pthread_mutex_lock(&memo->lock);
    const struct api_memo_counts counts = {memo->hits, memo->evictions, memo->count,
                                           memo->count * ENTRY_BYTES};
    (void)pthread_mutex_unlock(&memo->lock);
    return counts;
}
