/* HTTPS, with a certificate for 127.0.0.1 that is valid until 2126 and secret to nobody. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgofuMKPI60rLmD/2B\n"
    "179GerX3cZ7jq5GAKfXNZZbDreyhRANCAASQ+Slw5PKL8+8PQ1ltgww+K1RlFnAK\n"
    "ViPK2eAfP9kgX98Ra+weV0kTO7PRSlV531DhCwF3rVGRPzouVntSDw2l\n"
    "-----END PRIVATE KEY-----\n";

static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmzCCAUGgAwIBAgIUM/ODXbX+AswxCtCycFmsQ5e3cOkwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE2NTkxMVoYDzIxMjYxMDI5\n"
    "MTY1OTExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAASQ+Slw5PKL8+8PQ1ltgww+K1RlFnAKViPK2eAfP9kgX98Ra+weV0kT\n"
    "O7PRSlV531DhCwF3rVGRPzouVntSDw2lo28wbTAdBgNVHQ4EFgQUiwoBLUJrhz7m\n"
    "J2sRPWOQOuh1Y9owHwYDVR0jBBgwFoAUiwoBLUJrhz7mJ2sRPWOQOuh1Y9owDwYD\n"
    "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
    "zj0EAwIDSAAwRQIgNUl7Gw+6Wm2e+Wki49NY80eVsSy1exu/q+/bU+bdeeQCIQCE\n"
    "UPNkMq0UMi2bEe7V1dCiki2Lt1gCmJCHRQdYZVZceQ==\n"
    "-----END CERTIFICATE-----\n";

static void file_make(char *path, const char *text)
{
    const int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "no file");
    (void)close(fd);
}

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

/* The status, or minus libcurl's code. */
static long post_securely(unsigned port, const char *authority)
{
    char url[64];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/upsample", port);
    CURL *curl = curl_easy_init();
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, QUICK_BODY);
    if (authority != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? status : -(long)code;
}

Test(tls, who_trusts_the_certificate_is_served, .timeout = 30)
{
    char key_path[] = "/tmp/upsampled-key-XXXXXX", path[] = "/tmp/upsampled-certificate-XXXXXX";
    file_make(key_path, private_key);
    file_make(path, certificate);
    const char *const arguments[] = {"--tls-certificate", path, "--tls-key", key_path, NULL};
    struct server *s = server_start(arguments);
    cr_assert(post_securely(server_port(s), path) == 200, "with the certificate as authority");
    cr_assert(post_securely(server_port(s), NULL) == -(long)CURLE_PEER_FAILED_VERIFICATION,
              "without it");
    struct answer plain = client_get(s, "/healthz");
    cr_assert(plain.status != 200, "plain HTTP is served as well");
    answer_free(&plain);
    char port[16];
    (void)snprintf(port, sizeof port, "%u", server_port(s));
    const char *const probe[] = {"--healthcheck", "--port", port, "--tls-certificate", path,
                                 "--tls-key",     key_path, NULL};
    cr_assert(server_command(probe, NULL) == 0, "the healthcheck fails");
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    (void)unlink(key_path);
    (void)unlink(path);
}

Test(tls, files_that_are_none_end_the_start, .timeout = 30)
{
    char path[] = "/tmp/upsampled-certificate-XXXXXX";
    file_make(path, "not a certificate\n");
    const char *const garbage[] = {"--port", "0", "--tls-certificate", path, "--tls-key",
                                   path,     NULL};
    const char *const absent[] = {"--port",   "0", "--tls-certificate", path, "--tls-key",
                                  "/nowhere", NULL};
    cr_assert(server_command(garbage, NULL) == 2, "garbage is taken");
    cr_assert(server_command(absent, NULL) == 2, "a missing file is taken");
    (void)unlink(path);
}
