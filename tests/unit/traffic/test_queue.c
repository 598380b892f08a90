/* test_queue.c - who is next: priority, then weight and tokens of keys, then arrival; against a
 * plain list. */
#include "traffic/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#include <cmocka.h>

#define ROOM 4096

static void push(struct queue *queue, uint32_t slot, uint64_t key, uint32_t priority,
                 uint32_t weight, int64_t tokens, bool front)
{
    const struct queue_entry entry = {.slot = slot,
                                      .key = key,
                                      .priority = priority,
                                      .weight = weight,
                                      .tokens = tokens,
                                      .front = front};
    assert_int_equal(queue_reserve(queue, ROOM), RC_OK);
    assert_int_equal(queue_push(queue, &entry), RC_OK);
}

/* Ten requests of each key wait, all of one size; the letters say whose turn it is. */
static void turns_follow_weights_and_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t weight[3];
        int64_t tokens[3];
        const char *order;
    } cases[] = {
        {"equal ones take turns", {1, 1, 1}, {4096, 4096, 4096}, "abcabcabcabc"},
        {"a turn is three quanta long for a weight of three",
         {1, 3, 1},
         {4096, 4096, 4096},
         "abbbcabbbcab"},
        {"a weight of 0 counts as 1", {0, 2, 1}, {4096, 4096, 4096}, "abbcabbcabbc"},
        {"short ones are served several at a turn", {1, 1, 1}, {2048, 4096, 4096}, "aabcaabcaabc"},
        {"who took more than a turn pays it back", {1, 1, 1}, {8192, 4096, 4096}, "abcbcabcbcab"},
        {"all in debt: the first out of it comes first",
         {1, 1, 1},
         {40960, 20480, 20480},
         "abcbcabcbcab"},
        {"empty requests cost one token", {1, 1, 1}, {0, 4096, 4096}, "aaaaaaaaaabc"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct queue queue;
        queue_init(&queue);
        for (uint32_t i = 0; i < 30; i++)
            push(&queue, i, i / 10, 4, cases[c].weight[i / 10], cases[c].tokens[i / 10], false);
        char order[16] = "";
        for (size_t i = 0; i < 12; i++)
            order[i] = (char)('a' + queue_pop(&queue) / 10);
        if (strcmp(order, cases[c].order) != 0)
            fail_msg("%s: %s, wanted %s", cases[c].what, order, cases[c].order);
        queue_done(&queue);
    }
}

static void a_new_key_waits_for_one_round_and_a_gone_one_leaves_its_turn(void **state)
{
    (void)state;
    struct queue queue;
    queue_init(&queue);
    for (uint32_t i = 0; i < 6; i++)
        push(&queue, i, i % 2, 4, 1, 4096, false); /* a b a b a b */
    assert_int_equal(queue_pop(&queue), 0);
    push(&queue, 6, 2, 4, 1, 4096, false); /* comes in while it is b's turn */
    assert_int_equal(queue_pop(&queue), 1);
    assert_int_equal(queue_pop(&queue), 6); /* before a, which had its turn of this round */
    queue_remove(&queue, 3);
    queue_remove(&queue, 5); /* nothing of b is left, whose turn it was */
    assert_int_equal(queue_pop(&queue), 2);
    assert_int_equal(queue_pop(&queue), 4);
    assert_int_equal(queue_pop(&queue), SLOT_NONE);
    queue_done(&queue);
}

static void one_that_comes_back_is_first_of_its_key_and_oldest_of_all(void **state)
{
    (void)state;
    struct queue queue;
    queue_init(&queue);
    push(&queue, 1, 1, 4, 1, 10, true); /* alone in its flow and in the queue */
    assert_int_equal(queue.oldest, 1);
    assert_int_equal(queue.newest, 1);
    push(&queue, 2, 1, 4, 1, 10, false);
    push(&queue, 3, 1, 4, 1, 10, true);
    assert_int_equal(queue.oldest, 3);
    assert_int_equal(queue.newest, 2);
    assert_int_equal(queue_position(&queue, 3), 1);
    push(&queue, 4, 2, 4, 1, 10, true);
    assert_int_equal(queue.oldest, 4);
    assert_int_equal(queue_pop(&queue), 3);
    assert_int_equal(queue_pop(&queue), 1);
    assert_int_equal(queue_pop(&queue), 2);
    assert_int_equal(queue.oldest, 4);
    assert_int_equal(queue_pop(&queue), 4);
    assert_int_equal(queue.oldest, SLOT_NONE);
    assert_int_equal(queue.newest, SLOT_NONE);
    queue_done(&queue);
}

