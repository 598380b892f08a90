/* knative_explain.c - Knative's config map and the annotations of a service or revision in our
 * words. Without a config map its defaults count. */
#include <string.h>

#include "config/dialect/dialect.h"
#include "config/dialect/foreign.h"
#include "config/dialect/knative.h"

#define PREFIX "autoscaling.knative.dev/"

/* Options of the policy by the annotations (two spellings) and the key of the map that set them. */
static const struct {
    const char *option;
    const char *annotation[2];
    const char *key;
} sources[] = {
    {"metric", {PREFIX "metric", NULL}, NULL},
    {"averaging",
     {PREFIX "metric-aggregation-algorithm", PREFIX "metricAggregationAlgorithm"},
     NULL},
    {"target",
     {PREFIX "target", PREFIX "target-utilization-percentage"},
     "container-concurrency-target-percentage"},
    {"totalCapacity", {PREFIX "target", NULL}, "container-concurrency-target-default"},
    {"targetBurstCapacity",
     {PREFIX "target-burst-capacity", PREFIX "targetBurstCapacity"},
     "target-burst-capacity"},
    {"panicThreshold",
     {PREFIX "panic-threshold-percentage", PREFIX "panicThresholdPercentage"},
     "panic-threshold-percentage"},
    {"maxScaleUpRate", {NULL, NULL}, "max-scale-up-rate"},
    {"maxScaleDownRate", {NULL, NULL}, "max-scale-down-rate"},
    {"stableWindow", {PREFIX "window", NULL}, "stable-window"},
    {"panicWindow",
     {PREFIX "panic-window-percentage", PREFIX "panicWindowPercentage"},
     "panic-window-percentage"},
    {"scaleDownDelay", {PREFIX "scale-down-delay", PREFIX "scaleDownDelay"}, "scale-down-delay"},
    {"activationScale", {PREFIX "activation-scale", NULL}, NULL},
    {"initialScale", {PREFIX "initial-scale", PREFIX "initialScale"}, "initial-scale"},
    {"scaleToZero", {NULL, NULL}, "enable-scale-to-zero"},
    {"gracePeriod", {NULL, NULL}, "scale-to-zero-grace-period"},
    {"podRetentionPeriod",
     {PREFIX "scale-to-zero-pod-retention-period", PREFIX "scaleToZeroPodRetentionPeriod"},
     "scale-to-zero-pod-retention-period"},
};

/* What is looked at; either may be NULL. */
struct parts {
    const struct tree *annotations;
    const struct tree *data;
};

static const struct tree *first_of(const struct parts *p, const char *const annotation[2],
                                   const char *key)
{
    for (size_t i = 0; i < 2; i++) {
        const struct tree *node =
            annotation[i] == NULL ? NULL : tree_get(p->annotations, annotation[i]);
        if (node != NULL)
            return node;
    }
    return key == NULL ? NULL : tree_get(p->data, key);
}

static void say(const struct foreign *f, const struct parts *p, const struct knative_resolved *r)
{
    static const char *const min[2] = {PREFIX "min-scale", PREFIX "minScale"};
    static const char *const max[2] = {PREFIX "max-scale", PREFIX "maxScale"};
    struct foreign_source found[COUNT_OF(sources)];
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        found[i].option = sources[i].option;
        found[i].node = first_of(p, sources[i].annotation, sources[i].key);
    }
    foreign_say_pool(f, &(struct foreign_pool){
                            .policy = "knative",
                            .config = &r->config,
                            .min = r->min_scale,
                            .max = r->max_scale,
                            .min_node = first_of(p, min, "min-scale"),
                            .max_node = first_of(p, max, "max-scale"),
                            .source = found,
                            .source_count = COUNT_OF(found),
                        });
}

static bool strings_only(const struct foreign *f, const struct tree *object, const char *what)
{
    bool good = true;
    const struct tree *one = object != NULL && object->kind == TREE_OBJECT ? object->first : NULL;
    for (; one != NULL; one = one->next)
        if (one->kind != TREE_STRING) {
            reader_error(f->reader, one, RC_INVALID, "%s is a string: put it in quotes", what);
            good = false;
        }
    return good;
}

/* ---- the config map ---- */

