/* knative_map.c - Knative's config map: its keys as a table, and the rules that tie several
 * together. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/dialect/go_value.h"
#include "config/dialect/knative.h"
#include "config/dialect/knative_value.h"

/* ---- one value ---- */

enum rc knative_read(enum knative_kind kind, struct span text, struct knative_value *ret)
{
    bool truth = false;
    enum rc rc = RC_OK;
    ret->text = text;
    switch (kind) {
    case KIND_FLOAT:
        return go_float(text, &ret->number);
    case KIND_INT:
        rc = go_int(text, INT32_MIN, INT32_MAX, &ret->whole);
        break;
    case KIND_DURATION:
        rc = go_duration(text, &ret->whole);
        break;
    case KIND_BOOL:
        rc = go_bool(text, &truth);
        ret->whole = truth;
        break;
    case KIND_TEXT:
        return RC_OK;
    }
    ret->number = (double)ret->whole;
    return rc;
}

static bool in_range(enum knative_kind kind, const struct knative_range *range,
                     const struct knative_value *value)
{
    const double x = value->number;
    if (kind == KIND_TEXT || kind == KIND_BOOL)
        return true;
    if (range->whole && value->whole % SECOND_NS != 0)
        return false;
    if (range->minus_1 && x >= -1 && x <= -1)
        return true;
    return !(x < range->low) && !(x > range->high) && !(range->above && x <= range->low);
}

enum rc knative_check(enum knative_kind kind, const struct knative_range *range, const char *key,
                      struct span text, struct knative_value *ret, struct diag *diag)
{
    enum rc rc = knative_read(kind, text, ret);
    if (rc != RC_OK) {
        (void)fail(diag, rc, "\"%.*s\" cannot be read", SPAN_ARG(text));
    } else if (!in_range(kind, range, ret)) {
        const double unit = kind == KIND_DURATION ? 1e9 : 1;
        rc = fail(diag, RC_RANGE, "%.*s is out of range; %s%g to %g%s%s%s", SPAN_ARG(text),
                  range->above ? "above " : "", range->low / unit, range->high / unit,
                  kind == KIND_DURATION ? " s" : "", range->minus_1 ? ", or -1" : "",
                  range->whole ? ", in whole seconds" : "");
    }
    if (rc != RC_OK)
        diag_at(diag, "%s", key);
    return rc;
}

enum rc knative_check_max(const char *key, int64_t max, int64_t limit, struct diag *diag)
{
    if (limit == 0 || (max >= 1 && max <= limit))
        return RC_OK;
    (void)fail(diag, RC_RANGE, "%" PRId64 " is not within 1 and the limit of %" PRId64, max, limit);
    diag_at(diag, "%s", key);
    return RC_RANGE;
}

/* ---- the config map ---- */

