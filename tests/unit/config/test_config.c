/* Whole configurations: values that come out, faults that refuse the whole file, changes between
 * two files, and the documents made from the tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "config/config.h"
#include "config/document.h"

#include <cmocka.h>

static struct config *read_text_as(const char *file, const char *text, struct problem_list *ret)
{
    problem_list_init(ret);
    return config_read(file, span_from(text), NULL, ret);
}

static struct config *read_good(const char *text)
{
    struct problem_list problems;
    struct config *config = read_text_as("config.yaml", text, &problems);
    for (size_t i = 0; i < problems.count; i++)
        print_message("%u:%u %s: %s\n", problems.item[i].line, problems.item[i].column,
                      problems.item[i].path, problems.item[i].text);
    assert_int_equal(problems.errors, 0);
    assert_non_null(config);
    problem_list_done(&problems);
    return config;
}

static void refuses(const char *text, enum rc code, uint32_t line, uint32_t column,
                    const char *words)
{
    struct problem_list problems;
    struct config *config = read_text_as("config.yaml", text, &problems);
    assert_null(config);
    assert_true(problems.count > 0);
    assert_int_equal(problems.item[0].code, code);
    assert_int_equal(problems.item[0].line, line);
    assert_int_equal(problems.item[0].column, column);
    assert_non_null(strstr(problems.item[0].text, words));
    problem_list_done(&problems);
}

#define POOL "pools:\n  a:\n    target: {process: {command: [x, \"{port}\"]}}\n"

static void file_in_folder(const char *name, struct buf *ret)
{
    char path[512], block[4096];
    size_t n;
    const char *root = getenv("SLUICE_ROOT");
    (void)snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
    FILE *in = fopen(path, "rb");
    if (!in)
        fail_msg("%s cannot be opened", path);
    buf_init(ret, 1 << 22);
    while ((n = fread(block, 1, sizeof(block), in)) > 0)
        buf_append(ret, block, n);
    (void)fclose(in);
}

static void the_example_of_vllm_has_the_values_it_shows(void **state)
{
    (void)state;
    struct buf text;
    file_in_folder("examples/vllm.yaml", &text);
    struct config *c = read_good(buf_cstr(&text));
    const struct pool_config *p = config_pool(c, span_from("chat"));
    assert_non_null(p);
    assert_string_equal(c->listen.gateway, "127.0.0.1:8080");
    assert_string_equal(c->state, "sluice.db");
    assert_string_equal(p->models.item[0], "llama-3.1-8b");
    assert_int_equal(p->target.kind, TARGET_PROCESS);
    assert_int_equal(p->target.process.command.count, 5);
    assert_string_equal(p->target.process.command.item[4], "{port}");
    assert_int_equal(p->target.process.engine, ENGINE_VLLM);
    assert_true(p->target.process.gpus == 1);
    assert_true(p->target.process.ready.timeout_ns == 10 * MINUTE_NS);
    assert_int_equal(p->core.replicas_min, 0);
    assert_int_equal(p->core.replicas_max, 4);
    assert_int_equal(p->core.concurrency_limit, 64);
    assert_true(p->queue.tokens_max == 200000);
    assert_true(p->queue.timeout_ns == 5 * MINUTE_NS);
    assert_true(p->core.slo.ttft_ns == 500 * MILLISECOND_NS);
    assert_true(p->core.slo.inter_token_ns == 50 * MILLISECOND_NS);
    assert_true(p->core.slo.attainment_percent == 99);
    assert_non_null(p->core.policy);
    assert_int_equal(p->core.class_count, 1);
    config_free(c);
    buf_done(&text);
}

static void every_example_is_read_without_a_problem(void **state)
{
    (void)state;
    static const char *const files[] = {"examples/vllm.yaml", "examples/llama-cpp.yaml",
                                        "examples/two-models.yaml", "examples/full.yaml"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct buf text;
        struct problem_list problems;
        file_in_folder(files[i], &text);
        struct config *c = read_text_as(files[i], buf_cstr(&text), &problems);
        if (problems.count > 0)
            fail_msg("%s:%u: %s", files[i], problems.item[0].line, problems.item[0].text);
        config_free(c);
        problem_list_done(&problems);
        buf_done(&text);
    }
}

static void a_command_alone_is_a_valid_pool(void **state)
{
    (void)state;
    struct config *c =
        read_good("pools: {m: {target: {process: {command: \"llama-server -m 'a b.gguf' --port "
                  "{port}\"}}}}");
    const struct pool_config *p = config_pool(c, span_from("m"));
    assert_int_equal(p->target.process.command.count, 5);
    assert_string_equal(p->target.process.command.item[2], "a b.gguf");
    assert_string_equal(p->models.item[0], "m");
    assert_int_equal(p->core.replicas_max, 1);
    config_free(c);
}

static void json_is_read_like_yaml(void **state)
{
    (void)state;
    struct problem_list problems;
    struct config *c =
        read_text_as("a.json",
                     "{\"pools\":{\"a\":{\"target\":{\"process\":{\"command\":[\"x\",\"{port}\"]}},"
                     "\"maxReplicas\":3}}}",
                     &problems);
    assert_non_null(c);
    assert_int_equal(c->pool[0]->core.replicas_max, 3);
    config_free(c);
    problem_list_done(&problems);
    c = read_text_as("a.json", "{\"pools\":{}, \"pools\":{}}", &problems);
    assert_null(c);
    assert_int_equal(problems.item[0].code, RC_DUPLICATE);
    problem_list_done(&problems);
}

static void defaults_are_taken_over_and_can_be_set_again(void **state)
{
    (void)state;
    struct config *c = read_good(
        "defaults: {maxReplicas: 4, queue: {timeout: 1m, maxRequests: 7}, target: {process: "
        "{engine: vllm}}}\n"
        "pools:\n  a: {target: {process: {command: [x, \"{port}\"]}}, queue: {timeout: 2m}}\n"
        "  b: {target: {http: {endpoints: http://h:1}}}\n");
    assert_int_equal(c->pool[0]->core.replicas_max, 4);
    assert_int_equal(c->pool[0]->queue.requests_max, 7);
    assert_true(c->pool[0]->queue.timeout_ns == 2 * MINUTE_NS);
    assert_int_equal(c->pool[0]->target.process.engine, ENGINE_VLLM);
    assert_int_equal(c->pool[1]->target.kind, TARGET_HTTP);
    config_free(c);
}

static void fault_79_malformed_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    refuses("pools:\n  a: {target: [}\n", RC_SYNTAX, 2, 16, "");
}

static void fault_79_an_unknown_key_is_refused_with_the_nearest_name(void **state)
{
    (void)state;
    refuses(POOL "    maxReplica: 3\n", RC_UNKNOWN, 4, 5, "did you mean \"maxReplicas\"");
}

static void fault_79_a_duplicate_key_is_refused(void **state)
{
    (void)state;
    refuses(POOL "    maxReplicas: 3\n    maxReplicas: 4\n", RC_DUPLICATE, 5, 5, "twice");
}

static void fault_79_billion_laughs_are_refused(void **state)
{
    (void)state;
    struct buf text;
    struct problem_list problems;
    buf_init(&text, 1 << 20);
    buf_text(&text, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (char c = 'b'; c < 'j'; c++)
        buf_printf(&text, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1,
                   c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    assert_null(read_text_as("config.yaml", buf_cstr(&text), &problems));
    assert_int_equal(problems.item[0].code, RC_LIMIT);
    problem_list_done(&problems);
    buf_done(&text);
}

static void fault_79_a_thousand_million_replicas_are_refused(void **state)
{
    (void)state;
    refuses(POOL "    maxReplicas: 1000000000\n", RC_RANGE, 4, 18, "allowed is 1 to 1000000");
}

static void fault_79_a_minimum_above_the_maximum_is_refused(void **state)
{
    (void)state;
    refuses(POOL "    minReplicas: 3\n    maxReplicas: 2\n", RC_RANGE, 4, 18, "above maxReplicas");
}

static void a_file_beyond_the_limit_of_bytes_is_refused(void **state)
{
    (void)state;
    struct problem_list problems;
    char *text = malloc(CONFIG_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, '#', CONFIG_BYTES_MAX + 1);
    text[CONFIG_BYTES_MAX + 1] = '\0';
    assert_null(read_text_as("config.yaml", text, &problems));
    assert_int_equal(problems.item[0].code, RC_LIMIT);
    problem_list_done(&problems);
    free(text);
}

static void secrets_do_not_reach_messages(void **state)
{
    (void)state;
    struct problem_list problems;
    static const struct env_pair pairs[] = {{"SECRET", "hunter2"}};
    const struct env_table env = {.item = pairs, .count = 1};
    problem_list_init(&problems);
    struct config *c = config_read("c.yaml",
                                   span_from(POOL "    minReplicas: \"${env:SECRET}\"\n"
                                                  "    mode: ${env:SECRET}\n"),
                                   &env, &problems);
    assert_null(c);
    assert_int_equal(problems.count, 2);
    for (size_t i = 0; i < problems.count; i++)
        assert_null(strstr(problems.item[i].text, "hunter2"));
    problem_list_done(&problems);
}

static enum rc one_file(void *user, struct span path, struct buf *into, struct diag *diag)
{
    (void)user;
    (void)diag;
    assert_true(span_equal_text(path, "/run/secret"));
    buf_text(into, "hunter2\n");
    return RC_OK;
}

static void secrets_of_files_are_text_and_do_not_reach_messages(void **state)
{
    (void)state;
    struct problem_list problems;
    const struct env_table env = {.file = one_file};
    problem_list_init(&problems);
    struct config *c =
        config_read("c.yaml", span_from("listen: {adminToken: \"${file:/run/secret}\"}\n" POOL),
                    &env, &problems);
    assert_non_null(c);
    assert_string_equal(c->listen.admin_token, "hunter2");
    config_free(c);
    c = config_read("c.yaml",
                    span_from(POOL "    minReplicas: ${file:/run/secret}\n"
                                   "    mode: \"${file:/run/secret}\"\n"),
                    &env, &problems);
    assert_null(c);
    assert_int_equal(problems.count, 2);
    for (size_t i = 0; i < problems.count; i++)
        assert_null(strstr(problems.item[i].text, "hunter2"));
    problem_list_done(&problems);
}

static void what_cannot_be_had_is_an_error_unless_something_stands_for_it(void **state)
{
    (void)state;
    static const char text[] = "listen: {adminToken: \"${file:/run/secret}${env:NOBODY}\"}\n" POOL;
    struct problem_list problems;
    struct env_table env = {.item = NULL};
    problem_list_init(&problems);
    assert_null(config_read("c.yaml", span_from(text), &env, &problems));
    assert_int_equal(problems.errors, 2);
    env.otherwise = "x";
    struct config *c = config_read("c.yaml", span_from(text), &env, &problems);
    assert_non_null(c);
    assert_string_equal(c->listen.admin_token, "xx");
    config_free(c);
    problem_list_done(&problems);
}

static void many_problems_are_counted_and_bounded(void **state)
{
    (void)state;
    struct buf text;
    struct problem_list problems;
    buf_init(&text, 1 << 20);
    buf_text(&text, "pools:\n");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "  p%d: {bad: 1}\n", i);
    assert_null(read_text_as("config.yaml", buf_cstr(&text), &problems));
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_true(problems.errors >= 1000);
    problem_list_done(&problems);
    buf_done(&text);
}

static enum pool_change change_of(const char *old, const char *next, const char *path)
{
    struct config *a = read_good(old), *b = read_good(next);
    struct config_diff diff;
    assert_int_equal(config_diff(a, b, &diff), RC_OK);
    const enum pool_change change = diff.pool[0].change;
    if (path) {
        assert_int_equal(diff.pool[0].count, 1);
        assert_string_equal(diff.pool[0].item[0].path, path);
    }
    config_diff_done(&diff);
    config_free(a);
    config_free(b);
    return change;
}

static void each_change_has_the_class_of_its_option(void **state)
{
    (void)state;
    assert_int_equal(change_of(POOL, POOL "    # a comment\n", NULL), POOL_UNCHANGED);
    assert_int_equal(change_of(POOL, POOL "    maxReplicas: 2\n", "pools.a.maxReplicas"),
                     POOL_LIVE);
    assert_int_equal(change_of(POOL, "defaults: {target: {process: {memory: 1Gi}}}\n" POOL,
                               "pools.a.target.process.memory"),
                     POOL_NEXT_START);
    assert_int_equal(change_of(POOL, "defaults: {target: {process: {args: [y]}}}\n" POOL,
                               "pools.a.target.process.args"),
                     POOL_REPLACE);
    assert_int_equal(change_of(POOL, POOL "    group: g\n", "pools.a.group"), POOL_RESTART);
}

static void a_command_that_comes_out_the_same_replaces_nobody(void **state)
{
    (void)state;
    assert_int_equal(
        change_of(POOL, "pools: {a: {target: {process: {command: \"x '{port}'\"}}}}\n", NULL),
        POOL_LIVE);
}

static void added_and_removed_pools_and_general_options_are_told(void **state)
{
    (void)state;
    struct config *a = read_good(POOL);
    struct config *b = read_good("listen: {gateway: 127.0.0.1:9}\nfleet: {maxStarts: 3}\n"
                                 "pools: {b: {target: {process: {command: [x, \"{port}\"]}}}}\n");
    struct config_diff diff;
    assert_int_equal(config_diff(a, b, &diff), RC_OK);
    assert_int_equal(diff.pool_count, 2);
    assert_string_equal(diff.pool[0].name, "b");
    assert_int_equal(diff.pool[0].change, POOL_ADDED);
    assert_string_equal(diff.pool[1].name, "a");
    assert_int_equal(diff.pool[1].change, POOL_REMOVED);
    assert_int_equal(diff.general_count, 2);
    assert_true(diff.restart);
    config_diff_done(&diff);
    config_free(a);
    config_free(b);
}

static void placeholders_are_filled_and_other_braces_left(void **state)
{
    (void)state;
    const struct target_values values = {
        .pool = "chat", .model = "m", .gpus = "0,1", .replica = "7", .port = 20001};
    struct buf out;
    buf_init(&out, 4096);
    target_expand(span_from("{port}/{model}/{gpus}/{replica}/{pool}/{\"a\":{}}/{por}"), &values,
                  &out);
    assert_string_equal(buf_cstr(&out), "20001/m/0,1/7/chat/{\"a\":{}}/{por}");
    buf_done(&out);
}

static void commands_are_split_like_words_of_a_shell(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *last;
    } cases[] = {
        {"a b c", 3, "c"},
        {"  a\t'b c'  ", 2, "b c"},
        {"a \"b \\\" c\"", 2, "b \" c"},
        {"a b\\ c", 2, "b c"},
        {"a ''", 2, ""},
        {"a x'y'\"z\"", 2, "xyz"},
        {"a 'b\\n'", 2, "b\\n"},
        {"a $HOME;b", 2, "$HOME;b"},
        {"a \\\n b", 2, "b"},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct text_list list;
        arena_init(&arena, 1 << 20);
        assert_int_equal(command_split(&arena, span_from(cases[i].text), &list, NULL), RC_OK);
        assert_int_equal(list.count, cases[i].count);
        if (list.count > 0)
            assert_string_equal(list.item[list.count - 1], cases[i].last);
        arena_done(&arena);
    }
}

static void committed_documents_are_what_the_tables_say(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum rc (*make)(struct buf *out);
    } documents[] = {
        {"examples/full.yaml", document_example},
        {"examples/sluice.schema.json", document_schema},
        {"docs/options.md", document_reference},
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct buf file, made;
        file_in_folder(documents[i].file, &file);
        buf_init(&made, 1 << 22);
        assert_int_equal(documents[i].make(&made), RC_OK);
        if (!span_equal(buf_view(&file), buf_view(&made)))
            fail_msg("%s is not what the tables say: run tools/generate build/sluice",
                     documents[i].file);
        buf_done(&file);
        buf_done(&made);
    }
}

/* Takes the '#' away from every line that has no space after it. */
static void with_every_option(struct buf *out)
{
    struct buf made;
    buf_init(&made, 1 << 22);
    assert_int_equal(document_example(&made), RC_OK);
    struct span rest = buf_view(&made), line;
    while (span_split(&rest, '\n', &line)) {
        size_t i = 0;
        while (i < line.len && line.ptr[i] == ' ')
            i++;
        const bool option = i + 1 < line.len && line.ptr[i] == '#' && line.ptr[i + 1] != ' ';
        buf_span(out, span_slice(line, 0, i));
        buf_span(out, span_slice(line, option ? i + 1 : i, line.len));
        buf_byte(out, '\n');
    }
    buf_done(&made);
}

