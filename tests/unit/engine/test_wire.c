#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "engine/fault.h"
#include "engine/wire.h"

static const struct wire_defaults defaults = {
    .output_tokens = 64, .output_max = 1000, .model = "served"};

static enum rc read_body(const struct wire *wire, const char *body, struct answer *ret)
{
    struct diag diag;
    return wire_read(wire, span_from(body), span_of(NULL, 0), span_from("made"), &defaults, ret,
                     &diag);
}

static void lengths_and_prompts_are_read_in_each_protocol(void **state)
{
    (void)state;
    const struct {
        const struct wire *wire;
        const char *body;
        int64_t prompt;
        int64_t output;
        bool limited;
        bool stream;
    } cases[] = {
        {&wire_chat, "{\"messages\":[{\"content\":\"12345678\"}]}", 2, 64, false, false},
        {&wire_chat, "{\"messages\":[{\"content\":\"123\"},{\"content\":\"45\"}],\"max_tokens\":7}",
         2, 7, true, false},
        {&wire_chat,
         "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"12345\"}]}],"
         "\"max_completion_tokens\":9,\"stream\":true}",
         2, 9, true, true},
        {&wire_chat, "{\"messages\":[],\"max_tokens\":null}", 1, 64, false, false},
        {&wire_completions, "{\"prompt\":\"1234\",\"max_tokens\":3}", 1, 3, true, false},
        {&wire_completions, "{\"prompt\":[5,6,7]}", 3, 64, false, false},
        {&wire_completions, "{\"prompt\":[\"1234\",\"12345\"]}", 3, 64, false, false},
        {&wire_messages,
         "{\"system\":\"1234\",\"messages\":[{\"content\":\"1234\"}],\"max_tokens\":2}", 2, 2, true,
         false},
        {&wire_ollama_chat, "{\"messages\":[{\"content\":\"1\"}],\"options\":{\"num_predict\":4}}",
         1, 4, true, true},
        {&wire_ollama_generate, "{\"prompt\":\"12345\",\"stream\":false}", 2, 64, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer answer;
        assert_int_equal(read_body(cases[i].wire, cases[i].body, &answer), RC_OK);
        assert_int_equal(answer.prompt_tokens, cases[i].prompt);
        assert_int_equal(answer.output_tokens, cases[i].output);
        assert_int_equal(answer.limited, cases[i].limited);
        assert_int_equal(answer.stream, cases[i].stream);
        assert_string_equal(answer.id, "made");
        assert_string_equal(answer.model, "served");
    }
}

static void bodies_that_ask_for_nothing_sensible_are_refused(void **state)
{
    (void)state;
    const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"messages\":[],\"max_tokens\":0}",
        "{\"messages\":[],\"max_tokens\":-1}",
        "{\"messages\":[],\"max_tokens\":1.5}",
        "{\"messages\":[],\"max_tokens\":\"7\"}",
        "{\"messages\":[],\"max_tokens\":1001}",
        "{\"messages\":[],\"max_tokens\":1e999}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct answer answer;
        assert_true(read_body(&wire_chat, bodies[i], &answer) != RC_OK);
    }
}

static void the_header_names_the_answer_then_the_body_then_the_engine(void **state)
{
    (void)state;
    struct answer answer;
    const char *body = "{\"messages\":[],\"request_id\":\"b\"}";
    assert_int_equal(wire_read(&wire_chat, span_from(body), span_from("h"), span_from("m"),
                               &defaults, &answer, NULL),
                     RC_OK);
    assert_string_equal(answer.id, "h");
    assert_int_equal(answer.key, answer_key(span_from("h")));
    assert_int_equal(read_body(&wire_chat, body, &answer), RC_OK);
    assert_string_equal(answer.id, "b");
}

