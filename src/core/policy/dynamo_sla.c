/* dynamo_sla.c - Dynamo's SLA planner: the load of the next interval, predicted, divided by what a
 * profile says an engine can do within the objective (conformance/dynamo, V08). */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy/dynamo.h"

#define PER_SECOND_MS 1000

#define SERIES_FIELD(kind_, part_, member_, name_, count_)                                         \
    {                                                                                              \
        (name_), FIELD_##kind_,                                                                    \
            offsetof(struct dynamo_sla_state, part_) + offsetof(struct dynamo_series, member_),    \
            (count_)                                                                               \
    }
#define SERIES_FIELDS(part_)                                                                       \
    SERIES_FIELD(F64, part_, last, #part_ ".last", 1),                                             \
        SERIES_FIELD(F64, part_, level, #part_ ".level", 1),                                       \
        SERIES_FIELD(F64, part_, trend, #part_ ".trend", 1),                                       \
        SERIES_FIELD(F64, part_, p, #part_ ".p", 4),                                               \
        SERIES_FIELD(F64, part_, cached, #part_ ".cached", 1),                                     \
        SERIES_FIELD(U8, part_, any, #part_ ".flags", 8)

static const struct field fields[] = {
    SERIES_FIELDS(requests),
    SERIES_FIELDS(input_tokens),
    SERIES_FIELDS(output_tokens),
    FIELD(F64, dynamo_sla_state, prefill_correction),
    FIELD(F64, dynamo_sla_state, decode_correction),
    FIELD(I64, dynamo_sla_state, prefill),
    FIELD(I64, dynamo_sla_state, decode),
};

/* ---- the pair for a forecast ---- */

/* Replicas of each pool, before they are rounded up. */
struct need {
    double prefill;
    double decode;
};

static struct need need_of(const struct dynamo_sla_config *config,
                           const struct dynamo_profile *profile, const struct dynamo_forecast *f)
{
    const double interval_s = seconds_of(config->interval_ns);
    const double prefill_load = f->requests * f->isl / interval_s * fmin(1, f->prefill_correction);
    const double itl_ms =
        f->decode_correction <= 0 ? config->itl_ms : config->itl_ms / f->decode_correction;
    const double prefill_rate = dynamo_prefill_at(profile, f->isl).throughput;
    const double decode_rate = dynamo_best_decode(profile, itl_ms, f->isl + f->osl / 2).throughput;
    return (struct need){.prefill = prefill_load / prefill_rate / (double)config->prefill_gpus,
                         .decode = f->requests * f->osl / interval_s / decode_rate /
                                   (double)config->decode_gpus};
}

static int64_t replicas(double need, int64_t least)
{
    const int64_t count = num_to_int(ceil(need), INT32_MIN, INT32_MAX);
    return count > least ? count : least;
}

/* Half to even, as the peer rounds. */
static int64_t rounded(double x, int64_t least)
{
    const int64_t count = num_to_int(rint(x), INT32_MIN, INT32_MAX);
    return count > least ? count : least;
}

struct dynamo_pair dynamo_sla_pair(const struct dynamo_sla_config *config,
                                   const struct dynamo_profile *profile,
                                   const struct dynamo_forecast *f)
{
    const struct need need = need_of(config, profile, f);
    const int64_t least = config->min_replicas;
    struct dynamo_pair p = {.prefill = replicas(need.prefill, least),
                            .decode = replicas(need.decode, least)};
    const double prefill_gpus = (double)config->prefill_gpus;
    const double decode_gpus = (double)config->decode_gpus;
    const double total = (double)p.prefill * prefill_gpus + (double)p.decode * decode_gpus;
    const double budget = (double)config->gpu_budget;
    if (total <= budget)
        return p;
    p.prefill = rounded((double)p.prefill * (budget / total), least);
    p.decode = rounded((budget - (double)p.prefill * prefill_gpus) / decode_gpus, least);
    return p;
}

/* Without a prefill pool each replica does both: the two needs add up before they are rounded. */
static struct dynamo_pair single(const struct dynamo_sla_config *config,
                                 const struct dynamo_profile *profile,
                                 const struct dynamo_forecast *f)
{
    const struct need need = need_of(config, profile, f);
    const int64_t most = config->gpu_budget / config->decode_gpus;
    const int64_t count = replicas(need.prefill + need.decode, config->min_replicas);
    return (struct dynamo_pair){.decode = count <= most || most < config->min_replicas
                                              ? num_clamp(count, config->min_replicas, INT32_MAX)
                                              : most};
}

/* ---- one interval ---- */

/* What an interval was like; NAN = not known. */
struct interval {
    double requests;
    double isl;
    double osl;
    double ttft_s;
    double itl_s;
    double duration_s;
};

static double number_of(const struct reading *r)
{
    return r->state == SIGNAL_VALUE ? r->value : (double)NAN;
}

static double read_at(const struct policy_input *in, size_t index)
{
    const struct reading r = series_read(in, index);
    return number_of(&r);
}

static struct interval interval_of(const struct policy_input *in)
{
    const struct dynamo_sla_config *config = in->config;
    struct interval i = {
        .requests = read_at(in, 0),
        .isl = read_at(in, 1),
        .osl = read_at(in, 2),
        .ttft_s = read_at(in, 3),
        .itl_s = read_at(in, 4),
        .duration_s = read_at(in, 5),
    };
    if (config->input == DYNAMO_SIGNALS) { /* rates per second into requests and their lengths */
        i.isl /= i.requests;
        i.osl /= i.requests;
        i.requests *= seconds_of(config->interval_ns);
    }
    return i;
}

static struct dynamo_profile profile_of(const struct dynamo_sla_config *config)
{
    return (struct dynamo_profile){
        .prefill = config->prefill,
        .prefill_count = config->prefill_count,
        .max_kv_tokens = config->max_kv_tokens,
        .table = config->table_count == DYNAMO_TABLE_CELLS ? config->table : NULL,
        .context_max = config->table_context_max,
        .decode = config->decode,
        .decode_count = config->decode_count,
    };
}

static void note_corrections(const struct policy_input *in, const struct dynamo_profile *profile,
                             const struct interval *i, struct dynamo_sla_state *state)
{
    const struct dynamo_sla_config *config = in->config;
    const struct dynamo_pools pools = dynamo_pools_of(in);
    const double workers =
        pools.decode != NULL ? (double)pools.decode->observation->ready : (double)NAN;
    const double concurrency =
        i->requests / workers * i->duration_s / seconds_of(config->interval_ns);
    state->prefill_correction =
        i->ttft_s * PER_SECOND_MS / dynamo_prefill_at(profile, i->isl).ttft_ms;
    state->decode_correction = i->itl_s * PER_SECOND_MS /
                               dynamo_decode_at(profile, concurrency, i->isl + i->osl / 2).itl_ms;
}

static struct proposal propose(const struct policy_input *in)
{
    const struct dynamo_sla_config *config = in->config;
    struct dynamo_sla_state *state = in->state;
    const struct dynamo_predictor *predictor = &config->predictor;
    const struct dynamo_profile profile = profile_of(config);
    const struct interval i = interval_of(in);
    if (!dynamo_profile_usable(&profile))
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_PROFILE};
    if (in->start) { /* what came before was history */
        dynamo_series_rest(&state->requests);
        dynamo_series_rest(&state->input_tokens);
        dynamo_series_rest(&state->output_tokens);
    }
    dynamo_series_add(predictor, &state->requests, i.requests);
    dynamo_series_add(predictor, &state->input_tokens, i.isl);
    dynamo_series_add(predictor, &state->output_tokens, i.osl);
    if (isnan(i.ttft_s) || isnan(i.itl_s) || isnan(i.isl) || isnan(i.osl))
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (config->correct)
        note_corrections(in, &profile, &i, state);
    const struct dynamo_forecast forecast = {
        .requests = dynamo_series_predict(predictor, &state->requests),
        .isl = dynamo_series_predict(predictor, &state->input_tokens),
        .osl = dynamo_series_predict(predictor, &state->output_tokens),
        .prefill_correction = state->prefill_correction,
        .decode_correction = state->decode_correction,
    };
    const struct dynamo_pair pair = dynamo_pools_of(in).prefill != NULL
                                        ? dynamo_sla_pair(config, &profile, &forecast)
                                        : single(config, &profile, &forecast);
    state->prefill = pair.prefill;
    state->decode = pair.decode;
    return (struct proposal){
        .replicas = dynamo_half(in, pair),
        .exact = NAN,
        .reason = REASON_DYNAMO_SLA,
        .number = {forecast.requests, forecast.isl, forecast.osl, (double)pair.prefill},
    };
}

/* ---- what it needs ---- */

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    static const char *const externals[] = {"interval-requests",      "interval-input-tokens",
                                            "interval-output-tokens", "interval-ttft",
                                            "interval-itl",           "interval-duration"};
    static const struct {
        enum signal_id signal;
        enum series_kind kind;
    } signals[] = {
        {SIGNAL_REQUESTS_PER_SECOND, SERIES_RATE},
        {SIGNAL_PROMPT_TOKENS_PER_SECOND, SERIES_RATE},
        {SIGNAL_TOKENS_PER_SECOND, SERIES_RATE},
        {SIGNAL_TTFT, SERIES_QUANTILE},
        {SIGNAL_ITL, SERIES_QUANTILE},
        {SIGNAL_E2E, SERIES_QUANTILE},
    };
    const struct dynamo_sla_config *config = config_;
    for (size_t i = 0; i < COUNT_OF(signals) && i < max; i++) {
        ret[i] = (struct series_need){
            .signal = {.id = signals[i].signal,
                       .quantile = signals[i].kind == SERIES_QUANTILE ? 0.5 : 0},
            .kind = signals[i].kind,
            .span_ns = config->interval_ns,
            .max_age_ns = pool->exact ? 0 : config->interval_ns,
            .required = !pool->exact && i == 0,
        };
        if (config->input != DYNAMO_AVERAGES)
            continue;
        ret[i].signal = (struct signal_ref){.id = SIGNAL_EXTERNAL};
        (void)span_copy(span_from(externals[i]), ret[i].signal.external, NAME_SIZE); /* short */
        ret[i].kind = SERIES_LAST;
        ret[i].span_ns = 0;
    }
    return COUNT_OF(signals);
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct dynamo_sla_config *config = config_;
    (void)pool;
    for (size_t i = 1; i < config->prefill_count; i++)
        if (!(config->prefill[i].isl > config->prefill[i - 1].isl))
            return fail(diag, RC_INVALID, "prefillProfile: prompt lengths must rise; %g follows %g",
                        config->prefill[i].isl, config->prefill[i - 1].isl);
    if (config->table_count != 0 && config->table_count != DYNAMO_TABLE_CELLS)
        return fail(diag, RC_INVALID, "decodeTable has %zu cells; a whole one has %zu",
                    config->table_count, DYNAMO_TABLE_CELLS);
    if (config->table_count > 0 && !(config->table_context_max > 0))
        return fail(diag, RC_MISSING, "a decodeTable needs its tableContextMax");
    if (config->interval_ns < SECOND_NS)
        return fail(diag, RC_RANGE, "the interval is at least 1 s");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct dynamo_sla_config *)config)->interval_ns;
}

static void state_init(const struct pool_spec *pool, const void *config, void *state_,
                       int64_t now_ns, int64_t ready)
{
    struct dynamo_sla_state *state = state_;
    (void)pool;
    (void)config;
    (void)now_ns;
    (void)ready;
    *state = (struct dynamo_sla_state){
        .prefill_correction = 1, .decode_correction = 1, .prefill = -1, .decode = -1};
    dynamo_series_init(&state->requests);
    dynamo_series_init(&state->input_tokens);
    dynamo_series_init(&state->output_tokens);
}

const struct policy_ops policy_dynamo_sla = {
    .name = "dynamo-sla",
    .summary = "Predicts the next interval and divides it by a profile, as Dynamo's SLA planner.",
    .formula = "prefill = ceil(requests * isl / interval * min(1, correction) / throughput(isl) / "
               "GPUs); decode = ceil(requests * osl / interval / best throughput within itl / "
               "GPUs); without "
               "a pool of role prefill both in one, rounded up together",
    .source = "Dynamo components/planner, 2026-01 (0d5c8dfc4); recorded vectors",
    .blind =
        "the TTFT objective, requests that wait, replicas that start, and everything within an "
        "interval",
    .options = dynamo_sla_options,
    .option_count = DYNAMO_SLA_OPTION_COUNT,
    .config_size = sizeof(struct dynamo_sla_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_size = sizeof(struct dynamo_sla_state),
    .state_init = state_init,
    .propose = propose,
};
