/* test_process.c - engines as real processes: started, ready, stopped, and what they are given. */
#include "rig.h"

#define PROCESS(more)                                                                              \
    "{maxReplicas: 8, target: {process: {command: [EXE, --engine, '{port}'], portsFrom: 23000, "   \
    "ready: {interval: 20ms}" more "}}}"
#define ONE_POOL "pools: {chat: " PROCESS("") "}"

static void an_engine_starts_becomes_ready_and_stops(void **state)
{
    (void)state;
    struct rig *rig = rig_new(ONE_POOL);
    rig_start(rig, "chat", 7);
    assert_int_equal(rig->count, 0); /* never before the call has returned */
    const struct replica_news *ready = rig_wait(rig, NEWS_READY, 7);
    assert_string_equal(ready->pool, "chat");
    assert_string_equal(ready->host, "127.0.0.1");
    assert_true(ready->port >= 23000);
    assert_true(ready->target_hash == rig->config->pool[0]->target_hash);
    for (size_t i = 0; i < PHASE_COUNT; i++) {
        assert_int_equal(rig->news[i].kind, NEWS_PHASE);
        assert_int_equal(rig->news[i].phase, i);
    }
    targets_stop(rig->targets, 7, false);
    const struct replica_news *gone = rig_wait(rig, NEWS_GONE, 7);
    assert_string_equal(gone->text, "stopped: killed by SIGTERM");
    assert_int_equal(rig->count, PHASE_COUNT + 2);
    rig_free(rig);
}

static void a_replica_may_be_stopped_in_any_phase_and_twice(void **state)
{
    (void)state;
    struct rig *rig = rig_new("pools: {chat: {target: {process: {command: [sleep, '600']}}}}");
    rig_start(rig, "chat", 1);
    targets_stop(rig->targets, 1, false); /* before a loop turn has passed */
    targets_stop(rig->targets, 1, false);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text, "stopped: killed by SIGTERM");
    rig_start(rig, "chat", 2);
    (void)rig_wait(rig, NEWS_PHASE, 2);
    targets_stop(rig->targets, 2, true);
    targets_stop(rig->targets, 2, false);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 2)->text, "stopped: killed by SIGKILL");
    targets_stop(rig->targets, 99, false);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 99)->text, "it is not known");
    rig_start(rig, "other", 3);
    assert_string_equal(rig_wait(rig, NEWS_FAILED, 3)->text, "pool \"other\" is not configured");
    rig_free(rig);
}

static void an_engine_that_ends_after_it_served_is_gone_with_its_last_words(void **state)
{
    (void)state;
    struct rig *rig =
        rig_new("pools: {chat: {target: {process: {command: [EXE, --engine, '{port}', "
                "\"say=\\e[31mout of\\tpaper\\e[0m\", 'end-after=2'], ready: {interval: 20ms}}}}}");
    rig_start(rig, "chat", 1);
    rig_poke(rig_wait(rig, NEWS_READY, 1)->port);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text,
                        "exit code 3; its last words: out of paper");
    rig_free(rig);
}

