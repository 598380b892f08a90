/* replay.c - `sluice replay`: what another configuration would have done on the recorded history of
 * an installation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/replay/report.h"
#include "config/layout.h"
#include "core/policy.h"
#include "io/clock.h"
#include "io/file.h"

#define STATE_NAME "sluice.db"
#define UNKNOWN_SECRET "a-secret-that-is-not-known-where-this-is-replayed"

struct replay_command {
    const char *config;
    const char *policy;
    const char *pool;
    const char *from;
    const char *to;
    int64_t lead_ns;
    const char *profile;
    int64_t startup_ns;
    int64_t seed;
    bool json;
    const char *html;
    char state[1024];
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct replay_command, config, "config", "FILE", NULL, 0, 0,
            "The other configuration; it needs the pools that the history knows."),
    CLI_OPT(TEXT, struct replay_command, policy, "policy", "NAME", NULL, 0, 0,
            "The other configuration is the recorded one with this policy; with --config that one "
            "with it."),
    CLI_OPT(TEXT, struct replay_command, pool, "pool", "NAME", NULL, 0, 0,
            "Tell of this pool only, and change no other one's policy."),
    CLI_OPT(TEXT, struct replay_command, from, "from", "TIME", NULL, 0, 0,
            "Begin: 2026-11-24T08:15:00Z, or 2h for so long ago; a day before the end unless "
            "said."),
    CLI_OPT(TEXT, struct replay_command, to, "to", "TIME", NULL, 0, 0,
            "End; the newest minute that is kept unless said."),
    CLI_OPT(DURATION, struct replay_command, lead_ns, "lead", "DURATION", "1h", 0, 1209600,
            "So much of the time before is played first and not counted: to learn from."),
    CLI_OPT(TEXT, struct replay_command, profile, "profile", "NAME", NULL, 0, 0,
            "Speed of the engines; what was learned or measured unless said."),
    CLI_OPT(DURATION, struct replay_command, startup_ns, "startup", "DURATION", NULL, 0, 86400,
            "From the order of a replica to its first request; as recorded unless said."),
    CLI_OPT(INT, struct replay_command, seed, "seed", "N", "1", 0, 0, "Seed of all chance."),
    CLI_SWITCH(struct replay_command, json, "json", "One JSON object."),
    CLI_OPT(TEXT, struct replay_command, html, "html", "FILE", NULL, 0, 0,
            "Writes a page with timelines that needs nothing else."),
};

static int run(int argc, char **argv);

const struct command_ops command_replay = {
    .name = "replay",
    .summary = "Show what another configuration would have done on recorded history",
    .usage = "STATE [--config FILE] [OPTION]...",
    .about = "STATE is the state file of an installation, or the folder that holds its\n"
             "sluice.db; it is only read, also while sluice runs. The recorded decisions are\n"
             "made again, then made under the other configuration up to the first that\n"
             "differs. The demand of the recorded minutes is then simulated under both\n"
             "configurations, beside what was recorded; how far the two simulated runs can be\n"
             "trusted shows in how well the first one meets the record. Ends with 1 when a\n"
             "recorded decision does not come out the same.",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};

/* ---- what is read ---- */

/* All that one replay holds. */
struct session {
    const struct replay_command *o;
    struct store *store;
    struct environment *environment;
    struct env_table env;
    struct recorded recorded;
    struct config *config[REPORT_RUNS];
    struct installation *installation[REPORT_RUNS];
    char other[256]; /* name of the other configuration; "" = there is none */
    char title[300];
    struct retake retake;
    struct play_engine *engine;
    struct play play[REPORT_RUNS];
};

static enum rc read_time(const char *text, int64_t *ret_ns, struct diag *diag)
{
    int64_t ago_ns = 0;
    *ret_ns = TIME_NONE;
    if (text == NULL || time_parse_rfc3339(span_from(text), ret_ns) == RC_OK)
        return RC_OK;
    if (duration_parse(span_from(text), &ago_ns) != RC_OK || ago_ns < 0)
        return fail(diag, RC_SYNTAX,
                    "\"%s\" is no time: 2026-11-24T08:15:00Z, or 2h for two hours ago", text);
    *ret_ns = num_add_sat(clock_wall_ns(), -ago_ns);
    return RC_OK;
}

