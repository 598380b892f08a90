/* series.c - windows: their size, what is filed into them, and what they read as. */
#include "core/series.h"

#include <math.h>
#include <string.h>

#include "core/series_layout.h"
#include "core/spec.h"

/* ---- shape ---- */

size_t series_size(const struct series_need *need)
{
    if (need->kind == SERIES_LAST)
        return sizeof(struct series_head);
    if (need->span_ns < SECOND_NS || need->span_ns > SPAN_MAX_NS || need->granularity_ns < 0 ||
        need->granularity_ns > need->span_ns)
        return 0;
    if (is_kpa(need)) {
        const struct kpa_shape shape = kpa_shape_of(need);
        const size_t size = kpa_window_size(&shape, BUCKETS_MAX);
        return size == 0 ? 0 : sizeof(struct series_head) + size;
    }
    const size_t n = bucket_count(need);
    if (n > BUCKETS_MAX)
        return 0;
    const size_t each = need->kind == SERIES_QUANTILE ? sizeof(struct slot) : sizeof(struct bucket);
    return sizeof(struct series_head) + n * each;
}

bool series_same_window(const struct series_need *a, const struct series_need *b)
{
    return a->kind == b->kind && a->signal.id == b->signal.id &&
           strcmp(a->signal.external, b->signal.external) == 0 &&
           (a->kind == SERIES_LAST ||
            (a->span_ns == b->span_ns && granularity_of(a) == granularity_of(b) &&
             a->level == b->level));
}

struct series_need series_need_of_metric(const struct metric_spec *metric)
{
    static const enum series_kind kinds[] = {
        [FOLD_SUM] = SERIES_MEAN,  [FOLD_MEAN] = SERIES_MEAN,         [FOLD_MAX] = SERIES_MAX,
        [FOLD_RATE] = SERIES_RATE, [FOLD_QUANTILE] = SERIES_QUANTILE, [FOLD_RATIO] = SERIES_RATIO,
    };
    return (struct series_need){
        .signal = metric->signal,
        .kind = kinds[signal_row(metric->signal.id)->fold],
        .span_ns = metric->window_ns,
        .max_age_ns = metric->max_age_ns,
        .required = metric->required,
    };
}

void series_init(const struct series_need *need, void *state)
{
    memset(state, 0, series_size(need));
    struct series_head *head = state;
    head->newest_ns = TIME_NONE;
    head->value_ns = TIME_NONE;
    head->first_ns = TIME_NONE;
    head->coverage = 1;
    head->state = SIGNAL_ABSENT;
    if (is_kpa(need)) {
        const struct kpa_shape shape = kpa_shape_of(need);
        kpa_window_init(&shape, kpa_of(state));
    }
    const size_t n = bucket_count(need);
    head->count = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        if (need->kind == SERIES_QUANTILE)
            slots_of(state)[i].number = INT64_MIN;
        else
            buckets_of(state)[i].number = INT64_MIN;
    }
}

bool series_valid(const struct series_need *need, const void *state)
{
    const struct series_head *head = state;
    const struct kpa_shape shape = kpa_shape_of(need);
    if (is_kpa(need) && !kpa_window_valid(&shape, kpa_of_const(state)))
        return false;
    return head->state <= SIGNAL_FAILED && head->count == bucket_count(need) &&
           (head->place == 0 || head->place < head->count);
}

/* ---- record ---- */

/* Where the bucket of a time is. Divisions are dear, so the bucket used last and the one after it
 * are tried first. */
struct spot {
    int64_t number;
    size_t place;
};

static struct spot spot_of(const struct series_need *need, const void *state, int64_t t_ns)
{
    const int64_t granularity_ns = granularity_of(need);
    const struct series_head *head = state;
    const size_t n = head->count;
    const size_t place = head->place;
    const int64_t number = buckets_of_const(state)[place].number;
    int64_t into_ns = 0;
    if (number != INT64_MIN && !__builtin_mul_overflow(number, granularity_ns, &into_ns) &&
        !__builtin_sub_overflow(t_ns, into_ns, &into_ns)) {
        if (into_ns >= 0 && into_ns < granularity_ns)
            return (struct spot){number, place};
        if (into_ns >= granularity_ns && into_ns < 2 * granularity_ns)
            return (struct spot){number + 1, place + 1 == n ? 0 : place + 1};
    }
    const int64_t far = number_of(t_ns, granularity_ns);
    return (struct spot){far, place_of(far, n)};
}

