/* test_gpu.c - placement cases: packing, spreading, sharing by memory, MIG instances, islands. */
#include "base/rng.h"
#include "target/gpu.h"

#include <inttypes.h>
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

/* ---- against a slow obvious version ---- */

/* What each device holds, as a list of shares: no sums that could drift. */
struct slow {
    const struct gpu_inventory *inv;
    double share[8][64];
    size_t count[8];
};

static double slow_used(const struct slow *s, size_t device)
{
    double used = 0;
    for (size_t i = 0; i < s->count[device]; i++)
        used += s->share[device][i];
    return used;
}

static bool slow_fits(const struct slow *s, size_t device, const struct gpu_need *need,
                      double share)
{
    const struct gpu_device *d = &s->inv->device[device];
    bool cut = false;
    for (size_t i = 0; i < s->inv->device_count; i++)
        cut |= strcmp(s->inv->device[i].parent, d->id) == 0;
    return !cut && (need->type[0] == '\0' || strcmp(need->type, d->type) == 0) &&
           slow_used(s, device) + share <= 1 + 1e-9;
}

static double slow_share(const struct slow *s, size_t device, const struct gpu_need *need)
{
    if (need->memory_bytes <= 0)
        return need->count;
    const double memory = s->inv->device[device].memory_bytes;
    return memory > 0 ? need->memory_bytes / memory : 2;
}

/* The one device of a shared need: the fullest (packing) or emptiest that fits, first described of
 * equals. */
static int slow_take_share(const struct slow *s, const struct gpu_need *need)
{
    int best = -1;
    for (int i = (int)s->inv->device_count; i-- > 0;) {
        const double used = slow_used(s, (size_t)i);
        if (!slow_fits(s, (size_t)i, need, slow_share(s, (size_t)i, need)))
            continue;
        const double best_used = best < 0 ? 0 : slow_used(s, (size_t)best);
        const bool better =
            need->placement == GPU_PACKING ? used > best_used - 1e-9 : used < best_used + 1e-9;
        if (best < 0 || better)
            best = i;
    }
    return best;
}

/* All sets of `count` free devices, in order; the best by the rules of the header. */
static unsigned slow_take_whole(const struct slow *s, const struct gpu_need *need)
{
    unsigned best = 0;
    int best_rank = 0;
    for (unsigned set = 1; set < 1U << s->inv->device_count; set++) {
        size_t size = 0;
        size_t islands = 0;
        int around = 0; /* free devices of the islands that the set touches */
        bool fits = true;
        for (size_t i = 0; i < s->inv->device_count; i++) {
            if (!(set & 1U << i))
                continue;
            size++;
            fits &= slow_fits(s, i, need, 1);
            bool first = true;
            for (size_t j = 0; j < i; j++)
                first &= !((set & 1U << j) &&
                           strcmp(s->inv->device[i].island, s->inv->device[j].island) == 0);
            islands += first;
            for (size_t j = 0; first && j < s->inv->device_count; j++)
                around += strcmp(s->inv->device[i].island, s->inv->device[j].island) == 0 &&
                          slow_fits(s, j, need, 1);
        }
        if (!fits || size != (size_t)need->count)
            continue;
        /* One island before several; then the smallest or largest rest; then the order in which
         * devices are described: the set whose lowest differing device comes first. */
        const int rank = (islands == 1 ? 0 : 1000) + (islands > 1                      ? 0
                                                      : need->placement == GPU_PACKING ? around
                                                                                       : -around);
        const unsigned differing = set ^ best;
        const bool earlier = (set & differing & (~differing + 1)) != 0;
        if (best == 0 || rank < best_rank || (rank == best_rank && earlier)) {
            best = set;
            best_rank = rank;
        }
    }
    return best;
}

static unsigned slow_take(struct slow *s, const struct gpu_need *need)
{
    const bool shared = need->memory_bytes > 0 || need->count < 1;
    unsigned set = 0;
    if (shared) {
        const int device = slow_take_share(s, need);
        set = device < 0 ? 0 : 1U << device;
    } else {
        set = slow_take_whole(s, need);
    }
    for (size_t i = 0; i < 8; i++)
        if (set & 1U << i)
            s->share[i][s->count[i]++] = shared ? slow_share(s, i, need) : 1;
    return set;
}

static void slow_give_back(struct slow *s, const struct gpu_grant *grant)
{
    for (size_t k = 0; k < grant->count; k++) {
        const size_t device = grant->device[k];
        for (size_t i = 0; i < s->count[device]; i++)
            if (s->share[device][i] == grant->ratio) {
                s->share[device][i] = s->share[device][--s->count[device]];
                break;
            }
    }
}

