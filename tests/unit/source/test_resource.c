/* test_resource.c - shares of processor time and memory that replicas use, and of their GPUs by the
 * page of an exporter. */
#include "rig.h"

#define POOL(sources)                                                                              \
    "pools:\n  p:\n    target: {process: {command: engine, port: 9}}\n    sources: [" sources "]"  \
    "\n"
#define RESOURCE POOL("{every: 1m, resource: {}}")
#define DCGM POOL("{every: 1m, dcgm: {url: \"http://127.0.0.1:%d/metrics\"}}")

static void add_replica(struct rig *rig, uint64_t id)
{
    rig->replica[rig->replica_count++] =
        (struct source_replica){.id = id, .host = "127.0.0.1", .port = 9, .ready = true};
}

static const struct sample *find(const struct rig *rig, enum signal_id signal)
{
    const struct sample *found = NULL;
    for (size_t i = 0; i < rig->sample_count; i++)
        if (rig->sample[i].signal.id == signal)
            found = &rig->sample[i].sample;
    return found;
}

/* The row of a kind: a pool with processes has the source "engine" too. */
static size_t row_of(const struct rig *rig, const char *name)
{
    size_t i = 0;
    while (strcmp(rig_row(rig, i).spec->name, name) != 0)
        i++;
    return i;
}

static void shares_are_of_the_limit_and_the_first_look_tells_no_processor_time(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1);
    add_replica(&rig, 2);
    rig.usage[0] = (struct source_usage){
        .cpu_s = 10, .cpus = 1e9, .memory_bytes = 3e9, .memory_limit_bytes = 4e9};
    rig.usage[1] = (struct source_usage){
        .cpu_s = 5, .cpus = 1e9, .memory_bytes = 1e9, .memory_limit_bytes = 4e9};
    rig_use(&rig, RESOURCE);
    const size_t at = row_of(&rig, "resource");
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_NONE);
    assert_null(find(&rig, SIGNAL_CPU_UTILIZATION));
    assert_float_equal(find(&rig, SIGNAL_MEMORY_UTILIZATION)->value, 0.5, 1e-12);
    assert_int_equal(find(&rig, SIGNAL_MEMORY_UTILIZATION)->covered, 2);
    /* So many cores that the time between two looks does not matter. */
    rig.usage[0].cpu_s += 1e3;
    rig.usage[1].cpu_s -= 1; /* processes of it have ended */
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_NONE);
    const struct sample *cpu = find(&rig, SIGNAL_CPU_UTILIZATION);
    assert_non_null(cpu);
    assert_true(cpu->value > 0 && cpu->value < 1);
    assert_int_equal(cpu->covered, 1);
    assert_int_equal(cpu->expected, 2);
    rig_done(&rig);
}

static void a_replica_that_cannot_be_read_is_unknown_and_none_is_absent(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1);
    rig_use(&rig, RESOURCE);
    const size_t at = row_of(&rig, "resource");
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_LOCAL);
    assert_int_equal(find(&rig, SIGNAL_MEMORY_UTILIZATION)->state, SIGNAL_FAILED);
    rig.replica_count = 0;
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_NONE);
    assert_int_equal(find(&rig, SIGNAL_MEMORY_UTILIZATION)->state, SIGNAL_ABSENT);
    rig_done(&rig);
}

static const char two_gpus[] = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\"} 40\n"
                               "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-b\"} 90\n"
                               "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"1\",UUID=\"GPU-b\"} 0.8\n"
                               "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\"} 1000\n"
                               "DCGM_FI_DEV_FB_FREE{gpu=\"0\",UUID=\"GPU-a\"} 3000\n"
                               "DCGM_FI_DEV_FB_USED{gpu=\"1\",UUID=\"GPU-b\"} 3000\n"
                               "DCGM_FI_DEV_FB_FREE{gpu=\"1\",UUID=\"GPU-b\"} 1000\n";

static void gpus_are_joined_by_uuid_or_index(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1);
    add_replica(&rig, 2);
    rig.gpus[0] = "GPU-a,GPU-b";
    rig.gpus[1] = "1";
    rig_answer(&rig, 200, two_gpus);
    rig_use(&rig, DCGM);
    assert_int_equal(rig_next(&rig, row_of(&rig, "dcgm")), SOURCE_FAULT_NONE);
    const struct sample *use = find(&rig, SIGNAL_GPU_UTILIZATION);
    assert_float_equal(use->value, ((0.4 + 0.8) / 2 + 0.8) / 2, 1e-12);
    assert_int_equal(use->covered, 2);
    assert_float_equal(find(&rig, SIGNAL_GPU_MEMORY_UTILIZATION)->value, (0.5 + 0.75) / 2, 1e-12);
    rig_done(&rig);
}

static void memory_of_a_gpu_is_told_while_the_last_page_was_whole(void **state)
{
    (void)state;
    struct rig rig;
    struct source_gpu gpu;
    rig_init(&rig);
    add_replica(&rig, 1);
    rig.gpus[0] = "GPU-a";
    rig_answer(&rig, 200, two_gpus);
    rig_use(&rig, DCGM);
    const size_t at = row_of(&rig, "dcgm");
    assert_false(sources_gpu(rig.sources, span_from("GPU-a"), &gpu));
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_NONE);
    assert_true(sources_gpu(rig.sources, span_from("GPU-b"), &gpu));
    assert_true(gpu.memory_used_bytes == 3000.0 * 1048576);
    assert_true(gpu.memory_bytes == 4000.0 * 1048576);
    assert_true(gpu.use_ratio == 0.8);
    assert_true(sources_gpu(rig.sources, span_from("0"), &gpu));
    assert_true(gpu.memory_used_bytes == 1000.0 * 1048576);
    assert_false(sources_gpu(rig.sources, span_from("GPU-c"), &gpu));
    rig_answer(&rig, 200, "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\"} -1\n");
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_UNCOVERED);
    assert_true(sources_gpu(rig.sources, span_from("GPU-a"), &gpu));
    assert_true(isnan(gpu.memory_used_bytes));
    assert_true(isnan(gpu.memory_bytes));
    rig_answer(&rig, 500, two_gpus);
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_STATUS);
    assert_false(sources_gpu(rig.sources, span_from("GPU-a"), &gpu));
    rig_done(&rig);
}

static void fault_11_values_of_the_driver_for_not_supported_are_refused(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\"} 9223372036854775794\n",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\"} 2147483632\n",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\"} -1\n",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"7\",UUID=\"GPU-other\"} 5\n",
    };
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1);
    rig.gpus[0] = "GPU-a";
    rig_answer(&rig, 200, pages[0]);
    rig_use(&rig, DCGM);
    const size_t at = row_of(&rig, "dcgm");
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        rig_answer(&rig, 200, pages[i]);
        assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_UNCOVERED);
        assert_int_equal(find(&rig, SIGNAL_GPU_UTILIZATION)->state, SIGNAL_FAILED);
    }
    rig_answer(&rig, 200, "<html></html>");
    assert_int_equal(rig_next(&rig, at), SOURCE_FAULT_NOT_PARSED);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_of_the_limit_and_the_first_look_tells_no_processor_time),
        cmocka_unit_test(a_replica_that_cannot_be_read_is_unknown_and_none_is_absent),
        cmocka_unit_test(gpus_are_joined_by_uuid_or_index),
        cmocka_unit_test(memory_of_a_gpu_is_told_while_the_last_page_was_whole),
        cmocka_unit_test(fault_11_values_of_the_driver_for_not_supported_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
