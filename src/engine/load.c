#include "engine/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/load_internal.h"
#include "io/clock.h"

#define ARENA_BYTES (256U << 20)
#define SENDS_AT_ONCE 256 /* then the loop looks after answers */

static void check_finished(struct load *load)
{
    if (load->finished || !load->source_ended || load->first != NULL)
        return;
    load->finished = true;
    load->report.seconds = seconds_of(clock_monotonic_ns() - load->start_ns);
    load->config.finished(load->config.user);
}

static void count_reason(struct load_report *report, const char *text)
{
    for (size_t i = 0; i < report->reason_count; i++) {
        if (strcmp(report->reason[i].text, text) == 0) {
            report->reason[i].count++;
            return;
        }
    }
    if (report->reason_count == LOAD_REASONS_MAX) {
        report->reason[LOAD_REASONS_MAX - 1].count++; /* of another text: there are too many */
        return;
    }
    struct load_reason *reason = &report->reason[report->reason_count++];
    (void)snprintf(reason->text, sizeof reason->text, "%s", text);
    reason->count = 1;
}

void load_settle(struct shot *shot, enum outcome outcome, const char *why)
{
    struct load *load = shot->load;
    struct load_report *report = &load->report;
    int64_t *const counter[] = {&report->ok, &report->wrong, &report->lost, &report->refused};
    (*counter[outcome])++;
    if (outcome == OUTCOME_OK) {
        const int64_t now_ns = clock_monotonic_ns();
        histogram_record(&report->whole_s, seconds_of(now_ns - shot->sent_ns), 1);
        if (shot->first_ns != TIME_NONE)
            histogram_record(&report->first_s, seconds_of(shot->first_ns - shot->sent_ns), 1);
    } else {
        count_reason(report, why);
    }
    report->output_tokens += shot->check.tokens;
    report->open--;
    if (shot->prev != NULL)
        shot->prev->next = shot->next;
    else
        load->first = shot->next;
    if (shot->next != NULL)
        shot->next->prev = shot->prev;
    check_done(&shot->check);
    free(shot);
    check_finished(load);
}

static void fire(struct load *load, const struct trace_row *row)
{
    struct load_report *report = &load->report;
    const int64_t due_ns = load->start_ns + (int64_t)((double)row->arrival_ns / load->config.speed);
    report->late_s_max = fmax(report->late_s_max, seconds_of(clock_monotonic_ns() - due_ns));
    report->requests++;
    if (report->open >= load->config.open_max) {
        report->lost++;
        count_reason(report, "not sent: too many open requests (--concurrency)");
        return;
    }
    struct shot *shot = shot_new(load, row);
    if (shot == NULL) {
        report->lost++;
        count_reason(report, "not sent: out of memory");
        return;
    }
    report->open_most = report->open > report->open_most ? report->open : report->open_most;
    shot_send(shot);
}

static bool take_next(struct load *load)
{
    if (load->pending)
        return true;
    if (load->source_ended)
        return false;
    const enum rc rc =
        load->config.next(load->config.source, &load->row, &load->report.source_diag);
    if (rc == RC_OK) {
        load->pending = true;
        return true;
    }
    load->source_ended = true;
    load->report.source_rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    return false;
}

static void fire_due(void *user)
{
    struct load *load = user;
    for (int i = 0; take_next(load); i++) {
        const int64_t due_ns =
            load->start_ns + (int64_t)((double)load->row.arrival_ns / load->config.speed);
        if (due_ns > clock_monotonic_ns() || i == SENDS_AT_ONCE) {
            timer_at(&load->timer, due_ns);
            return;
        }
        load->pending = false;
        fire(load, &load->row);
    }
    check_finished(load);
}

static enum rc set_up(struct load *load, struct diag *diag)
{
    struct http_client_config client;
    http_client_defaults(&client);
    client.first_byte_timeout_ns = load->config.timeout_ns;
    client.gap_timeout_ns = load->config.timeout_ns;
    client.keep_ns = 2 * SECOND_NS; /* much less than any server keeps, so that few are stale */
    client.keep_max = 4096;
    load->client = http_client_new(load->loop, &client);
    load->filler = mem_new(LOAD_FILLER_BYTES, 1);
    if (load->client == NULL || load->filler == NULL ||
        timer_init(&load->timer, load->loop, fire_due, load) != RC_OK)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    load->origin = http_origin_get(load->client, load->config.host, load->config.port);
    if (load->origin == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    static const char words[] = "The quick brown fox jumps over the lazy dog. ";
    for (size_t i = 0; i < LOAD_FILLER_BYTES; i++)
        load->filler[i] = words[i % (sizeof words - 1)];
    timer_at(&load->timer, load->start_ns);
    return RC_OK;
}

enum rc load_new(struct loop *loop, const struct load_config *config, struct load **ret,
                 struct diag *diag)
{
    struct load *load = mem_new(1, sizeof *load);
    if (load == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    load->loop = loop;
    load->config = *config;
    load->start_ns = clock_monotonic_ns();
    arena_init(&load->arena, ARENA_BYTES);
    rng_init(&load->rng, config->seed);
    for (size_t i = 0; i < config->model_count; i++)
        load->weights += config->model[i].weight;
    enum rc rc = set_up(load, diag);
    if (rc != RC_OK) {
        load_free(load);
        return rc;
    }
    *ret = load;
    return RC_OK;
}

void load_free(struct load *load)
{
    if (load == NULL)
        return;
    while (load->first != NULL) {
        struct shot *shot = load->first;
        load->first = shot->next;
        if (shot->call != NULL)
            http_call_cancel(shot->call);
        check_done(&shot->check);
        free(shot);
    }
    if (load->origin != NULL)
        http_origin_unref(load->origin);
    if (load->client != NULL)
        http_client_free(load->client);
    timer_done(&load->timer);
    arena_done(&load->arena);
    free(load->filler);
    free(load);
}

void load_stop(struct load *load)
{
    load->source_ended = true;
    load->pending = false;
    timer_stop(&load->timer);
    check_finished(load);
}

void load_give_up(struct load *load)
{
    load_stop(load);
    struct shot *next;
    for (struct shot *shot = load->first; shot != NULL; shot = next) {
        next = shot->next;
        if (shot->call != NULL)
            http_call_cancel(shot->call);
        load_settle(shot, OUTCOME_LOST, "given up");
    }
}

const struct load_report *load_result(struct load *load)
{
    if (!load->finished)
        load->report.seconds = seconds_of(clock_monotonic_ns() - load->start_ns);
    return &load->report;
}
