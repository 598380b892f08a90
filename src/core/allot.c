/* allot.c - what each group may start now, when GPUs, money or starts are short. One round, no
 * memory: a want that stays unmet comes again with its age. */
#include <assert.h>
#include <math.h>

#include "base/num.h"
#include "core/group.h"

#define SLACK 1e-9 /* shares of a GPU add up to one in spite of rounding */

/* True when want a is served before want b: a total order, so that the sort is the same anywhere.
 */
static bool served_before(const struct allot_want *wants, size_t a, size_t b)
{
    if (wants[a].priority != wants[b].priority)
        return wants[a].priority > wants[b].priority;
    if (wants[a].since_ns != wants[b].since_ns)
        return wants[a].since_ns < wants[b].since_ns;
    return a < b;
}

static void sift(const struct allot_want *wants, size_t *heap, size_t at, size_t n)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (served_before(wants, heap[last], heap[child]))
                last = child;
        if (last == at)
            return;
        const size_t moved = heap[at];
        heap[at] = heap[last];
        heap[last] = moved;
        at = last;
    }
}

/* Heap sort: in place, n log n for any input. */
static void order(const struct allot_want *wants, size_t *ret_order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ret_order[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(wants, ret_order, i, n);
    for (size_t end = n; end-- > 1;) {
        const size_t moved = ret_order[0];
        ret_order[0] = ret_order[end];
        ret_order[end] = moved;
        sift(wants, ret_order, 0, end);
    }
}

/* How many of something are in `left` when one takes `each`. */
static int64_t fits(double left, double each, int64_t most)
{
    if (isinf(left) && left > 0)
        return most;
    if (isnan(left) || left < 0 || isnan(each))
        return 0;
    return each <= 0 ? most : num_to_int(floor(left / each + SLACK), 0, most);
}

static void spend(struct allot_inventory *left, const struct allot_want *want, int64_t n)
{
    if (n == 0)
        return; /* an unknown price times nothing is no price */
    left->gpus_free -= want->gpus_each * (double)n;
    if (isfinite(left->money_left_per_hour))
        left->money_left_per_hour -= want->price_each * (double)n;
    if (left->starts_left != NO_COUNT)
        left->starts_left -= n;
}

/* Grants what all three bounds allow and says which one bound first. */
static void grant(struct allot_inventory *left, const struct allot_want *want,
                  struct allot_grant *ret)
{
    const int64_t more = num_clamp(want->want - want->current, 0, REPLICAS_MAX);
    const int64_t gpus = fits(left->gpus_free, want->gpus_each, more);
    const int64_t money = fits(left->money_left_per_hour, want->price_each, more);
    const int64_t starts =
        left->starts_left == NO_COUNT ? more : num_clamp(left->starts_left, 0, more);
    int64_t n = more;
    if (starts < n) {
        n = starts;
        ret->reason = REASON_GRANT_STARTS;
    }
    if (money < n) {
        n = money;
        ret->reason = REASON_GRANT_MONEY;
    }
    if (gpus < n) {
        n = gpus;
        ret->reason = REASON_GRANT_GPUS;
    }
    ret->granted = want->current + n;
    spend(left, want, n);
}

/* Those who give, from the end of the order. */
struct givers {
    const struct allot_want *wants;
    struct allot_grant *grants;
    const size_t *order;
    size_t next; /* order[next - 1] is the next to give */
    double coming;
};

/* Idle replicas of later pools make room for what `index` is short of. A pool that wants more
 * itself gives nothing, nor does one of higher priority. */
static void make_room(struct givers *g, size_t position, int64_t short_of)
{
    const struct allot_want *taker = &g->wants[g->order[position]];
    double need = taker->gpus_each * (double)short_of;
    const double used = fmin(need, g->coming); /* on its way already */
    need -= used;
    g->coming -= used;
    while (need > SLACK && g->next > 0) {
        const size_t index = g->order[g->next - 1];
        const struct allot_want *giver = &g->wants[index];
        const int64_t idle = giver->want > giver->current ? 0 : giver->idle;
        if (giver->priority > taker->priority)
            return; /* everybody before is of higher priority still */
        const int64_t free_ones = idle - g->grants[index].yield;
        if (free_ones <= 0 || giver->gpus_each <= 0 || index == g->order[position]) {
            g->next--;
            continue;
        }
        const int64_t n = num_to_int(ceil(need / giver->gpus_each - SLACK), 1, free_ones);
        g->grants[index].yield += n;
        g->grants[index].reason = REASON_GRANT_YIELD;
        g->grants[index].granted = giver->current - g->grants[index].yield;
        need -= giver->gpus_each * (double)n;
    }
    g->coming += fmax(-need, 0); /* a whole replica gave more than was asked */
}

void allot(const struct allot_inventory *inventory, int64_t now_ns, const struct allot_want *wants,
           struct allot_grant *grants, size_t n, size_t *scratch)
{
    (void)now_ns; /* ages are compared with each other: older means earlier */
    struct allot_inventory left = *inventory;
    order(wants, scratch, n);
    for (size_t i = 0; i < n; i++)
        grants[i] = (struct allot_grant){.granted = wants[i].current};
    struct givers givers = {
        .wants = wants,
        .grants = grants,
        .order = scratch,
        .next = n,
        .coming = fmax(inventory->gpus_coming, 0),
    };
    for (size_t i = 0; i < n; i++) {
        const struct allot_want *want = &wants[scratch[i]];
        struct allot_grant *given = &grants[scratch[i]];
        if (want->want <= want->current)
            continue;
        grant(&left, want, given);
        if (given->reason == REASON_GRANT_GPUS)
            make_room(&givers, i, want->want - given->granted);
    }
}
