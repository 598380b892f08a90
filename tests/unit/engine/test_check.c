/* The protocols and the checker against each other: two readings of what an answer is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "engine/check.h"
#include "engine/wire.h"

#define TOKENS 70 /* holds several of the odd ones */

static const struct check_api *api_of(const struct wire *wire)
{
    for (size_t i = 0; i < check_api_count; i++) {
        if (strcmp(check_apis[i].path, wire->path) == 0)
            return &check_apis[i];
    }
    return NULL;
}

static struct answer answer_for(bool stream)
{
    struct answer answer = {
        .id = "quote\" \\ and more",
        .model = "a/b:c",
        .key = answer_key(span_from("quote\" \\ and more")),
        .prompt_tokens = 12,
        .output_tokens = TOKENS,
        .limited = true,
        .stream = stream,
        .include_usage = true,
    };
    return answer;
}

static struct check check_for(const struct wire *wire, const struct answer *answer)
{
    struct check check = {
        .api = api_of(wire),
        .key = answer->key,
        .prompt_tokens = answer->prompt_tokens,
        .output_tokens = answer->output_tokens,
        .stream = answer->stream,
        .usage = true,
        .content = true,
    };
    assert_non_null(check.api);
    check_init(&check);
    return check;
}

static void write_answer(const struct wire *wire, const struct answer *answer, struct buf *out)
{
    buf_init(out, 1U << 20);
    if (!answer->stream) {
        wire->whole(answer, out);
        return;
    }
    wire->open(answer, out);
    for (int64_t i = 0; i < answer->output_tokens; i++)
        wire->token(answer, i, out);
    wire->close(answer, out);
    assert_false(out->failed);
}

static enum check_verdict verdict_of(const struct wire *wire, const struct answer *answer,
                                     struct span bytes, size_t piece)
{
    struct arena arena;
    arena_init(&arena, 1U << 20);
    struct check check = check_for(wire, answer);
    int64_t tokens = 0;
    for (size_t at = 0; at < bytes.len; at += piece)
        tokens += check_feed(&check, span_slice(bytes, at, piece), &arena);
    const enum check_verdict verdict = check_end(&check, &arena);
    if (verdict == CHECK_OK && answer->stream)
        assert_int_equal(tokens, answer->output_tokens);
    assert_true((verdict == CHECK_OK) == (check.why[0] == '\0'));
    check_done(&check);
    arena_done(&arena);
    return verdict;
}

static void the_answer_of_every_protocol_is_right_in_pieces_of_any_size(void **state)
{
    (void)state;
    const size_t pieces[] = {1, 2, 7, 64, 1 << 20};
    for (size_t i = 0; i < wire_count * 2; i++) {
        const struct wire *wire = wires[i / 2];
        const struct answer answer = answer_for(i % 2 == 0);
        struct buf out;
        write_answer(wire, &answer, &out);
        for (size_t k = 0; k < COUNT_OF(pieces); k++)
            assert_int_equal(verdict_of(wire, &answer, buf_view(&out), pieces[k]), CHECK_OK);
        buf_done(&out);
    }
}

static void a_stream_cut_anywhere_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_count; i++) {
        const struct answer answer = answer_for(true);
        struct buf out;
        write_answer(wires[i], &answer, &out);
        /* What follows the last event's line feed is only an empty line. */
        for (size_t cut = 0; cut + 2 < out.len; cut += 1 + cut / 100)
            assert_int_equal(
                verdict_of(wires[i], &answer, span_slice(buf_view(&out), 0, cut), 1000),
                CHECK_LOST);
        buf_done(&out);
    }
}

static void a_changed_letter_of_the_text_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_count * 2; i++) {
        const struct wire *wire = wires[i / 2];
        const struct answer answer = answer_for(i % 2 == 0);
        struct buf out;
        write_answer(wire, &answer, &out);
        struct answer other = answer;
        other.key ^= 1;
        assert_int_equal(verdict_of(wire, &other, buf_view(&out), 100), CHECK_WRONG);
        buf_done(&out);
    }
}

static void a_token_too_few_too_many_or_twice_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_count; i++) {
        for (int kind = 0; kind < 3; kind++) {
            const struct answer answer = answer_for(true);
            struct buf out;
            buf_init(&out, 1U << 20);
            wires[i]->open(&answer, &out);
            for (int64_t t = 0; t < answer.output_tokens + (kind == 1 ? 1 : 0); t++) {
                if (kind == 0 && t == 5)
                    continue;
                wires[i]->token(&answer, t, &out);
                if (kind == 2 && t == 5)
                    wires[i]->token(&answer, t, &out);
            }
            wires[i]->close(&answer, &out);
            assert_int_equal(verdict_of(wires[i], &answer, buf_view(&out), 100), CHECK_WRONG);
            buf_done(&out);
        }
    }
}

static void wrong_usage_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_count * 2; i++) {
        struct answer answer = answer_for(i % 2 == 0);
        struct buf out;
        write_answer(wires[i / 2], &answer, &out);
        if (wires[i / 2] != &wire_messages || answer.stream) {
            answer.prompt_tokens++; /* whole messages tell it too, but are not asked for it */
            assert_int_equal(verdict_of(wires[i / 2], &answer, buf_view(&out), 100), CHECK_WRONG);
        }
        buf_done(&out);
    }
}

static enum check_verdict verdict_of_text(const char *text)
{
    const struct answer answer = answer_for(true);
    return verdict_of(&wire_chat, &answer, span_from(text), 16);
}

static void odd_streams_are_called_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_text(""), CHECK_LOST);
    assert_int_equal(verdict_of_text("data: [DONE]\n\n"), CHECK_WRONG);
    assert_int_equal(verdict_of_text("data: {\n\n"), CHECK_WRONG);
    assert_int_equal(verdict_of_text("<html>\n"), CHECK_WRONG);
    assert_int_equal(verdict_of_text("data: {\"error\":{\"message\":\"replica failed\"}}\n\n"),
                     CHECK_LOST);
}

static void comments_of_a_gateway_do_not_matter(void **state)
{
    (void)state;
    const struct answer answer = answer_for(true);
    struct buf out;
    buf_init(&out, 1U << 20);
    buf_text(&out, ": queued position=3\n\n");
    wire_chat.open(&answer, &out);
    for (int64_t i = 0; i < answer.output_tokens; i++) {
        wire_chat.token(&answer, i, &out);
        buf_text(&out, ": still here\r\n\r\n");
    }
    wire_chat.close(&answer, &out);
    assert_int_equal(verdict_of(&wire_chat, &answer, buf_view(&out), 33), CHECK_OK);
    buf_done(&out);
}

static void another_key_has_another_token_there_however_short_it_is(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 20000; key++) {
        char own[ANSWER_TOKEN_MAX];
        char other[ANSWER_TOKEN_MAX];
        const uint64_t other_key = answer_other_key(key, 10);
        const size_t len = answer_token(key, 10, own);
        assert_false(answer_token(other_key, 10, other) == len && memcmp(own, other, len) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_every_protocol_is_right_in_pieces_of_any_size),
        cmocka_unit_test(a_stream_cut_anywhere_is_lost),
        cmocka_unit_test(a_changed_letter_of_the_text_is_wrong),
        cmocka_unit_test(a_token_too_few_too_many_or_twice_is_wrong),
        cmocka_unit_test(wrong_usage_is_wrong),
        cmocka_unit_test(odd_streams_are_called_what_they_are),
        cmocka_unit_test(comments_of_a_gateway_do_not_matter),
        cmocka_unit_test(another_key_has_another_token_there_however_short_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
