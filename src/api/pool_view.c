#include "api/pool_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/histogram.h"
#include "base/num.h"
#include "core/policy.h"

/* ---- the sentence ---- */

static void put_count(struct buf *out, int64_t count, const char *what)
{
    if (count > 0)
        buf_printf(out, ", %lld %s", (long long)count, what);
}

static void put_seconds(struct buf *out, int64_t ns)
{
    char text[DURATION_TEXT_MAX];
    const int64_t unit = ns < 10 * SECOND_NS ? 100 * MILLISECOND_NS : SECOND_NS;
    (void)duration_print((ns + unit / 2) / unit * unit, text);
    buf_text(out, text);
}

static void put_replicas(struct buf *out, const struct pool_view *view,
                         const struct replicas_view *n)
{
    if (n->desired == 0 && n->ready + n->starting + n->blocked + n->failed == 0)
        buf_text(out, "asleep, no replica runs");
    else
        buf_printf(out, "%lld of %lld ready", (long long)n->ready, (long long)n->desired);
    put_count(out, n->starting, "starting");
    if (n->starting > 0 && view->ready_in_ns != TIME_NONE) {
        buf_text(out, " (the next in about ");
        put_seconds(out, view->ready_in_ns);
        buf_byte(out, ')');
    }
    put_count(out, n->warm, "warm");
    put_count(out, n->draining, "draining");
    put_count(out, n->stopping, "stopping");
    put_count(out, n->blocked, "blocked");
    put_count(out, n->failed, "given up");
}

static void put_traffic(struct buf *out, const struct traffic_view *traffic)
{
    if (traffic == NULL)
        return;
    buf_printf(out, "; %lld in flight, %lld waiting", (long long)traffic->in_flight_requests,
               (long long)traffic->waiting_requests);
    if (traffic->waiting_requests > 0) {
        buf_text(out, " for up to ");
        put_seconds(out, traffic->oldest_wait_ns);
    }
    if (!isnan(traffic->attainment)) {
        buf_text(out, "; ");
        buf_number(out, rint(traffic->attainment * 1000) / 10);
        buf_text(out, " % met the objectives");
    }
}

static void put_until(struct buf *out, int64_t until_wall_ns)
{
    char text[DURATION_TEXT_MAX];
    if (until_wall_ns == TIME_NONE)
        return;
    (void)time_print_rfc3339(until_wall_ns, text);
    buf_printf(out, " until %s", text);
}

static void put_flags(struct buf *out, const struct pool_bundle *bundle)
{
    const struct pool_view *view = &bundle->view;
    if (view->pin != NULL) {
        buf_printf(out, "; pinned at %lld", (long long)bundle->pin.replicas);
        put_until(out, bundle->pin.until_wall_ns);
    }
    if (view->pause != NULL) {
        buf_text(out, "; paused");
        put_until(out, bundle->pause.until_wall_ns);
    }
    if (view->contended)
        buf_text(out, "; somebody else changes the count, nothing is done");
    if (view->gateway_silent)
        buf_text(out, "; the gateway is silent");
    if (view->trouble != NULL)
        buf_printf(out, "; %s", view->trouble);
}

static const char *health(const struct pool_view *view, const struct replicas_view *n)
{
    if (view->trouble != NULL || view->start_failed || view->contended || view->gateway_silent ||
        n->blocked + n->failed > 0)
        return "trouble";
    if (n->ready < n->desired)
        return "starting";
    return n->ready == 0 ? "asleep" : "well";
}

static void put_sentence(struct pool_bundle *bundle)
{
    struct buf out;
    buf_init(&out, 4096);
    put_replicas(&out, &bundle->view, &bundle->replicas);
    put_traffic(&out, bundle->view.traffic);
    put_flags(&out, bundle);
    (void)span_copy(buf_view(&out), bundle->sentence, sizeof(bundle->sentence));
    buf_done(&out);
}

/* ---- parts ---- */