static void the_full_example_is_valid_with_every_option_set(void **state)
{
    (void)state;
    struct buf text;
    struct problem_list problems;
    buf_init(&text, 1 << 22);
    with_every_option(&text);
    struct config *c = read_text_as("full.yaml", buf_cstr(&text), &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (problems.item[i].severity == PROBLEM_ERROR)
            fail_msg("%u: %s: %s", problems.item[i].line, problems.item[i].path,
                     problems.item[i].text);
    assert_non_null(c);
    config_free(c);
    problem_list_done(&problems);
    buf_done(&text);
}

static void the_schema_is_json(void **state)
{
    (void)state;
    struct buf made;
    struct arena arena;
    const struct tree *tree;
    buf_init(&made, 1 << 22);
    arena_init(&arena, 1 << 26);
    assert_int_equal(document_schema(&made), RC_OK);
    assert_int_equal(json_read(&arena, buf_view(&made), NULL, &tree, NULL), RC_OK);
    assert_non_null(tree_path(tree, "properties.pools.additionalProperties"));
    assert_non_null(tree_path(tree, "properties.listen.properties.gateway.description"));
    arena_done(&arena);
    buf_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_vllm_has_the_values_it_shows),
        cmocka_unit_test(every_example_is_read_without_a_problem),
        cmocka_unit_test(a_command_alone_is_a_valid_pool),
        cmocka_unit_test(json_is_read_like_yaml),
        cmocka_unit_test(defaults_are_taken_over_and_can_be_set_again),
        cmocka_unit_test(fault_79_malformed_yaml_is_refused_with_its_place),
        cmocka_unit_test(fault_79_an_unknown_key_is_refused_with_the_nearest_name),
        cmocka_unit_test(fault_79_a_duplicate_key_is_refused),
        cmocka_unit_test(fault_79_billion_laughs_are_refused),
        cmocka_unit_test(fault_79_a_thousand_million_replicas_are_refused),
        cmocka_unit_test(fault_79_a_minimum_above_the_maximum_is_refused),
        cmocka_unit_test(a_file_beyond_the_limit_of_bytes_is_refused),
        cmocka_unit_test(secrets_do_not_reach_messages),
        cmocka_unit_test(secrets_of_files_are_text_and_do_not_reach_messages),
        cmocka_unit_test(what_cannot_be_had_is_an_error_unless_something_stands_for_it),
        cmocka_unit_test(many_problems_are_counted_and_bounded),
        cmocka_unit_test(each_change_has_the_class_of_its_option),
        cmocka_unit_test(a_command_that_comes_out_the_same_replaces_nobody),
        cmocka_unit_test(added_and_removed_pools_and_general_options_are_told),
        cmocka_unit_test(placeholders_are_filled_and_other_braces_left),
        cmocka_unit_test(commands_are_split_like_words_of_a_shell),
        cmocka_unit_test(committed_documents_are_what_the_tables_say),
        cmocka_unit_test(the_full_example_is_valid_with_every_option_set),
        cmocka_unit_test(the_schema_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
