#include "core/policy/adaptive_panel.h"

#include <math.h>

#include "base/num.h"

#define SECONDS_PER_TICK_MAX 10 /* a longer gap is skipped: nobody knows what came when */
#define GRACE_LEAST_NS (10 * MINUTE_NS)
#define START_UNKNOWN_S 60
#define START_MIN_S 30
#define SEQUENCES_UNKNOWN 256.0
#define CHUNK 2048.0
#define QUEUE_S 30.0
#define FLIGHT_LIFE_S 30.0 /* requests that live longer are their own best forecast... */
#define FLIGHT_LIFE_LEFT_S 20.0
#define FLIGHT_PROMPTS 0.45 /* ...unless computing prompts is most of the work */
#define FLIGHT_PROMPTS_LEFT 0.55
#define SILENCE_LEAST_S 60
#define BY_PRIOR 2 /* the panel has begun, but nothing was learned yet */

void adaptive_panel_init(struct adaptive_panel *s, int64_t now_ns, int64_t ready)
{
    s->origin_ns = now_ns;
    s->wanted = NO_COUNT;
    s->seen = NO_COUNT;
    s->found = ready;
    s->found_until_ns = TIME_NONE;
    s->blind_from_ns = s->blind_until_ns = now_ns;
    iteration_fit_init(&s->fit, NULL);
}

static bool shadow_valid(const struct shadow *s)
{
    return s->ready >= 0 && s->ready <= REPLICAS_MAX && s->pending >= 0 &&
           s->pending <= REPLICAS_MAX;
}

bool adaptive_panel_valid(const struct adaptive_panel *s)
{
    const struct panel *p = &s->panel;
    bool ok = s->track.seconds >= 0 && p->second >= 0 && p->judged >= 0 && p->settled >= 0 &&
              p->second - p->judged <= 2 * SHADOW_DELAY_MAX &&
              p->second - 60 * p->settled <= INT64_C(60) * SHADOW_MINUTES + 4 * SHADOW_DELAY_MAX &&
              p->chosen >= 0 && p->chosen < PANEL_CANDIDATES && p->cheaper >= -1 &&
              p->cheaper < PANEL_CANDIDATES && shadow_valid(&p->mirror);
    for (size_t i = 0; i < SHADOW_MINUTES && ok; i++)
        ok = p->minute_chosen[i] < PANEL_CANDIDATES;
    for (int64_t i = 0; i < PANEL_CANDIDATES && ok; i++)
        ok = shadow_valid(&p->candidate[i]);
    return ok;
}

/* ---- samples ---- */

static const struct {
    enum signal_id signal;
    size_t offset; /* of the amount in struct track_inbox */
} amounts[] = {
    {SIGNAL_REQUESTS_PER_SECOND, offsetof(struct track_inbox, requests)},
    {SIGNAL_PROMPT_TOKENS_PER_SECOND, offsetof(struct track_inbox, prompts)},
    {SIGNAL_TOKENS_PER_SECOND, offsetof(struct track_inbox, generated)},
    {SIGNAL_BUSY_REPLICAS, offsetof(struct track_inbox, work.busy_s)},
    {SIGNAL_ITERATIONS_PER_SECOND, offsetof(struct track_inbox, work.iterations)},
    {SIGNAL_DECODED_TOKENS_PER_SECOND, offsetof(struct track_inbox, work.decoded)},
    {SIGNAL_CONTEXT_TOKENS_PER_SECOND, offsetof(struct track_inbox, work.context)},
    {SIGNAL_COMPUTED_TOKENS_PER_SECOND, offsetof(struct track_inbox, work.prompts)},
};

