/* emulator_generate.c - requests for tokens: from the body over the model to the bytes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "engine/emulator_internal.h"
#include "io/clock.h"

enum cut { CUT_NONE, CUT_END, CUT_FIN, CUT_RESET };

struct generation {
    struct emulator *owner;
    struct http_request *request;
    const struct wire *wire;
    struct answer answer;
    struct generation *prev;
    struct generation *next;
    int64_t arrived_ns;  /* all by the clock */
    int64_t admitted_ns; /* TIME_NONE before */
    int64_t first_ns;
    int64_t last_ns;
    enum cut cut; /* in the middle of the answer */
    bool wrong;   /* its middle token is that of another answer */
};

static int64_t model_ns(const struct emulator *emulator, int64_t clock_ns)
{
    return (int64_t)((double)(clock_ns - emulator->start_ns) * emulator->config.speed);
}

static int64_t clock_of_model(const struct emulator *emulator, int64_t at_ns)
{
    return emulator->start_ns + (int64_t)ceil((double)at_ns / emulator->config.speed);
}

static void unlink_generation(struct generation *g)
{
    if (g->prev != NULL)
        g->prev->next = g->next;
    else
        g->owner->first = g->next;
    if (g->next != NULL)
        g->next->prev = g->prev;
}

static void generation_free(struct generation *g)
{
    struct emulator *emulator = g->owner;
    unlink_generation(g);
    free(g);
    if (emulator->stop_ns != TIME_NONE)
        timer_after(&emulator->chore, 0); /* once the last bytes have left */
}

void generation_free_all(struct emulator *emulator)
{
    struct generation *next = emulator->first;
    emulator->first = NULL;
    while (next != NULL) {
        struct generation *g = next;
        next = g->next;
        http_request_set(g->request, NULL, NULL);
        free(g);
    }
}

static uint64_t id_of(struct generation *g)
{
    return (uint64_t)(uintptr_t)g;
}

/* The client left: the model frees its place at once, as an engine does. */
static void client_gone(void *user)
{
    struct generation *g = user;
    (void)engine_cancel(g->owner->engine, model_ns(g->owner, clock_monotonic_ns()), id_of(g));
    g->owner->page.aborted++;
    generation_free(g);
}

static const struct http_request_ops generation_ops = {.gone = client_gone};

void generation_respond_error(struct http_request *request, const struct wire *wire, int status,
                              const char *message)
{
    struct buf text;
    buf_init(&text, 8192);
    wire->error(status, message, &text);
    http_respond(request, status, "application/json", buf_view(&text));
    buf_done(&text);
}

static void arm(struct emulator *emulator)
{
    const int64_t next_ns = engine_next_ns(emulator->engine);
    if (next_ns == TIME_NONE || emulator->hung)
        timer_stop(&emulator->tick);
    else
        timer_at(&emulator->tick, clock_of_model(emulator, next_ns));
}

static void end_request(struct generation *g)
{
    struct http_request *request = g->request;
    http_request_set(request, NULL, NULL);
    generation_free(g);
    http_response_end(request);
}

/* Ends an answer in its middle as the fault asks; the model forgets the rest. */
static void cut_short(struct generation *g, int64_t at_ns)
{
    struct http_request *request = g->request;
    const enum cut cut = g->cut;
    (void)engine_cancel(g->owner->engine, at_ns, id_of(g));
    http_request_set(request, NULL, NULL);
    generation_free(g);
    if (cut == CUT_RESET)
        http_response_abort(request);
    else if (cut == CUT_FIN)
        http_response_cut(request);
    else
        http_response_end(request);
}

static void send_scratch(struct generation *g)
{
    struct buf *scratch = &g->owner->scratch;
    if (scratch->failed)
        g->cut = CUT_RESET; /* no memory for its bytes */
    else
        http_response_data(g->request, buf_view(scratch));
    buf_clear(scratch);
}

static void send_token(struct generation *g, int64_t index)
{
    struct answer *answer = &g->answer;
    struct buf *scratch = &g->owner->scratch;
    if (g->wrong && index == answer->output_tokens / 2) {
        const uint64_t key = answer->key;
        answer->key = answer_other_key(key, index);
        g->wire->token(answer, index, scratch);
        answer->key = key;
    } else {
        g->wire->token(answer, index, scratch);
    }
    send_scratch(g);
}

