#include "source/prometheus_answer.h"

#include <math.h>

#include "base/num.h"
#include "base/tree.h"

static enum rc wrong(struct diag *diag, const char *what)
{
    return fail(diag, RC_SYNTAX, "this is no answer to a query: %s", what);
}

/* [1700000000.123, "12.5"] */
static enum rc read_pair(const struct tree *pair, struct prometheus_point *ret, struct diag *diag)
{
    struct span text;
    if (pair == NULL || pair->kind != TREE_ARRAY || pair->count != 2 ||
        !tree_number(tree_at(pair, 0), &ret->time_s) || !tree_string(tree_at(pair, 1), &text))
        return wrong(diag, "a sample is not [time, \"value\"]");
    if (num_parse_prometheus(text, &ret->value) != RC_OK)
        return wrong(diag, "a value is no number");
    return RC_OK;
}

static enum rc read_series(const struct tree *series, const char *key, struct prometheus_point *ret,
                           struct diag *diag)
{
    const struct tree *metric = tree_get(series, "metric");
    const struct tree *value = tree_get(series, key);
    struct span label;
    if (metric == NULL || metric->kind != TREE_OBJECT)
        return wrong(diag, "a series has no labels");
    if (tree_get(series, "histogram") != NULL || tree_get(series, "histograms") != NULL)
        return fail(diag, RC_UNSUPPORTED,
                    "the answer is a histogram: wrap the query in histogram_quantile(), "
                    "histogram_count() or the like");
    *ret = (struct prometheus_point){0};
    if (tree_string(tree_get(metric, "sluice"), &label) &&
        !span_copy(label, ret->sluice, sizeof(ret->sluice)))
        ret->sluice[0] = '\0';
    if (key[5] == 's') /* "values": the newest stands last */
        value = value != NULL && value->kind == TREE_ARRAY ? value->last : NULL;
    return read_pair(value, ret, diag);
}

static enum rc read_list(struct arena *arena, const struct tree *list, const char *key,
                         struct prometheus_answer *ret, struct diag *diag)
{
    if (list == NULL || list->kind != TREE_ARRAY)
        return wrong(diag, "the result is no list");
    if (list->count > PROMETHEUS_SERIES_MAX)
        return fail(diag, RC_LIMIT, "the answer has %zu series, at most %d are read", list->count,
                    PROMETHEUS_SERIES_MAX);
    ret->point = arena_array(arena, list->count, sizeof(*ret->point));
    if (ret->point == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the answer");
    for (const struct tree *t = list->first; t != NULL; t = t->next) {
        const enum rc rc = read_series(t, key, &ret->point[ret->count], diag);
        if (rc != RC_OK)
            return rc;
        ret->count++;
    }
    return RC_OK;
}

static enum rc read_scalar(struct arena *arena, const struct tree *pair,
                           struct prometheus_answer *ret, struct diag *diag)
{
    ret->point = arena_array(arena, 1, sizeof(*ret->point));
    if (ret->point == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the answer");
    ret->count = 1;
    return read_pair(pair, ret->point, diag);
}

static enum rc read_data(struct arena *arena, const struct tree *data,
                         struct prometheus_answer *ret, struct diag *diag)
{
    const struct tree *result = tree_get(data, "result");
    struct span type;
    if (!tree_string(tree_get(data, "resultType"), &type))
        return wrong(diag, "it names no type of result");
    if (span_equal_text(type, "vector"))
        return read_list(arena, result, "value", ret, diag);
    if (span_equal_text(type, "matrix"))
        return read_list(arena, result, "values", ret, diag);
    if (span_equal_text(type, "scalar"))
        return read_scalar(arena, result, ret, diag);
    return fail(diag, RC_UNSUPPORTED, "the answer is of the type %.*s, a number is wanted",
                SPAN_ARG(span_slice(type, 0, 40)));
}

enum rc prometheus_read(struct arena *arena, struct span body, struct prometheus_answer *ret,
                        struct diag *diag)
{
    const struct tree *json = NULL;
    struct prometheus_answer answer = {0};
    struct span status = {0};
    struct span words = {0};
    enum rc rc = json_read(arena, body, NULL, &json, diag);
    if (rc != RC_OK)
        return rc == RC_NO_MEMORY || rc == RC_LIMIT ? rc : wrong(diag, "it is no JSON");
    if (!tree_string(tree_get(json, "status"), &status))
        return wrong(diag, "it has no status");
    if (span_equal_text(status, "error")) {
        (void)tree_string(tree_get(json, "error"), &words); /* empty without words */
        return fail(diag, RC_REFUSED, "the query failed: %.*s",
                    SPAN_ARG(span_slice(words, 0, 200)));
    }
    if (!span_equal_text(status, "success"))
        return wrong(diag, "its status is neither success nor error");
    rc = read_data(arena, tree_get(json, "data"), &answer, diag);
    if (rc == RC_OK)
        *ret = answer;
    return rc;
}

enum rc prometheus_one(const struct prometheus_answer *answer, enum source_aggregate aggregate,
                       double *ret, struct diag *diag)
{
    if (answer->count == 0)
        return fail(diag, RC_MISSING, "the answer is empty");
    if (answer->count > 1 && aggregate == AGGREGATE_NONE)
        return fail(diag, RC_DUPLICATE,
                    "the answer has %zu series, one is wanted: put them together in the query, as "
                    "sum(...), or set aggregate",
                    answer->count);
    double sum = 0;
    double least = INFINITY;
    double most = -INFINITY;
    for (size_t i = 0; i < answer->count; i++) {
        const double value = answer->point[i].value;
        if (isnan(value)) {
            *ret = NAN;
            return RC_OK;
        }
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    const double of[] = {
        [AGGREGATE_NONE] = sum,
        [AGGREGATE_SUM] = sum,
        [AGGREGATE_MAX] = most,
        [AGGREGATE_MIN] = least,
        [AGGREGATE_MEAN] = sum / (double)answer->count,
    };
    *ret = of[aggregate];
    return RC_OK;
}
