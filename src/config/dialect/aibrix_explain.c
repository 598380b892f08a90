/* aibrix_explain.c - a PodAutoscaler of AIBrix in our words. Its controller's mistakes stay in it:
 * `corrected` is false, as the peer's numbers are. */
#include <string.h>

#include "base/duration.h"
#include "config/dialect/aibrix.h"
#include "config/dialect/dialect.h"
#include "config/dialect/foreign.h"

#define PREFIX "autoscaling.aibrix.ai/"

/* Options of the policies by the annotation or member of the specification that sets them. */
static const struct {
    const char *option;
    const char *annotation;
    const char *member;
} sources[] = {
    {"scaleUpTolerance", PREFIX "scale-up-tolerance", NULL},
    {"scaleDownTolerance", PREFIX "scale-down-tolerance", NULL},
    {"maxScaleUpRate", PREFIX "max-scale-up-rate", NULL},
    {"maxScaleDownRate", PREFIX "max-scale-down-rate", NULL},
    {"scaleUpCooldown", PREFIX "scale-up-cooldown-window", NULL},
    {"scaleDownCooldown", PREFIX "scale-down-cooldown-window", NULL},
    {"panicThreshold", PREFIX "panic-threshold", NULL},
    {"observeWindow", NULL, "observeWindowSeconds"},
    {"panicWindow", NULL, "panicWindowSeconds"},
    {"metrics", NULL, "metricsSources"},
    {"scaleUp", PREFIX "max-scale-up-rate", NULL},
    {"scaleDown", PREFIX "max-scale-down-rate", NULL},
};

struct document {
    const struct tree *metadata;
    const struct tree *annotations;
    const struct tree *spec;
};

/* What the peer leaves at its default without a word. */
static void warn_of_annotations(const struct foreign *f, const struct tree *annotations)
{
    struct aibrix_annotations read;
    const struct tree *a =
        annotations != NULL && annotations->kind == TREE_OBJECT ? annotations->first : NULL;
    aibrix_annotations_defaults(&read);
    for (; a != NULL; a = a->next) {
        struct span value = {NULL, 0};
        struct diag diag = {.code = RC_OK};
        if (!tree_string(a, &value))
            reader_error(f->reader, a, RC_INVALID, "an annotation is a string: put it in quotes");
        else if (aibrix_annotation_read(a->key, value, &read, &diag) != RC_OK)
            foreign_problem(f, annotations, &diag, true);
        else if (span_equal_text(a->key, PREFIX "scale-to-zero"))
            reader_warning(f->reader, a, "the peer reads this and uses it nowhere");
    }
}

static void say_pool(const struct foreign *f, const struct document *d, const char *policy,
                     const void *config, const int64_t bounds[2])
{
    struct foreign_source found[COUNT_OF(sources)];
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        found[i].option = sources[i].option;
        found[i].node = sources[i].annotation != NULL
                            ? tree_get(d->annotations, sources[i].annotation)
                            : tree_get(d->spec, sources[i].member);
    }
    foreign_say_pool(f, &(struct foreign_pool){
                            .policy = policy,
                            .config = config,
                            .min = bounds[0],
                            .max = bounds[1],
                            .min_node = tree_get(d->spec, "minReplicas"),
                            .max_node = tree_get(d->spec, "maxReplicas"),
                            .source = found,
                            .source_count = COUNT_OF(found),
                        });
}

static void say_schedules(const struct foreign *f, const struct document *d)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct diag diag = {.code = RC_OK};
    struct aibrix_schedules *all = arena_alloc(f->arena, sizeof(*all));
    const struct tree *list = tree_get(d->spec, "schedules");
    if (all == NULL || list == NULL)
        return;
    if (aibrix_schedules_read(d->spec, all, &diag) != RC_OK) {
        foreign_problem(f, d->spec, &diag, false);
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct aibrix_schedule *s = &all->item[i];
        char path[64];
        char on[64] = "";
        struct buf words;
        buf_init(&words, 512);
        for (size_t day = 0; day < COUNT_OF(days); day++)
            if ((s->days >> day & 1) != 0)
                buf_printf(&words, "%s%s", words.len > 0 ? "," : "", days[day]);
        (void)span_copy(buf_view(&words), on, sizeof(on)); /* seven short words fit */
        buf_done(&words);
        buf_init(&words, 64);
        buf_printf(&words, "schedules[%zu]", i);
        (void)span_copy(buf_view(&words), path, sizeof(path));
        buf_done(&words);
        foreign_say(f, path, tree_at(list, i), "\"%s\" %s %02d:%02d-%02d:%02d %s: %lld to %lld",
                    s->name, on, s->start_min / 60, s->start_min % 60, s->end_min / 60,
                    s->end_min % 60, all->zone, (long long)(s->min >= 0 ? s->min : all->min),
                    (long long)(s->max >= 0 ? s->max : all->max));
    }
}

static void say_hpa(const struct foreign *f, const struct document *d)
{
    struct diag diag = {.code = RC_OK};
    struct aibrix_hpa *hpa = arena_alloc(f->arena, sizeof(*hpa));
    if (hpa == NULL)
        return;
    if (aibrix_hpa_read(d->metadata, d->spec, hpa, &diag) != RC_OK)
        foreign_problem(f, d->spec, &diag, false);
    else
        say_pool(f, d, "hpa", &hpa->config, (int64_t[2]){hpa->min, hpa->max});
}

static void say_own(const struct foreign *f, const struct document *d)
{
    struct diag diag = {.code = RC_OK};
    struct aibrix_document *own = arena_alloc(f->arena, sizeof(*own));
    if (own == NULL)
        return;
    if (aibrix_document_read(d->metadata, d->spec, own, &diag) != RC_OK)
        foreign_problem(f, d->spec, &diag, false);
    else
        say_pool(f, d, own->strategy == AIBRIX_STRATEGY_KPA ? "aibrix-kpa" : "aibrix-apa",
                 &own->config, (int64_t[2]){own->min, own->max});
}

static void explain(const struct foreign *f, const struct tree *document)
{
    struct diag diag = {.code = RC_OK};
    struct span strategy = {NULL, 0};
    const struct tree *metadata = tree_get(document, "metadata");
    const struct document d = {
        .metadata = metadata,
        .annotations = tree_get(metadata, "annotations"),
        .spec = tree_get(document, "spec"),
    };
    if (d.spec == NULL) {
        reader_error(f->reader, document, RC_MISSING, "a PodAutoscaler needs a spec");
        return;
    }
    warn_of_annotations(f, d.annotations);
    if (aibrix_spec_check(d.spec, &diag) != RC_OK) {
        foreign_problem(f, d.spec, &diag, false);
        return;
    }
    (void)tree_string(tree_get(d.spec, "scalingStrategy"), &strategy); /* checked above */
    if (span_equal_text(strategy, "HPA"))
        say_hpa(f, &d);
    else
        say_own(f, &d);
    say_schedules(f, &d);
}

const struct dialect dialect_aibrix = {
    .name = "aibrix",
    .kind = "PodAutoscaler",
    .api_version = "autoscaling.aibrix.ai",
    .summary = "AIBrix' PodAutoscaler, strategies KPA, APA and HPA.",
    .explain = explain,
};
