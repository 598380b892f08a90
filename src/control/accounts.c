#include "control/accounts.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/span.h"

void account_init(struct account *account, const char *pool, int64_t day, double paid)
{
    *account = (struct account){.minute = INT64_MIN,
                                .now_ns = TIME_NONE,
                                .wait_s_max = NAN,
                                .day = day,
                                .cost_day = paid,
                                .outcome = {.first_ready_ns = TIME_NONE, .there_ns = TIME_NONE}};
    (void)span_copy(span_from(pool), account->pool, sizeof(account->pool));
}

/* ---- adding up ---- */

/* Of what is ready: requests of those that fit, or busy replicas where no limit is known. */
static double utilization(const struct pool_spec *spec, const struct pool_observation *o)
{
    if (o->ready <= 0 || o->counts_state != SIGNAL_VALUE || o->waiting_state != SIGNAL_VALUE)
        return NAN;
    if (spec->concurrency_limit > 0)
        return (double)o->in_flight_requests / ((double)o->ready * (double)spec->concurrency_limit);
    return (double)o->busy / (double)o->ready;
}

static double price_highest(const struct pool_spec *spec)
{
    double highest = 0;
    for (size_t i = 0; i < spec->class_count; i++) {
        const double price = spec->class_[i].price_per_hour;
        highest = isnan(price) || isnan(highest) ? (double)NAN : fmax(highest, price);
    }
    return highest;
}

/* Serving and starting replicas by class; the rest at the highest price, as budgets count it. */
static void add_money(struct account *a, const struct pool_spec *spec, double seconds)
{
    const struct pool_observation *o = &a->seen;
    int64_t known = 0;
    double cost = 0;
    for (size_t i = 0; i < spec->class_count; i++) {
        const double held = (double)(o->class_ready[i] + o->class_pending[i]) * seconds;
        known += o->class_ready[i] + o->class_pending[i];
        a->class_seconds[i] += held;
        if (held > 0)
            cost += held * spec->class_[i].price_per_hour / 3600;
    }
    const double rest = fmax(0, (double)(o->actual_count + o->draining - known)) * seconds;
    a->other_seconds += rest;
    if (rest > 0)
        cost += rest * price_highest(spec) / 3600;
    a->cost += cost;
    a->cost_ever += cost;
    a->cost_day += cost;
    a->outcome.cost += cost;
}

static void add_span(struct account *a, const struct pool_spec *spec, double seconds)
{
    const struct pool_observation *o = &a->seen;
    a->seconds += seconds;
    a->ready += (double)o->ready * seconds;
    a->pending += (double)o->pending * seconds;
    a->warm += (double)o->warm * seconds;
    a->wanted += (double)a->desired * seconds;
    if (!isnan(a->need)) {
        a->need_sum += a->need * seconds;
        a->need_seconds += seconds;
    }
    if (o->waiting_state == SIGNAL_VALUE) {
        a->traffic_seconds += seconds;
        a->in_flight += (double)o->in_flight_requests * seconds;
        a->waiting += (double)o->waiting_requests * seconds;
        a->waiting_max =
            o->waiting_requests > a->waiting_max ? o->waiting_requests : a->waiting_max;
    }
    add_money(a, spec, seconds);
}

/* ---- rows ---- */

/* Unknown ones are null. */
static void put_mean(struct json_writer *w, const char *name, double sum, double seconds)
{
    json_key(w, name);
    if (seconds > 0)
        json_number(w, rint(sum / seconds * 1000) / 1000);
    else
        json_null(w);
}

static void put_amounts(struct json_writer *w, const struct pool_totals *now,
                        const struct pool_totals *before)
{
    json_member_number(w, "arrived", now->arrived_requests - before->arrived_requests);
    json_member_number(w, "completed", now->completed_requests - before->completed_requests);
    json_member_number(w, "failed", now->failed_requests - before->failed_requests);
    json_member_number(w, "refused", now->refused_requests - before->refused_requests);
    json_member_number(w, "good", now->good_requests - before->good_requests);
    json_member_number(w, "promptTokens", now->prompt_tokens - before->prompt_tokens);
    json_member_number(w, "outputTokens", now->output_tokens - before->output_tokens);
}

/* Nothing ran, nothing came: such minutes are alike. */
static bool at_rest(const struct account *a, const struct pool_totals *now)
{
    return a->ready + a->pending + a->warm + a->other_seconds + a->wanted + a->in_flight +
                   a->waiting <=
               0 &&
           now->arrived_requests <= a->before.arrived_requests;
}