static void explain_map(const struct foreign *f, const struct tree *document)
{
    struct diag diag = {.code = RC_OK};
    struct span name = {NULL, 0};
    struct knative_map map;
    const struct tree *metadata = tree_get(document, "metadata");
    const struct parts p = {.data = tree_get(document, "data")};
    if (!tree_string(tree_get(metadata, "name"), &name) ||
        !span_equal_text(name, "config-autoscaler")) {
        reader_error(f->reader, tree_get(metadata, "name"), RC_UNSUPPORTED,
                     "of config maps only Knative's config-autoscaler is understood");
        return;
    }
    if (!strings_only(f, p.data, "a value of a config map"))
        return;
    if (knative_map_read(p.data, &map, &diag) != RC_OK) {
        foreign_problem(f, p.data, &diag, false);
        return;
    }
    const struct knative_resolved r =
        knative_resolve(&map, &(struct knative_revision){.reachable = true});
    say(f, &p, &r);
}

/* ---- services and revisions ---- */

/* Each annotation that is wrong by itself, then what is wrong between them. */
static bool check(const struct foreign *f, const struct tree *annotations,
                  const struct knative_map *map)
{
    struct diag diag = {.code = RC_OK};
    if (!strings_only(f, annotations, "an annotation"))
        return false;
    if (annotations == NULL || knative_annotations_check(annotations, map, &diag) == RC_OK)
        return true;
    foreign_problem(f, annotations, &diag, false);
    for (const struct tree *a = annotations->first; a != NULL; a = a->next) {
        struct tree *copy = tree_new(f->arena, a->kind, a->line, a->column);
        struct tree *alone = tree_new(f->arena, TREE_OBJECT, a->line, a->column);
        if (copy == NULL || alone == NULL)
            return false;
        copy->key = a->key;
        copy->text = a->text;
        tree_append(alone, copy);
        diag = (struct diag){.code = RC_OK};
        const enum rc rc = knative_annotations_check(alone, map, &diag);
        if (rc == RC_SYNTAX || rc == RC_RANGE)
            foreign_problem(f, annotations, &diag, false);
    }
    return false;
}

/* Annotations and concurrency of a revision lie at other places in a template of one. */
static void explain_revision(const struct foreign *f, const struct tree *metadata,
                             const struct tree *spec)
{
    struct knative_map map;
    struct diag diag = {.code = RC_OK};
    const struct parts p = {.annotations = tree_get(metadata, "annotations")};
    struct knative_revision revision = {.annotations = p.annotations, .reachable = true};
    (void)tree_int(tree_get(spec, "containerConcurrency"), &revision.concurrency); /* else none */
    if (knative_map_read(NULL, &map, &diag) != RC_OK || !check(f, p.annotations, &map))
        return;
    const struct knative_resolved r = knative_resolve(&map, &revision);
    foreign_say(f, "concurrency.limit", tree_get(spec, "containerConcurrency"), "%lld",
                (long long)revision.concurrency);
    say(f, &p, &r);
}

static void explain_template(const struct foreign *f, const struct tree *document)
{
    const struct tree *template = tree_path(document, "spec.template");
    explain_revision(f, tree_get(template, "metadata"), tree_get(template, "spec"));
}

static void explain_one(const struct foreign *f, const struct tree *document)
{
    explain_revision(f, tree_get(document, "metadata"), tree_get(document, "spec"));
}

const struct dialect dialect_knative_map = {
    .name = "knative-map",
    .kind = "ConfigMap",
    .api_version = "v1",
    .summary = "Knative's config map config-autoscaler.",
    .explain = explain_map,
};
const struct dialect dialect_knative_service = {
    .name = "knative-service",
    .kind = "Service",
    .api_version = "serving.knative.dev",
    .summary = "Annotations of a Knative service.",
    .explain = explain_template,
};
const struct dialect dialect_knative_configuration = {
    .name = "knative-configuration",
    .kind = "Configuration",
    .api_version = "serving.knative.dev",
    .summary = "Annotations of a Knative configuration.",
    .explain = explain_template,
};
const struct dialect dialect_knative_revision = {
    .name = "knative-revision",
    .kind = "Revision",
    .api_version = "serving.knative.dev",
    .summary = "Annotations of a Knative revision.",
    .explain = explain_one,
};
