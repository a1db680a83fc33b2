/* POST /upsample and POST /plan take the same body: this reads it, whichever of its forms it has.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/api.h"
#include "api/memo.h"
#include "api/model.h"
#include "api/output.h"
#include "api/reader.h"
#include "core/plan/cache.h"

/* How an input was made to fit the layers: axes that were put in, and are taken out of the answer.
 */
struct api_axes {
    uint32_t spatial; /* of the layers; 0: they do not say */
    bool batch_added, channels_added, channels_first;
};

enum api_inputs_form { API_INPUT_ONE, API_INPUT_LIST, API_INPUT_NAMED };

/* What an answer says behind its numbers. */
struct api_closing {
    bool made;
    const char *text; /* the rest of the document, in JSON */
    size_t bytes;
    const char *warnings; /* as a header's value; NULL: there are none */
};

struct api_job {
    struct api_reader reader;
    const struct api_request *request;
    const char *const *members; /* that the document may have */
    json_t *root;               /* the document with the query merged in; api_job_close drops it */

    enum api_inputs_form form;
    struct up_tensor input[UP_INPUTS_MAX]; /* as they fit the graph */
    const char *input_name[UP_INPUTS_MAX]; /* API_INPUT_NAMED */
    struct up_shape input_shape[UP_INPUTS_MAX];
    uint32_t input_count;
    struct api_axes axes;

    struct api_net net;
    struct api_output output;
    bool weights_shown;     /* a dry run that is asked for the weights' values */
    struct up_plan_use use; /* what api_job_plan planned, or api_memo_find found */
    struct api_memo_use memo;
    struct api_closing closing;
};

/* Reads everything; `shapes` allows inputs that are only a shape. Close the job in any case. */
enum up_code api_job_open(const struct api_context *context, const struct api_request *request,
                          bool shapes, struct api_job *ret, struct up_error *err) UP_CHECKED;
void api_job_close(struct api_job *job); /* its plan, too */

/* The two halves of it, for a request with several nets: all that they share, with a document of
 * these members, which is to be closed in any case; then the layers in an object at `at`, for a job
 * or a copy of it, and the input fitted to them. */
enum up_code api_job_begin(const struct api_context *context, const struct api_request *request,
                           const char *const *members, bool shapes, struct api_job *ret,
                           struct up_error *err) UP_CHECKED;
enum up_code api_job_net(struct api_job *job, const json_t *owner, const char *at) UP_CHECKED;

/* Refuses a member of the object at `at` that is none of these, with the nearest that is; `what`
 * has no such member: "a request". */
enum up_code api_members_check(struct api_reader *reader, const json_t *object, const char *at,
                               const char *const *members, const char *what) UP_CHECKED;

/* The plan of an open job, within the service's limits, one for each job. It lives until the job is
 * closed; that of a copy of a job, which is not closed, until api_job_plan_drop. */
enum up_code api_job_plan(const struct api_context *context, struct api_job *job,
                          const struct up_plan **ret) UP_CHECKED;
void api_job_plan_drop(struct api_job *job);

/* Warnings of what the plan says of its layers, then the job's `closing`. (api/infer.c) */
enum up_code api_job_diagnose(struct api_job *job, const struct up_plan *plan) UP_CHECKED;
enum up_code api_job_closing(struct api_job *job, const struct up_plan *plan) UP_CHECKED;

/* Runs the plan; `ret` has room for every output of the net. (api/infer.c) */
enum up_code api_job_run(const struct api_context *context, const struct api_job *job,
                         const struct up_plan *plan, struct up_tensor *ret) UP_CHECKED;

/* Turns the place of an error into what the client wrote: a value that came with the query is a
 * parameter, not a pointer. */
void api_job_place(const struct api_job *job, struct up_error *err);

/* The result of the graph's output, the added axes taken out again. */
struct api_result api_job_result(const struct api_job *job, const struct up_tensor *tensor);
struct up_shape api_job_shape(const struct api_job *job, const struct up_shape *shape);

/* --- The steps of api_job_open, in order --- */

/* The document: the body, the part "request", or an empty object beside a file. (api/body.c) */
enum up_code api_job_body(struct api_job *job) UP_CHECKED;

/* The body of a request that is a document and nothing else; NULL when it is none. (api/body.c) */
const struct api_part *api_job_document(const struct api_job *job);

/* Whether the query has a value of this name. (api/query.c) */
bool api_job_asked(const struct api_job *job, const char *name);

/* Puts the query's values where they belong in the document. (api/query.c) */
enum up_code api_job_query(struct api_job *job) UP_CHECKED;

/* The files of the body, once it is known what becomes of an image's channels. (api/body.c) */
enum up_code api_job_files(struct api_job *job) UP_CHECKED;

/* The format that an answer has when nobody asks: that of the input. (api/body.c) */
enum api_format api_job_natural(const struct api_job *job);

#endif
