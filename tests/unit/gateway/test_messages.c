/* What control tells a gateway and what it hears: routes, drains, limits, snapshots; as structs and
 * as text. */
#include "house.h"

#include "core/message.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool two[] = {{.name = "chat", .engines = "01"}};
static const struct house_pool none[] = {{.name = "chat", .engines = ""}};

static void start(struct house *h, bool by_json)
{
    house_open(h, POOL_CHAT);
    h->by_json = by_json;
}

/* Held at zero, served, drained, asked: everything that is said in a life. */
static void live(struct house *h)
{
    struct wire c;
    house_routes(h, none, 1);
    client_ask(h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h->loop, h->heard.count[MESSAGE_WAKE] == 1));
    h->engine[0].answer = engine_hold;
    house_routes(h, one, 1);
    assert_true(WIRE_UNTIL(h->loop, h->engine[0].open != NULL));
    house_tell(h, MESSAGE_DRAIN, 1);
    house_ask(h);
    assert_int_equal(h->heard.snapshot.in_flight_requests, 1);
    assert_int_equal(h->heard.count[MESSAGE_DRAINED], 0);
    engine_stream(&h->engine[0], h->engine[0].open);
    assert_true(WIRE_UNTIL(h->loop, h->heard.count[MESSAGE_DRAINED] == 1));
    assert_int_equal(h->heard.last[MESSAGE_DRAINED].replica, 1);
    house_ask(h);
    assert_true(h->heard.arrived == 1 && h->heard.completed == 1 && h->heard.output_tokens == 2);
    assert_int_equal(h->heard.snapshot.replica_count, 1);
    assert_int_equal(h->heard.snapshot.replica[0].id, 1);
    wire_close(&c);
}

static void a_gateway_behaves_the_same_with_messages_as_structs_and_as_text(void **state)
{
    (void)state;
    struct heard heard[2];
    for (int i = 0; i < 2; i++) {
        struct house h;
        start(&h, i == 1);
        live(&h);
        heard[i] = h.heard;
        house_close(&h);
    }
    assert_memory_equal(heard[0].count, heard[1].count, sizeof(heard[0].count));
    assert_true(heard[0].completed == heard[1].completed);
    assert_true(heard[0].prompt_tokens == heard[1].prompt_tokens);
    assert_int_equal(heard[0].snapshot.generation, heard[1].snapshot.generation);
    assert_true(heard[0].ttft_count == heard[1].ttft_count);
}

static void a_drained_replica_is_told_at_once_and_gets_nothing_new(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, false);
    house_routes(&h, two, 1);
    house_tell(&h, MESSAGE_DRAIN, 1);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_DRAINED] == 1));
    for (int i = 0; i < 5; i++) {
        client_ask(&h, &c, CHAT, "", PLAIN);
        assert_true(wire_expect(&c, "x-sluice-replica: 2\r\n"));
        wire_close(&c);
    }
    house_tell(&h, MESSAGE_DRAIN, 1); /* asked again it is told again */
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_DRAINED] >= 2));
    house_tell(&h, MESSAGE_UNDRAIN, 1);
    house_tell(&h, MESSAGE_DRAIN, 2);
    assert_true(WIRE_UNTIL(h.loop, h.heard.last[MESSAGE_DRAINED].replica == 2));
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "x-sluice-replica: 1\r\n"));
    wire_close(&c);
    house_close(&h);
}

static void a_replica_nobody_knows_is_drained(void **state)
{
    (void)state;
    struct house h;
    start(&h, false);
    house_tell(&h, MESSAGE_DRAIN, 77);
    assert_int_equal(h.heard.count[MESSAGE_DRAINED], 1);
    assert_int_equal(h.heard.last[MESSAGE_DRAINED].replica, 77);
    house_close(&h);
}

static void the_answer_to_a_drain_carries_the_generation_of_the_question(void **state)
{
    (void)state;
    struct house h;
    start(&h, false);
    house_routes(&h, one, 1);
    house_send(&h, &(struct message){.kind = MESSAGE_DRAIN, .replica = 1, .generation = 9});
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_DRAINED] == 1));
    assert_int_equal(h.heard.last[MESSAGE_DRAINED].generation, 9);
    house_close(&h);
}

static void older_routes_change_nothing(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, false);
    h.generation = 4;
    house_routes(&h, one, 1);
    h.generation = 1;
    house_routes(&h, none, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "200 OK"));
    wire_close(&c);
    house_close(&h);
}

static void limits_may_come_before_the_routes_they_count_by(void **state)
{
    (void)state;
    struct house h;
    struct wire c[2];
    start(&h, false);
    house_routes(&h, one, 1);
    const struct pool_limits limits = {
        .concurrency = 1, .queue_requests = 0, .queue_timeout_ns = SECOND_NS};
    house_send(&h, &(struct message){
                       .kind = MESSAGE_LIMITS, .pool = 0, .generation = 2, .limits = limits});
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c[0], CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    client_ask(&h, &c[1], CHAT, "", PLAIN);
    assert_true(wire_expect(&c[1], "\"queue_full\""));
    assert_true(wire_has(&c[1], "HTTP/1.1 503 "));
    wire_close(&c[0]);
    wire_close(&c[1]);
    house_close(&h);
}

static void a_pool_that_leaves_the_routes_ends_those_who_wait(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, false);
    house_routes(&h, none, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_WAKE] == 1));
    house_routes(&h, one, 0);
    assert_true(wire_expect(&c, "taken out of service"));
    assert_true(wire_has(&c, "HTTP/1.1 503 "));
    wire_close(&c);
    house_close(&h);
}

static void asking_one_pool_brings_its_snapshot_alone(void **state)
{
    (void)state;
    struct house h;
    start(&h, false);
    const struct house_pool pools[] = {{.name = "chat", .engines = "0"},
                                       {.name = "other", .engines = "1"}};
    house_routes(&h, pools, 2);
    house_ask(&h);
    assert_int_equal(h.heard.count[MESSAGE_SNAPSHOT], 2);
    house_send(&h, &(struct message){.kind = MESSAGE_ASK, .pool = 1});
    assert_int_equal(h.heard.count[MESSAGE_SNAPSHOT], 3);
    assert_int_equal(h.heard.snapshot.pool, 1);
    house_close(&h);
}

static void a_message_that_only_goes_up_is_refused(void **state)
{
    (void)state;
    struct house h;
    start(&h, false);
    const struct message message = {.kind = MESSAGE_WAKE};
    assert_int_equal(gateway_tell(h.gateway, &message), RC_INVALID);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_behaves_the_same_with_messages_as_structs_and_as_text),
        cmocka_unit_test(a_drained_replica_is_told_at_once_and_gets_nothing_new),
        cmocka_unit_test(a_replica_nobody_knows_is_drained),
        cmocka_unit_test(the_answer_to_a_drain_carries_the_generation_of_the_question),
        cmocka_unit_test(older_routes_change_nothing),
        cmocka_unit_test(limits_may_come_before_the_routes_they_count_by),
        cmocka_unit_test(a_pool_that_leaves_the_routes_ends_those_who_wait),
        cmocka_unit_test(asking_one_pool_brings_its_snapshot_alone),
        cmocka_unit_test(a_message_that_only_goes_up_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