static void record_bucket(const struct series_need *need, void *state, const struct sample *s)
{
    const struct spot spot = spot_of(need, state, s->t_ns);
    const int64_t number = spot.number;
    struct bucket *b = &buckets_of(state)[spot.place];
    if (b->number > number)
        return; /* older than the window */
    if (b->number < number)
        *b = (struct bucket){.number = number};
    ((struct series_head *)state)->place = (uint32_t)spot.place;
    if (need->kind == SERIES_MAX) {
        b->sum = b->weight > 0 ? fmax(b->sum, s->value) : s->value;
        b->weight = 1;
        return;
    }
    const double weight = need->kind == SERIES_RATIO ? s->weight : 1;
    b->sum += s->value * weight;
    b->weight += weight;
}

static void record_slot(const struct series_need *need, void *state, const struct sample *s)
{
    const int64_t number = number_of(s->t_ns, granularity_of(need));
    struct slot *slot = &slots_of(state)[place_of(number, bucket_count(need))];
    if (slot->number > number)
        return;
    if (slot->number < number) {
        slot->number = number;
        histogram_clear(&slot->histogram);
    }
    histogram_record(&slot->histogram, s->value, s->weight);
}

/* Of samples at one time a value beats a failure beats an absence. */
static void note_state(struct series_head *head, const struct sample *s)
{
    static const uint8_t strength[] = {
        [SIGNAL_ABSENT] = 0, [SIGNAL_FAILED] = 1, [SIGNAL_VALUE] = 2};
    if (s->t_ns < head->newest_ns ||
        (s->t_ns == head->newest_ns && strength[s->state] < strength[head->state]))
        return;
    head->newest_ns = s->t_ns;
    head->state = s->state;
}

void series_record(const struct series_need *need, void *state, const struct sample *sample)
{
    struct series_head *head = state;
    note_state(head, sample);
    if (sample->state != SIGNAL_VALUE)
        return;
    if (head->first_ns == TIME_NONE || sample->t_ns < head->first_ns)
        head->first_ns = sample->t_ns;
    if (sample->t_ns >= head->value_ns) {
        head->value_ns = sample->t_ns;
        head->value = sample->value;
        head->coverage = sample->expected > 0 && sample->covered > 0
                             ? (double)sample->covered / (double)sample->expected
                             : 1;
    }
    if (is_kpa(need)) {
        const struct kpa_shape shape = kpa_shape_of(need);
        kpa_window_record(&shape, kpa_of(state), sample->t_ns, sample->value);
    } else if (need->kind == SERIES_QUANTILE)
        record_slot(need, state, sample);
    else if (need->kind != SERIES_LAST)
        record_bucket(need, state, sample);
}

/* ---- read ---- */

/* Latencies and ratios come with requests: without traffic there are none, which is no failure. */
static bool of_events(const struct series_need *need)
{
    return need->kind == SERIES_QUANTILE || need->kind == SERIES_RATIO;
}

enum signal_state series_state(const struct series_need *need, const void *state, int64_t now_ns)
{
    const struct series_head *head = state;
    if (head->newest_ns == TIME_NONE)
        return SIGNAL_ABSENT;
    if (need->max_age_ns > 0 && num_add_sat(now_ns, -head->newest_ns) > need->max_age_ns)
        return of_events(need) && head->state != SIGNAL_FAILED ? SIGNAL_ABSENT : SIGNAL_FAILED;
    return (enum signal_state)head->state;
}

double series_coverage(const void *state)
{
    return ((const struct series_head *)state)->coverage;
}

struct window_sum {
    double of_means;
    double sum;
    double weight;
    double largest;
    size_t count;
};

static struct window_sum sum_of(const struct series_need *need, const void *state, int64_t now_ns)
{
    const struct bucket *buckets = buckets_of_const(state);
    const struct series_head *head = state;
    const size_t n = head->count;
    const struct spot newest = spot_of(need, state, now_ns);
    const int64_t oldest = newest.number - (int64_t)n + 1;
    struct window_sum total = {0};
    /* In the order of time, not of places: sums of doubles depend on it. */
    size_t at = newest.place + 1 == n ? 0 : newest.place + 1;
    for (int64_t number = oldest; number <= newest.number; number++) {
        const struct bucket *b = &buckets[at];
        at = at + 1 == n ? 0 : at + 1;
        if (b->number != number || b->weight <= 0)
            continue;
        total.largest = b->sum > total.largest ? b->sum : total.largest; /* never negative */
        total.of_means += b->weight > 1 ? b->sum / b->weight : b->sum;
        total.sum += b->sum;
        total.weight += b->weight;
        total.count++;
    }
    return total;
}