static void a_tool_is_called_only_when_the_prompt_asks_for_it(void **state)
{
    (void)state;
    struct answer answer;
    assert_int_equal(read_body(&wire_chat,
                               "{\"messages\":[{\"content\":\"go\"}],\"tools\":[{\"function\":{"
                               "\"name\":\"f\"}}]}",
                               &answer),
                     RC_OK);
    assert_string_equal(answer.tool, "");
    assert_int_equal(read_body(&wire_chat,
                               "{\"messages\":[{\"content\":\"a @tool b\"}],\"max_tokens\":1,"
                               "\"tools\":[{\"function\":{\"name\":\"f\"}}]}",
                               &answer),
                     RC_OK);
    assert_string_equal(answer.tool, "f");
    assert_int_equal(answer.output_tokens, 2);
    assert_int_equal(read_body(&wire_chat, "{\"messages\":[{\"content\":\"@tool\"}]}", &answer),
                     RC_OK);
    assert_string_equal(answer.tool, "");
}

static void the_arguments_of_a_call_are_json(void **state)
{
    (void)state;
    for (int64_t tokens = 2; tokens < 40; tokens += 7) {
        char text[64 * ANSWER_TOKEN_MAX];
        size_t len = 0;
        for (int64_t i = 0; i < tokens; i++)
            len += answer_tool_token(99, i, tokens, text + len);
        struct arena arena;
        arena_init(&arena, 1U << 16);
        const struct tree *tree;
        assert_int_equal(json_read(&arena, span_of(text, len), NULL, &tree, NULL), RC_OK);
        assert_int_equal(tree->kind, TREE_OBJECT);
        arena_done(&arena);
    }
}

static void answers_differ_by_id_and_fit_their_bound(void **state)
{
    (void)state;
    const uint64_t one = answer_key(span_from("one"));
    const uint64_t two = answer_key(span_from("two"));
    int same = 0;
    for (int64_t i = 0; i < 5000; i++) {
        char a[ANSWER_TOKEN_MAX];
        char b[ANSWER_TOKEN_MAX];
        const size_t a_len = answer_token(one, i, a);
        const size_t b_len = answer_token(two, i, b);
        assert_true(a_len > 0 && a_len <= ANSWER_TOKEN_MAX);
        assert_int_equal(answer_token(one, i, b), a_len);
        assert_memory_equal(a, b, a_len);
        same += a_len == answer_token(two, i, b) && memcmp(a, b, b_len) == 0 ? 1 : 0;
    }
    assert_true(same < 500);
}

static void faults_are_read_by_their_table(void **state)
{
    (void)state;
    struct faults faults = {0};
    assert_int_equal(fault_parse("crash-after=5", &faults, NULL), RC_OK);
    assert_int_equal(fault_parse("ignore-sigterm", &faults, NULL), RC_OK);
    assert_int_equal(fault_parse("exit-at-once=0", &faults, NULL), RC_OK);
    assert_int_equal(fault_parse("hang-after-time=1m", &faults, NULL), RC_OK);
    assert_int_equal(faults.crash_after, 5);
    assert_int_equal(faults.ignore_sigterm, 1);
    assert_int_equal(faults.exit_at_once, 1);
    assert_true(faults.hang_after_ns == 60000000000);
    const char *const bad[] = {
        "crash",         "crash-after",      "crash-after=",        "crash-after=0",
        "never-ready=1", "exit-at-once=256", "hang-after-time=soon"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct diag diag;
        assert_true(fault_parse(bad[i], &faults, &diag) != RC_OK);
        assert_true(diag.text[0] != '\0');
    }
    assert_true(fault_hits(3, 6) && !fault_hits(3, 7) && !fault_hits(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_and_prompts_are_read_in_each_protocol),
        cmocka_unit_test(bodies_that_ask_for_nothing_sensible_are_refused),
        cmocka_unit_test(the_header_names_the_answer_then_the_body_then_the_engine),
        cmocka_unit_test(a_tool_is_called_only_when_the_prompt_asks_for_it),
        cmocka_unit_test(the_arguments_of_a_call_are_json),
        cmocka_unit_test(answers_differ_by_id_and_fit_their_bound),
        cmocka_unit_test(faults_are_read_by_their_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
