/* DESIGN
 * Two buffers: threads append lines to one under a lock, the writer writes the other, then they
 * change places. A line that finds the writer asleep wakes it; then it lets more lines come for a
 * moment, so that a busy service pays one wake-up and one system call for many lines. */
#include "server/log_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GATHER_MS = 5, END_SECONDS = 1 };

static struct {
    pthread_mutex_t lock; /* guards all but the buffer that is being written */
    pthread_cond_t wake;  /* there is a line, or the end has come */
    pthread_cond_t ended;
    char buffer[2][SRV_LOG_PENDING_BYTES];
    size_t bytes; /* in buffer[filling] */
    unsigned filling;
    bool running, ending;
    _Atomic uint64_t dropped;
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .wake = PTHREAD_COND_INITIALIZER,
            .ended = PTHREAD_COND_INITIALIZER};

/* A log that cannot be written must not stop the service. */
static void write_all(const char *text, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t n = write(STDERR_FILENO, text, bytes);
        if (n < 0 && errno != EINTR)
            return;
        text += n < 0 ? 0 : n;
        bytes -= n < 0 ? 0 : (size_t)n;
    }
}

static void *write_lines(void *arg)
{
    const struct timespec gather = {0, GATHER_MS * 1000000L};
    (void)arg;
    (void)pthread_mutex_lock(&writer.lock);
    while (!writer.ending || writer.bytes > 0) {
        if (writer.bytes == 0) {
            (void)pthread_cond_wait(&writer.wake, &writer.lock);
            continue;
        }
        if (!writer.ending) {
            (void)pthread_mutex_unlock(&writer.lock);
            (void)nanosleep(&gather, NULL);
            (void)pthread_mutex_lock(&writer.lock);
        }
        const char *text = writer.buffer[writer.filling];
        const size_t bytes = writer.bytes;
        writer.filling ^= 1;
        writer.bytes = 0;
        (void)pthread_mutex_unlock(&writer.lock);
        write_all(text, bytes);
        (void)pthread_mutex_lock(&writer.lock);
    }
    writer.running = false;
    (void)pthread_cond_signal(&writer.ended);
    (void)pthread_mutex_unlock(&writer.lock);
    return NULL;
}

void srv_log_writer_start(void)
{
    pthread_t thread;
    (void)pthread_mutex_lock(&writer.lock);
    writer.running = pthread_create(&thread, NULL, write_lines, NULL) == 0;
    if (writer.running)
        (void)pthread_detach(thread); /* it may never return from a write */
    (void)pthread_mutex_unlock(&writer.lock);
}

void srv_log_writer_put(const char *line, size_t bytes)
{
    (void)pthread_mutex_lock(&writer.lock);
    const bool queued = writer.running && !writer.ending;
    if (queued && bytes <= SRV_LOG_PENDING_BYTES - writer.bytes) {
        memcpy(writer.buffer[writer.filling] + writer.bytes, line, bytes);
        if (writer.bytes == 0)
            (void)pthread_cond_signal(&writer.wake);
        writer.bytes += bytes;
    } else if (queued) {
        atomic_fetch_add_explicit(&writer.dropped, 1, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&writer.lock);
    if (!queued)
        write_all(line, bytes);
}

uint64_t srv_log_writer_dropped(void)
{
    return atomic_load_explicit(&writer.dropped, memory_order_relaxed);
}

void srv_log_writer_end(void)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += END_SECONDS;
    (void)pthread_mutex_lock(&writer.lock);
    writer.ending = true;
    (void)pthread_cond_signal(&writer.wake);
    int status = 0;
    while (writer.running && status == 0)
        status = pthread_cond_timedwait(&writer.ended, &writer.lock, &limit);
    (void)pthread_mutex_unlock(&writer.lock);
}
