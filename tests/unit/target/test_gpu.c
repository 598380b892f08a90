/* test_gpu.c - placement cases: packing, spreading, sharing by memory, MIG instances, islands. */
#include "target/gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB 1073741824.0

static struct gpu_inventory *four_gpus(void)
{
    struct gpu_inventory *inv = calloc(1, sizeof *inv);

    assert_non_null(inv);
    inv->device_count = 4;
    for (size_t i = 0; i < 4; i++) {
        inv->device[i].id[0] = (char)('0' + i);
        strcpy(inv->device[i].type, "H100");
        strcpy(inv->device[i].island, i < 2 ? "a" : "b");
        inv->device[i].memory_bytes = 80 * GIB;
    }
    return inv;
}

/* What is asked for in turn, and the devices that each replica gets ("-" = no room now, "!" =
 * never). */
struct placement_case {
    const char *name;
    enum gpu_placement placement;
    double need[6]; /* > 0 whole or fraction; < 0 GiB of memory; 0 ends */
    const char *got[6];
};

static const struct placement_case cases[] = {
    {"whole devices go in order", GPU_PACKING, {1, 1, 1, 1, 1}, {"0", "1", "2", "3", "-"}},
    {"a pair stays inside one island", GPU_PACKING, {1, 2, 1, 1}, {"0", "2,3", "1", "-"}},
    {"packing takes the smallest island that fits", GPU_PACKING, {1, 1, 2}, {"0", "1", "2,3"}},
    {"spreading takes the emptiest island", GPU_SPREADING, {1, 1, 1, 1}, {"0", "2", "1", "3"}},
    {"packing fills a shared device first", GPU_PACKING, {0.5, 0.5, 0.5}, {"0", "0", "1"}},
    {"spreading starts with empty devices",
     GPU_SPREADING,
     {0.5, 0.5, 0.5, 0.5, 0.5},
     {"0", "1", "2", "3", "0"}},
    {"memory is added up", GPU_PACKING, {-50, -40, -30, -41}, {"0", "1", "0", "2"}},
    {"ten tenths fit", GPU_PACKING, {0.1, 0.9, 0.95}, {"0", "0", "1"}},
    {"a shared device is not given out whole", GPU_PACKING, {0.1, 4}, {"0", "-"}},
    {"a whole device is not shared", GPU_PACKING, {4, 0.1}, {"0,1,2,3", "-"}},
    {"what no device can hold is never possible", GPU_PACKING, {-81, 5}, {"!", "!"}},
    {"four span two islands when they must", GPU_PACKING, {4}, {"0,1,2,3"}},
};

static struct gpu_need need_of(double amount, enum gpu_placement placement)
{
    struct gpu_need need = {.placement = placement};

    if (amount < 0)
        need.memory_bytes = -amount * GIB;
    else
        need.count = amount;
    return need;
}

static void check_case(const struct placement_case *c)
{
    struct gpu_inventory *inv = four_gpus();

    for (size_t i = 0; i < 6 && c->got[i] != NULL; i++) {
        const struct gpu_need need = need_of(c->need[i], c->placement);
        struct gpu_grant grant;
        struct buf ids;
        const enum rc rc = gpu_take(inv, &need, &grant, NULL);

        buf_init(&ids, 256);
        if (rc == RC_OK)
            gpu_ids(inv, &grant, &ids);
        else
            buf_text(&ids, rc == RC_LIMIT ? "-" : "!");
        if (strcmp(buf_cstr(&ids), c->got[i]) != 0)
            fail_msg("%s: replica %zu got %s, wanted %s", c->name, i, buf_cstr(&ids), c->got[i]);
        buf_done(&ids);
    }
    free(inv);
}

static void replicas_are_placed_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(&cases[i]);
}