void adaptive_panel_sample(struct adaptive_panel *s, const struct sample *sample)
{
    if (sample->state != SIGNAL_VALUE)
        return;
    struct track_inbox *in = &s->track.inbox;
    if (sample->signal == SIGNAL_ANSWER_LENGTH) {
        in->answers += sample->weight;
        in->answer_tokens += sample->weight * sample->value;
    } else if (sample->signal == SIGNAL_MISSES_PER_SECOND) {
        const int64_t ago_ns = num_add_sat(sample->t_ns, -s->origin_ns);
        const bool blind = sample->t_ns >= s->blind_from_ns && sample->t_ns < s->blind_until_ns;
        if (s->begun != 0 && ago_ns >= 0 && !blind)
            panel_missed(&s->panel, ago_ns / SECOND_NS - s->begun_s, sample->value);
    }
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        if (sample->signal == amounts[i].signal) {
            void *amount = (unsigned char *)in + amounts[i].offset;
            *(double *)amount += sample->value;
        }
}

/* ---- the world of the panel ---- */

static int64_t start_s(const struct policy_input *in)
{
    const struct pool_observation *o = in->observation;
    const int64_t start_ns = o->start_p50_ns / 2 + o->start_p90_ns / 2;
    if (start_ns <= 0)
        return START_UNKNOWN_S;
    const int64_t seconds = start_ns / SECOND_NS;
    return seconds > START_MIN_S ? num_clamp(seconds, START_MIN_S, 7200) : START_MIN_S;
}

/* With a whole prior nothing must be learned first. */
static bool expect(const struct policy_input *in, struct adaptive_panel *s)
{
    const struct adaptive_config *config = in->config;
    const struct iteration_time prior = {.each = config->prior.iteration_ms / 1e3,
                                         .sequence = config->prior.sequence_ms / 1e3,
                                         .context = config->prior.context_ms / 1e3,
                                         .prompt = config->prior.prompt_ms / 1e3};
    const bool whole =
        prior.each > 0 && prior.sequence > 0 && prior.context > 0 && prior.prompt > 0;
    iteration_fit_expect(&s->fit, &prior);
    return whole || iteration_fit_known(&s->fit);
}

static bool fill_objective(const struct policy_input *in, struct fluid_objective *ret)
{
    const struct slo_spec *slo = &in->pool->slo;
    *ret = (struct fluid_objective){.ttft_s = seconds_of(slo->ttft_ns),
                                    .ttft_per_token_s = seconds_of(slo->ttft_per_token_ns),
                                    .itl_s = seconds_of(slo->inter_token_ns),
                                    .e2e_s = seconds_of(slo->e2e_ns)};
    if (slo->tokens_per_second > 0) {
        const double itl_s = 1 / slo->tokens_per_second;
        ret->itl_s = ret->itl_s > 0 ? fmin(ret->itl_s, itl_s) : itl_s;
    }
    return ret->ttft_s > 0 || ret->itl_s > 0 || ret->e2e_s > 0;
}

static void follow_gate(struct panel *panel, const struct fluid_model *m)
{
    const double life_s = m->load.output * m->iteration_s;
    const double prompts = m->t.prompt * m->load.prompt / m->work_s;
    if (panel->flight == 0)
        panel->flight = life_s > FLIGHT_LIFE_S && prompts < FLIGHT_PROMPTS;
    else
        panel->flight = life_s > FLIGHT_LIFE_LEFT_S && prompts < FLIGHT_PROMPTS_LEFT;
}

static void fill_world(const struct policy_input *in, struct adaptive_panel *s,
                       const struct fluid_objective *objective, struct panel_world *ret)
{
    const struct adaptive_config *config = in->config;
    const struct pool_observation *o = in->observation;
    const double limit = (double)in->pool->concurrency_limit;
    *ret = (struct panel_world){
        .model = {.t = iteration_fit_time(&s->fit),
                  .load = track_load(&s->track),
                  .objective = *objective,
                  .sequences_max = limit > 0 ? fmin(limit, SEQUENCES_UNKNOWN) : SEQUENCES_UNKNOWN,
                  .chunk = CHUNK,
                  .queue_s = QUEUE_S},
        .alpha = 1 - in->pool->slo.attainment_percent / 100,
        .margin = config->margin,
        .start_s = start_s(in),
        .hold_s = config->hold_ns / SECOND_NS,
        .least = policy_min(in) > 1 ? policy_min(in) : 1,
        .most = policy_max(in) > 1 ? policy_max(in) : 1,
    };
    struct fluid_model *m = &ret->model;
    fluid_model_derive(m);
    const double flight = (double)num_clamp(o->in_flight_requests, 0, INT64_C(1) << 40) +
                          (double)num_clamp(o->waiting_requests, 0, INT64_C(1) << 40);
    ret->demand[PANEL_SHORT] = track_demand(&s->track, m, true);
    ret->demand[PANEL_LONG] = track_demand(&s->track, m, false);
    ret->demand[PANEL_DAY] = track_day(&s->track, ret->demand[PANEL_LONG]);
    ret->demand[PANEL_FLIGHT] = flight / m->sequences * m->use;
    follow_gate(&s->panel, m);
    s->start_s = ret->start_s;
}