/* Amounts per second of the window; a history shorter than the window is taken as long as it is,
 * but at least one bucket. */
static double rate_of(const struct series_need *need, const struct series_head *head, double sum,
                      int64_t now_ns)
{
    const int64_t known_ns = num_add_sat(now_ns, -head->first_ns);
    const int64_t least_ns = granularity_of(need);
    const int64_t span_ns =
        num_clamp(known_ns, least_ns < need->span_ns ? least_ns : need->span_ns, need->span_ns);
    const double per_second = sum / seconds_of(span_ns);
    return need->signal.id == SIGNAL_TOOL_CALL_RATE ? 60 * per_second : per_second;
}

static void read_quantile(const struct series_need *need, const void *state, int64_t now_ns,
                          struct reading *r)
{
    const struct slot *slots = slots_of_const(state);
    const size_t n = bucket_count(need);
    const int64_t newest = number_of(now_ns, granularity_of(need));
    struct histogram all;
    histogram_clear(&all);
    for (int64_t number = newest - (int64_t)n + 1; number <= newest; number++) {
        const struct slot *slot = &slots[place_of(number, n)];
        if (slot->number == number)
            histogram_merge(&all, &slot->histogram);
    }
    r->weight = all.count;
    r->value = histogram_quantile(&all, need->signal.quantile);
}

static inline int64_t age_of(const struct series_head *head, int64_t now_ns)
{
    return head->value_ns == TIME_NONE ? INT64_MAX : num_add_sat(now_ns, -head->value_ns);
}

/* What the window holds counts as long as it holds anything, however the newest sample was. */
static struct reading kpa_value(const struct series_need *need, const void *state, int64_t now_ns)
{
    const struct series_head *head = state;
    const struct kpa_shape shape = kpa_shape_of(need);
    double average = 0;
    const bool any = kpa_window_read(&shape, kpa_of_const(state), now_ns, &average);
    const enum signal_state known = any ? SIGNAL_VALUE : series_state(need, state, now_ns);
    return (struct reading){
        .state = !any && known == SIGNAL_VALUE ? SIGNAL_ABSENT : known,
        .value = any ? average : (double)NAN,
        .coverage = head->coverage,
        .age_ns = age_of(head, now_ns),
        .weight = any ? 1 : 0,
    };
}

struct reading series_value(const struct series_need *need, const void *state, int64_t now_ns)
{
    const struct series_head *head = state;
    if (is_kpa(need))
        return kpa_value(need, state, now_ns);
    struct reading r = {.state = series_state(need, state, now_ns),
                        .value = NAN,
                        .coverage = head->coverage,
                        .age_ns = age_of(head, now_ns)};
    if (r.state != SIGNAL_VALUE)
        return r;
    if (need->kind != SERIES_LAST && r.age_ns > need->span_ns + granularity_of(need)) {
        r.state = SIGNAL_ABSENT; /* no need to look: even the newest value is outside */
        return r;
    }
    if (need->kind == SERIES_LAST) {
        r.value = head->value;
        r.weight = 1;
    } else if (need->kind == SERIES_QUANTILE) {
        read_quantile(need, state, now_ns, &r);
    } else {
        const struct window_sum total = sum_of(need, state, now_ns);
        r.weight = total.weight;
        if (total.count > 0 && need->kind == SERIES_MAX)
            r.value = total.largest;
        else if (total.count > 0 && need->kind == SERIES_RATE)
            r.value = rate_of(need, head, total.sum, now_ns);
        else if (total.count > 0 && need->kind == SERIES_RATIO)
            r.value = total.sum / total.weight;
        else if (total.count > 0)
            r.value = total.of_means / (double)total.count;
    }
    if (isnan(r.value))
        r.state = SIGNAL_ABSENT; /* nothing of it lies in the window any more */
    return r;
}