static void on_token(struct generation *g, const struct engine_event *event, int64_t clock_ns)
{
    struct engine_page *page = &g->owner->page;
    if (event->tokens_total == event->tokens) {
        g->first_ns = clock_ns;
        engine_page_record(page, PAGE_FIRST_TOKEN, seconds_of(clock_ns - g->arrived_ns));
    } else {
        engine_page_record_many(page, PAGE_INTER_TOKEN,
                                seconds_of(clock_ns - g->last_ns) / (double)event->tokens,
                                (uint64_t)event->tokens);
    }
    g->last_ns = clock_ns;
    if (!g->answer.stream) {
        if (g->cut != CUT_NONE && event->tokens_total > g->answer.output_tokens / 2)
            cut_short(g, event->at_ns);
        return;
    }
    for (int64_t i = event->tokens_total - event->tokens; i < event->tokens_total; i++) {
        if (g->cut != CUT_NONE && i >= g->answer.output_tokens / 2) {
            cut_short(g, event->at_ns);
            return;
        }
        send_token(g, i);
    }
}

static void record_finished(const struct generation *g)
{
    struct engine_page *page = &g->owner->page;
    const double decode_s = seconds_of(g->last_ns - g->first_ns);
    engine_page_record(page, PAGE_END_TO_END, seconds_of(g->last_ns - g->arrived_ns));
    engine_page_record(page, PAGE_QUEUE, seconds_of(g->admitted_ns - g->arrived_ns));
    engine_page_record(page, PAGE_PREFILL, seconds_of(g->first_ns - g->admitted_ns));
    engine_page_record(page, PAGE_DECODE, decode_s);
    if (g->answer.output_tokens > 1)
        engine_page_record(page, PAGE_PER_TOKEN, decode_s / (double)(g->answer.output_tokens - 1));
    engine_page_record(page, PAGE_PROMPT_TOKENS, (double)g->answer.prompt_tokens);
    engine_page_record(page, PAGE_OUTPUT_TOKENS, (double)g->answer.output_tokens);
    if (g->answer.limited)
        page->cut_by_length++;
    else
        page->stopped++;
}

static void on_finished(struct generation *g)
{
    record_finished(g);
    struct buf *scratch = &g->owner->scratch;
    if (g->answer.stream) {
        g->wire->close(&g->answer, scratch);
        send_scratch(g);
        end_request(g);
        return;
    }
    if (g->wrong)
        g->answer.key = answer_other_key(g->answer.key, g->answer.output_tokens / 2);
    g->wire->whole(&g->answer, scratch);
    struct http_request *request = g->request;
    http_request_set(request, NULL, NULL);
    generation_free(g);
    if (scratch->failed)
        http_respond(request, 500, NULL, span_from(""));
    else
        http_respond(request, 200, "application/json", buf_view(scratch));
    buf_clear(scratch);
}

static void handle(struct emulator *emulator, const struct engine_event *event)
{
    /* The model keeps our pointer as the request's id. */
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    struct generation *g = (struct generation *)(uintptr_t)event->id;
    const int64_t clock_ns = clock_of_model(emulator, event->at_ns);
    switch (event->kind) {
    case ENGINE_ADMITTED:
        if (g->admitted_ns == TIME_NONE)
            g->admitted_ns = clock_ns;
        break;
    case ENGINE_FIRST_TOKEN:
    case ENGINE_TOKENS:
        on_token(g, event, clock_ns);
        break;
    case ENGINE_FINISHED:
        on_finished(g);
        break;
    case ENGINE_PREEMPTED:
        break;
    }
}

/* One event at a time: handling one may take a request out of the model. */
static void catch_up(struct emulator *emulator)
{
    const int64_t now_ns = model_ns(emulator, clock_monotonic_ns());
    struct engine_event event;
    while (!emulator->hung && engine_advance(emulator->engine, now_ns, &event, 1) == 1)
        handle(emulator, &event);
}

void generation_tick(void *user)
{
    struct emulator *emulator = user;
    buf_clear(&emulator->scratch);
    catch_up(emulator);
    arm(emulator);
}