/* ---- seconds ---- */

/* The last of them, when it is many: what came in a longer time, as while no gateway answered, is
 * told at once, and nobody knows when it came. Its mean stands for the seconds that are left. */
static int64_t seconds_passed(const struct policy_input *in, struct adaptive_panel *s)
{
    const int64_t now_s = num_add_sat(in->now_ns, -s->origin_ns) / SECOND_NS;
    const int64_t passed = now_s - s->track.seconds;
    if (passed <= SECONDS_PER_TICK_MAX)
        return passed;
    const int64_t over_s = passed - SECONDS_PER_TICK_MAX;
    if (s->track.unseen_s == 0)
        s->blind_from_ns = num_add_sat(s->origin_ns, num_mul_sat(s->track.seconds, SECOND_NS));
    s->origin_ns = num_add_sat(s->origin_ns, num_mul_sat(over_s, SECOND_NS));
    s->track.unseen_s = num_add_sat(s->track.unseen_s, over_s);
    s->blind_until_ns = num_add_sat(s->origin_ns, num_mul_sat(s->track.seconds, SECOND_NS));
    return SECONDS_PER_TICK_MAX;
}

static void run_seconds(const struct policy_input *in, struct adaptive_panel *s,
                        const struct panel_world *world, int64_t passed)
{
    const int64_t ready = num_clamp(in->observation->ready, 0, REPLICAS_MAX);
    for (int64_t i = 0; i < passed; i++) {
        const struct track_second came = track_second(&s->track, (double)passed);
        const struct panel_second now = {.requests = came.requests,
                                         .prompts = came.prompts,
                                         .ready = ready,
                                         .bound = s->wanted != NO_COUNT && in->desired < s->wanted};
        if (s->begun != 0)
            panel_second(&s->panel, world, &now);
    }
    track_take(&s->track, &s->fit);
}

/* ---- the answer ---- */

static const uint16_t reasons[PANEL_SIGNALS] = {
    [PANEL_SHORT] = REASON_PANEL_SHORT, [PANEL_LONG] = REASON_PANEL_LONG,
    [PANEL_DAY] = REASON_PANEL_DAY,     [PANEL_FLIGHT] = REASON_PANEL_FLIGHT,
    [PANEL_FLOOR] = REASON_PANEL_FLOOR,
};

static bool is_silent(const struct policy_input *in, const struct adaptive_demand *d)
{
    const int64_t twice_s = 2 * start_s(in);
    const int64_t silence_s = twice_s > SILENCE_LEAST_S ? twice_s : SILENCE_LEAST_S;
    return policy_min(in) == 0 && !d->any && in->observation->waiting_state == SIGNAL_VALUE &&
           in->observation->idle_ns >= silence_s * SECOND_NS;
}

static bool in_grace(const struct policy_input *in, struct adaptive_panel *s)
{
    if (s->found_until_ns == TIME_NONE) {
        const int64_t starts_ns = 3 * start_s(in) * SECOND_NS;
        s->found_until_ns =
            num_add_sat(in->now_ns, starts_ns > GRACE_LEAST_NS ? starts_ns : GRACE_LEAST_NS);
    }
    return in->now_ns < s->found_until_ns;
}

/* What tells a rule from others of its kind. */
static double floor_or_margin(const struct panel_rule *rule)
{
    return rule->signal == PANEL_FLOOR ? (double)rule->least : rule->margin;
}

