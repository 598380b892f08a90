/* run.c - `sluice run`: gateway, control and engines of one configuration in one process. */
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "base/duration.h"
#include "base/tree.h"
#include "cli/command.h"
#include "cli/load.h"
#include "control/control.h"
#include "gateway/gateway_thread.h"
#include "io/clock.h"
#include "io/sandbox.h"

#define FDS_RESERVED 64 /* log, store, configuration, engine output */
#define COMMAND_POOL "default"
#define COMMAND_FILE "command.json"
/* Signals of one kind that come together are one: some supervisors send each twice. */
#define SIGNAL_APART_NS (250 * MILLISECOND_NS)

extern const struct command_ops command_run;

struct run_options {
    const char *state;
    bool keep_engines;
    int64_t drain_ns;
    bool no_watch;
    const char *listen;
    const char *admin;
    int log_level;
    const char *log_file;
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct run_options, state, "state", "FILE", NULL, 0, 0,
            "State file, instead of the one that the configuration names."),
    CLI_OPT(DURATION, struct run_options, drain_ns, "drain", "DURATION", "30s", 0, 86400,
            "When told to end: how long running requests may go on."),
    CLI_SWITCH(struct run_options, keep_engines, "keep-engines",
               "When told to end: leave engines running; the next run adopts them."),
    CLI_SWITCH(struct run_options, no_watch, "no-watch",
               "Read a changed file only on SIGHUP, instead of within a second."),
    CLI_OPT(TEXT, struct run_options, listen, "listen", "ADDRESS", NULL, 0, 0,
            "With a command: where the gateway listens; 127.0.0.1:8080 if not given."),
    CLI_OPT(TEXT, struct run_options, admin, "admin", "ADDRESS", NULL, 0, 0,
            "With a command: where the API listens; 127.0.0.1:8081 if not given, '' is nowhere."),
    CLI_WORDS(struct run_options, log_level, "log-level", "debug|info|warn|error", "info",
              "Events below this level are not logged."),
    CLI_OPT(TEXT, struct run_options, log_file, "log-file", "FILE", NULL, 0, 0,
            "Where the log goes, appended; standard error if not given."),
};

struct run {
    struct run_options options;
    char *const *file; /* NULL: made from a command */
    size_t file_count;
    char label[256]; /* of the configuration, in logs */
    struct buf made; /* its text, without a file */
    struct log log;
    struct loop *loop;
    struct fd_budget budget;
    struct control *control;
    struct environment *environment;
    struct env_table env;
    struct api *api; /* NULL: none is asked for */
    bool sandboxed;  /* nothing can be started any more */
    int64_t told_ns; /* to end, the last time; 0 = not yet */
};

/* ---- the configuration ---- */

/* Clients may ask for any model: there is one engine. */
static void make_text(const struct run_options *o, char *const *command, size_t count,
                      struct buf *ret)
{
    struct json_writer w;
    json_init(&w, ret);
    json_object(&w);
    json_key(&w, "listen");
    json_object(&w);
    if (o->listen != NULL)
        json_member_text(&w, "gateway", o->listen);
    if (o->admin != NULL)
        json_member_text(&w, "admin", o->admin);
    json_object_end(&w);
    json_key(&w, "pools");
    json_object(&w);
    json_key(&w, COMMAND_POOL);
    json_object(&w);
    json_member_text(&w, "models", "*");
    json_key(&w, "target");
    json_object(&w);
    json_key(&w, "process");
    json_object(&w);
    json_key(&w, "command");
    json_array(&w);
    for (size_t i = 0; i < count; i++)
        json_text(&w, command[i]);
    json_array_end(&w);
    for (int depth = 0; depth < 5; depth++)
        json_object_end(&w);
}

static struct config *read_config(struct run *run, struct problem_list *problems,
                                  struct load_files *files)
{
    if (run->file != NULL)
        return load_files(run->file, run->file_count, problems, files);
    *files = (struct load_files){.count = 0};
    return config_read(COMMAND_FILE, buf_view(&run->made), &(struct env_table){0}, problems);
}

static struct config *read_again(void *user, struct problem_list *problems)
{
    struct load_files files;
    struct config *config = read_config(user, problems, &files);
    load_files_done(&files);
    return config;
}