/* A folder stands for the state file in it. */
static enum rc find_state(const char *path, char ret[1024], struct diag *diag)
{
    struct stat stat_;
    const bool folder = stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
    const int len = snprintf(ret, 1024, "%s%s", path, folder ? "/" STATE_NAME : "");
    if (len < 0 || len >= 1024)
        return fail(diag, RC_LIMIT, "the path of the state file is too long");
    if (stat(ret, &stat_) != 0)
        return fail(diag, RC_NOT_FOUND, "there is no state file \"%s\"%s", ret,
                    folder ? "; give the file itself if it has another name" : "");
    if (stat_.st_size == 0)
        return fail(diag, RC_NOT_FOUND, "\"%s\" is empty: no sluice has written to it", ret);
    return RC_OK;
}

static enum rc use_policy(struct config *config, const char *pool, const char *policy,
                          struct diag *diag)
{
    const struct policy_ops *ops = policy_find(span_from(policy));
    if (ops == NULL)
        return fail(diag, RC_UNKNOWN, "there is no policy \"%.64s\"; docs/policies.md lists them",
                    policy);
    for (size_t i = 0; i < config->pool_count; i++) {
        struct pool_config *chosen = config->pool[i];
        if (pool != NULL && strcmp(pool, chosen->core.name) != 0)
            continue;
        chosen->core.policy = ops;
        chosen->core.policy_config = layout_policy_config(chosen, ops);
    }
    return RC_OK;
}

static enum rc read_recorded_config(struct session *s, size_t run, struct diag *diag)
{
    struct problem_list problems;
    enum rc rc = RC_OK;
    problem_list_init(&problems);
    s->config[run] = config_read(buf_cstr(&s->recorded.config_name),
                                 buf_view(&s->recorded.config_text), &s->env, &problems);
    if (s->config[run] == NULL)
        rc = fail(diag, RC_INVALID, "the recorded configuration cannot be read here: %s: %s",
                  problems.count > 0 ? problems.item[0].path : "",
                  problems.count > 0 ? problems.item[0].text : "no memory");
    problem_list_done(&problems);
    return rc;
}

/* The other configuration: a file, or the recorded one with another policy. Problems of a file are
 * told with their lines, and then RC_INVALID comes back without words. */
static enum rc read_other_config(struct session *s, struct diag *diag)
{
    const struct replay_command *o = s->o;
    enum rc rc = RC_OK;
    if (o->config == NULL) {
        rc = read_recorded_config(s, 1, diag);
        (void)snprintf(s->other, sizeof(s->other), "%.200s", o->policy);
    } else {
        struct problem_list problems;
        struct buf text;
        problem_list_init(&problems);
        s->config[1] = load_config(o->config, &problems, &text);
        if (s->config[1] == NULL) {
            load_report(stderr, &problems, &text);
            rc = RC_INVALID;
        }
        problem_list_done(&problems);
        buf_done(&text);
        (void)snprintf(s->other, sizeof(s->other), "%.200s", o->config);
    }
    return rc == RC_OK && o->policy != NULL ? use_policy(s->config[1], o->pool, o->policy, diag)
                                            : rc;
}

