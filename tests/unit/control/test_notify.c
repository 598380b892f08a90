/* Hooks against a server that a test makes good, bad, silent or absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/rc.h has a function of that name */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/notify.h"
#include "io/clock.h"
#include "io/http_server.h"
#include "source/push.h"

#define GUARD_NS (30 * SECOND_NS)

struct house {
    struct loop *loop;
    struct http_server *server;
    struct notify *notify;
    struct config *config;
    int status;
    bool silent;
    size_t requests;
    char body[256];
    char nonce[64];
    char stamp[64];
    char signature[PUSH_SIGNATURE_SIZE];
};

static void on_body(void *user, struct http_request *request, struct span body)
{
    struct house *house = user;
    const struct http_head *head = http_request_head(request);
    house->requests++;
    (void)span_copy(body, house->body, sizeof(house->body));
    (void)span_copy(http_header_get(head, "x-sluice-nonce"), house->nonce, sizeof(house->nonce));
    (void)span_copy(http_header_get(head, "x-sluice-timestamp"), house->stamp,
                    sizeof(house->stamp));
    (void)span_copy(http_header_get(head, "x-sluice-signature"), house->signature,
                    sizeof(house->signature));
    if (!house->silent)
        http_respond(request, house->status, NULL, (struct span){0});
}

static void on_request(void *user, struct http_request *request)
{
    http_request_collect(request, 65536, on_body, user);
}

static void use(struct house *house, const char *options)
{
    char text[1024];
    struct problem_list problems;
    problem_list_init(&problems);
    snprintf(text, sizeof(text),
             "pools: {chat: {target: {process: {command: engine, port: 9}}}}\nnotify:\n"
             "  - {name: ops, url: \"http://127.0.0.1:%d/hook\"%s}\n",
             (int)http_server_port(house->server), options);
    struct config *old = house->config;
    house->config = config_read("test.yaml", span_from(text), NULL, &problems);
    assert_non_null(house->config);
    problem_list_done(&problems);
    assert_int_equal(notify_configure(house->notify, house->config), RC_OK);
    config_free(old);
}

static int begin(void **state)
{
    struct http_server_config config;
    struct house *house = calloc(1, sizeof(*house));
    house->status = 200;
    assert_int_equal(loop_new(&house->loop, NULL), RC_OK);
    http_server_defaults(&config);
    config.listen = "127.0.0.1:0";
    assert_int_equal(http_server_new(house->loop, &config, on_request, house, &house->server, NULL),
                     RC_OK);
    house->notify = notify_new(house->loop, NULL);
    assert_non_null(house->notify);
    *state = house;
    return 0;
}

static int end(void **state)
{
    struct house *house = *state;
    notify_free(house->notify);
    http_server_free(house->server);
    config_free(house->config);
    loop_free(house->loop);
    free(house);
    return 0;
}

static void on_guard(void *user)
{
    (void)user;
    assert_true(false && "waited in vain");
}

static struct notify_status status_of(const struct house *house)
{
    struct notify_status status;
    assert_true(notify_at(house->notify, 0, &status));
    return status;
}

typedef bool until_fn(const struct house *house);

static bool all_sent(const struct house *house)
{
    return status_of(house).waiting == 0;
}

static bool has_failed(const struct house *house)
{
    return status_of(house).failures > 0;
}

static void turn_until(struct house *house, until_fn *until)
{
    struct timer guard = {0};
    assert_int_equal(timer_init(&guard, house->loop, on_guard, NULL), RC_OK);
    timer_after(&guard, GUARD_NS);
    while (!until(house))
        loop_turn(house->loop, true);
    timer_done(&guard);
}

static void tell(struct house *house, enum notify_kind kind, const char *body)
{
    notify_send(house->notify, kind, "chat", span_from(body));
}

static void a_decision_is_told_with_a_signature(void **state)
{
    struct house *house = *state;
    char wanted[PUSH_SIGNATURE_SIZE];
    use(house, ", secret: salt");
    tell(house, NOTIFY_DECISION, "{\"after\":4}");
    turn_until(house, all_sent);
    assert_int_equal(house->requests, 1);
    assert_string_equal(house->body, "{\"after\":4}");
    const struct push_message message = {.timestamp = span_from(house->stamp),
                                         .nonce = span_from(house->nonce),
                                         .body = span_from(house->body)};
    push_sign(span_from("salt"), "chat", &message, wanted);
    assert_string_equal(house->signature, wanted);
    assert_int_equal(status_of(house).sent, 1);
}

static void only_what_is_asked_for_is_told_and_in_order(void **state)
{
    struct house *house = *state;
    use(house, ", decisions: false");
    tell(house, NOTIFY_DECISION, "{\"n\":1}");
    tell(house, NOTIFY_CONDITION, "{\"n\":2}");
    tell(house, NOTIFY_CONDITION, "{\"n\":3}");
    turn_until(house, all_sent);
    assert_int_equal(house->requests, 2);
    assert_string_equal(house->body, "{\"n\":3}");
    assert_string_equal(house->signature, "");
}

static void fault_85_a_hook_that_hangs_fills_its_queue_and_no_more(void **state)
{
    struct house *house = *state;
    house->silent = true;
    use(house, ", timeout: 100ms");
    const int64_t before_ns = clock_monotonic_ns();
    for (int i = 0; i < NOTIFY_QUEUE_MAX + 50; i++)
        tell(house, NOTIFY_DECISION, "{}");
    assert_true(clock_monotonic_ns() - before_ns < 10 * SECOND_NS); /* nothing was waited for */
    assert_int_equal(status_of(house).waiting, NOTIFY_QUEUE_MAX);
    assert_int_equal(status_of(house).dropped, 50);
    turn_until(house, has_failed);
    assert_non_null(strstr(status_of(house).text, "time limit"));
    house->silent = false;
    turn_until(house, all_sent);
    assert_int_equal(status_of(house).sent, NOTIFY_QUEUE_MAX);
    assert_int_equal(status_of(house).failures, 0);
}

static void errors_of_the_server_are_tried_again_and_refusals_are_not(void **state)
{
    struct house *house = *state;
    char first[64];
    use(house, "");
    house->status = 503;
    tell(house, NOTIFY_DECISION, "{}");
    turn_until(house, has_failed);
    snprintf(first, sizeof(first), "%s", house->nonce);
    house->status = 200;
    turn_until(house, all_sent);
    assert_int_equal(house->requests, 2);
    assert_string_equal(house->nonce, first); /* it can see that it is the same one */
    house->status = 404;
    tell(house, NOTIFY_DECISION, "{}");
    turn_until(house, all_sent);
    assert_int_equal(house->requests, 3);
    assert_int_equal(status_of(house).dropped, 1);
}

static void a_hook_keeps_its_queue_over_a_reload(void **state)
{
    struct house *house = *state;
    use(house, "");
    tell(house, NOTIFY_DECISION, "{}");
    use(house, ", timeout: 1s");
    assert_int_equal(status_of(house).waiting, 1);
    turn_until(house, all_sent);
    assert_int_equal(house->requests, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_decision_is_told_with_a_signature, begin, end),
        cmocka_unit_test_setup_teardown(only_what_is_asked_for_is_told_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(fault_85_a_hook_that_hangs_fills_its_queue_and_no_more,
                                        begin, end),
        cmocka_unit_test_setup_teardown(errors_of_the_server_are_tried_again_and_refusals_are_not,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_hook_keeps_its_queue_over_a_reload, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