static struct config *read_first(struct run *run)
{
    struct problem_list problems;
    struct load_files files;
    problem_list_init(&problems);
    struct config *config = read_config(run, &problems, &files);
    load_files_report(stderr, &problems, &files);
    (void)span_copy(span_from(run->file != NULL ? files.label : COMMAND_FILE), run->label,
                    sizeof(run->label)); /* cut, it still names */
    load_files_done(&files);
    problem_list_done(&problems);
    return config;
}

/* ---- life ---- */

static void on_done(void *user)
{
    struct run *run = user;
    loop_stop(run->loop);
}

static void on_signal(void *user, int signal_number)
{
    struct run *run = user;
    if (run->control == NULL)
        return;
    if (signal_number == SIGHUP) {
        control_reload(run->control);
        return;
    }
    const int64_t now_ns = clock_monotonic_ns();
    if (run->told_ns != 0 && now_ns - run->told_ns < SIGNAL_APART_NS)
        return;
    run->told_ns = now_ns;
    control_shutdown(run->control, run->options.keep_engines, run->options.drain_ns, on_done, run);
}

static enum rc watch_signals(struct run *run, struct diag *diag)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        if (loop_on_signal(run->loop, signals[i], on_signal, run) != RC_OK)
            return fail(diag, RC_IO, "signals cannot be watched");
    return RC_OK;
}

/* A file that may not grow, a reader that went away: errors of the call, not the end. */
static void ignore_signals(void)
{
    (void)signal(SIGXFSZ, SIG_IGN); /* neither can fail */
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Every open request is two descriptors: takes as many as the system gives. */
static void take_descriptors(struct run *run)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* what is in force is read back */
    }
    fd_budget_init(&run->budget, FDS_RESERVED);
    loop_set_fd_budget(run->loop, &run->budget);
}

static enum rc open_log(struct run *run, struct diag *diag)
{
    log_init(&run->log, (enum log_level)run->options.log_level);
    return run->options.log_file == NULL ? RC_OK : log_open(&run->log, run->options.log_file, diag);
}

static enum rc start_api(struct run *run, struct diag *diag)
{
    const char *listen = control_config(run->control)->listen.admin;
    if (listen[0] == '\0')
        return RC_OK;
    run->environment = load_environment(&run->env);
    const struct api_config config = {.listen = listen, .log = &run->log, .env = &run->env};
    return api_new(run->loop, run->control, &config, &run->api, diag);
}

/* The folder of a file, cut off in `text`; "." where there is none. */
static const char *folder_of(const char *file, char *text, size_t size)
{
    (void)span_copy(span_from(file), text, size); /* one too long cannot be opened either */
    char *slash = strrchr(text, '/');
    if (slash == NULL)
        return ".";
    slash[slash == text] = '\0';
    return text;
}

/* Whoever starts no programs gives up the means, before there are threads. */
static enum rc enter_sandbox(struct run *run, const struct config *config, struct diag *diag)
{
    char state[PATH_MAX];
    char log[PATH_MAX];
    const char *const folder[] = {
        folder_of(run->options.state != NULL ? run->options.state : config->state, state,
                  sizeof(state)),
        run->options.log_file == NULL ? NULL : folder_of(run->options.log_file, log, sizeof(log)),
    };
    const size_t folders = run->options.log_file == NULL ? 1 : 2;
    struct sandbox sandbox;
    run->sandboxed = config->sandbox == SANDBOX_AUTO && !config_starts_programs(config);
    if (!run->sandboxed)
        return RC_OK;
    const enum rc rc = sandbox_enter(folder, folders, &sandbox, diag);
    if (rc == RC_OK)
        log_event(&run->log, LOG_SANDBOXED, LOG_TEXT("files", sandbox.files ? "yes" : "no"),
                  LOG_TEXT("calls", sandbox.calls ? "yes" : "no"));
    run->sandboxed = rc == RC_OK && sandbox.calls;
    return rc;
}

static enum rc start(struct run *run, struct config *config, struct diag *diag)
{
    const struct control_options how = {.label = run->label,
                                        .file = run->file,
                                        .file_count = run->file_count,
                                        .state = run->options.state,
                                        .log = &run->log,
                                        .read = read_again,
                                        .read_user = run,
                                        .watch = !run->options.no_watch,
                                        .sandboxed = run->sandboxed};
    enum rc rc = loop_new(&run->loop, diag);
    if (rc == RC_OK) {
        take_descriptors(run);
        ignore_signals();
        rc = watch_signals(run, diag);
    }
    if (rc != RC_OK) {
        config_free(config);
        return rc;
    }
    rc = control_new(run->loop, config, &how, &run->control, diag);
    return rc == RC_OK ? start_api(run, diag) : rc;
}

