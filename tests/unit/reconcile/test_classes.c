/* In which class replicas are started when starts in one of them lead to nothing (FAULTS 46, 48).
 */
#include "plant.h"

static size_t started[CLASSES_PER_POOL_MAX];

static void look(struct plant *p, const struct action *a)
{
    (void)p;
    if (a->kind == ACTION_START)
        started[a->class_]++;
}

/* A pool of three classes: at 1, 2 and 4 an hour. */
static struct plant *classes_plant(void)
{
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    struct class_spec *class = p->pool[0].class_;
    for (size_t i = 0; i < 3; i++) {
        class[i] = class[0];
        (void)snprintf(class[i].name, sizeof(class[i].name), "c%zu", i);
        class[i].price_per_hour = (double)(1U << i);
    }
    p->pool[0].class_count = 3;
    p->on_action = look;
    memset(started, 0, sizeof(started));
    return p;
}

static size_t ready_in(const struct plant *p, uint16_t class)
{
    size_t n = 0;
    for (size_t i = 0; i < p->body_count; i++)
        n += p->body[i].alive && p->body[i].ready && p->body[i].class_ == class;
    return n;
}

static bool trail_says(const struct plant *p, enum reason reason)
{
    const struct decision *d = plant_status(p, 0).decision;
    for (uint32_t i = 0; i < d->trail_count; i++)
        if (d->trail[i].reason == (uint16_t)reason)
            return true;
    return false;
}

static void fault_46_a_class_that_refuses_gives_way_to_the_next_at_once(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->refused_classes = 1;
    plant_ask(p, 0, 4);
    plant_start(p);
    plant_run(p, 8 * SECOND_NS); /* a start takes five */
    assert_int_equal(ready_in(p, 1), 4);
    assert_int_equal(started[0], 4); /* together, once */
    assert_int_equal(started[2], 0);
    assert_true(trail_says(p, REASON_CLASS_REFUSED));
    assert_true(plant_noted(p, "class-resting"));
    plant_free(p);
}

static void fault_46_the_first_class_is_used_again_when_it_works(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->refused_classes = 1;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(ready_in(p, 1), 2);
    p->refused_classes = 0;
    plant_run(p, MINUTE_NS);
    plant_ask(p, 0, 3);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(ready_in(p, 0), 1);
    assert_false(trail_says(p, REASON_CLASS_REFUSED));
    assert_true(plant_noted(p, "class-works"));
    plant_free(p);
}

static void fault_46_each_try_of_a_class_that_refuses_comes_later_than_the_one_before(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->refused_classes = 1;
    p->target[0].backoff_max_ns = 5 * MINUTE_NS;
    plant_start(p);
    for (int64_t n = 1; n <= 60; n++) { /* somebody asks for one more every ten seconds */
        plant_ask(p, 0, n);
        plant_run(p, 10 * SECOND_NS);
    }
    assert_in_range(started[0], 4, 8); /* after 10, 20, 40, 80, 160, 300 s */
    assert_in_range(ready_in(p, 1), 59, 60);
    plant_free(p);
}

static void fault_46_when_every_class_refuses_it_is_tried_with_back_off(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->refused_classes = 7;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 2 * MINUTE_NS);
    assert_in_range(p->starts, 6, 40); /* three classes, 10 to 16 s apart each */
    assert_true(started[0] > 0 && started[1] > 0 && started[2] > 0);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 0);
    p->refused_classes = 3;
    plant_run(p, MINUTE_NS);
    assert_int_equal(ready_in(p, 2), 1);
    plant_free(p);
}

static void fault_48_what_ends_before_it_is_ready_in_one_class_is_tried_in_the_next(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->failing_classes = 1;
    p->target[0].give_up_after = 5;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 40 * SECOND_NS);
    assert_int_equal(ready_in(p, 1), 2);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 0);
    plant_free(p);
}

static void a_pool_without_a_choice_says_nothing_of_classes(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->pool[0].class_count = 1;
    p->refused_classes = 1;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_false(plant_noted(p, "class-resting"));
    assert_false(trail_says(p, REASON_CLASS_REFUSED));
    plant_free(p);
}

static void the_budget_counts_what_the_class_in_use_costs(void **unused)
{
    (void)unused;
    struct plant *p = classes_plant();
    p->refused_classes = 3;
    p->pool[0].cost.max_per_hour = 9;
    plant_ask(p, 0, 6);
    plant_start(p);
    plant_run(p, 30 * SECOND_NS);
    assert_int_equal(ready_in(p, 2), 2); /* at 4 each */
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_46_a_class_that_refuses_gives_way_to_the_next_at_once),
        cmocka_unit_test(fault_46_the_first_class_is_used_again_when_it_works),
        cmocka_unit_test(fault_46_each_try_of_a_class_that_refuses_comes_later_than_the_one_before),
        cmocka_unit_test(fault_46_when_every_class_refuses_it_is_tried_with_back_off),
        cmocka_unit_test(fault_48_what_ends_before_it_is_ready_in_one_class_is_tried_in_the_next),
        cmocka_unit_test(a_pool_without_a_choice_says_nothing_of_classes),
        cmocka_unit_test(the_budget_counts_what_the_class_in_use_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
