/* office.h - for tests: the API in front of a real control with its store and gateway, on free
 * ports of loopback, without engines; and a client that asks and waits for the whole answer. */
#ifndef SLUICE_TESTS_OFFICE_H
#define SLUICE_TESTS_OFFICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../io/wire.h"
#include "api/api_internal.h"

#include <cmocka.h>

#define OFFICE_POOLS                                                                               \
    "pools:\n"                                                                                     \
    "  chat:\n"                                                                                    \
    "    models: [m]\n"                                                                            \
    "    maxReplicas: 4\n"                                                                         \
    "    minReplicas: 0\n"                                                                         \
    "    target: {process: {command: [/bin/false]}}\n"                                             \
    "  code:\n"                                                                                    \
    "    models: [n]\n"                                                                            \
    "    maxReplicas: 8\n"                                                                         \
    "    minReplicas: 0\n"                                                                         \
    "    target: {process: {command: [/bin/false], env: {KEY: sesame}}}\n"

struct office {
    char folder[64];
    struct loop *loop;
    struct control *control;
    struct api *api;
    struct wire answer; /* of the last question */
};

static struct config *office_config(const struct office *o, const char *more)
{
    struct problem_list problems;
    const struct env_table env = {0};
    struct buf text;
    buf_init(&text, 65536);
    problem_list_init(&problems);
    buf_printf(&text, "state: %s/state.db\n%s" OFFICE_POOLS, o->folder, more);
    struct config *config = config_read("office.yaml", buf_view(&text), &env, &problems);
    for (size_t i = 0; i < problems.count && config == NULL; i++)
        print_message("%s\n", problems.item[i].text);
    assert_non_null(config);
    problem_list_done(&problems);
    buf_done(&text);
    return config;
}

/* more: general part of the configuration, `listen` included. */
static inline void office_open_with(struct office *o, const char *more)
{
    memset(o, 0, sizeof(*o));
    strcpy(o->folder, "/tmp/sluice-office-XXXXXX");
    assert_non_null(mkdtemp(o->folder));
    assert_int_equal(loop_new(&o->loop, NULL), RC_OK);
    const struct control_options options = {.file = NULL};
    const struct api_config config = {.listen = "127.0.0.1:0"};
    assert_int_equal(control_new(o->loop, office_config(o, more), &options, &o->control, NULL),
                     RC_OK);
    assert_int_equal(api_new(o->loop, o->control, &config, &o->api, NULL), RC_OK);
}

static inline void office_open(struct office *o)
{
    office_open_with(o, "listen: {gateway: \"127.0.0.1:0\"}\n");
}

static inline void office_close(struct office *o)
{
    struct dirent *entry;
    wire_close(&o->answer);
    api_free(o->api);
    control_free(o->control);
    loop_free(o->loop);
    DIR *folder = opendir(o->folder);
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(o->folder);
}

/* lines: whole header lines besides Host, which is there when they name none. body NULL = none.
 * Returns the status. */
static inline int office_ask(struct office *o, const char *method, const char *path,
                             const char *lines, const char *body)
{
    struct buf text;
    int status = 0;
    wire_close(&o->answer);
    wire_open(&o->answer, o->loop, api_port(o->api));
    buf_init(&text, 1U << 22);
    buf_printf(&text, "%s %s HTTP/1.1\r\nConnection: close\r\n%s%s", method, path,
               strstr(lines, "Host: ") != NULL ? "" : "Host: localhost\r\n", lines);
    if (body != NULL)
        buf_printf(&text, "Content-Length: %zu\r\n", strlen(body));
    buf_text(&text, "\r\n");
    if (body != NULL)
        buf_text(&text, body);
    conn_write(o->answer.conn, buf_view(&text));
    buf_done(&text);
    assert_true(wire_expect_close(&o->answer));
    assert_int_equal(sscanf(buf_cstr(&o->answer.got), "HTTP/1.1 %d", &status), 1);
    return status;
}

static inline int office_get(struct office *o, const char *path)
{
    return office_ask(o, "GET", path, "", NULL);
}

static inline int office_post(struct office *o, const char *path, const char *body)
{
    return office_ask(o, "POST", path, "Content-Type: application/json\r\n", body);
}

static inline bool office_said(struct office *o, const char *text)
{
    const bool said = wire_has(&o->answer, text);
    if (!said)
        print_message("not said: %s\n%s\n", text, buf_cstr(&o->answer.got));
    return said;
}

#endif
