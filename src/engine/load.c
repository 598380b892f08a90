#include "engine/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/rng.h"
#include "engine/answer.h"
#include "io/clock.h"
#include "io/http_client.h"
#include "io/http_server.h"

#define FILLER_BYTES (64U << 10)
#define ARENA_BYTES (256U << 20)
#define SENDS_AT_ONCE 256 /* then the loop looks after answers */
#define ID_MAX 96

struct shot {
    struct load *load;
    struct http_call *call;
    struct check check;
    struct shot *prev;
    struct shot *next;
    int64_t number;
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    struct span model;
    uint64_t session;
    int64_t sent_ns;
    int64_t first_ns; /* TIME_NONE before the first token */
    int64_t last_ns;
    int status;
    bool resent;
};

struct load {
    struct loop *loop;
    struct load_config config;
    struct load_report report;
    struct http_client *client;
    struct http_origin *origin;
    struct timer timer; /* the next request */
    struct arena arena;
    struct rng rng;
    char *filler;
    struct trace_row row; /* the next request, when `pending` */
    bool pending;
    bool source_ended;
    bool finished;
    double weights;
    int64_t start_ns;
    struct shot *first;
};

static void fire_due(void *user);

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

enum outcome { OUTCOME_OK, OUTCOME_WRONG, OUTCOME_LOST, OUTCOME_REFUSED };

/* The one place where a request is counted. Frees it. */
static void settle(struct shot *shot, enum outcome outcome, const char *why)
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

static void on_head(void *user, const struct http_head *head)
{
    struct shot *shot = user;
    shot->status = head->status;
}

static void on_data(void *user, struct span data)
{
    struct shot *shot = user;
    struct load *load = shot->load;
    if (shot->status != 200)
        return;
    const int64_t tokens = check_feed(&shot->check, data, &load->arena);
    if (tokens == 0)
        return;
    const int64_t now_ns = clock_monotonic_ns();
    if (shot->first_ns == TIME_NONE)
        shot->first_ns = now_ns;
    else
        histogram_record(&load->report.between_s,
                         seconds_of(now_ns - shot->last_ns) / (double)tokens, (double)tokens);
    shot->last_ns = now_ns;
}

static void settle_status(struct shot *shot)
{
    char why[CHECK_WHY_MAX];
    (void)snprintf(why, sizeof why, "status %d", shot->status);
    if (shot->status == 429 || shot->status == 503)
        settle(shot, OUTCOME_REFUSED, why);
    else
        settle(shot, shot->status >= 500 ? OUTCOME_LOST : OUTCOME_WRONG, why);
}

static void on_end(void *user)
{
    struct shot *shot = user;
    shot->call = NULL;
    if (shot->status != 200) {
        settle_status(shot);
        return;
    }
    switch (check_end(&shot->check, &shot->load->arena)) {
    case CHECK_OK:
        settle(shot, OUTCOME_OK, NULL);
        break;
    case CHECK_WRONG:
        settle(shot, OUTCOME_WRONG, shot->check.why);
        break;
    case CHECK_LOST:
        settle(shot, OUTCOME_LOST, shot->check.why);
        break;
    }
}

static bool send_shot(struct shot *shot);

static void on_failed(void *user, enum http_failure why)
{
    struct shot *shot = user;
    shot->call = NULL;
    /* A kept connection that had ended is no answer of anybody: sent again, once, on a new one. */
    if (why == HTTP_FAILED_STALE && !shot->resent) {
        shot->resent = true;
        shot->load->report.resent++;
        if (send_shot(shot))
            return;
    }
    settle(shot, OUTCOME_LOST, http_failure_name(why));
}

static const struct http_call_ops call_ops = {
    .head = on_head,
    .data = on_data,
    .end = on_end,
    .failed = on_failed,
};

/* The body up to the prompt's text, into `begin`, and what follows it, into `end`. */
static void write_body(const struct shot *shot, struct buf *begin, struct buf *end)
{
    const struct load_config *config = &shot->load->config;
    struct json_writer w;
    buf_text(begin, "{\"model\":");
    json_init(&w, begin);
    json_string(&w, shot->model);
    buf_printf(begin, ",%s", config->api->text_begin);
    buf_text(end, config->api->text_end);
    buf_printf(end, ",\"stream\":%s", config->stream ? "true" : "false");
    if (config->stream && config->usage && config->api->done_mark)
        buf_text(end, ",\"stream_options\":{\"include_usage\":true}");
    if (strcmp(config->api->length, "options") == 0)
        buf_printf(end, ",\"options\":{\"num_predict\":%" PRId64 "}", shot->output_tokens);
    else
        buf_printf(end, ",\"%s\":%" PRId64, config->api->length, shot->output_tokens);
    if (shot->cached_tokens > 0 && config->check_content)
        buf_printf(end, ",\"cached_tokens\":%" PRId64, shot->cached_tokens);
    buf_byte(end, '}');
}

static void write_id(const struct shot *shot, char ret_id[ID_MAX])
{
    (void)snprintf(ret_id, ID_MAX, "%s-%" PRId64, shot->load->config.id_prefix, shot->number);
}

