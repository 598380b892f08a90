/* engine_source.h - what the parts of the source `engine` share: engine.c asks the replicas, round
 * by round, engine_page.c reads what one of them answered, engine_tell.c tells what all of it
 * means. */
#ifndef SLUICE_SOURCE_ENGINE_SOURCE_H
#define SLUICE_SOURCE_ENGINE_SOURCE_H

#include "core/scrape/scrape.h"
#include "source/sources_internal.h"

/* What a replica's page came to in this round. */
enum page_state {
    PAGE_ASKED, /* no answer yet */
    PAGE_READ,
    PAGE_NONE, /* nobody said that this engine has one, and it has none */
    PAGE_FAILED,
};

struct engine_source_state;
struct scraped {
    struct engine_source_state *owner;
    uint64_t id;
    int64_t ready_ns;
    char host[ADDRESS_SIZE];
    uint16_t port;
    bool listed; /* ready in this round */
    bool known;  /* a page with names we know has come */
    bool failing;
    enum page_state state;
    enum source_fault fault;
    char text[TEXT_SIZE];
    struct http_fetch *fetch;
    struct scrape scrape;
    struct scrape_result result;
};
struct engine_source_state {
    struct source base;
    struct scraped **replica;
    size_t count;
    size_t cap;
    size_t open;        /* requests that have not ended */
    size_t idle_rounds; /* without replicas, in a row */
};

/* ---- engine_page.c ---- */

/* It failed, for this reason. */
void engine_page_fault(struct scraped *r, enum source_fault fault, const char *words);
void engine_page_take(struct scraped *r, const struct http_result *answer);
/* A change is told once, not every second. */
void engine_page_log(struct scraped *r);
enum source_fault engine_page_doubt(enum scrape_doubt doubt);

/* ---- engine_tell.c ---- */

/* Signals that every source of this kind tells. */
#define ENGINE_LOAD_SIGNALS 5
extern const enum signal_id engine_load_signals[ENGINE_LOAD_SIGNALS];
/* There is nobody to ask: levels are absent. */
void engine_tell_nothing(struct source *s);
void engine_tell_round(struct engine_source_state *e);

#endif
