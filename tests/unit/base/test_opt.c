/* test_opt.c - defaults of every kind, hashes of field tables, nearest names. */
#include "base/opt.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "base/duration.h"
#include "base/rc.h"

#include <cmocka.h>

struct inner {
    int64_t count;
    char name[8];
};

struct outer {
    bool on;
    int64_t replicas;
    double ratio;
    double unset;
    int64_t period_ns;
    char text[6];
    int mode;
    struct inner inner;
    struct inner list[3];
    size_t list_count;
    char texts[2][4];
    size_t text_count;
    const void *tree;
};

static const struct opt inner_rows[] = {
    {.name = "count", .kind = OPT_INT, .offset = offsetof(struct inner, count), .def = 5},
    {.name = "name",
     .kind = OPT_TEXT,
     .offset = offsetof(struct inner, name),
     .size = 8,
     .def_text = "in"},
};

#define AT(member) .offset = offsetof(struct outer, member)
static const struct opt rows[] = {
    {.name = "on", .kind = OPT_BOOL, AT(on), .def = 1},
    {.name = "replicas", .kind = OPT_INT, AT(replicas), .def = 3},
    {.name = "ratio", .kind = OPT_NUMBER, AT(ratio), .def = 0.7},
    {.name = "unset", .kind = OPT_QUANTITY, AT(unset), .flags = OPT_FLAG_UNSET_NAN},
    {.name = "period", .kind = OPT_DURATION, AT(period_ns), .def = 1.5},
    {.name = "text", .kind = OPT_TEXT, AT(text), .size = 6, .def_text = "too long"},
    {.name = "mode", .kind = OPT_ENUM, AT(mode), .def = 2},
    {.name = "inner", .kind = OPT_STRUCT, AT(inner), .sub = inner_rows, .sub_count = 2},
    {.name = "list",
     .kind = OPT_LIST,
     AT(list),
     .size = sizeof(struct inner),
     .list_max = 3,
     .count_offset = offsetof(struct outer, list_count),
     .sub = inner_rows,
     .sub_count = 2},
    {.name = "texts",
     .kind = OPT_TEXTS,
     AT(texts),
     .size = 4,
     .list_max = 2,
     .count_offset = offsetof(struct outer, text_count)},
    {.name = "tree", .kind = OPT_TREE, AT(tree)},
};

static void every_kind_gets_its_default(void **state)
{
    (void)state;
    struct outer config;
    memset(&config, 0xA5, sizeof(config));
    opt_defaults(rows, COUNT_OF(rows), &config);
    assert_true(config.on);
    assert_int_equal(config.replicas, 3);
    assert_true(config.ratio == 0.7);
    assert_true(isnan(config.unset));
    assert_true(config.period_ns == 1500 * MILLISECOND_NS);
    assert_string_equal(config.text, "too l");
    assert_int_equal(config.mode, 2);
    assert_int_equal(config.inner.count, 5);
    assert_string_equal(config.inner.name, "in");
    assert_int_equal(config.list_count, 0);
    assert_int_equal(config.list[2].count, 0);
    assert_int_equal(config.text_count, 0);
    assert_null(config.tree);
}

static void a_table_that_contains_itself_ends(void **state)
{
    (void)state;
    static struct opt loop[1];
    loop[0] = (struct opt){.name = "x", .kind = OPT_STRUCT, .sub = loop, .sub_count = 1};
    char config[8] = "";
    opt_defaults(loop, 1, config);
}

static void options_are_found_by_their_exact_name(void **state)
{
    (void)state;
    assert_ptr_equal(opt_find(rows, COUNT_OF(rows), span_from("ratio")), &rows[2]);
    assert_null(opt_find(rows, COUNT_OF(rows), span_from("Ratio")));
    assert_null(opt_find(rows, COUNT_OF(rows), span_from("rat")));
}

static void the_nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const known[] = {"minReplicas", "maxReplicas", "models", "ttft", "slo"};
    static const struct {
        const char *name;
        const char *nearest;
    } cases[] = {
        {"maxReplica", "maxReplicas"},
        {"maxreplicas", "maxReplicas"},
        {"min_replicas", "minReplicas"},
        {"mxaReplicas", "maxReplicas"},
        {"model", "models"},
        {"ttfT", "ttft"},
        {"tft", "ttft"},
        {"sol", "slo"},
        {"xyz", NULL},
        {"replicas", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *found = name_nearest(span_from(cases[i].name), known, COUNT_OF(known));
        if ((found == NULL) != (cases[i].nearest == NULL) ||
            (found && strcmp(found, cases[i].nearest) != 0))
            fail_msg("\"%s\" is near to %s", cases[i].name, found ? found : "nothing");
    }
    char longest[200];
    memset(longest, 'a', sizeof(longest));
    assert_null(name_nearest(span_of(longest, sizeof(longest)), known, COUNT_OF(known)));
}

struct state_block {
    int64_t a;
    double b[4];
};

static void field_tables_hash_by_name_kind_place_and_count(void **state)
{
    (void)state;
    const struct field one[] = {FIELD(I64, state_block, a), FIELD_ARRAY(F64, state_block, b, 4)};
    struct field other[COUNT_OF(one)];
    const uint64_t hash = field_table_hash(one, COUNT_OF(one), 7);
    memcpy(other, one, sizeof(one));
    assert_true(field_table_hash(other, COUNT_OF(other), 7) == hash);
    assert_true(field_table_hash(other, COUNT_OF(other), 8) != hash);
    assert_true(field_table_hash(other, 1, 7) != hash);
    other[1].count = 3;
    assert_true(field_table_hash(other, COUNT_OF(other), 7) != hash);
    other[1] = one[1];
    other[0].name = "c";
    assert_true(field_table_hash(other, COUNT_OF(other), 7) != hash);
    other[0] = one[0];
    other[0].kind = FIELD_U64;
    assert_true(field_table_hash(other, COUNT_OF(other), 7) != hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_gets_its_default),
        cmocka_unit_test(a_table_that_contains_itself_ends),
        cmocka_unit_test(options_are_found_by_their_exact_name),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(field_tables_hash_by_name_kind_place_and_count),
    };
    return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
