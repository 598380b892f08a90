/* load_internal.h - shared by load.c (pace, counting, life) and load_shot.c (one request). */
#ifndef SLUICE_ENGINE_LOAD_INTERNAL_H
#define SLUICE_ENGINE_LOAD_INTERNAL_H

#include "base/rng.h"
#include "engine/load.h"
#include "io/http_client.h"

#define LOAD_FILLER_BYTES (64U << 10)
#define LOAD_ID_MAX 96

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

enum outcome { OUTCOME_OK, OUTCOME_WRONG, OUTCOME_LOST, OUTCOME_REFUSED };

/* The one place where a request that was made is counted. Frees it. */
void load_settle(struct shot *shot, enum outcome outcome, const char *why);

/* load_shot.c: makes the next request and puts it among the open ones; NULL: no memory. */
struct shot *shot_new(struct load *load, const struct trace_row *row);
void shot_send(struct shot *shot); /* settles it when that is impossible */

#endif
