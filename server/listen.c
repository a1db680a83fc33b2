#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, PROBE_SECONDS = 3 };

static bool unix_address(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path)
        return false;
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return true;
}

static int unix_connect(const char *path)
{
    struct sockaddr_un address;
    if (!unix_address(path, &address))
        return -1;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Removes a socket that a dead process has left; never another kind of file. */
static void unix_clear(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    const int fd = unix_connect(path);
    if (fd < 0)
        (void)unlink(path);
    else
        (void)close(fd);
}

static enum up_code unix_listen(const char *path, int *ret_fd, struct up_error *err)
{
    struct sockaddr_un address;
    if (!unix_address(path, &address))
        return up_fail(err, UP_E_INVALID, "", "--unix-socket '%s' is longer than %zu bytes", path,
                       sizeof address.sun_path - 1);
    unix_clear(path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, BACKLOG) == 0) {
        *ret_fd = fd;
        return UP_OK;
    }
    const int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    return up_fail(err, UP_E_INVALID, "", "cannot listen on '%s': %s", path, strerror(reason));
}

/* Numbers and names, IPv4 and IPv6. NULL when the name means nothing. */
static struct addrinfo *resolve(const char *host, unsigned port, int flags)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    return getaddrinfo(host, service, &hints, &found) == 0 ? found : NULL;
}

static int tcp_listen(const struct addrinfo *at)
{
    static const int yes = 1, no = 0;
    const int fd = socket(at->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (at->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0)
        return 0;
    return address.ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port)
               : ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

enum up_code srv_listen(const struct srv_options *options, int *ret_fd, unsigned *ret_port,
                        struct up_error *err)
{
    int fd = -1;
    unsigned port = 0;
    if (options->unix_socket[0] != '\0') {
        const enum up_code code = unix_listen(options->unix_socket, &fd, err);
        if (code != UP_OK)
            return code;
    } else {
        struct addrinfo *found = resolve(options->address, options->port, AI_PASSIVE);
        if (found == NULL)
            return up_fail(err, UP_E_INVALID, "", "--address '%s' is no address", options->address);
        fd = tcp_listen(found);
        const int reason = errno;
        freeaddrinfo(found);
        if (fd < 0)
            return up_fail(err, UP_E_INVALID, "", "cannot listen on %s port %u: %s",
                           options->address, options->port, strerror(reason));
        port = port_of(fd);
    }
    /* The HTTP library's threads all accept: the one that comes too late must not wait. */
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    *ret_fd = fd;
    *ret_port = port;
    return UP_OK;
}

/* Connects to a service with these options; -1 when that cannot be. */
static int service_connect(const struct srv_options *options)
{
    if (options->unix_socket[0] != '\0')
        return unix_connect(options->unix_socket);
    const char *host = options->address;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    struct addrinfo *found = resolve(host, options->port, 0);
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    if (found != NULL)
        freeaddrinfo(found);
    return fd;
}

int srv_healthcheck(const struct srv_options *options)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    static const char wanted[] = "HTTP/1.1 200 ";
    const int fd = service_connect(options);
    if (fd < 0)
        return 1;
    bool healthy = options->tls_certificate[0] != '\0';
    const struct timeval patience = {.tv_sec = PROBE_SECONDS};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!healthy && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1) {
        char answer[sizeof wanted - 1];
        const ssize_t n = recv(fd, answer, sizeof answer, MSG_WAITALL);
        healthy = n == (ssize_t)sizeof answer && memcmp(answer, wanted, sizeof answer) == 0;
    }
    (void)close(fd);
    return healthy ? 0 : 1;
}