static void a_share_is_by_weight_among_the_keys_that_wait(void **state)
{
    (void)state;
    static const struct {
        uint64_t key;
        uint32_t priority;
        uint32_t weight;
        int64_t total;
        int64_t share;
    } cases[] = {
        {1, 4, 1, 100, 25},  /* waits: 1 of 1 + 3 */
        {2, 4, 3, 100, 75},  /* waits: 3 of 4 */
        {3, 4, 4, 100, 50},  /* would come on top: 4 of 8 */
        {3, 4, 0, 100, 20},  /* 0 counts as 1: 1 of 5 */
        {1, 5, 1, 100, 20},  /* another priority is another flow */
        {2, 4, 3, 10, 7},    /* rounded down */
        {2, 4, 30, 100, 100} /* heavier than all that was known: never above the whole */
    };
    struct queue queue;
    queue_init(&queue);
    assert_int_equal(queue_share(&queue, 1, 4, 1, 100), 100); /* nobody waits */
    push(&queue, 0, 1, 4, 1, 10, false);
    push(&queue, 1, 2, 4, 3, 10, false);
    push(&queue, 2, 2, 4, 3, 10, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (queue_share(&queue, cases[i].key, cases[i].priority, cases[i].weight, cases[i].total) !=
            cases[i].share)
            fail_msg("case %d", (int)i);
    assert_int_equal(queue_held(&queue, 1, 4), 1);
    assert_int_equal(queue_held(&queue, 2, 4), 2);
    assert_int_equal(queue_held(&queue, 2, 5), 0);
    assert_int_equal(queue_pop(&queue), 0);
    assert_int_equal(queue_held(&queue, 1, 4), 0);
    assert_int_equal(queue_share(&queue, 2, 4, 3, 100), 100); /* key 1 counts no more */
    queue_done(&queue);
}

/* ---- against a plain list ---- */

struct item {
    uint32_t slot;
    uint64_t key;
    uint32_t priority;
    int64_t tokens;
};

struct list {
    struct item item[ROOM]; /* by arrival */
    size_t count;
};

static struct item list_take(struct list *list, size_t at)
{
    const struct item item = list->item[at];
    list->count--;
    memmove(&list->item[at], &list->item[at + 1], (list->count - at) * sizeof(item));
    return item;
}

static size_t list_find(const struct list *list, uint32_t slot)
{
    size_t at = 0;
    while (list->item[at].slot != slot)
        at++;
    return at;
}

static uint32_t top_priority(const struct list *list)
{
    uint32_t top = 0;
    for (size_t i = 0; i < list->count; i++)
        top = list->item[i].priority > top ? list->item[i].priority : top;
    return top;
}

static void check_sums(const struct queue *queue, const struct list *list)
{
    int64_t tokens = 0;
    int64_t held = 0;
    for (size_t i = 0; i < list->count; i++) {
        tokens += list->item[i].tokens;
        held += list->item[i].key == 1 && list->item[i].priority == 3;
    }
    assert_int_equal(queue->requests, list->count);
    assert_int_equal(queue->tokens, tokens);
    assert_int_equal(queue_held(queue, 1, 3), held);
    assert_int_equal(queue->oldest, list->count > 0 ? list->item[0].slot : SLOT_NONE);
    assert_int_equal(queue->newest, list->count > 0 ? list->item[list->count - 1].slot : SLOT_NONE);
}

/* The one popped is of the highest priority that waits, and the first of its key there. */
static void check_pop(struct list *list, uint32_t slot)
{
    const uint32_t top = top_priority(list);
    const struct item item = list->item[list_find(list, slot)];
    assert_int_equal(item.priority, top);
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].key != item.key || list->item[i].priority != top)
            continue;
        assert_int_equal(list->item[i].slot, slot);
        (void)list_take(list, i);
        return;
    }
}

