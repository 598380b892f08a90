/* What is added up between ticks: minutes, money, outcomes of changes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "control/accounts.h"

#include <cmocka.h>

#define ROWS_MAX 64

struct book {
    struct pool_spec spec;
    struct account account;
    struct observation observation;
    struct decision decision;
    struct pool_totals totals;
    struct sample sample[2];
    struct accounts_out out;
    struct {
        enum store_series series;
        int64_t wall_ns;
        char json[1024];
    } row[ROWS_MAX];
    size_t rows;
    struct {
        int64_t day;
        char class_[NAME_SIZE];
        double seconds, cost;
    } bill[ROWS_MAX];
    size_t bills;
};
static struct book b;

static void take_row(void *user, enum store_series series, const char *pool, int64_t wall_ns,
                     struct span json)
{
    (void)user;
    assert_string_equal(pool, "chat");
    assert_true(b.rows < ROWS_MAX);
    b.row[b.rows].series = series;
    b.row[b.rows].wall_ns = wall_ns;
    assert_true(span_copy(json, b.row[b.rows++].json, sizeof(b.row[0].json)));
}

static void take_bill(void *user, const struct store_bill *bill)
{
    (void)user;
    assert_true(b.bills < ROWS_MAX);
    b.bill[b.bills].day = bill->day;
    (void)span_copy(span_from(bill->class_), b.bill[b.bills].class_, NAME_SIZE);
    b.bill[b.bills].seconds = bill->replica_seconds;
    b.bill[b.bills++].cost = bill->cost;
}

static bool read_totals(void *user, const char *pool, struct pool_totals *ret)
{
    (void)user;
    (void)pool;
    *ret = b.totals;
    return true;
}

static void begin(void)
{
    memset(&b, 0, sizeof(b));
    pool_spec_defaults(&b.spec);
    (void)snprintf(b.spec.name, sizeof(b.spec.name), "chat");
    (void)snprintf(b.spec.class_[0].name, sizeof(b.spec.class_[0].name), "a100");
    b.spec.class_[0].price_per_hour = 3.6;
    b.spec.concurrency_limit = 10;
    observation_defaults(&b.observation);
    b.observation.pool[0].waiting_state = SIGNAL_VALUE;
    b.observation.wall_ns = 1000 * DAY_NS;
    b.decision.proposal.exact = 1.5;
    b.out = (struct accounts_out){.row = take_row, .bill = take_bill, .totals = read_totals};
    account_init(&b.account, "chat", 1000, 7);
}

static void set_ready(int64_t ready)
{
    struct pool_observation *o = &b.observation.pool[0];
    o->ready = o->actual_count = o->class_ready[0] = ready;
}

/* Ticks of 2 s; the decision stands. */
static void run(int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i += 2) {
        const struct account_view view = {.spec = &b.spec,
                                          .observation = &b.observation,
                                          .decision = &b.decision,
                                          .samples = b.sample,
                                          .sample_count = COUNT_OF(b.sample)};
        account_tick(&b.account, &view, &b.out);
        b.observation.now_ns += 2 * SECOND_NS;
        b.observation.wall_ns += 2 * SECOND_NS;
        b.decision.previous = b.decision.desired;
    }
}

static void choose(int64_t desired)
{
    b.decision.previous = b.decision.desired;
    b.decision.desired = desired;
}

static const char *row_of(enum store_series series, size_t index)
{
    for (size_t i = 0; i < b.rows; i++)
        if (b.row[i].series == series && index-- == 0)
            return b.row[i].json;
    return NULL;
}

static void assert_says(const char *json, const char *part)
{
    assert_non_null(json);
    if (strstr(json, part) == NULL)
        print_message("no %s in %s\n", part, json);
    assert_non_null(strstr(json, part));
}

static void a_minute_holds_means_amounts_and_money(void **state)
{
    (void)state;
    begin();
    set_ready(2);
    b.decision.desired = b.decision.previous = 2;
    b.observation.pool[0].in_flight_requests = 8;
    run(30);
    b.observation.pool[0].in_flight_requests = 4;
    b.observation.pool[0].waiting_requests = 3;
    b.totals = (struct pool_totals){.arrived_requests = 90, .completed_requests = 80};
    run(32);
    assert_int_equal(b.rows, 1);
    const char *json = row_of(SERIES_MINUTE, 0);
    assert_int_equal(b.row[0].wall_ns, 1000 * DAY_NS);
    assert_says(json, "\"seconds\":60,");
    assert_says(json, "\"ready\":2,");
    assert_says(json, "\"need\":1.5,");
    assert_says(json, "\"inFlight\":6,");
    assert_says(json, "\"waitingMax\":3,");
    assert_says(json, "\"arrived\":90,\"completed\":80,");
    assert_says(json, "\"cost\":0.12"); /* 2 replicas, 60 s, 3.6 an hour */
    assert_int_equal(b.bills, 1);
    assert_string_equal(b.bill[0].class_, "a100");
    assert_true(b.bill[0].seconds == 120 && fabs(b.bill[0].cost - 0.12) < 1e-9);
    assert_int_equal(b.bill[0].day, 1000);
    b.totals.arrived_requests = 100;
    run(60);
    assert_says(row_of(SERIES_MINUTE, 1), "\"arrived\":10,");
}

