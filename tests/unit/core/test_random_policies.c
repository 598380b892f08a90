/* Every registered policy in random worlds with random options, those at the bounds of their ranges
 * among them: what must hold for native and guarded pools, and what an exact one owes. A new policy
 * is here with its line in the registry. A failure prints the policy and the seed. */
#include "random_policy.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 100
#define TICKS 40

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