static void write_lines(const struct shot *shot, struct buf *lines)
{
    char id[ID_MAX];
    write_id(shot, id);
    buf_text(lines, "content-type: application/json\r\n");
    buf_printf(lines, "x-request-id: %s\r\n", id);
    if (shot->session != 0)
        buf_printf(lines, "x-session-id: %016" PRIx64 "\r\n", shot->session);
    buf_span(lines, shot->load->config.lines);
}

static void send_request(struct shot *shot, struct buf *begin, struct buf *end, struct buf *lines)
{
    const struct load_config *config = &shot->load->config;
    char target[HTTP_TARGET_BYTES_MAX / 8];
    const int target_len =
        snprintf(target, sizeof target, "%.*s%s", SPAN_ARG(config->base_path), config->api->path);
    char host[TEXT_SIZE];
    const int host_len =
        snprintf(host, sizeof host, "%.*s:%u", SPAN_ARG(config->host), (unsigned)config->port);
    uint64_t left = (uint64_t)shot->input_tokens * ANSWER_BYTES_PER_TOKEN;
    http_call_head(shot->call, span_from("POST"), span_of(target, (size_t)target_len),
                   span_of(host, (size_t)host_len), buf_view(lines), begin->len + left + end->len,
                   true);
    http_call_data(shot->call, buf_view(begin));
    while (left > 0) {
        const size_t n = left < FILLER_BYTES ? (size_t)left : FILLER_BYTES;
        http_call_data(shot->call, span_of(shot->load->filler, n));
        left -= n;
    }
    http_call_data(shot->call, buf_view(end));
    http_call_end(shot->call);
}

/* False when no call could be made. */
static bool send_shot(struct shot *shot)
{
    shot->call = http_call_new(shot->load->origin, false, &call_ops, shot);
    if (shot->call == NULL)
        return false;
    struct buf begin;
    struct buf end;
    struct buf lines;
    buf_init(&begin, 64U << 10);
    buf_init(&end, 4096);
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    write_body(shot, &begin, &end);
    write_lines(shot, &lines);
    const bool written = !begin.failed && !end.failed && !lines.failed;
    if (written) {
        send_request(shot, &begin, &end, &lines);
    } else {
        http_call_cancel(shot->call);
        shot->call = NULL;
    }
    buf_done(&begin);
    buf_done(&end);
    buf_done(&lines);
    return written;
}

static struct span choose_model(struct load *load)
{
    const struct load_config *config = &load->config;
    double at = rng_unit(&load->rng) * load->weights;
    for (size_t i = 0; i + 1 < config->model_count; i++) {
        at -= config->model[i].weight;
        if (at < 0)
            return config->model[i].name;
    }
    return config->model[config->model_count - 1].name;
}

static int64_t scale(int64_t tokens, double factor, int64_t max)
{
    return num_to_int(rint((double)tokens * factor), 1, max);
}

static struct shot *new_shot(struct load *load, const struct trace_row *row)
{
    struct shot *shot = mem_new(1, sizeof *shot);
    if (shot == NULL)
        return NULL;
    const struct load_config *config = &load->config;
    shot->load = load;
    shot->number = load->report.requests;
    shot->input_tokens = scale(row->input_tokens, config->input_scale, config->input_max);
    shot->output_tokens = scale(row->output_tokens, config->output_scale, config->output_max);
    shot->cached_tokens = (int64_t)((double)row->cached_tokens * config->input_scale);
    shot->session = row->session;
    shot->model = choose_model(load);
    shot->first_ns = TIME_NONE;
    shot->sent_ns = clock_monotonic_ns();
    char id[ID_MAX];
    write_id(shot, id);
    shot->check = (struct check){
        .api = config->api,
        .key = answer_key(span_from(id)),
        .prompt_tokens = shot->input_tokens,
        .output_tokens = shot->output_tokens,
        .stream = config->stream,
        .usage = config->usage || !config->stream,
        .content = config->check_content,
    };
    check_init(&shot->check);
    shot->next = load->first;
    if (shot->next != NULL)
        shot->next->prev = shot;
    load->first = shot;
    return shot;
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
    struct shot *shot = new_shot(load, row);
    if (shot == NULL) {
        report->lost++;
        count_reason(report, "not sent: out of memory");
        return;
    }
    report->open++;
    report->open_most = report->open > report->open_most ? report->open : report->open_most;
    report->input_tokens += shot->input_tokens;
    if (!send_shot(shot))
        settle(shot, OUTCOME_LOST, "not sent: no descriptor or memory for a connection");
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
    load->filler = mem_new(FILLER_BYTES, 1);
    if (load->client == NULL || load->filler == NULL ||
        timer_init(&load->timer, load->loop, fire_due, load) != RC_OK)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    load->origin = http_origin_get(load->client, load->config.host, load->config.port);
    if (load->origin == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    static const char words[] = "The quick brown fox jumps over the lazy dog. ";
    for (size_t i = 0; i < FILLER_BYTES; i++)
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
        settle(shot, OUTCOME_LOST, "given up");
    }
}

const struct load_report *load_result(struct load *load)
{
    if (!load->finished)
        load->report.seconds = seconds_of(clock_monotonic_ns() - load->start_ns);
    return &load->report;
}
