#include "sim/chaos.h"

#include "base/duration.h"

#define GAP_MEAN_S 240.0 /* between two faults */
#define LAST_MEAN_S 180.0
#define LAST_LEAST_S 5.0

static const struct {
    const char *name;
    bool lasts;
} rows[] = {
#define CHAOS_ROW(id, name, lasts, about) {name, lasts},
    CHAOS_MAP(CHAOS_ROW)
#undef CHAOS_ROW
};

const char *chaos_fault_name(enum chaos_fault fault)
{
    return rows[fault].name;
}

bool chaos_fault_lasts(enum chaos_fault fault)
{
    return rows[fault].lasts;
}

static void plan_next(struct chaos *chaos, int64_t now_ns)
{
    chaos->next_ns = now_ns + ns_of_seconds(1 + rng_exponential(&chaos->rng, GAP_MEAN_S));
}

void chaos_init(struct chaos *chaos, uint64_t seed)
{
    *chaos = (struct chaos){.next_ns = 0};
    rng_init(&chaos->rng, hash_u64(0xc4a05, seed));
    plan_next(chaos, 0);
}

/* The fault that is over first. */
static int first_over(const struct chaos *chaos)
{
    int first = -1;
    for (int i = 0; i < CHAOS_FAULTS; i++)
        if (chaos->until_ns[i] > 0 && (first < 0 || chaos->until_ns[i] < chaos->until_ns[first]))
            first = i;
    return first;
}

struct chaos_change chaos_next(struct chaos *chaos)
{
    for (;;) {
        const int over = first_over(chaos);
        if (over >= 0 && chaos->until_ns[over] <= chaos->next_ns) {
            const struct chaos_change change = {.at_ns = chaos->until_ns[over],
                                                .fault = (enum chaos_fault)over};
            chaos->until_ns[over] = 0;
            return change;
        }
        const int64_t at_ns = chaos->next_ns;
        const int fault = (int)rng_range(&chaos->rng, 0, CHAOS_FAULTS - 1);
        const double amount = rng_unit(&chaos->rng);
        const double last_s = LAST_LEAST_S + rng_exponential(&chaos->rng, LAST_MEAN_S);
        plan_next(chaos, at_ns);
        if (chaos->until_ns[fault] > 0)
            continue; /* it is there already */
        if (rows[fault].lasts)
            chaos->until_ns[fault] = at_ns + ns_of_seconds(last_s);
        return (struct chaos_change){
            .at_ns = at_ns, .fault = (enum chaos_fault)fault, .begins = true, .amount = amount};
    }
}
