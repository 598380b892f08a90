/* emulator.h - an engine server that computes nothing: the iteration model, run in real time, says
 * when each token leaves; what it says is a pure function of the request's id (answer.h).
 *
 * Speaks the OpenAI, Anthropic and Ollama protocols, starts as slowly as asked, shows vLLM's
 * metrics and misbehaves on demand. One thread: that of the loop. */
#ifndef SLUICE_ENGINE_EMULATOR_H
#define SLUICE_ENGINE_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "engine/fault.h"
#include "io/loop.h"
#include "model/profile.h"
#include "model/startup.h"

struct emulator;

struct emulator_config {
    const char *listen; /* "127.0.0.1:0" */
    const char *model;  /* the name it serves; requests for any name are answered */
    struct engine_profile profile;
    double speed;           /* model seconds in a second of the clock, > 0 */
    struct startup startup; /* by the clock, not sped up */
    bool listen_late;       /* refuse connections until the launched phase is over */
    int64_t output_tokens;  /* when a request sets no length */
    int64_t output_max;
    int64_t drain_ns; /* after stop: how long open answers may go on */
    struct faults faults;
    /* Told once it listens. */
    void (*listening)(void *user, uint16_t port);
    /* Told once after emulator_stop(), when nothing is open any more or the drain time is over. */
    void (*stopped)(void *user);
    void *user;
};

/* Strings of the config must outlive the emulator. */
enum rc emulator_new(struct loop *loop, const struct emulator_config *config, struct emulator **ret,
                     struct diag *diag) MUST_CHECK;
void emulator_free(struct emulator *emulator);
/* Takes no more connections and lets open answers end. A second call changes nothing. */
void emulator_stop(struct emulator *emulator);

#endif