/* The lines that an engine printed, as one text. */
static const char *output_of(const struct rig *rig, uint64_t replica)
{
    static char text[65536];
    struct buf path;
    buf_init(&path, 4096);
    assert_true(targets_log_path(rig->targets, replica, &path));
    FILE *file = fopen(buf_cstr(&path), "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    buf_done(&path);
    return text;
}

static void an_engine_gets_its_mark_what_is_configured_and_nothing_else(void **state)
{
    static const char yaml[] =
        "inventory: {gpus: [{name: GPU-a}, {name: GPU-b}]}\n"
        "pools: {chat: {models: [llama], target: {process: {gpus: 2, portsFrom: 23000, "
        "ready: {interval: 20ms}, workdir: 'DIR', passEnv: [SLUICE_TEST_PASSED], "
        "logFolder: 'DIR/logs/{pool}', "
        "env: {WHO: '{pool}/{replica} at {port} with {model} on {gpus}', KEPT: '{\"a\": 1}'}, "
        "command: [EXE, --engine, '{port}', print-env]}}}}";
    static const char *const wanted[] = {"\nSLUICE_REPLICA=5\n",
                                         "\nSLUICE_POOL=chat\n",
                                         "\nSLUICE_GPUS=GPU-a,GPU-b\n",
                                         "\nSLUICE_GPU_SHARE=1\n",
                                         "\nSLUICE_TEST_PASSED=yes\n",
                                         "\nKEPT={\"a\": 1}\n",
                                         "\nHOME=",
                                         "\nPATH=",
                                         "\nSLUICE_INSTALLATION=test",
                                         "\nSLUICE_CLASS=0\n",
                                         "\nCUDA_VISIBLE_DEVICES=GPU-a,"};
    char who[128];
    (void)state;
    assert_int_equal(setenv("SLUICE_TEST_PASSED", "yes", 1), 0);
    assert_int_equal(setenv("SLUICE_TEST_SECRET", "no", 1), 0);
    struct rig *rig = rig_new(yaml);
    rig_start(rig, "chat", 5);
    const uint16_t port = rig_wait(rig, NEWS_READY, 5)->port;
    char *text = NULL;
    assert_true(asprintf(&text, "\n%s", output_of(rig, 5)) > 0);
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (!strstr(text, wanted[i]))
            fail_msg("%s is not in %s", wanted[i], text);
    snprintf(who, sizeof who, "\nWHO=chat/5 at %u with llama on GPU-a,GPU-b\n", (unsigned)port);
    assert_non_null(strstr(text, who));
    assert_null(strstr(text, "SLUICE_TEST_SECRET"));
    free(text);
    rig_end(rig, 5);
    rig_free(rig);
}

static void the_classes_of_a_pool_share_the_gpus_of_their_types(void **state)
{
#define CLASSES(list)                                                                              \
    "{classes: [" list "], target: {process: {command: [EXE, --engine, '{port}'], gpus: 1}}}\n"
    static const char yaml[] =
        "inventory: {gpus: [{name: '0', type: l4}, {name: '1', type: l4}, {name: '2', type: h1}]}\n"
        "pools:\n"
        "  types: " CLASSES("{name: a, gpuType: L4}, {name: b, gpuType: h1}") "  sizes: " CLASSES(
            "{name: a, gpuType: l4, gpus: 2}, {name: b, gpuType: l4}") "  any: " CLASSES("{name: "
                                                                                         "a, "
                                                                                         "gpuType: "
                                                                                         "l4}, "
                                                                                         "{name: "
                                                                                         "b}");
    (void)state;
    struct rig *rig = rig_new(yaml);
    assert_int_equal(targets_room(rig->targets, "types"), 3);
    assert_int_equal(targets_room(rig->targets, "sizes"), 2);
    assert_int_equal(targets_room(rig->targets, "any"), 3);
    rig_free(rig);
}

static void gpus_are_given_out_once_and_refused_when_used_up(void **state)
{
    static const char yaml[] = "inventory: {gpus: [{name: '0'}, {name: '1'}, {name: '2'}]}\n"
                               "pools: {chat: " PROCESS(", gpus: 1") ", big: " PROCESS(
                                   ", gpus: 2") ", none: " PROCESS("") "}";
    (void)state;
    struct rig *rig = rig_new(yaml);
    assert_int_equal(targets_room(rig->targets, "chat"), 3);
    assert_int_equal(targets_room(rig->targets, "big"), 1);
    assert_int_equal(targets_room(rig->targets, "none"), NO_COUNT);
    assert_true(targets_gpus_free(rig->targets) == 3);
    rig_start(rig, "chat", 1);
    rig_start(rig, "chat", 2);
    rig_start(rig, "big", 3);
    assert_string_equal(rig_wait(rig, NEWS_REFUSED, 3)->text,
                        "a replica needs 2 GPUs, 1 are free of 3 described");
    assert_int_equal(targets_room(rig->targets, "chat"), 3); /* whoever holds it now */
    assert_int_equal(targets_room(rig->targets, "big"), 1);
    assert_true(rig->room_calls > 0);
    rig_end(rig, 1);
    rig_start(rig, "big", 4);
    (void)rig_wait(rig, NEWS_READY, 4);
    assert_true(targets_gpus_free(rig->targets) == 0);
    rig_end(rig, 2);
    rig_end(rig, 4);
    assert_true(targets_gpus_free(rig->targets) == 3);
    rig_free(rig);
}

static void gpus_that_nobody_described_are_refused_with_words(void **state)
{
    (void)state;
    struct rig *rig = rig_new("pools: {chat: " PROCESS(", gpus: 1") "}");
    if (targets_gpus_free(rig->targets) < INFINITY) {
        rig_free(rig);
        skip(); /* this machine has GPUs, they were found */
    }
    assert_int_equal(targets_room(rig->targets, "chat"), 0);
    rig_start(rig, "chat", 1);
    assert_non_null(strstr(rig_wait(rig, NEWS_FAILED, 1)->text, "describe them under inventory"));
    rig_free(rig);
}

static void what_is_known_of_a_replica_is_printed(void **state)
{
    static const char yaml[] = "inventory: {gpus: [{name: GPU-a, type: h100, memory: 80Gi}]}\n"
                               "pools: {chat: " PROCESS(", gpuMemory: 20Gi") "}";
    struct arena arena;
    struct buf text;
    struct json_writer w;
    const struct tree *tree = NULL;
    double used = 0;
    int64_t holder = 0;
    (void)state;
    struct rig *rig = rig_new(yaml);
    arena_init(&arena, 1 << 20);
    buf_init(&text, 1 << 20);
    rig_start(rig, "chat", 11);
    (void)rig_wait(rig, NEWS_READY, 11);
    json_init(&w, &text);
    json_object(&w);
    targets_print(rig->targets, NULL, NULL, &w);
    json_object_end(&w);
    assert_int_equal(json_read(&arena, buf_view(&text), NULL, &tree, NULL), RC_OK);
    const struct tree *gpu = tree_at(tree_get(tree, "gpus"), 0);
    assert_true(tree_number(tree_get(gpu, "used"), &used));
    assert_true(used == 0.25);
    assert_true(tree_int(tree_at(tree_get(gpu, "replicas"), 0), &holder));
    assert_int_equal(holder, 11);
    const struct tree *replica = tree_at(tree_get(tree, "replicas"), 0);
    assert_true(tree_int(tree_get(replica, "pid"), &holder));
    assert_true(is_alive((pid_t)holder));
    rig_end(rig, 11);
    rig_free(rig);
    buf_done(&text);
    arena_done(&arena);
}

static bool gpu_meter(const void *user, const char *id, struct target_gpu *ret)
{
    (void)user;
    *ret = (struct target_gpu){
        .use_ratio = NAN, .memory_used_bytes = 3, .memory_bytes = id[0] == 'a' ? 8 : (double)NAN};
    return id[0] != 'c';
}

/* Two GPUs for one replica, one for two, and one that nobody measures. */
static void memory_of_a_replica_is_told_while_it_has_its_gpus_for_itself(void **state)
{
    static const char yaml[] =
        "inventory: {gpus: [{name: a, memory: 8}, {name: b, memory: 8}, "
        "{name: shared, type: s, memory: 8}, {name: c, type: c}]}\n"
        "pools: {pair: " PROCESS(", gpus: 2, gpuType: ''") ", part: " PROCESS(
            ", gpuMemory: 4, gpuType: s") ", far: " PROCESS(", gpus: 1, gpuType: c") "}";
    static const char *const pools[] = {"pair", "part", "part", "far"};
    struct arena arena;
    struct buf text;
    struct json_writer w;
    const struct tree *tree = NULL;
    double bytes = 0;
    (void)state;
    struct rig *rig = rig_new(yaml);
    arena_init(&arena, 1 << 20);
    buf_init(&text, 1 << 20);
    for (uint64_t i = 0; i < COUNT_OF(pools); i++) {
        rig_start(rig, pools[i], 1 + i);
        (void)rig_wait(rig, NEWS_READY, 1 + i);
    }
    json_init(&w, &text);
    json_object(&w);
    targets_print(rig->targets, gpu_meter, NULL, &w);
    json_object_end(&w);
    assert_int_equal(json_read(&arena, buf_view(&text), NULL, &tree, NULL), RC_OK);
    const struct tree *gpus = tree_get(tree, "gpus");
    const struct tree *measured = tree_get(tree_at(gpus, 0), "measured");
    assert_true(tree_number(tree_get(measured, "memoryUsedBytes"), &bytes) && bytes == 3);
    assert_true(tree_number(tree_get(measured, "memoryBytes"), &bytes) && bytes == 8);
    assert_null(tree_get(measured, "use"));
    assert_null(tree_get(tree_get(tree_at(gpus, 1), "measured"), "memoryBytes"));
    assert_null(tree_get(tree_at(gpus, 3), "measured"));
    const struct tree *replicas = tree_get(tree, "replicas");
    assert_true(tree_number(tree_get(tree_at(replicas, 0), "gpuMemoryUsedBytes"), &bytes));
    assert_true(bytes == 6);
    for (size_t i = 1; i < COUNT_OF(pools); i++)
        assert_null(tree_get(tree_at(replicas, i), "gpuMemoryUsedBytes"));
    for (uint64_t i = 0; i < COUNT_OF(pools); i++)
        rig_end(rig, 1 + i);
    rig_free(rig);
    buf_done(&text);
    arena_done(&arena);
}

static void live_options_reach_running_replicas(void **state)
{
    (void)state;
    struct rig *rig = rig_new(
        "pools: {chat: {target: {process: {command: [EXE, --engine, '{port}', ignore-term], "
        "stopGrace: 1h, ready: {interval: 20ms}}}}}");
    rig_start(rig, "chat", 1);
    (void)rig_wait(rig, NEWS_READY, 1);
    rig_configure(
        rig, "pools: {chat: {target: {process: {command: [EXE, --engine, '{port}', ignore-term], "
             "stopGrace: 50ms, ready: {interval: 20ms}}}}}");
    targets_stop(rig->targets, 1, false);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text, "stopped: killed by SIGKILL");
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_starts_becomes_ready_and_stops),
        cmocka_unit_test(a_replica_may_be_stopped_in_any_phase_and_twice),
        cmocka_unit_test(an_engine_that_ends_after_it_served_is_gone_with_its_last_words),
        cmocka_unit_test(an_engine_gets_its_mark_what_is_configured_and_nothing_else),
        cmocka_unit_test(the_classes_of_a_pool_share_the_gpus_of_their_types),
        cmocka_unit_test(gpus_are_given_out_once_and_refused_when_used_up),
        cmocka_unit_test(gpus_that_nobody_described_are_refused_with_words),
        cmocka_unit_test(what_is_known_of_a_replica_is_printed),
        cmocka_unit_test(memory_of_a_replica_is_told_while_it_has_its_gpus_for_itself),
        cmocka_unit_test(live_options_reach_running_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
