#include "server/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct srv_acceptor {
    pthread_t thread;
    int listen_fd, end_fd[2]; /* a byte in the pipe ends the thread */
    void (*take)(void *arg, int fd, const struct sockaddr *address, socklen_t bytes);
    void *arg;
};

/* Takes all connections that are there. */
static void accept_all(struct srv_acceptor *a)
{
    for (;;) {
        struct sockaddr_storage address;
        socklen_t bytes = sizeof address;
        const int fd = accept(a->listen_fd, (struct sockaddr *)&address, &bytes);
        if (fd >= 0) {
            a->take(a->arg, fd, (const struct sockaddr *)&address, bytes);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        /* No file or no memory for it: the client waits in the kernel's queue until there is. */
        static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
        return;
    }
}

static void *run(void *arg)
{
    struct srv_acceptor *a = arg;
    struct pollfd fds[2] = {{.fd = a->listen_fd, .events = POLLIN},
                            {.fd = a->end_fd[0], .events = POLLIN}};
    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) > 0)
            accept_all(a);
    }
    (void)shutdown(a->listen_fd, SHUT_RDWR);
    return NULL;
}

struct srv_acceptor *srv_acceptor_new(int listen_fd,
                                      void (*take)(void *arg, int fd,
                                                   const struct sockaddr *address, socklen_t bytes),
                                      void *arg)
{
    struct srv_acceptor *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->listen_fd = listen_fd;
    a->take = take;
    a->arg = arg;
    if (pipe(a->end_fd) != 0) {
        free(a);
        return NULL;
    }
    if (pthread_create(&a->thread, NULL, run, a) != 0) {
        (void)close(a->end_fd[0]);
        (void)close(a->end_fd[1]);
        free(a);
        return NULL;
    }
    return a;
}

void srv_acceptor_end(struct srv_acceptor *a)
{
    if (a == NULL)
        return;
    (void)close(a->end_fd[1]); /* which the thread sees as the end of the pipe */
    (void)pthread_join(a->thread, NULL);
    (void)close(a->end_fd[0]);
    (void)close(a->listen_fd);
    free(a);
}
