/* The command line and the environment. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "server/options.h"
#include "tests/support/server.h"

static void expect_line(const char *output, const char *line)
{
    const char *at = strstr(output, line);
    cr_assert(at != NULL && at[strlen(line)] == '\n', "no line '%s' in:\n%s", line, output);
}

Test(options, the_defaults_are_those_of_the_documentation, .timeout = 20)
{
    static const char *const arguments[] = {"--print-config", NULL};
    char *output;
    cr_assert(server_command(arguments, &output) == 0, "it fails");
    expect_line(output, "UPSAMPLED_ADDRESS=127.0.0.1");
    expect_line(output, "UPSAMPLED_PORT=8080");
    expect_line(output, "UPSAMPLED_BODY_LIMIT=268435456");
    expect_line(output, "UPSAMPLED_OUTPUT_LIMIT=1073741824");
    expect_line(output, "UPSAMPLED_DEADLINE=55000ms");
    expect_line(output, "UPSAMPLED_IDLE_TIMEOUT=75000ms");
    expect_line(output, "UPSAMPLED_CORS_ORIGINS=");
    expect_line(output, "UPSAMPLED_LOG_LEVEL=info");
    free(output);
}

Test(options, a_flag_wins_over_the_environment, .timeout = 20)
{
    (void)setenv("UPSAMPLED_PORT", "1234", 1);
    (void)setenv("UPSAMPLED_BODY_LIMIT", "3KB", 1);
    static const char *const arguments[] = {"--port=99", "--threads", "3", "--print-config", NULL};
    char *output;
    cr_assert(server_command(arguments, &output) == 0, "it fails");
    expect_line(output, "UPSAMPLED_PORT=99");
    expect_line(output, "UPSAMPLED_BODY_LIMIT=3072");
    expect_line(output, "UPSAMPLED_THREADS=3");
    expect_line(output, "UPSAMPLED_QUEUE=24");
    free(output);
}

Test(options, the_printed_configuration_reads_back, .timeout = 20)
{
    static const char *const first[] = {"--deadline",     "2m", "--memory", "1GB",
                                        "--print-config", NULL};
    static const char *const again[] = {"--print-config", NULL};
    char *output, *output_again;
    cr_assert(server_command(first, &output) == 0, "it fails");
    char *copy = strdup(output);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *equals = strchr(line, '=');
        cr_assert(equals != NULL, "%s", line);
        *equals = '\0';
        (void)setenv(line, equals + 1, 1);
    }
    cr_assert(server_command(again, &output_again) == 0, "it fails on its own output");
    cr_assert(strcmp(output, output_again) == 0, "%s\n%s", output, output_again);
    free(copy);
    free(output);
    free(output_again);
}

Test(options, help_names_every_option_and_the_version_is_one_line, .timeout = 20)
{
    static const char *const help[] = {"--help", NULL}, *const version[] = {"--version", NULL};
    char *output;
    cr_assert(server_command(help, &output) == 0, "it fails");
#define X(type, field, flag, fallback, min, max, text)                                             \
    cr_assert(strstr(output, "--" flag) != NULL, "no --" flag);
#include "server/options.def"
#undef X
    free(output);
    cr_assert(server_command(version, &output) == 0, "it fails");
    cr_assert(strncmp(output, "upsampled ", 10) == 0, "%s", output);
    free(output);
}

/* Parses in this process; the error's text. */
static const char *refusal(const char *a, const char *b)
{
    static struct up_error err;
    err = (struct up_error){.code = UP_OK};
    char *const argv[] = {(char *)"upsampled", (char *)(size_t)a, (char *)(size_t)b, NULL};
    struct srv_options options;
    const enum up_code code = srv_options_parse(b == NULL ? 2 : 3, argv, &options, &err);
    cr_assert(code == UP_E_INVALID, "%s %s is taken", a, b == NULL ? "" : b);
    return err.text;
}

Test(options, what_is_wrong_is_named, .timeout = 20)
{
    static const char *const cases[][3] = {
        {"--prot", "80", "--prot"},
        {"--port", "65536", "65536"},
        {"--port", "-1", "-1"},
        {"--port", "80x", "80x"},
        {"--port", "", "--port"},
        {"--body-limit", "1TB", "1TB"},
        {"--body-limit", "0", "'0'"},
        {"--deadline", "5 s", "5 s"},
        {"--log-level", "loud", "loud"},
        {"--memory", "99999999999GB", "99999999999GB"},
        {"--tls-key", "/x", "--tls-certificate"},
        {"--cors-origins", "a.example", "'a.example'"},
        {"--cors-origins", "https://a.example, https://b.example/", "'https://b.example/'"},
        {"--cors-origins", "://a.example", "'://a.example'"},
        {"--cors-origins", "https://", "'https://'"},
        {"--port", NULL, "--port"},
        {"stray", NULL, "stray"},
        {"--idle-timeout", "10ms", "10ms"},
        {"--isa", "mmx", "--isa is 'mmx'; it must be one of "},
#ifdef __aarch64__
        {"--isa", "neo", " neon; did you mean \"neon\"?"},
#else
        {"--isa", "basline", ", baseline; did you mean \"baseline\"?"},
#endif
        {"--algorithm", "fft", "--algorithm is 'fft'; it must be one of "},
        {"--algorithm", "winograd_f3x3", ", direct; did you mean \"winograd_f3x2\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = refusal(cases[i][0], cases[i][1]);
        cr_assert(strstr(text, cases[i][2]) != NULL, "case %zu: %s", i, text);
    }
}

Test(options, a_wrong_environment_is_refused_by_name, .timeout = 20)
{
    (void)setenv("UPSAMPLED_THREADS", "many", 1);
    const char *text = refusal("--port", "1");
    cr_assert(strstr(text, "UPSAMPLED_THREADS") != NULL && strstr(text, "many") != NULL, "%s",
              text);
}

Test(options, a_port_that_is_taken_ends_the_start, .timeout = 30)
{
    struct server *s = server_start(NULL);
    char port[16];
    (void)snprintf(port, sizeof port, "%u", server_port(s));
    const char *const arguments[] = {"--port", port, NULL};
    cr_assert(server_command(arguments, NULL) == 2, "two on one port");
    cr_assert(server_stop(s, 15, NULL) == 0, "not a clean end");
}

Test(options, an_algorithm_or_a_fusion_that_there_is_not_is_refused, .timeout = 20)
{
    static const char *const arguments[][3] = {{"--algorithm=fft", "--port=0", NULL},
                                               {"--no-fusion=padding,cake", "--port=0", NULL}};
    for (size_t i = 0; i < 2; i++)
        cr_assert(server_command(arguments[i], NULL) == 2, "%s starts", arguments[i][0]);
}