/* Demand without a pool to meet it is no comparison. */
static enum rc check_pools(const struct session *s, struct diag *diag)
{
    const char *known[64];
    size_t count = 0;
    for (size_t i = 0; i < s->config[1]->pool_count && count < COUNT_OF(known); i++)
        known[count++] = s->config[1]->pool[i]->core.name;
    for (size_t i = 0; i < s->recorded.pool_count; i++) {
        const char *name = s->recorded.pool[i].rows.pool;
        if (s->o->pool != NULL && strcmp(s->o->pool, name) != 0)
            continue;
        if (config_pool(s->config[1], span_from(name)) != NULL)
            continue;
        const char *nearest = name_nearest(span_from(name), known, count);
        return fail(diag, RC_UNKNOWN,
                    "the history knows a pool \"%s\", but %s has none of that name%s%s%s", name,
                    s->o->config, nearest != NULL ? "; is it the one called \"" : "",
                    nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    }
    return RC_OK;
}

static enum rc check_pool_option(const struct session *s, struct diag *diag)
{
    const char *known[64];
    size_t count = 0;
    if (s->o->pool == NULL || recorded_pool(&s->recorded, s->o->pool) != NULL)
        return RC_OK;
    for (size_t i = 0; i < s->recorded.pool_count && count < COUNT_OF(known); i++)
        known[count++] = s->recorded.pool[i].rows.pool;
    const char *nearest = name_nearest(span_from(s->o->pool), known, count);
    return fail(diag, RC_UNKNOWN, "the history knows no pool \"%.64s\"%s%s%s", s->o->pool,
                nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "\"?" : "");
}

static enum rc read_all(struct session *s, struct diag *diag)
{
    const struct replay_command *o = s->o;
    struct recorded_window window = {.lead_ns = o->lead_ns};
    enum rc rc = read_time(o->from, &window.from_ns, diag);
    if (rc == RC_OK)
        rc = read_time(o->to, &window.to_ns, diag);
    if (rc == RC_OK)
        rc = store_open_reading(o->state, &s->store, diag);
    if (rc == RC_OK && store_newer(s->store))
        rc = fail(diag, RC_VERSION,
                  "\"%s\" was written by a newer sluice, whose history this one cannot be sure to "
                  "understand",
                  o->state);
    if (rc == RC_OK)
        rc = recorded_read(s->store, &window, &s->recorded, diag);
    if (rc == RC_OK)
        rc = check_pool_option(s, diag);
    if (rc == RC_OK)
        rc = read_recorded_config(s, 0, diag);
    if (rc == RC_OK && (o->config != NULL || o->policy != NULL))
        rc = read_other_config(s, diag);
    if (rc == RC_OK && s->config[1] != NULL)
        rc = check_pools(s, diag);
    for (size_t i = 0; i < REPORT_RUNS && rc == RC_OK; i++)
        if (s->config[i] != NULL)
            rc = installation_make(s->config[i], &s->installation[i], diag);
    return rc;
}

/* ---- what is played ---- */

/* All GPUs, from how many replicas of each pool fitted on them. */
static double gpus_of(const struct session *s)
{
    double gpus = -1;
    const struct reconcile_spec *spec = &s->installation[0]->spec;
    for (size_t g = 0; g < spec->group_count; g++)
        for (size_t i = 0; i < group_pool_count(spec->group[g].group); i++) {
            const struct reconcile_pool *pool = &spec->group[g].pool[i];
            const struct retake_pool *seen = retake_pool(&s->retake, pool->name);
            if (seen != NULL && seen->room != NO_COUNT)
                gpus = fmax(gpus, (double)seen->room * pool->gpus_each);
        }
    return gpus > 0 ? gpus : (double)INFINITY;
}

/* Where the log has the ticks of a minute it is known when in it requests came. */
static enum rc spread_all(struct session *s, struct diag *diag)
{
    for (size_t i = 0; i < s->recorded.pool_count; i++) {
        struct recorded_pool *pool = &s->recorded.pool[i];
        const struct retake_pool *seen = retake_pool(&s->retake, pool->rows.pool);
        struct recorded_span *span = NULL;
        size_t count = 0;
        if (seen == NULL)
            continue;
        if (seen->first_ns > 0 && seen->first_ns - s->recorded.begin_ns < MINUTE_NS)
            pool->initial = seen->first_ready; /* the minute knows a mean only */
        const enum rc rc = spread_spans(pool->span, pool->span_count, seen->arrived,
                                        seen->arrived_count, &span, &count);
        if (rc != RC_OK)
            return fail(diag, rc, "the demand of pool \"%s\": %s", pool->rows.pool, rc_words(rc));
        pool->minutes_cut = count > pool->span_count;
        free(pool->span);
        pool->span = span;
        pool->span_count = count;
    }
    return RC_OK;
}

static enum rc play_all(struct session *s, double gpus, struct diag *diag)
{
    const struct play_engines_spec engines = {.profile = s->o->profile,
                                              .startup_ns = s->o->startup_ns};
    enum rc rc = RC_OK;
    s->engine = mem_new(s->recorded.pool_count + 1, sizeof(*s->engine));
    if (s->engine == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < s->recorded.pool_count && rc == RC_OK; i++)
        rc = play_engine_of(&engines, &s->recorded.pool[i],
                            retake_pool(&s->retake, s->recorded.pool[i].rows.pool), &s->engine[i],
                            diag);
    for (size_t i = 0; i < REPORT_RUNS && rc == RC_OK; i++) {
        const struct play_spec spec = {.installation = s->installation[i],
                                       .recorded = &s->recorded,
                                       .engine = s->engine,
                                       .gpus = gpus,
                                       .seed = (uint64_t)s->o->seed};
        if (s->installation[i] != NULL)
            rc = play_run(&spec, &s->play[i], diag);
    }
    return rc;
}

static enum rc write_report(const struct session *s, struct report *report, struct diag *diag)
{
    struct buf out;
    enum rc rc = RC_OK;
    buf_init(&out, REPORT_BYTES_MAX);
    report_assume(report);
    if (s->o->json)
        report_json(report, &out);
    else
        report_words(report, &out);
    (void)fputs(buf_cstr(&out), stdout);
    (void)fputs(s->o->json ? "\n" : "", stdout);
    if (s->o->html != NULL) {
        buf_clear(&out);
        report_html(report, &out);
        rc = file_replace(s->o->html, buf_view(&out), 0644, diag);
    }
    buf_done(&out);
    buf_done(&report->assumptions);
    return rc;
}

static enum rc replay(struct session *s, struct diag *diag)
{
    enum rc rc = read_all(s, diag);
    if (rc != RC_OK)
        return rc;
    const struct retake_spec spec = {.store = s->store,
                                     .begin_ns = s->recorded.begin_ns,
                                     .from_ns = s->recorded.from_ns,
                                     .to_ns = s->recorded.to_ns,
                                     .env = &s->env,
                                     .other = s->installation[1]};
    rc = retake_run(&spec, &s->retake, diag);
    if (rc != RC_OK)
        return rc;
    const double gpus = gpus_of(s);
    rc = spread_all(s, diag);
    if (rc == RC_OK)
        rc = play_all(s, gpus, diag);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(s->title, sizeof(s->title), "simulated, %s", s->other);
    struct report report = {.state = s->o->state,
                            .pool = s->o->pool,
                            .other = s->config[1] != NULL ? s->other : NULL,
                            .title = s->title,
                            .config = {s->config[0], s->config[1]},
                            .recorded = &s->recorded,
                            .retake = &s->retake,
                            .play = {&s->play[0], s->config[1] != NULL ? &s->play[1] : NULL},
                            .engine = s->engine,
                            .gpus = gpus,
                            .seed = (uint64_t)s->o->seed};
    return write_report(s, &report, diag);
}

static void session_done(struct session *s)
{
    for (size_t i = 0; i < REPORT_RUNS; i++) {
        play_done(&s->play[i]);
        installation_free(s->installation[i]);
        config_free(s->config[i]);
    }
    free(s->engine);
    retake_done(&s->retake);
    recorded_done(&s->recorded);
    store_close(s->store);
    load_environment_free(s->environment);
}

static int run(int argc, char **argv)
{
    struct replay_command o;
    struct args args;
    struct diag diag = {.code = RC_OK};
    const int status = command_args(&command_replay, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (args.count != 1)
        return command_usage_error(&command_replay, "one STATE is wanted: a state file, or the "
                                                    "folder that holds " STATE_NAME);
    struct session s = {.o = &o};
    enum rc rc = find_state(args.operand[0], o.state, &diag);
    if (rc == RC_OK) {
        s.environment = load_environment(&s.env);
        s.env.otherwise = UNKNOWN_SECRET; /* recorded elsewhere, perhaps; no decision needs it */
        rc = replay(&s, &diag);
    }
    const bool same = s.retake.not_same == 0;
    session_done(&s);
    if (rc == RC_OK)
        return same ? EXIT_OK : EXIT_FAILED;
    if (diag.code == RC_CORRUPT) {
        const struct diag why = diag;
        (void)fail(&diag, RC_CORRUPT, "\"%.200s\" is damaged: %s", o.state, why.text);
    }
    if (diag.code == RC_SYNTAX)
        return command_usage_error(&command_replay, "%s", diag.text);
    return diag.code != RC_OK ? command_failed(&command_replay, &diag) : EXIT_FAILED;
}
