/* adaptive.c - the policy that needs no number from anybody. Once it knows what a replica can do it
 * follows the panel (core/shadow); until then the fallback. */
#include <math.h>

#include "core/opt_rows.h"
#include "core/policy/adaptive_panel.h"

static const struct opt prior_rows[] = {
    NUMBER_OPT("iterationMs", adaptive_prior, iteration_ms, 0, 1e5, 0, "ms",
               "Of an iteration that does nothing; 0 is not known."),
    NUMBER_OPT("sequenceMs", adaptive_prior, sequence_ms, 0, 1e4, 0, "ms",
               "More for each sequence that decodes."),
    NUMBER_OPT("contextMs", adaptive_prior, context_ms, 0, 1e3, 0, "ms",
               "More for each token of their contexts."),
    NUMBER_OPT("promptMs", adaptive_prior, prompt_ms, 0, 1e4, 0, "ms",
               "More for each prompt token that is computed."),
};
static const struct opt options[] = {
    {.name = "hold",
     .kind = OPT_DURATION,
     .offset = offsetof(struct adaptive_config, hold_ns),
     .min = 0,
     .max = 86400,
     .def = 0,
     .unit = "s",
     .help = "Shortest time that a lower need must last before it is followed; 0 leaves it to the "
             "policy."},
    {.name = "margin",
     .kind = OPT_NUMBER,
     .offset = offsetof(struct adaptive_config, margin),
     .min = 0.5,
     .max = 5,
     .def = 1,
     .unit = "ratio",
     .help = "Multiple of the need that is kept ready, besides what the policy finds out itself."},
    STRUCT_OPT("prior", offsetof(struct adaptive_config, prior), prior_rows,
               "What an iteration of the engine takes, where it was measured. With all four the "
               "policy knows from the first requests on what a replica can do; what it learns "
               "replaces them."),
};

struct adaptive_state {
    struct fallback fallback;
    struct adaptive_panel panel; /* the last member */
};

static const struct field fields[] = {
    FALLBACK_FIELDS(adaptive_state, fallback),
    ADAPTIVE_PANEL_FIELDS(adaptive_state, panel),
};

static void state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready)
{
    struct adaptive_state *s = state;
    (void)pool;
    (void)config;
    fallback_init(&s->fallback, now_ns, ready);
    adaptive_panel_init(&s->panel, now_ns, ready);
}

static bool state_valid(const struct pool_spec *pool, const void *config, const void *state)
{
    const struct adaptive_state *s = state;
    (void)pool;
    (void)config;
    return adaptive_panel_valid(&s->panel);
}

static void sample(const struct pool_spec *pool, const void *config, void *state,
                   const struct sample *sample, const char *external)
{
    struct adaptive_state *s = state;
    (void)pool;
    (void)config;
    (void)external;
    adaptive_panel_sample(&s->panel, sample);
}

static size_t terms(const struct pool_spec *pool, const void *config, const void *state,
                    struct policy_term *ret)
{
    const struct adaptive_state *s = state;
    (void)config;
    return adaptive_panel_terms(pool, &s->panel, ret);
}

static struct proposal propose(const struct policy_input *in)
{
    struct adaptive_state *s = in->state;
    struct proposal p;
    const struct adaptive_demand d = adaptive_demand(in, &s->fallback.memory);
    if (!d.known)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (!adaptive_panel_propose(in, &s->panel, &d, &p))
        return fallback_propose(in, &s->fallback, &d);
    fallback_follow(in, &s->fallback, &d, p.replicas);
    return p;
}

const struct policy_ops policy_adaptive = {
    .name = "adaptive",
    .summary =
        "Tries hundreds of rules on shadow fleets with the load that really comes and follows "
        "the cheapest that keeps the objectives; needs no number.",
    .formula =
        "desired = ceil((margin * demand + 2 * sqrt(demand * spread)) / use), held; demand = "
        "seconds "
        "of work a second, from an iteration time learned as a + b * sequences + c * context + "
        "p * prompt tokens; margin, hold and kind of demand are those of the cheapest shadow whose "
        "misses fit the error budget. Until the iteration time is known: load in flight and "
        "waiting "
        "against the largest load per replica that met the objectives",
    .source = "our own; measured beside its peers in the simulator",
    .blind = "bursts shorter than a start-up that nothing in the last day was like",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct adaptive_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .pokes = true,
    .wakes_itself = true,
    .holds_itself = true,
    .hold_least_ns = PANEL_HOLD_LEAST_S * SECOND_NS,
    .series = adaptive_series,
    .state_size = sizeof(struct adaptive_state),
    .state_init = state_init,
    .state_valid = state_valid,
    .sample = sample,
    .terms = terms,
    .propose = propose,
};
