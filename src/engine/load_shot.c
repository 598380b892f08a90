/* load_shot.c - one request of a load run: its bytes out, its answer through the checker. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "engine/answer.h"
#include "engine/load_internal.h"
#include "io/clock.h"
#include "io/http_server.h"

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
        load_settle(shot, OUTCOME_REFUSED, why);
    else
        load_settle(shot, shot->status >= 500 ? OUTCOME_LOST : OUTCOME_WRONG, why);
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
        load_settle(shot, OUTCOME_OK, NULL);
        break;
    case CHECK_WRONG:
        load_settle(shot, OUTCOME_WRONG, shot->check.why);
        break;
    case CHECK_LOST:
        load_settle(shot, OUTCOME_LOST, shot->check.why);
        break;
    }
}

static void on_failed(void *user, enum http_failure why)
{
    struct shot *shot = user;
    shot->call = NULL;
    load_settle(shot, OUTCOME_LOST, http_failure_name(why));
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

static void write_id(const struct shot *shot, char ret_id[LOAD_ID_MAX])
{
    (void)snprintf(ret_id, LOAD_ID_MAX, "%s-%" PRId64, shot->load->config.id_prefix, shot->number);
}

static void write_lines(const struct shot *shot, struct buf *lines)
{
    char id[LOAD_ID_MAX];
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
        const size_t n = left < LOAD_FILLER_BYTES ? (size_t)left : LOAD_FILLER_BYTES;
        http_call_data(shot->call, span_of(shot->load->filler, n));
        left -= n;
    }
    http_call_data(shot->call, buf_view(end));
    http_call_end(shot->call);
}

void shot_send(struct shot *shot)
{
    shot->call = http_call_new(shot->load->origin, false, &call_ops, shot);
    if (shot->call == NULL) {
        load_settle(shot, OUTCOME_LOST, "not sent: no descriptor or memory for a connection");
        return;
    }
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
    if (!written)
        load_settle(shot, OUTCOME_LOST, "not sent: out of memory");
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

struct shot *shot_new(struct load *load, const struct trace_row *row)
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
    char id[LOAD_ID_MAX];
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
    load->report.open++;
    load->report.input_tokens += shot->input_tokens;
    return shot;
}
