/* engine.c - `sluice engine`: the emulated engine server. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "cli/command.h"
#include "cli/profile_file.h"
#include "engine/emulator.h"

#define GRANDCHILD_SECONDS 600 /* it ends by itself some day, should nobody end it */

extern const struct command_ops command_engine;

struct engine_options {
    const char *listen;
    int64_t port;
    const char *model;
    const char *profile;
    double speed;
    int64_t startup_ns;
    double startup_spread;
    int64_t scheduled_ns;
    int64_t fetched_ns;
    int64_t launched_ns;
    bool listen_late;
    int64_t sequences;
    double kv_tokens;
    int64_t chunk;
    int64_t output_tokens;
    int64_t drain_ns;
    struct cli_texts faults;
    int64_t seed;
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct engine_options, listen, "listen", "ADDRESS", "127.0.0.1:0", 0, 0,
            "Where to listen; port 0 takes a free one. The first line printed tells it."),
    CLI_OPT(INT, struct engine_options, port, "port", "N", NULL, 0, 65535,
            "Port on 127.0.0.1, instead of --listen."),
    CLI_OPT(TEXT, struct engine_options, model, "model", "NAME", "emulated", 0, 0,
            "Name of the model that is served."),
    CLI_OPT(TEXT, struct engine_options, profile, "profile", "NAME|FILE", "8b", 0, 0,
            "Speed and size of the engine, see below."),
    CLI_OPT(NUMBER, struct engine_options, speed, "speed", "FACTOR", "1", 0.001, 100000,
            "Generates that many times faster than the profile."),
    CLI_OPT(DURATION, struct engine_options, startup_ns, "startup", "DURATION", "0", 0, 86400,
            "Time from start to ready: a tenth to launch, the rest to load."),
    CLI_OPT(NUMBER, struct engine_options, startup_spread, "startup-spread", "SIGMA", "0", 0, 3,
            "Varies the start-up time: sigma of its lognormal factor."),
    CLI_OPT(DURATION, struct engine_options, scheduled_ns, "scheduled", "DURATION", NULL, 0, 86400,
            "A phase before launching: waiting for a place."),
    CLI_OPT(DURATION, struct engine_options, fetched_ns, "fetched", "DURATION", NULL, 0, 86400,
            "A phase before launching: bringing image and weights."),
    CLI_OPT(DURATION, struct engine_options, launched_ns, "launched", "DURATION", NULL, 0, 86400,
            "Length of the launching phase, instead of a tenth of --startup."),
    CLI_SWITCH(struct engine_options, listen_late, "listen-late",
               "Refuse connections until it is launched, instead of answering 503."),
    CLI_OPT(INT, struct engine_options, sequences, "sequences", "N", NULL, 1, 65536,
            "Batch limit, instead of the profile's."),
    CLI_OPT(QUANTITY, struct engine_options, kv_tokens, "kv-tokens", "N", NULL, 1, 1e12,
            "Size of the KV cache, instead of the profile's."),
    CLI_OPT(INT, struct engine_options, chunk, "chunk", "N", NULL, 1, 1e9,
            "Prompt tokens in one iteration, instead of the profile's."),
    CLI_OPT(INT, struct engine_options, output_tokens, "output-tokens", "N", "64", 1, 1e6,
            "Length of answers to requests that set none."),
    CLI_OPT(DURATION, struct engine_options, drain_ns, "drain", "DURATION", "5s", 0, 86400,
            "After SIGTERM, how long open answers may go on."),
    CLI_OPT(TEXTS, struct engine_options, faults, "fault", "NAME[=VALUE]", NULL, 0, 0,
            "Misbehave, see below. May be given several times."),
    CLI_OPT(INT, struct engine_options, seed, "seed", "N", "1", 0, 0,
            "Seed of what is random: the start-up time."),
};

static void print_more(FILE *out)
{
    (void)fputs("\nProfiles:\n", out);
    for (size_t i = 0; i < engine_preset_count; i++)
        (void)fprintf(out, "  %-25s %s\n", engine_presets[i].name, engine_presets[i].summary);
    (void)fputs("\nFaults:\n", out);
    fault_print_help(out);
}

struct run {
    struct loop *loop;
    struct emulator *emulator;
    bool ignore_sigterm;
};

static void on_listening(void *user, uint16_t port)
{
    (void)user;
    (void)printf("listening on port %u\n", (unsigned)port);
    (void)fflush(stdout); /* whoever started us reads this; if it is gone nobody is harmed */
}

static void on_stopped(void *user)
{
    struct run *run = user;
    loop_stop(run->loop);
}

static void on_signal(void *user, int signal_number)
{
    struct run *run = user;
    if (signal_number != SIGTERM || !run->ignore_sigterm)
        emulator_stop(run->emulator);
}

