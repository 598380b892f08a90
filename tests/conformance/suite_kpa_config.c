/* suite_kpa_config.c - the kinds of suite kpa about configuration: what is refused, and what a
 * config map and annotations come to. */
#include "base/duration.h"
#include "config/dialect/knative.h"
#include "suite_kpa.h"
#include "trajectory.h"

static enum verdict verdict_of(const struct vector *v, struct buf *why, enum rc rc,
                               const struct diag *diag, const char *key)
{
    if ((rc == RC_OK) == bool_of_member(v->tree, key))
        return VERDICT_PASSED;
    buf_printf(why, "%s %s %s", rc == RC_OK ? "accepted" : "refused:", diag->where, diag->text);
    return VERDICT_FAILED;
}

enum verdict kpa_validate_config(const struct vector *v, struct buf *why)
{
    struct knative_map map;
    struct diag diag = {.code = RC_OK};
    const enum rc rc = knative_map_read(tree_get(v->tree, "config"), &map, &diag);
    return verdict_of(v, why, rc, &diag, "out_ok");
}

enum verdict kpa_validate_annotations(const struct vector *v, struct buf *why)
{
    struct knative_map map;
    struct diag diag = {.code = RC_OK};
    enum rc rc = knative_map_read(tree_get(v->tree, "config"), &map, &diag);
    if (rc == RC_OK)
        rc = knative_annotations_check(tree_get(v->tree, "annotations"), &map, &diag);
    return verdict_of(v, why, rc, &diag, "out_ok");
}

static bool same_ms(struct buf *why, const struct tree *out, const char *key, int64_t ns)
{
    return same_int(why, 0, key, ns, int_of_member(out, key, -1) * MILLISECOND_NS);
}

static bool same_numbers(struct buf *why, const struct tree *out, const struct knative_config *c)
{
    const struct {
        const char *key;
        double found;
    } numbers[] = {
        {"target", c->target},
        {"total", c->total},
        {"tbc", c->burst},
        {"panic_threshold", c->panic_threshold},
        {"max_up", c->up_rate},
        {"max_down", c->down_rate},
        {"activation_scale", (double)c->activation_scale},
        {"initial_scale", (double)c->initial_scale},
        {"weighted", c->averaging == KNATIVE_WEIGHTED},
        {"reachable", c->reachable},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const double expected =
            number_of_member(out, numbers[i].key, bool_of_member(out, numbers[i].key) ? 1 : 0);
        if (!same_number(why, 0, numbers[i].key, numbers[i].found, expected, 0))
            return false;
    }
    return true;
}

static bool same_resolved(struct buf *why, const struct tree *out, const struct knative_resolved *r)
{
    if (!text_is(out, "metric", r->config.metric == KNATIVE_RPS ? "rps" : "concurrency")) {
        buf_text(why, "another metric");
        return false;
    }
    return same_numbers(why, out, &r->config) &&
           same_ms(why, out, "stable_window_ms", r->config.stable_window_ns) &&
           same_ms(why, out, "panic_window_ms", r->config.panic_window_ns) &&
           same_ms(why, out, "scale_down_delay_ms", r->config.delay_ns) &&
           same_ms(why, out, "last_pod_retention_ms", r->config.retention_ns) &&
           same_int(why, 0, "min_scale", r->min_scale, int_of_member(out, "min_scale", -1)) &&
           same_int(why, 0, "max_scale", r->max_scale, int_of_member(out, "max_scale", -1));
}

enum verdict kpa_resolve(const struct vector *v, struct buf *why)
{
    struct knative_map map;
    struct diag diag = {.code = RC_OK};
    const struct tree *annotations = tree_get(v->tree, "annotations");
    enum rc rc = knative_map_read(tree_get(v->tree, "config"), &map, &diag);
    if (rc != RC_OK)
        return verdict_of(v, why, rc, &diag, "the map is good");
    const struct knative_resolved r =
        knative_resolve(&map, &(struct knative_revision){
                                  .annotations = annotations,
                                  .concurrency = int_of_member(v->tree, "container_concurrency", 0),
                                  .reachable = !text_is(v->tree, "reachability", "Unreachable"),
                              });
    rc = knative_annotations_check(annotations, &map, &diag);
    const enum verdict verdict = verdict_of(v, why, rc, &diag, "out_annotations_valid");
    return same_resolved(why, tree_get(v->tree, "out"), &r) ? verdict : VERDICT_FAILED;
}
