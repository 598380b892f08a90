/* engine_page.c - one answer of one replica: its values, or why there are none. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "source/engine_source.h"
#include "source/fetch.h"

#define EXCERPT_SIZE 81

void engine_page_fault(struct scraped *r, enum source_fault fault, const char *words)
{
    r->state = PAGE_FAILED;
    r->fault = fault;
    (void)snprintf(r->text, sizeof(r->text), "%.64s:%u: %.180s", r->host, (unsigned)r->port, words);
}

static enum source_fault fault_of_status(int status)
{
    if (status == 401 || status == 403)
        return SOURCE_FAULT_DENIED;
    return status == 429 || status == 503 ? SOURCE_FAULT_BUSY : SOURCE_FAULT_STATUS;
}

enum source_fault engine_page_doubt(enum scrape_doubt doubt)
{
    static const enum source_fault faults[] = {
        [SCRAPE_SURE] = SOURCE_FAULT_NONE,         [SCRAPE_NAN] = SOURCE_FAULT_NOT_A_NUMBER,
        [SCRAPE_NEGATIVE] = SOURCE_FAULT_NEGATIVE, [SCRAPE_ABSURD] = SOURCE_FAULT_ABSURD,
        [SCRAPE_BROKEN] = SOURCE_FAULT_NOT_PARSED, [SCRAPE_FROZEN] = SOURCE_FAULT_FROZEN,
        [SCRAPE_STALE] = SOURCE_FAULT_STALE,
    };
    return faults[doubt];
}

static void refuse(struct scraped *r, enum rc rc, const struct diag *diag, struct span body)
{
    char quote[EXCERPT_SIZE];
    char words[TEXT_SIZE];
    prom_excerpt(body, quote, sizeof(quote));
    (void)snprintf(words, sizeof(words), "line %" PRIu32 ": %.90s; it begins \"%s\"", diag->line,
                   diag->text, quote);
    engine_page_fault(r, rc == RC_LIMIT ? SOURCE_FAULT_TOO_LARGE : SOURCE_FAULT_NOT_PARSED, words);
}

/* Words for what stands on the page and cannot be. */
static void say_doubt(struct scraped *r)
{
    char words[TEXT_SIZE];
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++) {
        const struct scrape_value *v = &r->result.value[i];
        if (v->name >= 0)
            r->known = true;
        if (v->state != SIGNAL_FAILED || r->text[0] != '\0')
            continue;
        r->fault = engine_page_doubt(v->doubt);
        (void)snprintf(words, sizeof(words), "%.*s: %s", SPAN_ARG(engine_names[v->name].name),
                       scrape_doubt_words(v->doubt));
        (void)snprintf(r->text, sizeof(r->text), "%.64s:%u: %.180s", r->host, (unsigned)r->port,
                       words);
    }
}

static void read_page(struct scraped *r, const struct http_result *answer)
{
    struct diag diag = {.code = RC_OK};
    const enum prom_format format = prom_format_of(answer->content_type);
    const struct scrape_body body = {.text = answer->body,
                                     .format = format,
                                     .whole = answer->whole,
                                     .now_ns = clock_monotonic_ns()};
    const size_t slots = prom_seen_slots(answer->body, format);
    const struct prom_seen seen = {mem_new(slots, sizeof(uint64_t)), slots};
    if (!seen.slot) {
        engine_page_fault(r, SOURCE_FAULT_LOCAL, "no memory to read its page");
        return;
    }
    const enum rc rc = scrape_take(&r->scrape, &body, seen, &r->result, &diag);
    free(seen.slot);
    if (rc != RC_OK) {
        refuse(r, rc, &diag, answer->body);
        return;
    }
    r->state = PAGE_READ;
    r->owner->base.status.repeated += (int64_t)r->result.repeated;
    say_doubt(r);
}

void engine_page_log(struct scraped *r)
{
    const bool failing = r->text[0] != '\0';
    const struct source *s = &r->owner->base;
    if (failing == r->failing)
        return;
    r->failing = failing;
    log_event(source_log(s), failing ? LOG_METRICS_LOST : LOG_METRICS_BACK,
              LOG_TEXT("pool", s->pool), LOG_INT("replica", (int64_t)r->id),
              LOG_TEXT("reason", failing ? source_fault_name(r->fault) : ""),
              LOG_TEXT("text", r->text));
}

void engine_page_take(struct scraped *r, const struct http_result *answer)
{
    char words[64];
    if (answer->rc != RC_OK) {
        engine_page_fault(r, fetch_fault(answer->rc), answer->diag->text);
    } else if (answer->status != 200) {
        (void)snprintf(words, sizeof(words), "it answers %d", answer->status);
        engine_page_fault(r, fault_of_status(answer->status), words);
    } else {
        read_page(r, answer);
    }
}
