#include "sim/builtin.h"

#include <inttypes.h>
#include <math.h>

#include "base/duration.h"
#include "base/num.h"

#define ITL_MULTIPLE 3.4
#define ITL_LEAST_S 0.04
#define ITL_STEP_S 0.01

struct builtin_slo builtin_slo_of(const struct engine_profile *profile)
{
    const double steps = ceil(profile->iteration_s * ITL_MULTIPLE / ITL_STEP_S - 0.1);
    return (struct builtin_slo){.ttft_ns = SECOND_NS,
                                .ttft_per_token_ns = MILLISECOND_NS,
                                .itl_ns = ns_of_seconds(fmax(ITL_LEAST_S, steps * ITL_STEP_S)),
                                .attainment_percent = 99};
}

static void duration_line(struct buf *ret, const char *name, int64_t ns)
{
    char text[DURATION_TEXT_MAX];
    duration_print(ns, text);
    buf_printf(ret, "%s: %s", name, text);
}

static void objective(struct buf *ret, const char *name, int64_t ns)
{
    if (ns <= 0)
        return;
    duration_line(ret, name, ns);
    buf_text(ret, ", ");
}

static void print_slo(const struct builtin_spec *spec, struct buf *ret)
{
    const struct builtin_slo usual = builtin_slo_of(spec->profile);
    const struct builtin_slo *slo = &spec->slo;
    const int64_t ttft_ns = slo->ttft_ns >= 0 ? slo->ttft_ns : usual.ttft_ns;
    buf_text(ret, "    slo: {");
    objective(ret, "ttft", ttft_ns);
    if (ttft_ns > 0) {
        duration_line(ret, "ttftPerToken",
                      slo->ttft_per_token_ns >= 0 ? slo->ttft_per_token_ns
                                                  : usual.ttft_per_token_ns);
        buf_text(ret, ", ");
    }
    objective(ret, "interTokenLatency", slo->itl_ns >= 0 ? slo->itl_ns : usual.itl_ns);
    objective(ret, "e2e", slo->e2e_ns);
    buf_text(ret, "attainmentPercent: ");
    buf_number(ret,
               slo->attainment_percent > 0 ? slo->attainment_percent : usual.attainment_percent);
    buf_text(ret, "}\n");
}

/* As many at once as the engine batches; 30 s in the queue are a miss. No affinity: prefix hits are
 * those of the trace, whoever serves, and what a trace calls a session is often a whole client. */
static void print_limits(const struct builtin_spec *spec, struct buf *ret)
{
    const struct pool_config *like = spec->like;
    const int64_t limit =
        like != NULL ? like->core.concurrency_limit : spec->profile->sequences_max;
    buf_text(ret, "    gateway: {affinity: false}\n");
    if (limit > 0)
        buf_printf(ret, "    concurrency: {limit: %" PRId64 "}\n", limit);
    if (like == NULL) {
        buf_text(ret, "    queue: {timeout: 30s, maxRequests: 50000, maxTokens: 1000000000}\n");
        return;
    }
    buf_text(ret, "    queue: {");
    duration_line(ret, "timeout", like->queue.timeout_ns);
    buf_printf(ret, ", maxRequests: %" PRId64 ", maxTokens: ", like->queue.requests_max);
    buf_number(ret, like->queue.tokens_max);
    buf_text(ret, "}\n");
}

void builtin_print(const struct builtin_spec *spec, struct buf *ret)
{
    buf_printf(ret, "pools:\n  pool:\n    minReplicas: %" PRId64 "\n    maxReplicas: %" PRId64 "\n",
               spec->replicas_min, spec->replicas_max);
    print_limits(spec, ret);
    print_slo(spec, ret);
    buf_text(ret, "    target: {process: {command: [engine], gpus: ");
    buf_number(ret, spec->gpus > 0 ? spec->gpus : (double)spec->profile->gpus);
    buf_printf(ret, "}}\n    autoscaling: {policy: %s", spec->policy);
    if (spec->policy_options != NULL)
        buf_printf(ret, ", %s: %s", spec->policy, spec->policy_options);
    buf_span(ret, spec->autoscaling);
    buf_text(ret, "}\n");
}

enum rc builtin_check_slo(const struct slo_spec *slo, const struct engine_profile *profile,
                          struct diag *diag)
{
    char allowed[DURATION_TEXT_MAX];
    char needed[DURATION_TEXT_MAX];
    const int64_t first_ns = profile_first_token_ns(profile, 1);
    const int64_t between_ns = profile_iteration_ns(profile, 1, 2, 0);
    if (slo->ttft_ns > 0 && slo->ttft_ns + slo->ttft_per_token_ns < first_ns) {
        duration_print(slo->ttft_ns, allowed);
        duration_print(first_ns, needed);
        return fail(diag, RC_RANGE,
                    "nobody can meet a time to first token of %s: an idle engine of profile %s "
                    "needs %s for a prompt of one token",
                    allowed, profile->name, needed);
    }
    if (slo->inter_token_ns > 0 && slo->inter_token_ns < between_ns) {
        duration_print(slo->inter_token_ns, allowed);
        duration_print(between_ns, needed);
        return fail(diag, RC_RANGE,
                    "nobody can meet %s between tokens: an idle engine of profile %s needs %s",
                    allowed, profile->name, needed);
    }
    return RC_OK;
}