/* Counts the request and does what the faults want of its number; true when it is dealt with. */
static bool faults_first(struct emulator *emulator, struct http_request *request,
                         const struct wire *wire)
{
    const struct faults *faults = &emulator->config.faults;
    emulator->requests++;
    if (faults->crash_after > 0 && emulator->requests >= faults->crash_after)
        emulator_crash();
    if (faults->hang_after > 0 && emulator->requests >= faults->hang_after) {
        emulator->hung = true;
        return true; /* open and silent from now on */
    }
    if (fault_hits(faults->error_every, emulator->requests)) {
        generation_respond_error(request, wire, 500, "this engine was asked to fail here");
        return true;
    }
    return false;
}

static void set_faults(struct generation *g)
{
    const struct faults *faults = &g->owner->config.faults;
    const int64_t number = g->owner->requests;
    if (fault_hits(faults->end_every, number))
        g->cut = CUT_END;
    if (fault_hits(faults->fin_every, number))
        g->cut = CUT_FIN;
    if (fault_hits(faults->reset_every, number))
        g->cut = CUT_RESET;
    g->wrong = fault_hits(faults->wrong_every, number);
    if (g->cut != CUT_NONE && !g->answer.stream)
        g->cut = CUT_RESET; /* nothing was sent that could end early */
}

static enum rc read_answer(struct emulator *emulator, struct http_request *request,
                           const struct wire *wire, struct span body, struct answer *ret,
                           struct diag *diag)
{
    char made[48];
    (void)snprintf(made, sizeof made, "engine-%" PRId64, emulator->requests);
    const struct wire_defaults defaults = {
        .output_tokens = emulator->config.output_tokens,
        .output_max = emulator->config.output_max,
        .model = emulator->config.model,
    };
    const struct span id = http_header_get(http_request_head(request), "x-request-id");
    return wire_read(wire, body, id, span_from(made), &defaults, ret, diag);
}

static enum rc submit(struct generation *g, struct diag *diag)
{
    const struct engine_request request = {
        .id = id_of(g),
        .prompt_tokens = g->answer.prompt_tokens,
        .output_tokens = g->answer.output_tokens,
        .cached_tokens = g->answer.cached_tokens,
    };
    const enum rc rc =
        engine_submit(g->owner->engine, model_ns(g->owner, g->arrived_ns), &request, diag);
    if (rc == RC_OK)
        arm(g->owner);
    return rc;
}

static void begin_stream(struct generation *g)
{
    struct buf *scratch = &g->owner->scratch;
    struct buf lines;
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    (void)http_line_text(&lines, "content-type", g->wire->stream_type); /* ours: no line end */
    (void)http_line_text(&lines, "cache-control", "no-cache");
    (void)http_line_text(&lines, "x-request-id", g->answer.id); /* left out if it cannot be sent */
    http_response_begin(g->request, 200, buf_view(&lines), HTTP_LENGTH_STREAM);
    buf_done(&lines);
    buf_clear(scratch);
    g->wire->open(&g->answer, scratch);
    send_scratch(g);
}

void generation_begin(struct emulator *emulator, struct http_request *request,
                      const struct wire *wire, struct span body)
{
    if (emulator_phase(emulator) != STARTUP_READY) {
        generation_respond_error(request, wire, 503, "the model is still loading");
        return;
    }
    if (faults_first(emulator, request, wire))
        return;
    struct diag diag = {0};
    struct generation *g = mem_new(1, sizeof *g);
    if (g == NULL) {
        generation_respond_error(request, wire, 500, "out of memory");
        return;
    }
    g->owner = emulator;
    g->request = request;
    g->wire = wire;
    g->admitted_ns = TIME_NONE;
    enum rc rc = read_answer(emulator, request, wire, body, &g->answer, &diag);
    if (rc == RC_OK) {
        catch_up(emulator);
        g->arrived_ns = clock_monotonic_ns();
        g->answer.created_ns = clock_wall_ns();
        rc = submit(g, &diag);
    }
    if (rc != RC_OK) {
        free(g);
        generation_respond_error(request, wire, rc == RC_NO_MEMORY ? 500 : 400, diag.text);
        return;
    }
    set_faults(g);
    g->next = emulator->first;
    if (g->next != NULL)
        g->next->prev = g;
    emulator->first = g;
    http_request_set(request, &generation_ops, g);
    if (g->answer.stream)
        begin_stream(g);
}
