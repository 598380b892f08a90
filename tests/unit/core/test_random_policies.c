/* Every registered policy in random worlds with random options, those at the bounds of their ranges
 * among them: what must hold for native and guarded pools, and what an exact one owes. A new policy
 * is here with its line in the registry. A failure prints the policy and the seed. */
#include "random_world.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLICY_BYTES_MAX (1 << 16)
#define STATE_BYTES_MAX ((size_t)2 << 20) /* larger ones are the same, only slower */
#define RUNS 100
#define TRIES 60 /* for options that fit each other */
#define TICKS 40

/* ---- random options ---- */

static void random_options(struct rng *rng, const struct opt *rows, size_t count, void *base);

/* A bound, the default, or anything between. */
static double random_number(struct rng *rng, const struct opt *row)
{
    const bool bounded = row->min < 0 || row->min > 0 || row->max < 0 || row->max > 0;
    if (!bounded || chance(rng, 3))
        return row->def;
    if (chance(rng, 8))
        return chance(rng, 2) ? row->min : row->max;
    /* Most ranges are of several powers of ten: near the begin things happen. */
    const double share = rng_unit(rng);
    return row->min + (row->max - row->min) * share * share * share * share;
}

static void random_text(struct rng *rng, const struct opt *row, char *at)
{
    static const char *const words[] = {"", "", "lag", "queue-depth", "concurrency", "cpu", "a"};
    const char *word = words[rng_range(rng, 0, COUNT_OF(words) - 1)];
    if (strcmp(row->name, "formula") == 0)
        word = chance(rng, 3) ? "a ?? 1" : "";
    (void)span_copy(span_from(word), at, row->size);
}

static void random_list(struct rng *rng, const struct opt *row, void *base)
{
    const size_t most = row->list_max < 4 ? row->list_max : 4;
    const size_t count =
        (row->flags & OPT_FLAG_APART) != 0 ? 0 : (size_t)rng_range(rng, 0, (int64_t)most);
    memcpy((char *)base + row->count_offset, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        char *element = (char *)base + row->offset + i * row->size;
        opt_defaults(row->sub, row->sub_count, element);
        random_options(rng, row->sub, row->sub_count, element);
    }
}

static void random_option(struct rng *rng, const struct opt *row, void *base)
{
    char *at = (char *)base + row->offset;
    double number = random_number(rng, row);
    int64_t whole = num_to_int(number, INT64_MIN, INT64_MAX);
    bool truth = chance(rng, 2);
    switch (row->kind) {
    case OPT_BOOL:
        memcpy(at, &truth, sizeof(truth));
        return;
    case OPT_DURATION:
        whole = ns_of_seconds(floor(number));
        memcpy(at, &whole, sizeof(whole));
        return;
    case OPT_INT:
        memcpy(at, &whole, sizeof(whole));
        return;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        if ((row->flags & OPT_FLAG_UNSET_NAN) != 0 && truth)
            number = NAN;
        memcpy(at, &number, sizeof(number));
        return;
    case OPT_TEXT:
        random_text(rng, row, at);
        return;
    case OPT_ENUM: {
        int choices = 0;
        while (row->choices[choices].name != NULL)
            choices++;
        const int value = row->choices[rng_range(rng, 0, choices - 1)].value;
        memcpy(at, &value, sizeof(value));
        return;
    }
    case OPT_STRUCT:
        random_options(rng, row->sub, row->sub_count, at);
        return;
    case OPT_LIST:
        random_list(rng, row, base);
        return;
    case OPT_TEXTS:
    case OPT_TREE:
        return; /* no policy has one */
    }
}

static void random_options(struct rng *rng, const struct opt *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (chance(rng, 2))
            random_option(rng, &rows[i], base);
}

/* ---- worlds ---- */

static unsigned char config[POLICY_BYTES_MAX] __attribute__((aligned(16)));

static bool fits(struct world *w)
{
    struct diag diag = {0};
    struct arena arena;
    const struct group_spec *group = NULL;
    arena_init(&arena, 64U << 20);
    const bool good = group_compile(&arena, "g", w->pool, w->pool_count, &group, &diag) == RC_OK &&
                      group_state_size(group) <= STATE_BYTES_MAX;
    arena_done(&arena);
    return good;
}

/* NULL when no try gave options that fit each other. */
static struct world *random_policy_world(struct rng *rng, const struct policy_ops *policy,
                                         bool exact)
{
    struct world *w = world_new();
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    for (int i = 0; i < TRIES; i++) {
        random_pool(rng, &w->pool[0]);
        memset(config, 0, sizeof(config));
        opt_defaults(policy->options, policy->option_count, config);
        if (i < TRIES - 1)
            random_options(rng, policy->options, policy->option_count, config);
        w->pool[0].policy = policy;
        w->pool[0].policy_config = config;
        w->pool[0].exact = exact;
        w->pool[0].concurrency_limit = rng_range(rng, 0, 64);
        if (!fits(w))
            continue;
        world_start(w, rng_range(rng, 0, 20));
        return w;
    }
    world_free(w);
    return NULL;
}