static void print_address(const char *what, bool tls, const char *listen, uint16_t port)
{
    const char *colon = strrchr(listen, ':');
    (void)printf("%s on http%s://%.*s:%u\n", what, tls ? "s" : "",
                 colon == NULL ? 0 : (int)(colon - listen), listen, (unsigned)port);
}

static void print_addresses(const struct run *run)
{
    const struct config *config = control_config(run->control);
    const struct gateway_thread *gateway = control_gateway(run->control);
    (void)printf("sluice " SLUICE_VERSION ": %zu pool%s\n", config->pool_count,
                 config->pool_count == 1 ? "" : "s");
    if (gateway != NULL)
        print_address("gateway", control_tls(run->control) != NULL, config->listen.gateway,
                      gateway_thread_port(gateway));
    if (run->api != NULL)
        print_address("API", api_speaks_tls(run->api), config->listen.admin, api_port(run->api));
    (void)fflush(stdout); /* whoever started us reads this; if it is gone nobody is harmed */
}

static int serve(struct run *run, struct config *config)
{
    struct diag diag = {0};
    int status = EXIT_OK;
    if (enter_sandbox(run, config, &diag) != RC_OK) {
        config_free(config);
        status = command_failed(&command_run, &diag);
    } else if (start(run, config, &diag) != RC_OK) {
        status = command_failed(&command_run, &diag);
    } else {
        print_addresses(run);
        loop_run(run->loop);
    }
    api_free(run->api);
    control_free(run->control);
    load_environment_free(run->environment);
    if (run->loop != NULL)
        loop_free(run->loop);
    return status;
}

static int choose(struct run *run, const struct args *args)
{
    if (args->dashes && args->before_dashes == 0 && args->count > 0) {
        buf_init(&run->made, CONFIG_BYTES_MAX);
        make_text(&run->options, args->operand, args->count, &run->made);
        return EXIT_OK;
    }
    if (args->count == 0 || args->count > LOAD_FILES_MAX || args->dashes)
        return command_usage_error(&command_run,
                                   "one to %d configuration files are wanted, or -- and the "
                                   "command of an engine",
                                   LOAD_FILES_MAX);
    if (run->options.listen != NULL || run->options.admin != NULL)
        return command_usage_error(&command_run, "--listen and --admin go with a command; a file "
                                                 "has listen.gateway and listen.admin");
    run->file = args->operand;
    run->file_count = args->count;
    /* Memory from here on is pages that cost nothing until touched, and goes back when freed. */
#define LARGE_BYTES (64 << 10)

    return EXIT_OK;
}

static int run_command(int argc, char **argv)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* without it the limit creeps up by itself */
    struct run run = {0};
    struct args args;
    struct diag diag = {0};
    int status = command_args(&command_run, argc, argv, &run.options, &args);
    if (status == EXIT_OK)
        status = choose(&run, &args);
    if (status != EXIT_OK)
        return status;
    if (open_log(&run, &diag) != RC_OK) {
        status = command_failed(&command_run, &diag);
    } else {
        struct config *config = read_first(&run);
        status = config == NULL ? EXIT_FAILED : serve(&run, config);
    }
    log_done(&run.log);
    buf_done(&run.made);
    return status;
}

const struct command_ops command_run = {
    .name = "run",
    .summary = "Run pools: gateway, scaling and engines in one process",
    .usage = "[OPTION]... FILE... | -- COMMAND...",
    .about = "FILE is a configuration, see docs/configuration.md; further files bring further\n"
             "pools. They are read again when one changes and on SIGHUP: taken whole, or not at\n"
             "all when there are errors. With -- and the command of an engine there is one pool\n"
             "with defaults; {port} in the command is filled in.\n"
             "SIGTERM and SIGINT end it: no new requests, running ones are waited for, then\n"
             "engines are stopped. A second signal hurries. Exit code: 0 ended as told, 1 could\n"
             "not start, 2 wrong usage.",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run_command,
};
