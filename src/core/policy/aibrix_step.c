/* aibrix_step.c - AIBrix' arithmetic in its own order: the bits of an average depend on it. */
#include "core/policy/aibrix_step.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"

static int64_t counted(double x)
{
    return num_to_int(x, INT32_MIN, INT32_MAX);
}

/* ---- formulas ---- */

static int64_t apa(const struct aibrix_terms *terms, const struct aibrix_load *load)
{
    const double current = (double)load->current;
    if (isnan(terms->target) || terms->target <= 0)
        return load->current;
    const double ratio = load->stable / terms->target;
    if (ratio > 1 + terms->up_tolerance)
        return counted(fmin(ceil(current * ratio), ceil(terms->up_rate * current)));
    if (ratio < 1 - terms->down_tolerance)
        return counted(fmax(ceil(current * ratio), floor(current / terms->down_rate)));
    return load->current;
}

/* What one window asks for: within the tolerance the present count, which is no demand. */
static double asked(const struct aibrix_terms *terms, const struct aibrix_load *load,
                    double average)
{
    const double high = terms->target * (1 + terms->up_tolerance);
    const double low = terms->target * (1 - terms->down_tolerance);
    if (average > high || average < low)
        return ceil(average * load->pods / terms->target);
    return (double)load->current;
}

static int64_t limited(const struct aibrix_terms *terms, const struct aibrix_load *load,
                       double wanted)
{
    const double current = load->current > 0 ? (double)load->current : 0;
    const double most = fmax(1, ceil(terms->up_rate * current));
    const double least = floor(current / terms->down_rate);
    const int64_t count = counted(fmin(fmax(wanted, least), most));
    return terms->activation_scale > 1 && count > 0 && count < terms->activation_scale
               ? terms->activation_scale
               : count;
}

static int64_t kpa(const struct aibrix_terms *terms, const struct aibrix_load *load,
                   struct aibrix_panic *panic)
{
    if (isnan(terms->target))
        return load->current;
    const int64_t calm = limited(terms, load, asked(terms, load, load->stable));
    const int64_t late = limited(terms, load, asked(terms, load, load->panic));
    if (!panic->on)
        return calm;
    const int64_t most = calm > late ? calm : late;
    if (most > panic->most)
        panic->most = most;
    return panic->most;
}

bool aibrix_in_panic(const struct aibrix_terms *terms, const struct aibrix_load *load)
{
    return load->stable <= 0 || load->panic / load->stable > terms->panic_threshold;
}

int64_t aibrix_formula(const struct aibrix_terms *terms, const struct aibrix_load *load,
                       struct aibrix_panic *panic)
{
    return terms->algorithm == AIBRIX_APA ? apa(terms, load) : kpa(terms, load, panic);
}

int64_t aibrix_clamp(int64_t count, int64_t min, int64_t max)
{
    if (count < min)
        return min;
    return count > max ? max : count;
}

/* ---- windows ---- */

static void drop_front(const struct aibrix_points *points, uint32_t n)
{
    *points->count -= n;
    memmove(points->item, points->item + n, *points->count * sizeof(*points->item));
    /* Forgotten places are zero: equal windows are equal bytes. */
    memset(points->item + *points->count, 0, n * sizeof(*points->item));
}

/* Keeps the order; a later value of the same place replaces the earlier. */
static void insert(const struct aibrix_points *points, int64_t at, double value, bool replace)
{
    if (*points->count == points->room)
        drop_front(points, 1);
    uint32_t i = *points->count;
    while (i > 0 && points->item[i - 1].at > at)
        i--;
    if (replace && i > 0 && points->item[i - 1].at == at) {
        points->item[i - 1].value = value;
        return;
    }
    memmove(points->item + i + 1, points->item + i, (*points->count - i) * sizeof(*points->item));
    points->item[i] = (struct aibrix_point){at, value};
    (*points->count)++;
}

void aibrix_window_put(const struct aibrix_points *points, int64_t span_ns, int64_t granularity_ns,
                       int64_t t_ns, double value)
{
    const int64_t oldest = num_add_sat(t_ns, -span_ns) / granularity_ns;
    const int64_t bucket = t_ns / granularity_ns;
    const uint32_t count = *points->count;
    const bool known = count > 0 && points->item[count - 1].at == bucket;
    uint32_t gone = 0;
    while (gone < count && points->item[gone].at < oldest)
        gone++;
    drop_front(points, gone);
    if (known)
        points->item[*points->count - 1].value = value;
    else
        insert(points, bucket, value, true);
}

void aibrix_history_put(const struct aibrix_points *points, int64_t span_ns, int64_t t_ns,
                        double value)
{
    const int64_t since_ns = num_add_sat(t_ns, -span_ns);
    uint32_t gone = 0;
    insert(points, t_ns, value, false);
    while (gone < *points->count && points->item[gone].at <= since_ns)
        gone++;
    if (gone < *points->count)
        drop_front(points, gone);
}

struct aibrix_summary aibrix_summary(const struct aibrix_point *points, uint32_t count)
{
    struct aibrix_summary s = {.count = count};
    double squares = 0;
    if (count == 0)
        return s;
    s.min = s.max = points[0].value;
    for (uint32_t i = 0; i < count; i++) {
        s.mean += points[i].value;
        s.min = fmin(s.min, points[i].value);
        s.max = fmax(s.max, points[i].value);
    }
    s.mean /= (double)count;
    for (uint32_t i = 0; i < count; i++)
        squares += (points[i].value - s.mean) * (points[i].value - s.mean);
    s.variance = squares / (double)count;
    return s;
}

/* ---- cooldown ---- */

/* Appends, then forgets what is older than both windows. */
static void note(const struct aibrix_records *records, int64_t since_ns, int64_t now_ns,
                 int64_t replicas)
{
    uint32_t kept = 0;
    const uint32_t from = *records->count == records->room ? 1 : 0;
    for (uint32_t i = from; i < *records->count; i++)
        if (records->item[i].t_ns > since_ns)
            records->item[kept++] = records->item[i];
    if (now_ns > since_ns)
        records->item[kept++] = (struct aibrix_record){now_ns, replicas};
    for (uint32_t i = kept; i < *records->count; i++)
        records->item[i] = (struct aibrix_record){0, 0};
    *records->count = kept;
}

int64_t aibrix_cool(const struct aibrix_records *records, const struct aibrix_windows *windows,
                    int64_t now_ns, int64_t wanted, int64_t current)
{
    const bool up = wanted > current;
    const int64_t longest_ns =
        windows->up_ns > windows->down_ns ? windows->up_ns : windows->down_ns;
    const int64_t since_ns = num_add_sat(now_ns, -(up ? windows->up_ns : windows->down_ns));
    const bool largest = up || windows->corrected;
    int64_t best = wanted;
    note(records, num_add_sat(now_ns, -longest_ns), now_ns, wanted);
    if (wanted == current)
        return current;
    for (uint32_t i = 0; i < *records->count; i++) {
        const struct aibrix_record *r = &records->item[i];
        if (r->t_ns > since_ns && (largest ? r->replicas > best : r->replicas < best))
            best = r->replicas;
    }
    /* The right direction was never wrong: what holds lowering does not raise. */
    return windows->corrected && !up && best > current ? current : best;
}
