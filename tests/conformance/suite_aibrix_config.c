/* suite_aibrix_config.c - the kinds of suite aibrix about configuration: schedules, annotations,
 * what is refused, and the HPA that strategy HPA makes. */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "config/dialect/aibrix.h"
#include "suite_aibrix.h"
#include "trajectory.h"

static enum verdict verdict_of(bool good)
{
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

/* ---- schedules ---- */

static bool same_bounds(struct buf *why, size_t step, const struct aibrix_bounds *b,
                        const struct tree *out)
{
    const char *active = b->active != NULL ? b->active->name : "";
    if (!text_is(out, "active", active)) {
        buf_printf(why, "case %zu: \"%s\" is active", step, active);
        return false;
    }
    return same_int(why, step, "min", b->min, int_of_member(out, "min", -1)) &&
           same_int(why, step, "max", b->max, int_of_member(out, "max", -1)) &&
           same_int(why, step, "has min", b->active != NULL && b->active->min >= 0,
                    bool_of_member(out, "active_has_min")) &&
           same_int(why, step, "next", b->next_ms, int_of_member(out, "next_ms", -1));
}

enum verdict aibrix_suite_schedules(const struct vector *v, struct buf *why)
{
    struct aibrix_schedules *schedules = arena_alloc(v->arena, sizeof(*schedules));
    struct diag diag = {.code = RC_OK};
    const struct zone *zone = NULL;
    if (schedules == NULL)
        return VERDICT_FAILED;
    const bool good = aibrix_schedules_read(tree_get(v->tree, "spec"), schedules, &diag) == RC_OK &&
                      aibrix_zone(v->arena, schedules->zone, &zone);
    if (good != bool_of_member(v->tree, "valid")) {
        buf_printf(why, "%s%s %s", good ? "accepted" : "refused: ", diag.where, diag.text);
        return VERDICT_FAILED;
    }
    size_t step = 0;
    const struct tree *cases = tree_get(v->tree, "cases");
    const struct tree *one = good && cases != NULL ? cases->first : NULL;
    for (; one != NULL; one = one->next, step++) {
        const struct aibrix_bounds b =
            aibrix_bounds_at(schedules, zone, int_of_member(one, "t_ms", 0));
        if (!same_bounds(why, step, &b, one))
            return VERDICT_FAILED;
    }
    return VERDICT_PASSED;
}

/* ---- annotations ---- */

enum verdict aibrix_suite_annotations(const struct vector *v, struct buf *why)
{
    struct aibrix_annotations a;
    struct diag diag = {.code = RC_OK};
    struct span key = {NULL, 0};
    struct span value = {NULL, 0};
    const struct tree *out = tree_get(v->tree, "out");
    if (!tree_string(tree_get(v->tree, "key"), &key) ||
        !tree_string(tree_get(v->tree, "value"), &value))
        return VERDICT_FAILED;
    aibrix_annotations_defaults(&a);
    const enum rc rc = aibrix_annotation_read(key, value, &a, &diag);
    const struct {
        const char *key;
        double found;
    } numbers[] = {
        {"max_scale_up_rate", a.up_rate},
        {"max_scale_down_rate", a.down_rate},
        {"scale_up_tolerance", a.up_tolerance},
        {"scale_down_tolerance", a.down_tolerance},
        {"panic_threshold", a.panic_threshold},
        {"scale_up_cooldown_ns", (double)a.up_cooldown_ns},
        {"scale_down_cooldown_ns", (double)a.down_cooldown_ns},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (!same_number(why, i, numbers[i].key, numbers[i].found,
                         number_of_member(out, numbers[i].key, NAN), 0))
            return VERDICT_FAILED;
    return verdict_of(
        same_int(why, 0, "err", rc != RC_OK, bool_of_member(out, "err")) &&
        same_int(why, 0, "scale_to_zero", a.to_zero, bool_of_member(out, "scale_to_zero")));
}

/* ---- hpa ---- */

static bool same_direction(struct buf *why, const struct hpa_direction *d, const struct tree *out)
{
    const char *select = d->select == HPA_SELECT_MAX ? "Max" : "Min";
    if (!text_is(out, "select", select)) {
        buf_printf(why, "select is %s", select);
        return false;
    }
    return same_int(why, 0, "window", d->window_ns,
                    int_of_member(out, "window_s", -1) * SECOND_NS) &&
           same_int(why, 0, "percent", d->policy[0].value, int_of_member(out, "percent", -1)) &&
           same_int(why, 0, "period", d->policy[0].period_ns,
                    int_of_member(out, "period_s", -1) * SECOND_NS);
}

static bool same_metric(struct buf *why, size_t step, const struct hpa_metric *m,
                        const struct tree *out)
{
    const bool utilization = m->target == HPA_UTILIZATION;
    const char *type = m->source == HPA_PODS ? "Pods" : "Resource";
    if (!text_is(out, "name", m->name) || !text_is(out, "type", type) ||
        !text_is(out, "target_type", utilization ? "Utilization" : "AverageValue")) {
        buf_printf(why, "metric %zu is %s %s", step, type, m->name);
        return false;
    }
    return same_number(
        why, step, "target", m->value,
        number_of_member(out, utilization ? "average_utilization" : "average_value", NAN), 0);
}

enum verdict aibrix_suite_hpa(const struct vector *v, struct buf *why)
{
    struct aibrix_hpa hpa;
    struct diag diag = {.code = RC_OK};
    const struct tree *out = tree_get(v->tree, "out");
    if (aibrix_hpa_read(tree_get(v->tree, "metadata"), tree_get(v->tree, "spec"), &hpa, &diag) !=
        RC_OK) {
        buf_text(why, diag.text);
        return VERDICT_FAILED;
    }
    const struct tree *metrics = tree_get(out, "metrics");
    const struct tree *metric = metrics != NULL ? metrics->first : NULL;
    size_t i = 0;
    for (; metric != NULL && i < hpa.config.metric_count; metric = metric->next, i++)
        if (!same_metric(why, i, &hpa.config.metric[i], metric))
            return VERDICT_FAILED;
    return verdict_of(same_int(why, 0, "metrics", (int64_t)hpa.config.metric_count,
                               metrics != NULL ? (int64_t)metrics->count : 0) &&
                      same_int(why, 0, "min", hpa.min, int_of_member(out, "min", 0)) &&
                      same_int(why, 0, "max", hpa.max, int_of_member(out, "max", -1)) &&
                      same_direction(why, &hpa.config.up, tree_get(out, "up")) &&
                      same_direction(why, &hpa.config.down, tree_get(out, "down")));
}

/* ---- validation ---- */

enum verdict aibrix_suite_validation(const struct vector *v, struct buf *why)
{
    struct diag diag = {.code = RC_OK};
    struct span reason = {NULL, 0};
    const enum rc rc = aibrix_spec_check(tree_get(v->tree, "spec"), &diag);
    if ((rc == RC_OK) != bool_of_member(v->tree, "valid") ||
        !tree_string(tree_get(v->tree, "reason"), &reason)) {
        buf_printf(why, "%s", rc == RC_OK ? "accepted" : diag.text);
        return VERDICT_FAILED;
    }
    const struct span text = span_from(diag.text);
    const struct span found = span_slice(text, 0, rc == RC_OK ? 0 : span_find_byte(text, ':', 0));
    if (span_equal(found, reason))
        return VERDICT_PASSED;
    buf_printf(why, "the reason is %.*s", SPAN_ARG(found));
    return VERDICT_FAILED;
}
