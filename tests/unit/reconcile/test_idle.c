/* What a pool costs in which nothing happens, and that its state before a tick can be told all the
 * same. */
#include <malloc.h>

#include "core/policy.h"

#include "plant.h"
#include "reconcile/parts.h"

#define IDLE_POOL_BYTES ((size_t)8 << 10) /* beside its state */
#define ONCE_BYTES ((size_t)64 << 10)     /* whatever the number of pools */

static size_t used_bytes(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static struct plant *adaptive_plant(void)
{
    struct plant *p = plant_new();
    for (size_t i = 0; i < PLANT_POOLS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "pool-%zu", i);
        (void)plant_pool(p, name);
        p->pool[i].policy = policy_find(span_from("adaptive"));
        assert_non_null(p->pool[i].policy);
        p->pool[i].policy_config = arena_alloc(&p->arena, p->pool[i].policy->config_size);
        opt_defaults(p->pool[i].policy->options, p->pool[i].policy->option_count,
                     p->pool[i].policy_config);
    }
    return p;
}

static void an_idle_pool_costs_one_state_and_a_few_kilobytes(void **unused)
{
    (void)unused;
    struct plant *p = adaptive_plant();
    plant_compile(p);
    const size_t state = group_state_size(p->spec.group[0].group);
    const size_t before = used_bytes();
    p->r = reconcile_new(&p->spec, 1);
    assert_non_null(p->r);
    plant_gateway_up(p, 0, true);
    plant_scanned(p);
    plant_run(p, 60 * SECOND_NS);
    assert_true(p->records > PLANT_POOLS * 25);
    /* A state each, one before the tick, one laid open, and what the plant itself keeps. */
    const size_t states = (PLANT_POOLS + 2) * (state + ((size_t)4 << 10)) + state;
    const size_t used = used_bytes();
    assert_true(used <= before + states + PLANT_POOLS * IDLE_POOL_BYTES + ONCE_BYTES);
    plant_free(p);
}

struct last {
    unsigned char *after[PLANT_POOLS];
    bool known[PLANT_POOLS];
    size_t compared;
};

/* Samples come with the tick: nothing else may change a state between two of them. */
static void compare(struct plant *p, const struct tick_record *record)
{
    struct last *last = p->user;
    const size_t size = record->after.len;
    assert_int_equal(record->before.len, size);
    if (last->after[record->group] == NULL)
        last->after[record->group] = malloc(size);
    assert_non_null(last->after[record->group]);
    if (last->known[record->group]) {
        assert_memory_equal(record->before.ptr, last->after[record->group], size);
        last->compared++;
    }
    last->known[record->group] = true;
    memcpy(last->after[record->group], record->after.ptr, size);
}

static void the_state_before_a_tick_is_the_one_the_tick_before_left(void **unused)
{
    (void)unused;
    struct last last = {0};
    struct plant *p = plant_new();
    for (size_t i = 0; i < PLANT_POOLS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "pool-%zu", i);
        (void)plant_pool(p, name);
    }
    p->on_record = compare;
    p->user = &last;
    p->spec.starts_max = 1; /* grants less than is wanted: states are corrected behind the tick */
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    for (size_t i = 0; i < PLANT_POOLS; i++)
        plant_ask(p, i, 10);
    plant_run(p, 60 * SECOND_NS);
    assert_true(p->starts > 0);
    assert_true(last.compared > PLANT_POOLS * 30);
    for (size_t i = 0; i < PLANT_POOLS; i++)
        free(last.after[i]);
    plant_free(p);
}

/* What is granted is less than was decided: the state changes behind the tick, also in lines that
 * the tick left alone. */
static void a_correction_behind_the_tick_leaves_the_state_before_it(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    struct group *group = &p->r->group[0];
    unsigned char *before = malloc(group->state_size);
    assert_non_null(before);
    memcpy(before, group->state, group->state_size);
    before_clear(p->r);
    before_look(p->r, group);
    before_keep(p->r, group); /* a tick that changed nothing */
    before_correct(p->r, group, 0, 7);
    assert_memory_not_equal(before, group->state, group->state_size);
    assert_memory_equal(before, before_open(p->r, group).ptr, group->state_size);
    free(before);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_pool_costs_one_state_and_a_few_kilobytes),
        cmocka_unit_test(the_state_before_a_tick_is_the_one_the_tick_before_left),
        cmocka_unit_test(a_correction_behind_the_tick_leaves_the_state_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
