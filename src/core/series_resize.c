/* series_resize.c - a window of another span that keeps what the old one holds. */
#include <math.h>
#include <string.h>

#include "core/series_layout.h"

void series_resize(const struct series_need *old, const void *old_state,
                   const struct series_need *need, void *state, int64_t now_ns)
{
    series_init(need, state);
    struct series_head *head = state;
    const uint16_t count = head->count;
    memcpy(state, old_state, sizeof(struct series_head));
    head->count = count;
    head->place = 0;
    if (is_kpa(need)) {
        const struct kpa_shape old_shape = kpa_shape_of(old);
        const struct kpa_shape shape = kpa_shape_of(need);
        kpa_window_resize(&old_shape, kpa_of_const(old_state), &shape, kpa_of(state), now_ns);
        return;
    }
    const int64_t from_ns = need->kind == SERIES_LAST ? 1 : granularity_of(old);
    const size_t n = bucket_count(old);
    int64_t newest = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        const int64_t number = old->kind == SERIES_QUANTILE ? slots_of_const(old_state)[i].number
                                                            : buckets_of_const(old_state)[i].number;
        newest = number > newest ? number : newest;
    }
    if (newest == INT64_MIN)
        return;
    /* Oldest first; a bucket moves as a whole to the place of its begin. */
    for (int64_t number = newest - (int64_t)n + 1; number <= newest; number++) {
        const int64_t moved = number_of(num_mul_sat(number, from_ns), granularity_of(need));
        const size_t to = place_of(moved, bucket_count(need));
        if (need->kind == SERIES_QUANTILE) {
            const struct slot *from = &slots_of_const(old_state)[place_of(number, n)];
            struct slot *slot = &slots_of(state)[to];
            if (from->number != number)
                continue;
            if (slot->number != moved)
                *slot = (struct slot){.number = moved};
            histogram_merge(&slot->histogram, &from->histogram);
            continue;
        }
        const struct bucket *from = &buckets_of_const(old_state)[place_of(number, n)];
        struct bucket *bucket = &buckets_of(state)[to];
        if (from->number != number)
            continue;
        if (bucket->number != moved)
            *bucket = (struct bucket){.number = moved};
        bucket->sum =
            need->kind == SERIES_MAX ? fmax(bucket->sum, from->sum) : bucket->sum + from->sum;
        bucket->weight = need->kind == SERIES_MAX ? 1 : bucket->weight + from->weight;
    }
}