/* A process of our group that only SIGKILL ends before its time. */
static enum rc start_grandchild(struct diag *diag)
{
    const pid_t child = fork();
    if (child < 0)
        return fail(diag, RC_IO, "the grandchild could not be started");
    if (child == 0) {
        (void)signal(SIGTERM, SIG_IGN); /* cannot fail for SIGTERM */
        (void)sleep(GRANDCHILD_SECONDS);
        _exit(EXIT_OK);
    }
    return RC_OK;
}

static enum rc read_profile(const struct engine_options *o, struct engine_profile *ret,
                            struct diag *diag)
{
    enum rc rc = profile_load(o->profile, ret, diag);
    if (rc != RC_OK)
        return rc;
    if (o->sequences > 0)
        ret->sequences_max = o->sequences;
    if (o->kv_tokens > 0)
        ret->kv_tokens = (int64_t)o->kv_tokens;
    if (o->chunk > 0)
        ret->chunk_tokens = o->chunk;
    return profile_check(ret, diag);
}

static struct startup read_startup(const struct engine_options *o)
{
    struct startup startup = startup_of_total(o->startup_ns);
    startup.phase_ns[STARTUP_SCHEDULED] = o->scheduled_ns;
    startup.phase_ns[STARTUP_FETCHED] = o->fetched_ns;
    if (o->launched_ns > 0)
        startup.phase_ns[STARTUP_LAUNCHED] = o->launched_ns;
    struct rng rng;
    rng_init(&rng, (uint64_t)o->seed);
    return o->startup_spread > 0 ? startup_vary(&startup, o->startup_spread, &rng) : startup;
}

static enum rc read_config(const struct engine_options *o, struct emulator_config *ret,
                           struct diag *diag)
{
    *ret = (struct emulator_config){
        .listen = o->listen,
        .model = o->model,
        .speed = o->speed,
        .startup = read_startup(o),
        .listen_late = o->listen_late,
        .output_tokens = o->output_tokens,
        .output_max = 10000000,
        .drain_ns = o->drain_ns,
        .listening = on_listening,
        .stopped = on_stopped,
    };
    for (size_t i = 0; i < o->faults.count; i++) {
        enum rc rc = fault_parse(o->faults.item[i], &ret->faults, diag);
        if (rc != RC_OK)
            return rc;
    }
    return read_profile(o, &ret->profile, diag);
}

static enum rc serve(struct run *run, struct emulator_config *config, struct diag *diag)
{
    enum rc rc = loop_new(&run->loop, diag);
    if (rc != RC_OK)
        return rc;
    config->user = run;
    rc = loop_on_signal(run->loop, SIGTERM, on_signal, run);
    if (rc == RC_OK)
        rc = loop_on_signal(run->loop, SIGINT, on_signal, run);
    if (rc != RC_OK)
        (void)fail(diag, rc, "signals cannot be watched");
    if (rc == RC_OK)
        rc = emulator_new(run->loop, config, &run->emulator, diag);
    if (rc == RC_OK)
        loop_run(run->loop);
    emulator_free(run->emulator);
    loop_free(run->loop);
    return rc;
}

static int run(int argc, char **argv)
{
    struct engine_options o = {0};
    struct args args;
    int status = command_args(&command_engine, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (args.count > 0)
        return command_usage_error(&command_engine, "'%s' is not expected", args.operand[0]);
    char listen[32];
    if (o.port > 0) {
        (void)snprintf(listen, sizeof listen, "127.0.0.1:%" PRId64, o.port);
        o.listen = listen;
    }
    struct emulator_config config;
    struct diag diag = {0};
    if (read_config(&o, &config, &diag) != RC_OK)
        return command_usage_error(&command_engine, "%s", diag.text);
    if (config.faults.exit_at_once > 0)
        return (int)config.faults.exit_at_once - 1;
    if (config.faults.grandchild > 0 && start_grandchild(&diag) != RC_OK)
        return command_failed(&command_engine, &diag);
    struct run state = {.ignore_sigterm = config.faults.ignore_sigterm > 0};
    if (serve(&state, &config, &diag) != RC_OK)
        return command_failed(&command_engine, &diag);
    return EXIT_OK;
}

const struct command_ops command_engine = {
    .name = "engine",
    .summary = "Serve an emulated LLM engine: real protocols and timing, no GPU",
    .usage = "[OPTION]...",
    .about = "Answers OpenAI (/v1/chat/completions, /v1/completions, /v1/embeddings,\n"
             "/v1/models), Anthropic (/v1/messages) and Ollama (/api/chat, /api/generate)\n"
             "requests with words that are a pure function of the request's id (header\n"
             "x-request-id), at the pace of a batching engine. /health, /metrics as vLLM has\n"
             "them. A prompt has as many tokens as a fourth of its bytes, rounded up; an\n"
             "answer is as long as max_tokens. A prompt that contains '@tool' is answered\n"
             "with a call of the first tool of the request.",
    .options = options,
    .option_count = COUNT_OF(options),
    .more = print_more,
    .run = run,
};
