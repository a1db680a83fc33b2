/* What small documents say apart from their numbers, kept for the next request that says the same.
 *
 * A small document spends most of its time on being understood: its envelope parsed, parameters
 * read, a graph made, its plan found. All of that depends on the text around the input's numbers
 * only, so it is kept under that text: the query, the headers that count, the envelope, the shapes
 * of what was lifted out of it, and the numbers of all that is no input, compared byte for byte. A
 * kept reading names its plan and does not hold it; it goes when the plan has gone. Only what was
 * answered is kept. Every function is safe from any thread. */
#ifndef API_MEMO_H
#define API_MEMO_H

#include "api/codec/json.h"
#include "core/budget.h"
#include "core/error.h"

struct api_context;
struct api_job;
struct api_memo;
struct api_memo_entry;

/* Keeps readings of up to `limit_bytes` together, the least recently used dropped first; `budget`
 * may be NULL. NULL when that is no room for one, or when the process has no memory. */
struct api_memo *api_memo_new(size_t limit_bytes, struct up_budget *budget);
void api_memo_free(struct api_memo *memo); /* nobody may use it; NULL is allowed */

/* A job's part. Zero-initialise it. */
struct api_memo_use {
    struct api_memo_entry *entry; /* that the job is a copy of */
    bool split;                   /* the body is split already, into */
    struct api_document document;
    const void *form; /* all that a reading depends on, but for numbers */
    size_t form_bytes;
    uint64_t hash; /* of the form */
};

/* Splits the job's body if it is a small document; where a request like it is kept the job becomes
 * a copy of that one's, with its own input, and its plan (`use`). False: all is still to be read,
 * from the body or from memo.document. */
bool api_memo_find(const struct api_context *context, struct api_job *job);

/* Keeps the reading of a job that was answered, if it can be kept, is not, and is like to come
 * again: its plan was found. */
void api_memo_keep(const struct api_context *context, const struct api_job *job);

void api_memo_release(struct api_memo_use *use); /* safe to repeat */

struct api_memo_counts {
    size_t hits, evictions; /* since the start */
    size_t entries, bytes;  /* now */
};
struct api_memo_counts api_memo_counts(struct api_memo *memo);

#endif
