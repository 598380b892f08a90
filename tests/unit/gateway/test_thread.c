/* A gateway on a thread of its own; control is this test, and hangs when it wants to. */
#include "gateway/gateway_thread.h"

#include <sched.h>

#include "house.h"

struct pair {
    struct loop *control;
    struct gateway_thread *thread;
    struct house h; /* clients and engines; its own gateway stays unused */
    struct heard heard;
    int done;
    int idle;
    bool found;
    size_t listed;
    uint64_t id;
};

static void on_up(void *user, const struct message *message)
{
    struct pair *p = user;
    hear(&p->heard, message);
}

static void on_configured(void *user, enum rc rc)
{
    struct pair *p = user;
    assert_int_equal(rc, RC_OK);
    p->done++;
}

static void open_pair(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    house_open(&p->h, POOL_CHAT);
    assert_int_equal(loop_new(&p->control, NULL), RC_OK);
    struct gateway_config config;
    gateway_defaults(&config);
    assert_int_equal(gateway_thread_new(p->control, &config, NULL, on_up, p, &p->thread, NULL),
                     RC_OK);
    assert_int_equal(gateway_thread_configure(p->thread, p->h.config, on_configured, p), RC_OK);
    assert_true(WIRE_UNTIL(p->control, p->done == 1));
}

static void close_pair(struct pair *p)
{
    gateway_thread_free(p->thread);
    loop_free(p->control);
    house_close(&p->h);
}

static void route(struct pair *p)
{
    struct route_replica replica = {
        .id = 1, .host = "127.0.0.1", .port = http_server_port(p->h.engine[0].server), .weight = 1};
    struct route_pool pool = {.name = "chat", .replica = &replica, .replica_count = 1};
    struct route_model model = {.name = "chat", .weight_percent = 100};
    const struct routes routes = {.generation = ++p->h.generation,
                                  .pool = &pool,
                                  .pool_count = 1,
                                  .model = &model,
                                  .model_count = 1};
    const struct message message = {.kind = MESSAGE_ROUTES, .routes = &routes};
    assert_int_equal(gateway_thread_tell(p->thread, &message), RC_OK);
}

static void ask(struct pair *p, struct wire *c)
{
    wire_open(c, p->h.loop, gateway_thread_port(p->thread));
    client_post(c, CHAT, "", PLAIN);
}

static void ask_snapshot(struct pair *p)
{
    const struct message message = {.kind = MESSAGE_ASK, .pool = MESSAGE_POOLS};
    assert_int_equal(gateway_thread_tell(p->thread, &message), RC_OK);
}

static void R12_requests_are_served_while_control_hangs(void **state)
{
    (void)state;
    struct pair p;
    struct wire c;
    open_pair(&p);
    route(&p);
    for (int i = 0; i < 50; i++) { /* the control loop does not turn */
        ask(&p, &c);
        assert_true(wire_expect(&c, "\"hello\""));
        wire_close(&c);
    }
    ask_snapshot(&p);
    assert_true(WIRE_UNTIL(p.control, p.heard.count[MESSAGE_SNAPSHOT] == 1));
    assert_true(p.heard.completed == 50);
    struct gateway_stats stats;
    assert_true(WIRE_UNTIL(p.control,
                           (gateway_thread_read_stats(p.thread, &stats), stats.forwarded == 50)));
    close_pair(&p);
}

static void R12_what_is_said_to_a_control_that_hangs_is_bounded(void **state)
{
    (void)state;
    struct pair p;
    struct wire c;
    open_pair(&p);
    route(&p);
    for (int i = 0; i < 2 * MAIL_SNAPSHOTS_MAX;) {
        const struct message message = {.kind = MESSAGE_ASK, .pool = MESSAGE_POOLS};
        if (gateway_thread_tell(p.thread, &message) == RC_OK)
            i++;
        else
            sched_yield();
    }
    ask(&p, &c);
    assert_true(wire_expect(&c, "\"hello\""));
    wire_close(&c);
    while (gateway_thread_lost(p.thread) < MAIL_SNAPSHOTS_MAX)
        sched_yield(); /* the gateway's thread is still reading */
    assert_true(WIRE_UNTIL(p.control, p.heard.count[MESSAGE_SNAPSHOT] == MAIL_SNAPSHOTS_MAX));
    ask_snapshot(&p); /* it hears again */
    assert_true(WIRE_UNTIL(p.control, p.heard.count[MESSAGE_SNAPSHOT] == MAIL_SNAPSHOTS_MAX + 1));
    close_pair(&p);
}

