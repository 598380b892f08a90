/* decide_recorded.c - `sluice decide --recorded`: the ticks of a state file decided again, shown
 * and compared. */
#include "base/duration.h"
#include "base/num.h"
#include "cli/decide.h"
#include "cli/load.h"
#include "io/clock.h"
#include "store/replay.h"

#define DIFFERENCES_MAX 20 /* shown; all are counted */

struct view {
    const struct decide_options *options;
    int64_t different;
};

static bool on_tick(void *context, const struct replay_tick *seen)
{
    struct view *v = context;
    const struct store_tick *tick = seen->tick;
    if (!seen->same && v->different++ < DIFFERENCES_MAX) {
        char time[DURATION_TEXT_MAX];
        (void)time_print_rfc3339(tick->wall_ns, time);
        (void)fprintf(stderr, "tick %lld, %s, group %s: %s\n", (long long)tick->seq, time,
                      tick->group, seen->what);
    }
    if (seen->group != NULL && !v->options->verify)
        decide_print(v->options, &(struct decide_tick){
                                     .group = seen->group,
                                     .line = tick->seq,
                                     .observation = seen->observation,
                                     .decision = seen->decision,
                                     .state = v->options->state ? seen->state : NULL,
                                     .only_pool = v->options->pool,
                                 });
    return true;
}

/* "2026-11-24T08:15:00Z", or "2h": so long ago. */
static enum rc read_time(const char *text, int64_t otherwise, int64_t *ret_ns, struct diag *diag)
{
    int64_t ago_ns = 0;
    *ret_ns = otherwise;
    if (text == NULL || time_parse_rfc3339(span_from(text), ret_ns) == RC_OK)
        return RC_OK;
    if (duration_parse(span_from(text), &ago_ns) != RC_OK || ago_ns < 0)
        return fail(diag, RC_SYNTAX,
                    "\"%s\" is no time: 2026-11-24T08:15:00Z, or 2h for two hours ago", text);
    *ret_ns = num_add_sat(clock_wall_ns(), -ago_ns);
    return RC_OK;
}

int decide_recorded(const struct decide_options *options)
{
    struct view v = {.options = options};
    struct env_table env = {.item = NULL};
    struct replay_options replay = {
        .pool = options->pool, .env = &env, .each = on_tick, .context = &v};
    struct replay_result result = {0};
    struct store *store = NULL;
    struct diag diag = {.code = RC_OK};
    if (read_time(options->from, INT64_MIN, &replay.query.from_ns, &diag) != RC_OK ||
        read_time(options->to, INT64_MAX, &replay.query.to_ns, &diag) != RC_OK)
        return command_usage_error(&command_decide, "%s", diag.text);
    struct environment *environment = load_environment(&env);
    env.otherwise = "a-secret-that-is-not-known-here"; /* no decision needs it */
    enum rc rc = store_open_reading(options->recorded, &store, &diag);
    if (rc == RC_OK)
        rc = store_replay(store, &replay, &result, &diag);
    store_close(store);
    load_environment_free(environment);
    if (rc != RC_OK)
        return command_failed(&command_decide, &diag);
    if (v.different > DIFFERENCES_MAX)
        (void)fprintf(stderr, "and %lld more\n", (long long)(v.different - DIFFERENCES_MAX));
    (void)fprintf(options->verify ? stdout : stderr, "%lld passed, %lld failed\n",
                  (long long)result.passed, (long long)result.failed);
    return result.failed > 0 ? EXIT_FAILED : EXIT_OK;
}