static void mig_instances_are_devices_and_their_gpu_is_not(void **state)
{
    struct gpu_inventory *inv = calloc(1, sizeof *inv);
    const struct gpu_need one = {.count = 1};
    struct gpu_grant grant;
    struct buf ids;

    (void)state;
    assert_non_null(inv);
    inv->device_count = 3;
    strcpy(inv->device[0].id, "GPU-aaaa");
    strcpy(inv->device[1].id, "MIG-1111");
    strcpy(inv->device[1].parent, "GPU-aaaa");
    strcpy(inv->device[2].id, "MIG-2222");
    strcpy(inv->device[2].parent, "GPU-aaaa");
    assert_int_equal(gpu_inventory_check(inv, NULL), RC_OK);
    assert_int_equal(gpu_room(inv, &one), 2);
    assert_int_equal(gpu_take(inv, &one, &grant, NULL), RC_OK);
    assert_int_equal(gpu_take(inv, &one, &grant, NULL), RC_OK);
    buf_init(&ids, 256);
    gpu_ids(inv, &grant, &ids);
    assert_string_equal(buf_cstr(&ids), "MIG-2222");
    assert_int_equal(gpu_take(inv, &one, &grant, NULL), RC_LIMIT);
    buf_done(&ids);
    free(inv);
}

static void what_is_given_back_fits_again(void **state)
{
    struct gpu_inventory *inv = four_gpus();
    const struct gpu_need third = {.count = 1.0 / 3};
    struct gpu_grant grant[12];

    (void)state;
    assert_int_equal(gpu_room(inv, &third), 12);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(gpu_take(inv, &third, &grant[i], NULL), RC_OK);
    assert_int_equal(gpu_room(inv, &third), 0);
    for (size_t i = 0; i < 12; i++)
        gpu_give_back(inv, &grant[i]);
    assert_int_equal(gpu_room(inv, &(struct gpu_need){.count = 4}), 1);
    free(inv);
}

static void devices_of_an_adopted_replica_are_taken(void **state)
{
    struct gpu_inventory *inv = four_gpus();
    struct gpu_grant grant;

    (void)state;
    assert_int_equal(gpu_claim(inv, span_from("1,3"), 1, &grant), RC_OK);
    assert_int_equal(gpu_room(inv, &(struct gpu_need){.count = 1}), 2);
    assert_int_equal(gpu_claim(inv, span_from("7"), 1, &grant), RC_NOT_FOUND);
    gpu_give_back(inv, &grant);
    assert_int_equal(gpu_room(inv, &(struct gpu_need){.count = 1}), 4);
    free(inv);
}

static void wrong_needs_and_inventories_are_refused_with_words(void **state)
{
    struct gpu_inventory *inv = four_gpus();
    struct gpu_grant grant;
    struct diag diag;

    (void)state;
    assert_int_equal(gpu_take(inv, &(struct gpu_need){.count = 1.5}, &grant, &diag), RC_INVALID);
    assert_int_equal(
        gpu_take(inv, &(struct gpu_need){.count = 2, .memory_bytes = 1}, &grant, &diag),
        RC_INVALID);
    assert_int_equal(gpu_take(inv, &(struct gpu_need){.count = 1, .type = "a100"}, &grant, &diag),
                     RC_NOT_FOUND);
    assert_int_equal(gpu_take(inv, &(struct gpu_need){.count = 1, .type = "h100"}, &grant, &diag),
                     RC_OK);
    strcpy(inv->device[1].id, "0");
    assert_int_equal(gpu_inventory_check(inv, &diag), RC_DUPLICATE);
    strcpy(inv->device[1].id, "1");
    strcpy(inv->device[1].parent, "nobody");
    assert_int_equal(gpu_inventory_check(inv, &diag), RC_INVALID);
    free(inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_are_placed_as_the_table_says),
        cmocka_unit_test(mig_instances_are_devices_and_their_gpu_is_not),
        cmocka_unit_test(what_is_given_back_fits_again),
        cmocka_unit_test(devices_of_an_adopted_replica_are_taken),
        cmocka_unit_test(wrong_needs_and_inventories_are_refused_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
