/* The dashboard as it leaves the server: HTML, files, and the last minutes behind it. */
#include "office.h"

#include "api/page/page_parts.h"

static void texts_numbers_and_times_are_written_so_that_nothing_breaks_out(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    page_put(&out, "<b onclick=\"x\">'&");
    assert_string_equal(buf_cstr(&out), "&lt;b onclick=&quot;x&quot;&gt;&#39;&amp;");
    buf_clear(&out);
    page_put(&out, NULL);
    page_put_count(&out, SHAPE_NO_INT); /* unknown is not 0 */
    page_put_number(&out, 0.0 / 0.0);
    page_put_seconds(&out, 0.0123);
    page_put_seconds(&out, 12.345);
    page_put_time(&out, 1700000000 * SECOND_NS);
    assert_string_equal(buf_cstr(&out),
                        "\xe2\x80\x93\xe2\x80\x93"
                        "12 ms12.3 s"
                        "<time datetime=\"2023-11-14T22:13:20.000Z\">22:13:20</time>");
    buf_done(&out);
}

static void the_page_is_whole_without_a_script_and_lets_nothing_inline_run(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_get(&o, "/"), 200);
    assert_true(office_said(&o, "content-security-policy: default-src 'none'; script-src 'self'; "
                                "style-src 'self'; "));
    assert_false(office_said(&o, "unsafe"));
    assert_true(office_said(&o, "<section class=\"pool\" data-pool=\"chat\""));
    assert_true(office_said(&o, "<section class=\"pool\" data-pool=\"code\""));
    assert_true(office_said(&o, "No request is open."));
    assert_int_equal(office_get(&o, "/api/v1/pools"), 200);
    assert_true(office_said(&o, "content-security-policy: default-src 'none'; frame-ancestors"));
    office_close(&o);
}

static void a_file_comes_compressed_where_the_client_takes_it_and_once(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int status;
        bool packed;
    } cases[] = {{"", 200, false},
                 {"Accept-Encoding: br, gzip\r\n", 200, true},
                 {"Accept-Encoding: gzip;q=0, br\r\n", 200, false},
                 {"Accept-Encoding: gzip;q=0.5\r\n", 200, true},
                 {"Accept-Encoding: identity\r\n", 200, false}};
    struct office o;
    char line[96];
    office_open(&o);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(office_ask(&o, "GET", "/assets/dashboard.css", cases[i].line, NULL),
                         cases[i].status);
        assert_int_equal(office_said(&o, "content-encoding: gzip"), cases[i].packed);
        assert_true(office_said(&o, "content-type: text/css"));
    }
    const char *etag = strstr(buf_cstr(&o.answer.got), "etag: ");
    assert_non_null(etag);
    (void)snprintf(line, sizeof(line), "If-None-Match: %.*s\r\n", (int)strcspn(etag + 6, "\r\n"),
                   etag + 6);
    assert_int_equal(office_ask(&o, "GET", "/assets/dashboard.css", line, NULL), 304);
    assert_int_equal(office_get(&o, "/assets/nothing.css"), 404);
    office_close(&o);
}

static void the_last_minutes_of_a_pool_are_told_and_what_is_unknown_is_null(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/scale", "{\"replicas\":2}"), 200);
    do /* the tick is on its way */
        assert_int_equal(office_get(&o, "/api/v1/pools/chat/recent"), 200);
    while (!wire_has(&o.answer, "\"desired\":2,"));
    assert_true(office_said(&o, "\"ttftP95\":null"));
    assert_int_equal(office_get(&o, "/api/v1/pools/chat/recent?from=2100-01-01T00:00:00Z"), 200);
    assert_true(office_said(&o, "\"points\":[]"));
    assert_int_equal(office_get(&o, "/api/v1/changes"), 200);
    assert_true(office_said(&o, "\"pool\":\"chat\""));
    assert_true(office_said(&o, "\"previous\":0,\"desired\":2,\"reason\":\"pinned\""));
    office_close(&o);
}

static void changes_are_bounded_newest_first_and_keep_their_own_words(void **state)
{
    (void)state;
    struct trend *trend = NULL;
    char words[32];
    assert_int_equal(trend_new(&trend), RC_OK);
    assert_null(trend_change_at(trend, 0));
    for (int i = 0; i < 2 * TREND_CHANGES_MAX; i++) {
        (void)snprintf(words, sizeof(words), "change %d", i);
        trend_change(trend, &(struct change_view){.pool = "chat", .words = words, .desired = i});
    }
    assert_int_equal(trend_change_at(trend, 0)->desired, 2 * TREND_CHANGES_MAX - 1);
    assert_string_equal(trend_change_at(trend, 1)->words, "change 254");
    assert_int_equal(trend_change_at(trend, TREND_CHANGES_MAX - 1)->desired, TREND_CHANGES_MAX);
    assert_null(trend_change_at(trend, TREND_CHANGES_MAX));
    assert_null(trend_last(trend, "chat"));
    trend_free(trend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_numbers_and_times_are_written_so_that_nothing_breaks_out),
        cmocka_unit_test(the_page_is_whole_without_a_script_and_lets_nothing_inline_run),
        cmocka_unit_test(a_file_comes_compressed_where_the_client_takes_it_and_once),
        cmocka_unit_test(the_last_minutes_of_a_pool_are_told_and_what_is_unknown_is_null),
        cmocka_unit_test(changes_are_bounded_newest_first_and_keep_their_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