static void random_pods(struct rng *rng, struct world *w)
{
    for (int i = 0; i < 6; i++) {
        const struct pod_sample pod = {
            .sample = {.t_ns = w->now_ns,
                       .signal = (uint16_t)rng_range(rng, 0, SIGNAL_COUNT),
                       .external = (uint16_t)rng_range(rng, 0, 2),
                       .state = (uint8_t)rng_range(rng, 0, 3),
                       .value = absurd_value(rng),
                       .weight = 1},
            .measured_ns = w->now_ns - rng_range(rng, 0, 60) * SECOND_NS,
            .window_ns = rng_range(rng, -1, 60) * SECOND_NS,
            .ready_since_ns = maybe(rng, 5, INT64_MAX, w->now_ns - MINUTE_NS),
            .started_ns = maybe(rng, 5, TIME_NONE, w->now_ns - MINUTE_NS),
            .request = absurd_value(rng),
            .phase = (uint8_t)rng_range(rng, 0, 4),
            .readiness = (uint8_t)rng_range(rng, 0, 4),
            .leaving = chance(rng, 5),
        };
        observe_pods(w->group, w->state, &pod, 1);
    }
}

/* Time goes on, mostly; a clock may also jump either way. */
static void pass_time(struct rng *rng, struct world *w)
{
    static const int64_t jumps[] = {-HOUR_NS, HOUR_NS, 3 * DAY_NS, -SECOND_NS};
    w->now_ns += chance(rng, 25) ? jumps[rng_range(rng, 0, COUNT_OF(jumps) - 1)]
                                 : rng_range(rng, 0, 40) * SECOND_NS / 2;
}

static const char *broken_exact(const struct decision *d)
{
    if (d->desired < 0 || d->desired > REPLICAS_MAX || d->proposal.replicas < 0 ||
        d->proposal.replicas > REPLICAS_MAX)
        return "counts are counts";
    return d->proposal.reason == REASON_NONE ? "R17: there is a reason" : NULL;
}

static void tick(struct world *w, bool exact, uint64_t seed)
{
    static struct decision again;
    const size_t size = group_state_size(w->group);
    struct group_state *copy = malloc(size);
    struct diag diag = {0};
    assert_non_null(copy);
    memcpy(copy, w->state, size);
    assert_int_equal(group_state_check(w->group, copy, size, &diag), RC_OK);
    const size_t before = allocations;
    (void)world_tick(w, 0);
    assert_int_equal(allocations, before);
    memset(&again, 0xa5, sizeof(again));
    decide(w->group, copy, &w->o, &again);
    const char *what = exact ? broken_exact(&w->d[0]) : broken(w, 0);
    if (!decision_equal(&again, &w->d[0]) || memcmp(copy, w->state, size) != 0)
        what = "R17: the same input gives the same bytes";
    if (what != NULL)
        print_error("policy %s%s, seed %llu: %s: %lld -> %lld\n", w->pool[0].policy->name,
                    exact ? " exact" : "", (unsigned long long)seed, what,
                    (long long)w->d[0].previous, (long long)w->d[0].desired);
    assert_null(what);
    free(copy);
}

static bool run(const struct policy_ops *policy, bool exact, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    struct world *w = random_policy_world(&rng, policy, exact);
    if (w == NULL)
        return false;
    observation_defaults(&w->o);
    for (int i = 0; i < TICKS; i++) {
        pass_time(&rng, w);
        random_samples(&rng, w);
        random_pods(&rng, w);
        random_observation(&rng, w);
        w->o.pool[0].counts_state = (uint8_t)maybe(&rng, 8, SIGNAL_FAILED, SIGNAL_VALUE);
        tick(w, exact, seed);
    }
    world_free(w);
    return true;
}

static void R1_to_R6_hold_for_every_policy_whatever_its_options(void **state)
{
    (void)state;
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (int exact = 0; exact <= policy_at(i)->imitation; exact++) {
            size_t good = 0;
            for (uint64_t seed = 1; seed <= RUNS; seed++)
                good += run(policy_at(i), exact, seed);
            if (good < RUNS / 2)
                print_error("policy %s: only %zu random configurations fit\n", policy_at(i)->name,
                            good);
            assert_true(good >= RUNS / 2);
        }
    assert_true(allocations > 0 || !COUNTS_ALLOCATIONS); /* the counter does count */
}

/* ---- system calls ---- */

/* In a child that is killed by the first call but read, write and the end of its thread. */
static int decide_sealed(struct world *w)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rng rng;
        rng_init(&rng, 5);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
            _exit(2);
        for (int i = 0; i < TICKS; i++) {
            pass_time(&rng, w);
            random_samples(&rng, w);
            random_pods(&rng, w);
            random_observation(&rng, w);
            (void)world_tick(w, 0);
        }
        (void)syscall(SYS_exit, 0); /* exit_group() is a call too many */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void no_policy_makes_a_system_call(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS)
        skip(); /* a sanitizer has calls of its own */
    for (size_t i = 0; policy_at(i) != NULL; i++) {
        struct rng rng;
        rng_init(&rng, 3);
        struct world *w = random_policy_world(&rng, policy_at(i), false);
        assert_non_null(w);
        observation_defaults(&w->o);
        const int status = decide_sealed(w);
        if (status != 0)
            print_error("policy %s: status %d\n", policy_at(i)->name, status);
        assert_int_equal(status, 0);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_to_R6_hold_for_every_policy_whatever_its_options),
        cmocka_unit_test(no_policy_makes_a_system_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