static void answer(const struct policy_input *in, struct adaptive_panel *s,
                   const struct panel_world *world, const struct adaptive_demand *d,
                   struct proposal *ret)
{
    const struct panel_rule rule = panel_rule(s->panel.chosen, world->start_s);
    const double demand = world->demand[panel_demand(&s->panel, &rule)];
    const double need = panel_need(world, &rule, demand);
    if (in->desired > s->wanted && in->desired != s->seen && s->wanted != NO_COUNT &&
        in->desired > s->panel.real.count) /* somebody else raised it */
        s->panel.real = (struct hold){.count = in->desired, .from_s = s->panel.second};
    if (s->wanted != NO_COUNT && s->panel.real.count > s->wanted)
        s->panel.real.from_s = s->panel.second; /* raised within the last seconds, asked for now */
    int64_t count = panel_tick(&s->panel, world);
    uint16_t reason = reasons[rule.signal];
    if (in->desired == 0)
        count = d->any ? num_to_int(ceil(world->demand[PANEL_FLIGHT] / world->model.use), 1,
                                    world->most)
                       : 0;
    else if (is_silent(in, d))
        count = 0;
    else if (in_grace(in, s) && count < s->found && !d->partial)
        count = s->found, reason = REASON_PANEL_FOUND;
    if (d->partial && count < in->desired)
        count = in->desired;
    s->wanted = count;
    s->seen = in->desired;
    *ret = (struct proposal){
        .replicas = count,
        .exact = need,
        .reason = reason,
        .number = {demand, floor_or_margin(&rule), (double)rule.hold_s, 100 * world->model.use}};
}

bool adaptive_panel_propose(const struct policy_input *in, struct adaptive_panel *s,
                            const struct adaptive_demand *d, struct proposal *ret)
{
    struct panel_world world;
    struct fluid_objective objective;
    const int64_t passed = seconds_passed(in, s);
    if (!fill_objective(in, &objective) || in->observation->waiting_state != SIGNAL_VALUE)
        return false;
    const bool capacity_known = expect(in, s);
    fill_world(in, s, &objective, &world);
    if (passed > 0)
        run_seconds(in, s, &world, passed);
    const bool learned = iteration_fit_known(&s->fit);
    if (s->begun == 0 && !(track_known(&s->track) && capacity_known))
        return false;
    /* What shadows did by a prior says nothing of what they would do by what was learned. */
    if (s->begun == 0 || (s->begun == BY_PRIOR && learned)) {
        fill_world(in, s, &objective, &world);
        panel_init(&s->panel, &world, in->desired);
        follow_gate(&s->panel, &world.model);
        s->begun = learned ? 1 : BY_PRIOR;
        s->begun_s = s->track.seconds;
    }
    answer(in, s, &world, d, ret);
    return true;
}

size_t adaptive_panel_terms(const struct pool_spec *pool, const struct adaptive_panel *s,
                            struct policy_term *ret)
{
    const struct panel *p = &s->panel;
    size_t n = 0;
    if (s->begun == 0)
        return 0;
    ret[n++] = (struct policy_term){
        .reason = REASON_PANEL_BUDGET,
        .number = {100 * p->allowed, 100 - pool->slo.attainment_percent, 100 * p->foreseen,
                   100 * p->missed / fmax(p->all, 1)},
    };
    if (p->cheaper >= 0) {
        const struct panel_rule rule = panel_rule(p->cheaper, s->start_s);
        const double cost = fmax(p->candidate[p->chosen].cost, 1);
        ret[n++] = (struct policy_term){
            .reason =
                rule.signal == PANEL_FLOOR ? REASON_PANEL_CHEAPER_FLOOR : REASON_PANEL_CHEAPER,
            .number = {floor_or_margin(&rule), (double)rule.hold_s,
                       100 * (1 - p->candidate[p->cheaper].cost / cost), 100 * p->cheaper_foreseen},
        };
    }
    const struct iteration_time t = iteration_fit_time(&s->fit);
    ret[n++] = (struct policy_term){
        .reason = REASON_PANEL_MODEL,
        .number = {1e3 * t.each, 1e3 * t.sequence, 1e6 * t.context, 1e6 * t.prompt},
    };
    return n;
}
