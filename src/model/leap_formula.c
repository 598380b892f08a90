/* leap_formula.c - what a leap over k iterations takes, in time and in KV blocks, in closed form.
 */
#include <math.h>

#include "base/num.h"
#include "model/leap_internal.h"

void leap_take_blocks(struct leap_engine *e, int64_t k)
{
    const int64_t rounds = leap_whole_blocks(e, k);
    int64_t taken = rounds * e->decoding;
    size_t at = e->crossing;
    for (int64_t i = k - rounds * e->block; i > 0; i--) {
        taken += e->phase[at];
        at = at == 0 ? (size_t)e->block - 1 : at - 1;
    }
    e->blocks_used += taken;
    e->crossing = at;
}

int64_t leap_blocks_suffice(const struct leap_engine *e, int64_t k)
{
    const int64_t free_blocks = e->base.block_capacity - e->blocks_used;
    if (e->decoding == 0 || (leap_whole_blocks(e, k) + 1) * e->decoding <= free_blocks)
        return k;
    const int64_t rounds = free_blocks / e->decoding;
    int64_t longest = rounds * e->block; /* takes exactly rounds * decoding */
    if (longest >= k)
        return k;
    size_t at = e->crossing;
    for (int64_t left = free_blocks - rounds * e->decoding; longest < k; longest++) {
        left -= e->phase[at];
        if (left < 0)
            break;
        at = at == 0 ? (size_t)e->block - 1 : at - 1;
    }
    return longest;
}

static double leap_seconds(const struct leap_engine *e, int64_t k)
{
    const double n = (double)k;
    return n * e->step_s + e->growth_s * (n * (n + 1) / 2);
}

int64_t leap_ns(const struct leap_engine *e, int64_t k)
{
    return num_to_int(num_rint(leap_seconds(e, k) * 1e9), 1, INT64_MAX / 4);
}

int64_t leap_ended(const struct leap_engine *e, int64_t now_ns)
{
    const int64_t most = e->length - 1;
    const double t = (double)(now_ns - e->base.begin_ns) * 1e-9; /* near enough to begin from */
    const double half = e->step_s + e->growth_s / 2;
    /* Positive root of growth/2 k^2 + half k = t, in the form that does not cancel. */
    const double root = 2 * t / (half + sqrt(half * half + 2 * e->growth_s * t));
    int64_t k = num_to_int(root, 0, most);
    while (k > 0 && e->base.begin_ns + leap_ns(e, k) > now_ns)
        k--;
    while (k < most && e->base.begin_ns + leap_ns(e, k + 1) <= now_ns)
        k++;
    return k;
}
