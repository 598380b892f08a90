#include "core/stage/pace_log.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"

/* A damaged count must not lead outside the array. */
static uint32_t count_of(const struct pace_log *log)
{
    return log->count < PACE_LOG_MAX ? log->count : PACE_LOG_MAX;
}

static void drop_front(struct pace_log *log, uint32_t n)
{
    const uint32_t count = count_of(log);
    const uint32_t kept = count - n;
    memmove(log->t_ns, log->t_ns + n, kept * sizeof(log->t_ns[0]));
    memmove(log->number, log->number + n, kept * sizeof(log->number[0]));
    /* Freed places are zeroed: equal histories are equal bytes. */
    memset(log->t_ns + kept, 0, n * sizeof(log->t_ns[0]));
    memset(log->number + kept, 0, n * sizeof(log->number[0]));
    log->count = kept;
}

void pace_log_forget(struct pace_log *log, int64_t now_ns, int64_t span_ns)
{
    const int64_t cut = num_add_sat(now_ns, -span_ns);
    const uint32_t count = count_of(log);
    uint32_t n = 0;
    while (n < count && log->t_ns[n] <= cut)
        n++;
    if (n > 0)
        drop_front(log, n);
}

static void append(struct pace_log *log, int64_t now_ns, int64_t number)
{
    const uint32_t at = log->count;
    log->t_ns[at] = now_ns;
    log->number[at] = (int32_t)num_clamp(number, -REPLICAS_MAX, REPLICAS_MAX);
    log->count = at + 1;
}

void pace_log_push_max(struct pace_log *log, int64_t now_ns, int64_t number)
{
    uint32_t count = count_of(log);
    while (count > 0 && log->number[count - 1] <= number) {
        count--;
        log->t_ns[count] = 0;
        log->number[count] = 0;
    }
    log->count = count;
    if (count == PACE_LOG_MAX) {
        /* The larger number with the later time: holds no shorter than either. */
        log->number[1] = log->number[0];
        drop_front(log, 1);
    }
    append(log, now_ns, number);
}

int64_t pace_log_max(const struct pace_log *log, int64_t now_ns, int64_t span_ns)
{
    const int64_t cut = num_add_sat(now_ns, -span_ns);
    for (uint32_t i = 0; i < count_of(log); i++)
        if (log->t_ns[i] > cut)
            return log->number[i]; /* numbers fall with time: the first is the largest */
    return INT64_MIN;
}

void pace_log_add(struct pace_log *log, int64_t now_ns, int64_t number)
{
    log->count = count_of(log);
    if (number == 0)
        return;
    if (log->count > 0 && log->t_ns[log->count - 1] == now_ns) {
        number += log->number[--log->count];
        log->t_ns[log->count] = 0;
        log->number[log->count] = 0;
        if (number == 0)
            return;
    }
    if (log->count == PACE_LOG_MAX) {
        number = num_clamp(number, -REPLICAS_MAX, REPLICAS_MAX);
        log->number[1] = (int32_t)num_clamp((int64_t)log->number[0] + log->number[1], -REPLICAS_MAX,
                                            REPLICAS_MAX);
        drop_front(log, 1);
    }
    append(log, now_ns, number);
}

int64_t pace_log_sum(const struct pace_log *log, int64_t now_ns, int64_t span_ns)
{
    const int64_t cut = num_add_sat(now_ns, -span_ns);
    int64_t sum = 0;
    for (uint32_t i = 0; i < count_of(log); i++)
        if (log->t_ns[i] > cut)
            sum += log->number[i];
    return sum;
}