static void put_bills(const struct account *a, const struct pool_spec *spec, int64_t day,
                      const struct accounts_out *out)
{
    struct store_bill bill = {.day = day, .pool = a->pool};
    for (size_t i = 0; i < spec->class_count; i++) {
        bill.class_ = spec->class_[i].name;
        bill.replica_seconds = a->class_seconds[i];
        bill.cost = a->class_seconds[i] * spec->class_[i].price_per_hour / 3600;
        if (a->class_seconds[i] > 0)
            out->bill(out->user, &bill);
    }
    bill.class_ = "other";
    bill.replica_seconds = a->other_seconds;
    bill.cost = a->other_seconds * price_highest(spec) / 3600;
    if (a->other_seconds > 0)
        out->bill(out->user, &bill);
}

static void clear(struct account *a)
{
    a->seconds = a->ready = a->pending = a->warm = a->wanted = 0;
    a->need_sum = a->need_seconds = a->traffic_seconds = a->in_flight = a->waiting = 0;
    a->other_seconds = a->cost = 0;
    a->waiting_max = 0;
    a->wait_s_max = NAN;
    memset(a->class_seconds, 0, sizeof(a->class_seconds));
}

static void put_minute(struct account *a, const struct accounts_out *out)
{
    struct pool_totals now = a->before;
    struct buf json;
    struct json_writer w;
    const bool known = out->totals(out->user, a->pool, &now);
    const bool rests = at_rest(a, &now);
    a->rest = rests ? a->rest + 1 : 0;
    if (rests && a->rest % ACCOUNT_REST_EVERY != 1)
        return;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    json_member_number(&w, "seconds", rint(a->seconds * 1000) / 1000);
    put_mean(&w, "ready", a->ready, a->seconds);
    put_mean(&w, "pending", a->pending, a->seconds);
    put_mean(&w, "warm", a->warm, a->seconds);
    put_mean(&w, "desired", a->wanted, a->seconds);
    put_mean(&w, "need", a->need_sum, a->need_seconds);
    put_mean(&w, "inFlight", a->in_flight, a->traffic_seconds);
    put_mean(&w, "waiting", a->waiting, a->traffic_seconds);
    json_member_int(&w, "waitingMax", a->waiting_max);
    json_member_number(&w, "waitMax", a->wait_s_max);
    if (known)
        put_amounts(&w, &now, &a->before);
    json_member_number(&w, "cost", a->cost);
    json_object_end(&w);
    out->row(out->user, SERIES_MINUTE, a->pool, a->begin_wall_ns, buf_view(&json));
    buf_done(&json);
    a->before = now;
}

/* ---- outcomes ---- */

static void put_after(struct json_writer *w, const char *name, int64_t ns, int64_t from_ns)
{
    json_member_number(w, name, ns == TIME_NONE ? (double)NAN : seconds_of(ns - from_ns));
}

static void close_outcome(struct account *a, const struct pool_spec *spec, int64_t now_ns,
                          const char *end, const struct accounts_out *out)
{
    struct account_outcome *o = &a->outcome;
    struct pool_totals now = {0};
    struct buf json;
    struct json_writer w;
    const bool known = out->totals(out->user, a->pool, &now) && !isnan(o->requests_before);
    const double requests = now.completed_requests + now.failed_requests - o->requests_before;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    json_member_int(&w, "from", o->from);
    json_member_int(&w, "to", o->to);
    json_member_text(&w, "reason", reason_code((enum reason)o->reason));
    json_member_text(&w, "end", end);
    put_after(&w, "firstReadySeconds", o->first_ready_ns, o->now_ns);
    put_after(&w, "thereSeconds", o->there_ns, o->now_ns);
    put_after(&w, "seconds", now_ns, o->now_ns);
    json_member_number(&w, "utilizationBefore", o->utilization_before);
    json_member_number(&w, "utilizationAfter", utilization(spec, &a->seen));
    json_member_number(&w, "requests", known ? requests : (double)NAN);
    json_member_number(&w, "misses",
                       known ? requests - (now.good_requests - o->good_before) : (double)NAN);
    json_member_number(&w, "cost", o->cost);
    json_object_end(&w);
    out->row(out->user, SERIES_OUTCOME, a->pool, o->wall_ns, buf_view(&json));
    buf_done(&json);
    o->open = false;
}

static void open_outcome(struct account *a, const struct pool_spec *spec,
                         const struct observation *observation, const struct decision *decision,
                         const struct accounts_out *out)
{
    struct pool_totals now = {0};
    const bool known = out->totals(out->user, a->pool, &now);
    const uint32_t last = decision->trail_count < TRAIL_MAX ? decision->trail_count : TRAIL_MAX;
    a->outcome = (struct account_outcome){
        .open = true,
        .wall_ns = observation->wall_ns,
        .now_ns = observation->now_ns,
        .from = decision->previous,
        .to = decision->desired,
        .reason = last > 0 ? decision->trail[last - 1].reason : decision->proposal.reason,
        .ready_before = a->seen.ready,
        .first_ready_ns = TIME_NONE,
        .there_ns = TIME_NONE,
        .utilization_before = utilization(spec, &a->seen),
        .requests_before = known ? now.completed_requests + now.failed_requests : (double)NAN,
        .good_before = now.good_requests};
}

