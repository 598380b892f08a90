/* rig.h - for tests of sources: the set on a loop of its own, with every sample and change
 * recorded, and an HTTP server on a free port whose answers a test chooses.
 *
 * Nothing sleeps: whatever is waited for is a sample or a state, and a guard of 30 s ends a test
 * that waits in vain. */
#ifndef SLUICE_TESTS_RIG_H
#define SLUICE_TESTS_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "io/clock.h"
#include "io/http_server.h"
#include "io/loop.h"
#include "source/sources_internal.h"

#include <cmocka.h>

#define RIG_SAMPLES_MAX 4096
#define RIG_GUARD_NS (60 * SECOND_NS)

struct rig {
    struct loop *loop;
    struct config *config;
    struct sources *sources;
    struct source_sample sample[RIG_SAMPLES_MAX];
    size_t pool[RIG_SAMPLES_MAX];
    size_t sample_count;
    size_t changes;
    struct source_replica replica[8];
    size_t replica_count;
    struct source_usage usage[8]; /* of replica 1, 2, ...; cpus 0 = not of this machine */
    const char *gpus[8];          /* likewise; NULL = none */
    struct http_server *server;
    /* What the server answers. */
    int status;
    const char *lines; /* further "name: value\r\n" */
    const char *type;
    struct buf body;
    bool cut;             /* the answer promises 100 MB and ends before */
    const char *age_body; /* for requests that ask for the age; NULL = as the others */
    bool silent;          /* it takes requests and answers nothing */
    char target[2048];    /* of the last request */
    char authorization[256];
    size_t requests;
};

static inline void rig_samples(void *user, size_t pool, const struct source_sample *samples,
                               size_t count)
{
    struct rig *rig = user;
    for (size_t i = 0; i < count && rig->sample_count < RIG_SAMPLES_MAX; i++) {
        rig->pool[rig->sample_count] = pool;
        rig->sample[rig->sample_count++] = samples[i];
    }
}

static inline void rig_changed(void *user, size_t pool)
{
    struct rig *rig = user;
    (void)pool;
    rig->changes++;
}

static inline bool rig_replica(void *user, size_t pool, size_t index, struct source_replica *ret)
{
    struct rig *rig = user;
    (void)pool;
    if (index >= rig->replica_count)
        return false;
    *ret = rig->replica[index];
    return true;
}

static inline bool rig_usage(void *user, uint64_t replica, struct source_usage *ret)
{
    struct rig *rig = user;
    *ret = rig->usage[replica - 1];
    return ret->cpus > 0;
}

static inline const char *rig_gpus(void *user, uint64_t replica)
{
    struct rig *rig = user;
    return rig->gpus[replica - 1] ? rig->gpus[replica - 1] : "";
}

static inline struct config *rig_config(const char *text)
{
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config = config_read("test.yaml", span_from(text), NULL, &problems);
    for (size_t i = 0; config == NULL && i < problems.count; i++)
        print_message("%s: %s\n", problems.item[i].path, problems.item[i].text);
    problem_list_done(&problems);
    assert_non_null(config);
    return config;
}

/* ---- the server ---- */

static inline void rig_request(void *user, struct http_request *request)
{
    struct rig *rig = user;
    const struct http_head *head = http_request_head(request);
    rig->requests++;
    (void)span_copy(head->target, rig->target, sizeof(rig->target));
    (void)span_copy(http_header_get(head, "authorization"), rig->authorization,
                    sizeof(rig->authorization));
    if (rig->silent)
        return;
    if (rig->age_body != NULL && strstr(rig->target, "timestamp") != NULL) {
        http_respond(request, 200, NULL, span_from(rig->age_body));
        return;
    }
    http_response_begin(request, rig->status, span_from(rig->lines),
                        rig->cut ? 100000000 : rig->body.len);
    http_response_data(request, buf_view(&rig->body));
    if (rig->cut)
        http_response_cut(request);
    else
        http_response_end(request);
}

static inline void rig_serve(struct rig *rig)
{
    struct http_server_config config;
    http_server_defaults(&config);
    config.listen = "127.0.0.1:0";
    assert_int_equal(http_server_new(rig->loop, &config, rig_request, rig, &rig->server, NULL),
                     RC_OK);
}

/* Lets go of port and connections: what comes now is refused. */
static inline void rig_serve_no_more(struct rig *rig)
{
    http_server_free(rig->server);
    rig->server = NULL;
}

static inline void rig_answer(struct rig *rig, int status, const char *body)
{
    rig->status = status;
    rig->lines = "";
    rig->cut = false;
    rig->silent = false;
    buf_clear(&rig->body);
    buf_text(&rig->body, body);
}

/* ---- life ---- */

static inline void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(loop_new(&rig->loop, NULL), RC_OK);
    buf_init(&rig->body, (size_t)256 << 20);
    rig_answer(rig, 200, "");
    rig_serve(rig);
    const struct sources_config config = {.samples = rig_samples,
                                          .changed = rig_changed,
                                          .replica = rig_replica,
                                          .usage = rig_usage,
                                          .gpus = rig_gpus,
                                          .user = rig};
    assert_int_equal(sources_new(rig->loop, &config, &rig->sources, NULL), RC_OK);
}

/* `format` with the port of the server for its only %d. */
static inline void rig_use(struct rig *rig, const char *format)
{
    char text[8192];
    const char *place = strstr(format, "%d");
    const int before = place != NULL ? (int)(place - format) : (int)strlen(format);
    snprintf(text, sizeof(text), "%.*s", before, format);
    if (place != NULL)
        snprintf(text + before, sizeof(text) - (size_t)before, "%d%s",
                 (int)http_server_port(rig->server), place + 2);
    struct config *old = rig->config;
    rig->config = rig_config(text);
    assert_int_equal(sources_configure(rig->sources, rig->config), RC_OK);
    config_free(old);
}

static inline void rig_done(struct rig *rig)
{
    sources_free(rig->sources);
    http_server_free(rig->server);
    config_free(rig->config);
    buf_done(&rig->body);
    loop_free(rig->loop);
}

/* ---- waiting ---- */

static inline struct source_row rig_row(const struct rig *rig, size_t index)
{
    struct source_row row;
    assert_true(sources_at(rig->sources, index, &row));
    return row;
}

static inline void rig_guard(void *user)
{
    (void)user;
    fail_msg("waited in vain");
}

/* Turns the loop until source `index` has ended so many rounds. */
static inline void rig_rounds(struct rig *rig, size_t index, int64_t rounds)
{
    struct timer guard = {0};
    assert_int_equal(timer_init(&guard, rig->loop, rig_guard, NULL), RC_OK);
    timer_after(&guard, RIG_GUARD_NS);
    while (rig_row(rig, index).status->rounds < rounds)
        loop_turn(rig->loop, true);
    timer_done(&guard);
}

/* One more round than there were, under what the server answers now, and at once. */
static inline enum source_fault rig_next(struct rig *rig, size_t index)
{
    rig->sample_count = 0;
    round_begin_soon(rig->sources->source[index]);
    rig_rounds(rig, index, rig_row(rig, index).status->rounds + 1);
    return rig_row(rig, index).status->fault;
}

static inline const struct sample *rig_last(const struct rig *rig)
{
    assert_true(rig->sample_count > 0);
    return &rig->sample[rig->sample_count - 1].sample;
}

#endif
