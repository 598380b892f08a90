#include "sim/agenda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/rng.h"

#include <cmocka.h>

static void items_come_by_time_and_those_of_one_time_in_the_order_of_their_coming(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    struct rng rng;
    rng_init(&rng, 7);
    size_t inside = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        if (inside == 0 || rng_unit(&rng) < 0.55) {
            const struct agenda_item item = {.at_ns = rng_range(&rng, 0, 500), .index = i};
            assert_int_equal(agenda_put(&agenda, &item), RC_OK);
            inside++;
            continue;
        }
        const struct agenda_item first = agenda_take(&agenda);
        inside--;
        /* The slow and obvious version: nothing that is left comes before what was taken. */
        for (size_t j = 0; j < agenda.count && i % 100 == 0; j++)
            assert_true(
                agenda.item[j].at_ns > first.at_ns ||
                (agenda.item[j].at_ns == first.at_ns && agenda.item[j].sequence > first.sequence));
        assert_int_equal(agenda.count, inside);
    }
    struct agenda_item before = {.at_ns = -1};
    while (agenda_first(&agenda) != NULL) {
        const struct agenda_item item = agenda_take(&agenda);
        assert_true(item.at_ns > before.at_ns ||
                    (item.at_ns == before.at_ns && item.sequence > before.sequence));
        before = item;
    }
    agenda_done(&agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_by_time_and_those_of_one_time_in_the_order_of_their_coming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
