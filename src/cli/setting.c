#include "cli/setting.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"

bool setting_is_own(const struct setting *s)
{
    return s->options->own.config != NULL && strcmp(s->policy, s->options->own.label) == 0;
}

static int64_t doubled(int64_t ns, bool twice)
{
    return ns > 0 && twice ? 2 * ns : ns;
}

struct builtin_slo setting_slo(const struct setting_options *options, bool loose)
{
    const struct builtin_slo usual = builtin_slo_of(options->profile);
    struct builtin_slo slo = options->slo;
    if (options->own.config != NULL) /* what a person wrote is not changed */
        return slo;
    slo.ttft_ns = doubled(slo.ttft_ns > 0 ? slo.ttft_ns : usual.ttft_ns, loose);
    slo.itl_ns = doubled(slo.itl_ns > 0 ? slo.itl_ns : usual.itl_ns, loose);
    return slo;
}

enum rc setting_check(const struct setting_options *options, struct diag *diag)
{
    const struct builtin_slo slo = setting_slo(options, false);
    const struct slo_spec asked = {.ttft_ns = slo.ttft_ns,
                                   .ttft_per_token_ns = slo.ttft_per_token_ns,
                                   .inter_token_ns = slo.itl_ns};
    return builtin_check_slo(&asked, options->profile, diag);
}

double setting_gpus(const struct setting_options *options)
{
    return options->own.gpus > 0 ? options->own.gpus : (double)options->profile->gpus;
}

double setting_promise(const struct setting *s)
{
    const struct setting_options *o = s->options;
    if (s->baseline != NULL || setting_is_own(s) || s->point.variant >= o->promise_count)
        return NAN;
    return o->promise_percent[s->point.variant];
}

static enum baseline_knob knob_of(const struct setting *s)
{
    return s->baseline != NULL ? s->baseline->knob : KNOB_NONE;
}

/* A fleet that stays as it is; 0 = one that scales. */
static int64_t fixed_count(const struct setting *s)
{
    if (knob_of(s) == KNOB_GIVEN)
        return s->cell->count_p95;
    return knob_of(s) == KNOB_COUNT ? num_to_int(s->point.knob, 1, REPLICAS_MAX) : 0;
}

void setting_print(const struct setting *s, struct buf *ret)
{
    const struct baseline *b = s->baseline;
    const int64_t fixed = fixed_count(s);
    const int64_t count = fixed > 0 ? fixed : num_to_int(s->point.knob, 1, REPLICAS_MAX);
    const struct own_pool *own = &s->options->own;
    const int64_t most = s->cell->replicas_max;
    struct builtin_slo slo = setting_slo(s->options, s->cell->loose);
    if (!isnan(setting_promise(s)))
        slo.attainment_percent = setting_promise(s);
    struct buf more;
    buf_init(&more, SETTING_TEXT_MAX);
    if (b != NULL)
        baseline_print(b, s->point.variant, fixed > 0 ? (double)fixed : s->point.knob,
                       s->options->profile, &more);
    const struct builtin_spec spec = {
        .profile = s->options->profile,
        .policy = b != NULL ? b->policy : s->policy,
        .policy_options = b != NULL ? NULL : s->options->policy_options,
        .slo = slo,
        .like = own->config != NULL ? own->config->pool[0] : NULL,
        .gpus = setting_gpus(s->options),
        .replicas_min = fixed > 0 || knob_of(s) == KNOB_LEAST ? count : 1,
        .replicas_max = fixed > 0 || most < count ? count : most,
        .autoscaling = buf_view(&more),
    };
    builtin_print(&spec, ret);
    buf_done(&more);
}

int64_t setting_initial(const struct setting *s)
{
    const int64_t count = num_to_int(s->point.knob, 1, REPLICAS_MAX);
    const int64_t fixed = fixed_count(s);
    if (fixed > 0)
        return fixed;
    if (setting_is_own(s)) {
        const struct pool_spec *pool = &s->options->own.config->pool[0]->core;
        return num_clamp(s->cell->initial, pool->replicas_min, pool->replicas_max);
    }
    return knob_of(s) == KNOB_LEAST && count > s->cell->initial ? count : s->cell->initial;
}

int64_t setting_startup(const struct setting *s)
{
    const bool fixed = knob_of(s) == KNOB_COUNT || knob_of(s) == KNOB_GIVEN;
    return fixed && !s->cell->troubled ? 0 : s->cell->startup_ns;
}
