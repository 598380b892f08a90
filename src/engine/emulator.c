#include "engine/emulator.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/emulator_internal.h"
#include "io/clock.h"

#define CHORE_NS (20 * MILLISECOND_NS)

enum startup_phase emulator_phase(const struct emulator *emulator)
{
    const enum startup_phase phase =
        startup_phase_at(&emulator->config.startup, emulator->start_ns, clock_monotonic_ns());
    if (phase == STARTUP_READY && emulator->config.faults.never_ready > 0)
        return STARTUP_LOADING;
    return phase;
}

void emulator_crash(void)
{
    (void)kill(getpid(), SIGKILL); /* cannot fail for oneself */
    abort();
}

void emulator_check_stopped(struct emulator *emulator)
{
    if (emulator->stop_ns == TIME_NONE || emulator->stopped)
        return;
    const bool over = clock_monotonic_ns() - emulator->stop_ns >= emulator->config.drain_ns;
    if (emulator->first != NULL && !over)
        return;
    emulator->stopped = true;
    emulator->config.stopped(emulator->config.user);
}

static enum rc start_listening(struct emulator *emulator, struct diag *diag)
{
    struct http_server_config config;
    http_server_defaults(&config);
    config.listen = emulator->config.listen;
    config.body_bytes_max = EMULATOR_BODY_BYTES_MAX;
    enum rc rc =
        http_server_new(emulator->loop, &config, emulator_route, emulator, &emulator->server, diag);
    if (rc == RC_OK)
        emulator->config.listening(emulator->config.user, http_server_port(emulator->server));
    return rc;
}

static void listen_late(void *user)
{
    struct emulator *emulator = user;
    struct diag diag = {0};
    if (start_listening(emulator, &diag) == RC_OK)
        return;
    (void)fprintf(stderr, "sluice engine: %s\n", diag.text);
    exit(EXIT_FAILURE); /* as an engine does whose port is taken */
}

static void flood_log(struct emulator *emulator, int64_t age_ns)
{
    const int64_t rate = emulator->config.faults.log_flood;
    const int64_t due = (int64_t)(seconds_of(age_ns) * (double)rate);
    for (; emulator->log_lines < due; emulator->log_lines++)
        (void)printf(
            "flood %12lld %-81.81s\n", (long long)emulator->log_lines,
            "the quick brown fox jumps over the lazy dog, and then over the next one and the "
            "next");
    (void)fflush(stdout); /* a full disk is what this may be meant to cause */
}

static bool has_chores(const struct faults *faults)
{
    return faults->crash_after_ns > 0 || faults->hang_after_ns > 0 || faults->log_flood > 0;
}

static void do_chores(void *user)
{
    struct emulator *emulator = user;
    const struct faults *faults = &emulator->config.faults;
    const int64_t age_ns = clock_monotonic_ns() - emulator->start_ns;
    if (faults->crash_after_ns > 0 && age_ns >= faults->crash_after_ns)
        emulator_crash();
    if (faults->hang_after_ns > 0 && age_ns >= faults->hang_after_ns)
        emulator->hung = true;
    if (faults->log_flood > 0)
        flood_log(emulator, age_ns);
    emulator_check_stopped(emulator);
    if (!emulator->stopped)
        timer_after(&emulator->chore, CHORE_NS);
}

static enum rc set_up(struct emulator *emulator, struct diag *diag)
{
    enum rc rc = profile_check(&emulator->config.profile, diag);
    if (rc != RC_OK)
        return rc;
    emulator->engine = engine_new(&engine_iterations, &emulator->config.profile);
    if (emulator->engine == NULL ||
        timer_init(&emulator->tick, emulator->loop, generation_tick, emulator) != RC_OK ||
        timer_init(&emulator->startup, emulator->loop, listen_late, emulator) != RC_OK ||
        timer_init(&emulator->chore, emulator->loop, do_chores, emulator) != RC_OK)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    if (has_chores(&emulator->config.faults))
        timer_after(&emulator->chore, CHORE_NS);
    if (!emulator->config.listen_late)
        return start_listening(emulator, diag);
    const int64_t *phase_ns = emulator->config.startup.phase_ns;
    timer_at(&emulator->startup, emulator->start_ns + phase_ns[STARTUP_SCHEDULED] +
                                     phase_ns[STARTUP_FETCHED] + phase_ns[STARTUP_LAUNCHED]);
    return RC_OK;
}

enum rc emulator_new(struct loop *loop, const struct emulator_config *config, struct emulator **ret,
                     struct diag *diag)
{
    struct emulator *emulator = mem_new(1, sizeof *emulator);
    if (emulator == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    emulator->loop = loop;
    emulator->config = *config;
    emulator->start_ns = clock_monotonic_ns();
    emulator->stop_ns = TIME_NONE;
    buf_init(&emulator->scratch, EMULATOR_OUT_BYTES_MAX);
    enum rc rc = set_up(emulator, diag);
    if (rc != RC_OK) {
        emulator_free(emulator);
        return rc;
    }
    *ret = emulator;
    return RC_OK;
}

void emulator_free(struct emulator *emulator)
{
    if (emulator == NULL)
        return;
    generation_free_all(emulator);
    http_server_free(emulator->server);
    engine_free(emulator->engine);
    timer_done(&emulator->tick);
    timer_done(&emulator->startup);
    timer_done(&emulator->chore);
    buf_done(&emulator->scratch);
    free(emulator);
}

void emulator_stop(struct emulator *emulator)
{
    if (emulator->stop_ns != TIME_NONE)
        return;
    emulator->stop_ns = clock_monotonic_ns();
    timer_stop(&emulator->startup);
    if (emulator->server != NULL)
        http_server_stop_accepting(emulator->server);
    timer_after(&emulator->chore, 0);
}