static void follow_outcome(struct account *a, const struct pool_spec *spec, int64_t now_ns,
                           const struct accounts_out *out)
{
    struct account_outcome *o = &a->outcome;
    const bool up = o->to > o->from;
    const int64_t ready = a->seen.ready;
    if (up && o->first_ready_ns == TIME_NONE && ready > o->ready_before)
        o->first_ready_ns = now_ns;
    if (o->there_ns == TIME_NONE && (up ? ready >= o->to : ready <= o->to))
        o->there_ns = now_ns;
    if (o->there_ns != TIME_NONE && now_ns - o->there_ns >= OUTCOME_SETTLE_NS)
        close_outcome(a, spec, now_ns, "settled", out);
    else if (now_ns - o->now_ns >= OUTCOME_NS_MAX)
        close_outcome(a, spec, now_ns, "timeout", out);
}

/* ---- one tick ---- */

static void turn_minute(struct account *a, const struct pool_spec *spec, int64_t wall_ns,
                        const struct accounts_out *out)
{
    const int64_t minute = wall_ns / MINUTE_NS;
    if (minute == a->minute)
        return;
    a->begin_wall_ns = a->minute == INT64_MIN ? wall_ns : a->begin_wall_ns;
    if (a->minute == INT64_MIN) {
        (void)out->totals(out->user, a->pool, &a->before); /* unknown ones begin at 0 */
    } else {
        put_bills(a, spec, a->minute * MINUTE_NS / DAY_NS, out);
        put_minute(a, out);
        a->begin_wall_ns = minute * MINUTE_NS;
    }
    clear(a);
    a->minute = minute;
}

void account_close(struct account *a, const struct pool_spec *spec, const struct accounts_out *out)
{
    if (a->minute == INT64_MIN)
        return;
    put_bills(a, spec, a->minute * MINUTE_NS / DAY_NS, out);
    put_minute(a, out);
    clear(a);
    if (a->outcome.open)
        close_outcome(a, spec, a->now_ns, "ended", out);
}

/* For how long the one that waits longest has waited; what waited less than a tick may not show. */
static void see_waits(struct account *a, const struct account_view *view)
{
    for (size_t i = 0; i < view->sample_count; i++) {
        const struct sample *sample = &view->samples[i];
        if (sample->pool == view->pool && sample->signal == SIGNAL_OLDEST_WAIT &&
            sample->state == SIGNAL_VALUE)
            a->wait_s_max = fmax(a->wait_s_max, sample->value);
    }
}

void account_tick(struct account *a, const struct account_view *view,
                  const struct accounts_out *out)
{
    const struct pool_spec *spec = view->spec;
    const struct observation *observation = view->observation;
    const struct decision *decision = view->decision;
    const int64_t now_ns = observation->now_ns;
    if (a->now_ns != TIME_NONE && now_ns > a->now_ns) {
        const int64_t span_ns = now_ns - a->now_ns;
        add_span(a, spec, seconds_of(span_ns < ACCOUNT_GAP_NS_MAX ? span_ns : ACCOUNT_GAP_NS_MAX));
    }
    turn_minute(a, spec, observation->wall_ns, out);
    see_waits(a, view);
    if (observation->wall_ns / DAY_NS > a->day) { /* a clock set back begins no day again */
        a->day = observation->wall_ns / DAY_NS;
        a->cost_day = 0;
    }
    a->now_ns = now_ns;
    a->seen = observation->pool[view->pool];
    a->desired = decision->desired;
    a->need = decision->proposal.abstain         ? (double)NAN
              : !isnan(decision->proposal.exact) ? decision->proposal.exact
                                                 : (double)decision->proposal.replicas;
    /* A raise that finds no room is decided again at each tick: it goes on. */
    const bool goes_on = a->outcome.open && a->outcome.from == decision->previous &&
                         a->outcome.to == decision->desired;
    const bool decided = decision->desired != decision->previous && !goes_on;
    if (a->outcome.open && decided)
        close_outcome(a, spec, now_ns, "superseded", out);
    if (decided)
        open_outcome(a, spec, observation, decision, out);
    else if (a->outcome.open)
        follow_outcome(a, spec, now_ns, out);
}

void account_record(struct account *a, const struct tick_record *record, size_t pool,
                    const struct accounts_out *out)
{
    const struct account_view view = {.spec = group_pool(record->spec, pool),
                                      .observation = record->observation,
                                      .decision = &record->decision[pool],
                                      .pool = pool,
                                      .samples = record->samples,
                                      .sample_count = record->sample_count};
    account_tick(a, &view, out);
}
