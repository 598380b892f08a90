/* emulator_internal.h - shared by the files of the emulator: server, routes, generation. */
#ifndef SLUICE_ENGINE_EMULATOR_INTERNAL_H
#define SLUICE_ENGINE_EMULATOR_INTERNAL_H

#include "base/mem.h"
#include "engine/emulator.h"
#include "engine/engine_page.h"
#include "engine/wire.h"
#include "io/http_server.h"
#include "model/engine.h"

#define EMULATOR_BODY_BYTES_MAX (16U << 20)
#define EMULATOR_OUT_BYTES_MAX (64U << 20) /* of one piece or one whole answer */

struct generation;

struct emulator {
    struct loop *loop;
    struct emulator_config config;
    struct http_server *server;
    struct engine *engine;
    struct engine_page page;
    struct timer tick;    /* the model's next event */
    struct timer startup; /* end of the launched phase when listening late */
    struct timer chore;   /* faults by time, log flood, drain */
    int64_t start_ns;     /* monotonic; model time 0 */
    int64_t stop_ns;      /* TIME_NONE: not asked to stop */
    int64_t log_lines;    /* of the flood, printed so far */
    int64_t requests;     /* generation requests so far */
    bool hung;
    bool stopped;
    struct generation *first; /* open ones, in no order */
    struct buf scratch;
};

enum startup_phase emulator_phase(const struct emulator *emulator);
/* Stops when asked to and nothing is open. */
void emulator_check_stopped(struct emulator *emulator);
/* Dies as a crash does. */
void emulator_crash(void) __attribute__((noreturn));

/* emulator_route.c: every request comes here. */
void emulator_route(void *user, struct http_request *request);

/* emulator_generate.c */
void generation_begin(struct emulator *emulator, struct http_request *request,
                      const struct wire *wire, struct span body);
void generation_tick(void *user); /* of the tick timer */
void generation_free_all(struct emulator *emulator);
void generation_respond_error(struct http_request *request, const struct wire *wire, int status,
                              const char *message);

#endif