int64_t pool_ready_in_ns(const struct control *control, size_t pool,
                         const struct pool_status *status)
{
    const struct reconcile *reconcile = control_reconcile(control);
    const int64_t now_ns = control_now_ns(control);
    int64_t best_ns = TIME_NONE;
    const struct replica_row *row;
    if (status->start_p50_ns == 0 || status->count[REPLICA_STARTING] == 0)
        return TIME_NONE;
    for (size_t i = 0; (row = reconcile_replica_at(reconcile, i)) != NULL; i++) {
        if (row->pool != pool || row->state != REPLICA_STARTING)
            continue;
        const int64_t passed_ns = now_ns - row->ordered_ns;
        const int64_t usual_ns =
            passed_ns < status->start_p50_ns ? status->start_p50_ns : status->start_p90_ns;
        const int64_t left_ns = usual_ns > passed_ns ? usual_ns - passed_ns : 0;
        if (best_ns == TIME_NONE || left_ns < best_ns)
            best_ns = left_ns;
    }
    return best_ns;
}

static void fill_replicas(const struct pool_status *s, const struct pool_spec *spec,
                          struct replicas_view *ret)
{
    *ret = (struct replicas_view){
        .desired = s->desired,
        .granted = s->granted,
        .min = spec->replicas_min,
        .max = spec->replicas_max,
        .ready = s->count[REPLICA_READY],
        .starting = s->count[REPLICA_STARTING],
        .warm = s->count[REPLICA_WARM],
        .draining = s->count[REPLICA_DRAINING],
        .stopping = s->count[REPLICA_STOPPING],
        .blocked = s->count[REPLICA_BLOCKED],
        .failed = s->count[REPLICA_FAILED],
        .busy = s->observation != NULL ? s->observation->pool[s->pool_in_group].busy : 0,
    };
}

static double quantile(const struct histogram *h, double q)
{
    return h == NULL ? NAN : histogram_quantile(h, q);
}

static int64_t whole(double amount)
{
    return num_to_int(amount, 0, INT64_MAX / 2);
}

static void fill_traffic(const struct pool_status *s, bool has_objective, struct traffic_view *ret)
{
    const struct gateway_snapshot *now = s->snapshot;
    const struct pool_totals *total = &s->total;
    const double judged = total->completed_requests + total->failed_requests;
    *ret = (struct traffic_view){
        .waiting_requests = now->waiting_requests,
        .waiting_tokens = now->waiting_tokens,
        .oldest_wait_ns = now->oldest_wait_ns,
        .in_flight_requests = now->in_flight_requests,
        .in_flight_tokens = now->in_flight_tokens,
        .sessions = now->sessions,
        .arrived = whole(total->arrived_requests),
        .completed = whole(total->completed_requests),
        .failed = whole(total->failed_requests),
        .refused = whole(total->refused_requests),
        .prompt_tokens = total->prompt_tokens,
        .output_tokens = total->output_tokens,
        .attainment = has_objective && judged > 0 ? total->good_requests / judged : NAN,
        .ttft_p50 = quantile(total->ttft_s, 0.5),
        .ttft_p95 = quantile(total->ttft_s, 0.95),
        .itl_p50 = quantile(total->itl_s, 0.5),
        .itl_p95 = quantile(total->itl_s, 0.95),
    };
}

static bool has_objective(const struct slo_spec *slo)
{
    return slo->ttft_ns > 0 || slo->inter_token_ns > 0 || slo->e2e_ns > 0 ||
           slo->tokens_per_second > 0;
}

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static int64_t span_or_none(int64_t ns)
{
    return ns > 0 ? ns : TIME_NONE;
}

static double above_zero(double value)
{
    return value > 0 ? value : NAN;
}

static void fill_objective(const struct slo_spec *slo, struct objective_view *ret)
{
    *ret = (struct objective_view){.ttft_ns = span_or_none(slo->ttft_ns),
                                   .inter_token_ns = span_or_none(slo->inter_token_ns),
                                   .e2e_ns = span_or_none(slo->e2e_ns),
                                   .tokens_per_second = above_zero(slo->tokens_per_second),
                                   .attainment_percent = above_zero(slo->attainment_percent)};
}