static void an_unknown_price_or_queue_is_null_and_never_zero(void **state)
{
    (void)state;
    begin();
    set_ready(1);
    b.spec.class_[0].price_per_hour = NAN;
    b.observation.pool[0].waiting_state = SIGNAL_FAILED;
    b.decision.proposal.abstain = true;
    run(62);
    assert_says(row_of(SERIES_MINUTE, 0), "\"need\":null,\"inFlight\":null,\"waiting\":null,");
    assert_says(row_of(SERIES_MINUTE, 0), "\"cost\":null");
    assert_true(isnan(b.bill[0].cost));
}

static void replicas_outside_the_classes_are_billed_at_the_highest_price(void **state)
{
    (void)state;
    begin();
    set_ready(1);
    b.observation.pool[0].draining = 2;
    run(62);
    assert_int_equal(b.bills, 2);
    assert_string_equal(b.bill[1].class_, "other");
    assert_true(b.bill[1].seconds == 120 && fabs(b.bill[1].cost - 0.12) < 1e-9);
}

static void the_longest_wait_of_a_minute_is_that_of_its_pool_and_null_when_nobody_told(void **state)
{
    (void)state;
    begin();
    set_ready(1);
    run(62);
    assert_says(row_of(SERIES_MINUTE, 0), "\"waitMax\":null,");
    b.sample[0] =
        (struct sample){.pool = 0, .signal = SIGNAL_OLDEST_WAIT, .state = SIGNAL_VALUE, .value = 7};
    b.sample[1] =
        (struct sample){.pool = 1, .signal = SIGNAL_OLDEST_WAIT, .state = SIGNAL_VALUE, .value = 9};
    run(10);
    b.sample[0].value = 2;
    run(50);
    assert_says(row_of(SERIES_MINUTE, 1), "\"waitMax\":7,");
    b.sample[0].state = SIGNAL_FAILED;
    run(120);
    assert_says(row_of(SERIES_MINUTE, 2), "\"waitMax\":2,");
    assert_says(row_of(SERIES_MINUTE, 3), "\"waitMax\":null,");
}

static void minutes_at_rest_are_mostly_left_out(void **state)
{
    (void)state;
    begin();
    run(60 * 30 + 2);
    assert_int_equal(b.rows, 3);
    assert_int_equal(b.bills, 0);
}

static void a_long_silence_is_not_added_up(void **state)
{
    (void)state;
    begin();
    set_ready(1);
    run(2);
    b.observation.now_ns += HOUR_NS;
    b.observation.wall_ns += HOUR_NS;
    run(2);
    assert_int_equal(b.bills, 1);
    assert_true(b.bill[0].seconds == seconds_of(ACCOUNT_GAP_NS_MAX));
}

static void a_raise_is_followed_until_it_has_settled(void **state)
{
    (void)state;
    begin();
    set_ready(1);
    b.decision.desired = b.decision.previous = 1;
    b.observation.pool[0].in_flight_requests = 9;
    run(10);
    b.totals = (struct pool_totals){.completed_requests = 10, .good_requests = 10};
    choose(3);
    run(20);
    set_ready(2);
    run(10);
    set_ready(3);
    b.totals =
        (struct pool_totals){.completed_requests = 100, .failed_requests = 5, .good_requests = 90};
    run(70);
    const char *json = row_of(SERIES_OUTCOME, 0);
    assert_says(json, "\"from\":1,\"to\":3,");
    assert_says(json, "\"end\":\"settled\",\"firstReadySeconds\":20,\"thereSeconds\":30,");
    assert_says(json, "\"utilizationBefore\":0.9,\"utilizationAfter\":0.3,");
    assert_says(json, "\"requests\":95,\"misses\":15,");
}

static void a_change_ends_the_one_before_and_the_end_ends_all(void **state)
{
    (void)state;
    begin();
    choose(3);
    run(10);
    choose(1);
    run(10);
    assert_says(row_of(SERIES_OUTCOME, 0), "\"end\":\"superseded\",\"firstReadySeconds\":null");
    account_close(&b.account, &b.spec, &b.out);
    assert_says(row_of(SERIES_OUTCOME, 1), "\"from\":3,\"to\":1,");
    assert_says(row_of(SERIES_OUTCOME, 1), "\"end\":\"ended\"");
    assert_non_null(row_of(SERIES_MINUTE, 0));
    begin();
    choose(3);
    run(31 * 60);
    assert_says(row_of(SERIES_OUTCOME, 0), "\"end\":\"timeout\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_holds_means_amounts_and_money),
        cmocka_unit_test(an_unknown_price_or_queue_is_null_and_never_zero),
        cmocka_unit_test(replicas_outside_the_classes_are_billed_at_the_highest_price),
        cmocka_unit_test(
            the_longest_wait_of_a_minute_is_that_of_its_pool_and_null_when_nobody_told),
        cmocka_unit_test(minutes_at_rest_are_mostly_left_out),
        cmocka_unit_test(a_long_silence_is_not_added_up),
        cmocka_unit_test(a_raise_is_followed_until_it_has_settled),
        cmocka_unit_test(a_change_ends_the_one_before_and_the_end_ends_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