static void on_listed(void *user, const struct gateway_request *rows, size_t count)
{
    struct pair *p = user;
    p->listed = count;
    p->done++;
    if (count > 0) {
        p->id = rows[0].id;
        assert_string_equal(rows[0].pool, "chat");
        assert_string_equal(rows[0].model, "chat");
        assert_int_equal(rows[0].phase, PHASE_WAITING);
        assert_int_equal(rows[0].replica, 1);
    }
}

static void on_cancelled(void *user, bool found)
{
    struct pair *p = user;
    p->found = found;
    p->done++;
}

static void open_requests_are_listed_and_can_be_ended(void **state)
{
    (void)state;
    struct pair p;
    struct wire c;
    open_pair(&p);
    route(&p);
    p.h.engine[0].answer = engine_hold;
    ask(&p, &c);
    assert_true(WIRE_UNTIL(p.h.loop, p.h.engine[0].open != NULL));
    assert_int_equal(gateway_thread_requests(p.thread, on_listed, &p), RC_OK);
    assert_true(WIRE_UNTIL(p.control, p.done == 2));
    assert_int_equal(p.listed, 1);
    assert_int_equal(gateway_thread_cancel(p.thread, p.id + 1, on_cancelled, &p), RC_OK);
    assert_true(WIRE_UNTIL(p.control, p.done == 3));
    assert_false(p.found);
    assert_int_equal(gateway_thread_cancel(p.thread, p.id, on_cancelled, &p), RC_OK);
    assert_true(WIRE_UNTIL(p.control, p.done == 4));
    assert_true(p.found);
    assert_true(wire_expect(&c, "ended by an operator"));
    assert_true(WIRE_UNTIL(p.h.loop, p.h.engine[0].gone == 1));
    wire_close(&c);
    close_pair(&p);
}

static void on_idle(void *user)
{
    struct pair *p = user;
    p->idle++;
}

static void stopping_waits_for_open_requests_and_then_tells_once(void **state)
{
    (void)state;
    struct pair p;
    struct wire c, late;
    open_pair(&p);
    route(&p);
    p.h.engine[0].answer = engine_hold;
    ask(&p, &c);
    assert_true(WIRE_UNTIL(p.h.loop, p.h.engine[0].open != NULL));
    assert_int_equal(gateway_thread_stop_accepting(p.thread, on_idle, &p), RC_OK);
    wire_open(&late, p.h.loop, gateway_thread_port(p.thread));
    assert_true(wire_expect_close(&late));
    while (loop_turn(p.control, false), p.idle != 0)
        fail();
    engine_json(&p.h.engine[0], p.h.engine[0].open);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_true(WIRE_UNTIL(p.control, p.idle == 1));
    wire_close(&c);
    wire_close(&late);
    close_pair(&p);
    assert_int_equal(p.idle, 1);
}

static void a_thread_that_is_freed_with_everything_open_leaves_nothing(void **state)
{
    (void)state;
    struct pair p;
    struct wire c;
    open_pair(&p);
    route(&p);
    p.h.engine[0].answer = engine_hold;
    ask(&p, &c);
    assert_true(WIRE_UNTIL(p.h.loop, p.h.engine[0].open != NULL));
    ask_snapshot(&p);
    assert_int_equal(gateway_thread_requests(p.thread, on_listed, &p), RC_OK);
    assert_int_equal(gateway_thread_stop_accepting(p.thread, on_idle, &p), RC_OK);
    wire_close(&c);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R12_requests_are_served_while_control_hangs),
        cmocka_unit_test(R12_what_is_said_to_a_control_that_hangs_is_bounded),
        cmocka_unit_test(open_requests_are_listed_and_can_be_ended),
        cmocka_unit_test(stopping_waits_for_open_requests_and_then_tells_once),
        cmocka_unit_test(a_thread_that_is_freed_with_everything_open_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
