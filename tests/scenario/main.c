/* Plays scenario files (tests/scenario/NAME.scn) in the simulator: each with the seeds it names
 * and, with --fresh N, with N others. A failure prints what did not hold and the command that plays
 * it again.
 *
 * usage: scenario [--seed N] [--fresh N] FILE... ; last line 'N passed, N failed, N skipped'. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/file.h"
#include "io/random.h"
#include "sim/scenario.h"

#define SCENARIO_BYTES_MAX (1U << 20)

struct totals {
    int passed;
    int failed;
};

static struct scenario *read_file(const char *path)
{
    struct buf text;
    struct diag diag = {0};
    struct problem_list problems;
    struct scenario *scenario = NULL;
    buf_init(&text, SCENARIO_BYTES_MAX);
    problem_list_init(&problems);
    if (file_read(path, SCENARIO_BYTES_MAX, &text, &diag) != RC_OK)
        (void)printf("%s: %s\n", path, diag.text);
    else
        scenario = scenario_read(path, buf_view(&text), &problems);
    for (size_t i = 0; i < problems.count; i++)
        (void)printf("%s:%u: %s: %s\n", path, problems.item[i].line, problems.item[i].path,
                     problems.item[i].text);
    problem_list_done(&problems);
    buf_done(&text);
    return scenario;
}

/* The same play twice must take the same decisions. */
static bool play_twice(const struct scenario *scenario, uint64_t seed, struct buf *report,
                       struct world_result *ret)
{
    struct world_result again;
    if (!scenario_play(scenario, seed, report, ret) ||
        !scenario_play(scenario, seed, report, &again))
        return false;
    if (again.decision_hash == ret->decision_hash)
        return true;
    buf_text(report, "two plays with one seed decided differently\n");
    return false;
}

static void play(const struct scenario *scenario, uint64_t seed, struct totals *totals)
{
    struct buf report;
    struct world_result result = {0};
    buf_init(&report, 1U << 20);
    const int64_t begin_ns = clock_monotonic_ns();
    const bool ok = play_twice(scenario, seed, &report, &result);
    const int64_t spent_ms = (clock_monotonic_ns() - begin_ns) / 1000000;
    (void)printf("%-4s %-52s seed %-6" PRIu64 " %8" PRId64 " requests %6" PRId64
                 " ms  decisions %016" PRIx64 "\n",
                 ok ? "ok" : "FAIL", scenario->file, seed, result.requests, spent_ms,
                 result.decision_hash);
    if (!ok)
        (void)printf("%s  again: build/tests/scenario --seed %" PRIu64 " %s\n", buf_cstr(&report),
                     seed, scenario->file);
    totals->passed += ok;
    totals->failed += !ok;
    buf_done(&report);
}

static void play_file(const char *path, const char *only_seed, long fresh, struct totals *totals)
{
    struct scenario *scenario = read_file(path);
    if (scenario == NULL) {
        totals->failed++;
        return;
    }
    uint64_t seeds[SCENARIO_SEEDS_MAX];
    size_t count = scenario_seeds(scenario, seeds);
    if (only_seed != NULL) {
        seeds[0] = strtoull(only_seed, NULL, 10);
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        play(scenario, seeds[i], totals);
    for (long i = 0; i < fresh; i++)
        play(scenario, random_u64() % 1000000, totals);
    scenario_free(scenario);
}

int main(int argc, char **argv)
{
    const char *seed = NULL;
    long fresh = 0;
    struct totals totals = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = argv[++i];
        else if (strcmp(argv[i], "--fresh") == 0 && i + 1 < argc)
            fresh = strtol(argv[++i], NULL, 10);
        else
            play_file(argv[i], seed, fresh, &totals);
    }
    (void)printf("%d passed, %d failed, 0 skipped\n", totals.passed, totals.failed);
    return totals.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