static const struct key {
    const char *name;
    enum knative_kind kind;
    size_t offset;
    double def; /* seconds for durations */
    struct knative_range range;
} keys[] = {
    {"container-concurrency-target-percentage",
     KIND_FLOAT,
     offsetof(struct knative_map, target_fraction),
     70,
     {.high = 100, .above = true}},
    {"container-concurrency-target-default",
     KIND_FLOAT,
     offsetof(struct knative_map, concurrency_target),
     100,
     {.low = -INFINITY, .high = INFINITY}},
    {"requests-per-second-target-default",
     KIND_FLOAT,
     offsetof(struct knative_map, rps_target),
     200,
     {.low = KNATIVE_TARGET_MIN, .high = INFINITY}},
    {"target-burst-capacity",
     KIND_FLOAT,
     offsetof(struct knative_map, burst),
     211,
     {.high = INFINITY, .minus_1 = true}},
    {"activator-capacity",
     KIND_FLOAT,
     offsetof(struct knative_map, activator_capacity),
     100,
     {.low = 1, .high = INFINITY}},
    {"stable-window",
     KIND_DURATION,
     offsetof(struct knative_map, stable_window_ns),
     60,
     {.low = KNATIVE_WINDOW_MIN_NS, .high = HOUR_NS, .whole = true}},
    {"panic-window-percentage",
     KIND_FLOAT,
     offsetof(struct knative_map, panic_window_percent),
     10,
     {.low = 1, .high = 100}},
    {"panic-threshold-percentage",
     KIND_FLOAT,
     offsetof(struct knative_map, panic_threshold_percent),
     200,
     {.low = -INFINITY, .high = INFINITY}},
    {"max-scale-up-rate",
     KIND_FLOAT,
     offsetof(struct knative_map, up_rate),
     1000,
     {.low = 1, .high = INFINITY, .above = true}},
    {"max-scale-down-rate",
     KIND_FLOAT,
     offsetof(struct knative_map, down_rate),
     2,
     {.low = 1, .high = INFINITY, .above = true}},
    {"enable-scale-to-zero", KIND_BOOL, offsetof(struct knative_map, to_zero), 1, {.high = 1}},
    {"scale-to-zero-grace-period",
     KIND_DURATION,
     offsetof(struct knative_map, grace_ns),
     30,
     {.high = (double)INT64_MAX, .above = true}},
    {"scale-to-zero-pod-retention-period",
     KIND_DURATION,
     offsetof(struct knative_map, retention_ns),
     0,
     {.high = (double)INT64_MAX}},
    {"scale-down-delay",
     KIND_DURATION,
     offsetof(struct knative_map, delay_ns),
     0,
     {.high = (double)INT64_MAX, .whole = true}},
    {"pod-autoscaler-class", KIND_TEXT, offsetof(struct knative_map, class_), 0, {.low = 0}},
    {"initial-scale",
     KIND_INT,
     offsetof(struct knative_map, initial_scale),
     1,
     {.high = KNATIVE_SCALE_MAX}},
    {"allow-zero-initial-scale",
     KIND_BOOL,
     offsetof(struct knative_map, zero_initial_scale),
     0,
     {.high = 1}},
    {"min-scale",
     KIND_INT,
     offsetof(struct knative_map, min_scale),
     0,
     {.high = KNATIVE_SCALE_MAX}},
    {"max-scale",
     KIND_INT,
     offsetof(struct knative_map, max_scale),
     0,
     {.high = KNATIVE_SCALE_MAX}},
    {"max-scale-limit",
     KIND_INT,
     offsetof(struct knative_map, max_scale_limit),
     0,
     {.high = KNATIVE_SCALE_MAX}},
};

static void store(const struct key *key, const struct knative_value *value, struct knative_map *map)
{
    unsigned char *at = (unsigned char *)map + key->offset;
    const bool truth = value->whole != 0;
    switch (key->kind) {
    case KIND_FLOAT:
        memcpy(at, &value->number, sizeof(value->number));
        break;
    case KIND_INT:
    case KIND_DURATION:
        memcpy(at, &value->whole, sizeof(value->whole));
        break;
    case KIND_BOOL:
        memcpy(at, &truth, sizeof(truth));
        break;
    case KIND_TEXT:
        (void)span_copy(value->text, (char *)at, NAME_SIZE); /* a longer one is no known class */
        break;
    }
}

static void defaults(struct knative_map *map)
{
    memset(map, 0, sizeof(*map));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const double unit = keys[i].kind == KIND_DURATION ? 1e9 : 1;
        const struct knative_value value = {
            .number = keys[i].def,
            .whole = num_to_int(keys[i].def * unit, 0, INT64_MAX),
            .text = span_from(KPA_CLASS),
        };
        store(&keys[i], &value, map);
    }
}

static enum rc check_map(const struct knative_map *map, struct diag *diag)
{
    if (map->target_fraction * map->concurrency_target < KNATIVE_TARGET_MIN)
        return fail(diag, RC_RANGE, "the target is %g per replica, at least %g is needed",
                    map->target_fraction * map->concurrency_target, KNATIVE_TARGET_MIN);
    if (map->initial_scale < (map->zero_initial_scale ? 0 : 1))
        return fail(diag, RC_RANGE, "initial-scale %" PRId64 " needs allow-zero-initial-scale",
                    map->initial_scale);
    if (map->max_scale != 0 && map->min_scale > map->max_scale)
        return fail(diag, RC_RANGE, "min-scale %" PRId64 " is above max-scale %" PRId64,
                    map->min_scale, map->max_scale);
    return knative_check_max("max-scale", map->max_scale, map->max_scale_limit, diag);
}

enum rc knative_map_read(const struct tree *data, struct knative_map *ret, struct diag *diag)
{
    struct knative_map map;
    defaults(&map);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct span text;
        struct knative_value value = {.number = 0};
        if (!tree_string(tree_get(data, keys[i].name), &text))
            continue;
        const enum rc rc =
            knative_check(keys[i].kind, &keys[i].range, keys[i].name, text, &value, diag);
        if (rc != RC_OK)
            return rc;
        store(&keys[i], &value, &map);
    }
    if (map.target_fraction > 1)
        map.target_fraction /= 100;
    const enum rc rc = check_map(&map, diag);
    if (rc == RC_OK)
        *ret = map;
    return rc;
}