static void random_inventory(struct rng *rng, struct gpu_inventory *inv)
{
    static const char *const types[] = {"a", "b"};
    memset(inv, 0, sizeof *inv);
    inv->device_count = (size_t)rng_range(rng, 1, 8);
    for (size_t i = 0; i < inv->device_count; i++) {
        struct gpu_device *d = &inv->device[i];
        d->id[0] = (char)('0' + i);
        strcpy(d->type, types[rng_range(rng, 0, 1)]);
        d->island[0] = (char)('p' + rng_range(rng, 0, 2));
        d->memory_bytes = rng_range(rng, 0, 4) == 0 ? 0 : (double)rng_range(rng, 1, 8) * 10 * GIB;
        if (i > 0 && inv->device[i - 1].parent[0] == '\0' && rng_range(rng, 0, 3) == 0)
            d->parent[0] = inv->device[i - 1].id[0];
        else if (i > 0 && rng_range(rng, 0, 1) == 0)
            memcpy(d->parent, inv->device[i - 1].parent, sizeof d->parent);
    }
}

static struct gpu_need random_need(struct rng *rng)
{
    static const double counts[] = {0.25, 0.5, 1.0 / 3, 0.1, 1, 1, 2, 3, 4};
    struct gpu_need need = {.placement = rng_range(rng, 0, 1) == 0 ? GPU_PACKING : GPU_SPREADING};
    need.count = counts[rng_range(rng, 0, (int64_t)COUNT_OF(counts) - 1)];
    if (need.count <= 1 && rng_range(rng, 0, 2) == 0)
        need.memory_bytes = (double)rng_range(rng, 1, 8) * 5 * GIB;
    if (rng_range(rng, 0, 2) == 0)
        need.type[0] = (char)('a' + rng_range(rng, 0, 1));
    return need;
}

/* How many fit, by taking them until none does. */
static int64_t slow_room(const struct gpu_inventory *inv, const struct gpu_need *need)
{
    struct gpu_inventory *copy = calloc(1, sizeof *copy);
    struct gpu_grant grant;
    int64_t room = 0;
    assert_non_null(copy);
    *copy = *inv;
    while (gpu_take(copy, need, &grant, NULL) == RC_OK)
        room++;
    free(copy);
    return room;
}

static void one_history(uint64_t seed, struct gpu_inventory *inv, struct slow *slow)
{
    struct rng rng;
    struct gpu_grant held[32];
    size_t count = 0;
    rng_init(&rng, seed);
    random_inventory(&rng, inv);
    *slow = (struct slow){.inv = inv};
    for (int step = 0; step < 60; step++) {
        if (count > 0 && (count == COUNT_OF(held) || rng_range(&rng, 0, 2) == 0)) {
            const size_t which = (size_t)rng_range(&rng, 0, (int64_t)count - 1);
            gpu_give_back(inv, &held[which]);
            slow_give_back(slow, &held[which]);
            held[which] = held[--count];
            continue;
        }
        const struct gpu_need need = random_need(&rng);
        struct gpu_grant grant = {.count = 0};
        unsigned got = 0;
        const int64_t room = gpu_room(inv, &need);
        if (room != slow_room(inv, &need))
            fail_msg("seed %" PRIu64 " step %d: room is said to be %" PRId64, seed, step, room);
        if (gpu_take(inv, &need, &grant, NULL) == RC_OK)
            held[count++] = grant;
        for (size_t i = 0; i < grant.count; i++)
            got |= 1U << grant.device[i];
        const unsigned wanted = slow_take(slow, &need);
        if (got != wanted)
            fail_msg("seed %" PRIu64 " step %d: got devices 0x%x, the slow version 0x%x", seed,
                     step, got, wanted);
    }
}

static void placement_is_that_of_a_slow_obvious_version(void **state)
{
    struct gpu_inventory *inv = calloc(1, sizeof *inv);
    struct slow *slow = calloc(1, sizeof *slow);
    (void)state;
    assert_non_null(inv);
    assert_non_null(slow);
    for (uint64_t seed = 1; seed <= 400; seed++)
        one_history(seed, inv, slow);
    free(slow);
    free(inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_are_placed_as_the_table_says),
        cmocka_unit_test(mig_instances_are_devices_and_their_gpu_is_not),
        cmocka_unit_test(what_is_given_back_fits_again),
        cmocka_unit_test(devices_of_an_adopted_replica_are_taken),
        cmocka_unit_test(placement_is_that_of_a_slow_obvious_version),
        cmocka_unit_test(wrong_needs_and_inventories_are_refused_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