static void fill_words(struct pool_bundle *bundle, const struct pool_spec *spec)
{
    const struct pool_status *s = &bundle->status;
    bundle->pin = (struct pin_view){.replicas = s->pin_count,
                                    .until_wall_ns = s->pin_until_wall_ns,
                                    .reason = s->pin_text == NULL ? "" : s->pin_text};
    bundle->pause = (struct pause_view){.until_wall_ns = s->pause_until_wall_ns,
                                        .reason = s->pause_text == NULL ? "" : s->pause_text};
    for (size_t i = 0; i < spec->shadow_count; i++)
        bundle->shadow[i] = spec->shadow[i].policy->name;
}

static bool fill_learned(struct pool_bundle *bundle, const struct reconcile *reconcile,
                         const struct group_spec *group)
{
    const struct pool_status *s = &bundle->status;
    struct buf words;
    if (!learned_fill(&bundle->learned, group, reconcile_state_of(reconcile, s->group),
                      s->pool_in_group, s->decision))
        return false;
    buf_init(&words, sizeof(bundle->learned_words));
    learned_words(&bundle->learned, &words);
    (void)span_copy(buf_view(&words), bundle->learned_words, sizeof(bundle->learned_words));
    buf_done(&words);
    return true;
}

void pool_fill(struct pool_bundle *bundle, const struct control *control, size_t pool)
{
    const struct reconcile *reconcile = control_reconcile(control);
    struct pool_status *s = &bundle->status;
    reconcile_pool_status(reconcile, pool, s);
    const struct group_spec *group = reconcile_group_of(reconcile, s->group);
    const struct pool_spec *spec = group_pool(group, s->pool_in_group);
    const struct pool_config *config = config_pool(control_config(control), span_from(s->name));
    fill_replicas(s, spec, &bundle->replicas);
    fill_words(bundle, spec);
    fill_objective(&spec->slo, &bundle->objective);
    if (s->snapshot != NULL)
        fill_traffic(s, has_objective(&spec->slo), &bundle->traffic);
    if (s->decision != NULL)
        decision_fill(&bundle->decision, group, s->pool_in_group, s->decision);
    const bool learned = fill_learned(bundle, reconcile, group);
    bundle->source = (struct source_cursor){.control = control, .pool = s->name};
    bundle->view = (struct pool_view){
        .sources = {source_next, &bundle->source},
        .name = s->name,
        .description = config != NULL ? config->description : "",
        .models = config != NULL ? config->models : (struct text_list){0},
        .mode = spec->mode == MODE_OBSERVE ? "observe" : "active",
        .policy = spec->policy != NULL ? spec->policy->name : "",
        .shadows = {bundle->shadow, spec->shadow_count},
        .group = group_name(group),
        .sentence = bundle->sentence,
        .replicas = &bundle->replicas,
        .traffic = s->snapshot != NULL ? &bundle->traffic : NULL,
        .pin = s->pin_count != NO_COUNT ? &bundle->pin : NULL,
        .pause = s->paused ? &bundle->pause : NULL,
        .objective = has_objective(&spec->slo) ? &bundle->objective : NULL,
        .contended = s->contended,
        .incomplete = s->incomplete,
        .gateway_silent = s->gateway_silent,
        .start_failed = s->start_failed,
        .trouble = text_or_null(s->text),
        .ready_in_ns = pool_ready_in_ns(control, pool, s),
        .start_p50_ns = span_or_none(s->start_p50_ns),
        .start_p90_ns = span_or_none(s->start_p90_ns),
        .learned = learned ? &bundle->learned : NULL,
        .learned_words = learned ? bundle->learned_words : NULL,
        .replica_seconds = s->replica_seconds,
        .tick_wall_ns = s->tick_wall_ns,
        .decision = s->decision != NULL ? &bundle->decision.view : NULL,
    };
    bundle->view.health = health(&bundle->view, &bundle->replicas);
    put_sentence(bundle);
}