static void random_work_agrees_with_a_plain_list(void **state)
{
    (void)state;
    static struct list list;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng;
        struct queue queue;
        uint32_t free_slots[64];
        size_t free_count = 0;
        rng_init(&rng, seed);
        queue_init(&queue);
        list.count = 0;
        for (uint32_t i = 0; i < 64; i++)
            free_slots[free_count++] = i;
        for (int step = 0; step < 3000; step++) {
            const int64_t what = rng_range(&rng, 0, 9);
            if (what < 5 && free_count > 0) {
                const struct item item = {.slot = free_slots[--free_count],
                                          .key = (uint64_t)rng_range(&rng, 0, 4),
                                          .priority = (uint32_t)rng_range(&rng, 2, 4),
                                          .tokens = rng_range(&rng, 0, 9000)};
                push(&queue, item.slot, item.key, item.priority, (uint32_t)item.key, item.tokens,
                     false);
                list.item[list.count++] = item;
            } else if (what < 8) {
                const uint32_t slot = queue_pop(&queue);
                assert_int_equal(slot == SLOT_NONE, list.count == 0);
                if (slot == SLOT_NONE)
                    continue;
                check_pop(&list, slot);
                free_slots[free_count++] = slot;
            } else if (list.count > 0) {
                const struct item item =
                    list_take(&list, (size_t)rng_range(&rng, 0, (int64_t)list.count - 1));
                queue_remove(&queue, item.slot);
                free_slots[free_count++] = item.slot;
            }
            check_sums(&queue, &list);
        }
        queue_done(&queue);
    }
}

/* Served tokens of two keys that always wait, divided by weight, differ by at most a quantum and a
 * request each. */
static void shares_stay_within_a_quantum_and_a_request(void **state)
{
    (void)state;
    static const uint32_t weight[4] = {1, 2, 5, 9};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct rng rng;
        struct queue queue;
        int64_t tokens[ROOM];
        double served[4] = {0};
        rng_init(&rng, seed);
        queue_init(&queue);
        for (uint32_t i = 0; i < 400; i++) {
            tokens[i] = rng_range(&rng, 1, 20000);
            push(&queue, i, i % 4, 4, weight[i % 4], tokens[i], false);
        }
        for (int step = 0; step < 4000; step++) {
            const uint32_t slot = queue_pop(&queue);
            served[slot % 4] += (double)tokens[slot] / weight[slot % 4];
            push(&queue, slot, slot % 4, 4, weight[slot % 4], tokens[slot], false);
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++)
                    if (served[i] - served[j] > 2 * (QUEUE_QUANTUM + 20000))
                        fail_msg("key %d has %g, key %d has %g", i, served[i], j, served[j]);
        }
        queue_done(&queue);
    }
}

static void a_position_is_exact_with_one_key_per_priority(void **state)
{
    (void)state;
    struct queue queue;
    queue_init(&queue);
    for (uint32_t i = 0; i < 12; i++)
        push(&queue, i, 7, i % 3, 1, 100, false); /* priority 2: 2 5 8 11 */
    for (uint32_t gone = 0; gone < 6; gone++) {
        for (uint32_t i = 0; i < 12; i++) {
            const int64_t of_two = gone < 4 ? gone : 4;
            const int64_t of_one = gone < 4 ? 0 : gone - 4;
            const int64_t place[3] = {i / 3 + 1 + (4 - of_two) + (4 - of_one),
                                      i / 3 + 1 + (4 - of_two) - of_one, i / 3 + 1 - of_two};
            if (place[i % 3] >= 1 && !(i % 3 == 2 && i / 3 < of_two) &&
                !(i % 3 == 1 && i / 3 < of_one))
                assert_int_equal(queue_position(&queue, i), place[i % 3]);
        }
        (void)queue_pop(&queue);
    }
    queue_done(&queue);
}

static void too_many_keys_share_one_flow_and_none_is_lost(void **state)
{
    (void)state;
    const uint32_t keys = QUEUE_FLOWS_MAX + 100;
    struct queue queue;
    queue_init(&queue);
    assert_int_equal(queue_reserve(&queue, keys), RC_OK);
    for (uint32_t i = 0; i < keys; i++) {
        const struct queue_entry entry = {.slot = i, .key = i + 1, .priority = 4, .tokens = 1};
        assert_int_equal(queue_push(&queue, &entry), RC_OK);
    }
    assert_in_range(queue.by_name.count, 1, QUEUE_FLOWS_MAX + PRIORITIES);
    uint32_t popped = 0;
    while (queue_pop(&queue) != SLOT_NONE)
        popped++;
    assert_int_equal(popped, keys);
    assert_int_equal(queue.by_name.count, 0);
    queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_follow_weights_and_tokens),
        cmocka_unit_test(a_new_key_waits_for_one_round_and_a_gone_one_leaves_its_turn),
        cmocka_unit_test(one_that_comes_back_is_first_of_its_key_and_oldest_of_all),
        cmocka_unit_test(a_share_is_by_weight_among_the_keys_that_wait),
        cmocka_unit_test(random_work_agrees_with_a_plain_list),
        cmocka_unit_test(shares_stay_within_a_quantum_and_a_request),
        cmocka_unit_test(a_position_is_exact_with_one_key_per_priority),
        cmocka_unit_test(too_many_keys_share_one_flow_and_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
