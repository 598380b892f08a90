/* faults.c - see faults.h: reads a schedule, and walks along it in the order of time. */
#include "sim/faults.h"

#include "base/duration.h"
#include "base/num.h"
#include "base/rng.h"
#include "config/rows.h"

#define FAULTS_BYTES_MAX ((size_t)1 << 20)

static const struct opt_choice fault_choices[] = {
#define FAULT_CHOICE(id, name, lasts, about) {name, CHAOS_##id, about},
    CHAOS_MAP(FAULT_CHOICE)
#undef FAULT_CHOICE
        {NULL, 0, NULL},
};

static const struct opt row_options[] = {
    ROW_ENUM("fault", fault_row, fault, LIVE, fault_choices, CHAOS_METRICS_LOST, "What."),
    ROW_NUMBER(DURATION, "at", fault_row, at_ns, LIVE, 0, 1e8, 0, "s",
               "When first; unless said after one period."),
    ROW_NUMBER(DURATION, "every", fault_row, every_ns, LIVE, 0, 1e8, 0, "s",
               "Again after so long; 0 is once."),
    ROW_NUMBER(DURATION, "for", fault_row, for_ns, LIVE, 0, 1e8, 0, "s",
               "Of one that lasts; 0 is to the end."),
    ROW_NUMBER(NUMBER, "amount", fault_row, amount, LIVE, 0, 1, 0, "ratio",
               "How bad, where there is more and less."),
};
static const struct opt plan_options[] = {
    ROW_LIST("faults", fault_plan, row, row_count, row_options, COUNT_OF(row_options),
             "What befalls the run."),
};

static void check_row(struct reader *r, size_t i, const struct fault_row *row)
{
    const char *name = chaos_fault_name((enum chaos_fault)row->fault);
    const bool lasts = chaos_fault_lasts((enum chaos_fault)row->fault);
    if (!lasts && row->for_ns > 0)
        reader_error(r, NULL, RC_INVALID, "fault %zu: %s is over at once, so it takes no \"for\"",
                     i + 1, name);
    if (lasts && row->every_ns > 0 && (row->for_ns == 0 || row->for_ns >= row->every_ns))
        reader_error(r, NULL, RC_RANGE,
                     "fault %zu: %s must be over (\"for\") before it comes again (\"every\")",
                     i + 1, name);
    if (row->every_ns > 0 && row->every_ns < SECOND_NS)
        reader_error(r, NULL, RC_RANGE, "fault %zu: \"every\" is at least 1s", i + 1);
}

bool faults_read(const char *file, struct span text, struct problem_list *problems,
                 struct fault_plan *ret)
{
    struct reader r;
    struct arena arena;
    const size_t errors = problems->errors;
    reader_init(&r, problems, file, "");
    arena_init(&arena, FAULTS_BYTES_MAX);
    *ret = (struct fault_plan){.row_count = 0};
    const struct tree *document = read_single_document(&r, &arena, text, "a schedule of faults");
    if (document != NULL) {
        read_options(&r, plan_options, COUNT_OF(plan_options), document, ret);
        if (ret->row_count == 0)
            reader_error(&r, NULL, RC_MISSING, "\"faults\" names at least one fault");
    }
    for (size_t i = 0; i < ret->row_count; i++)
        check_row(&r, i, &ret->row[i]);
    arena_done(&arena);
    return problems->errors == errors;
}

uint64_t faults_hash(const struct fault_plan *plan)
{
    uint64_t hash = hash_u64(0xfa017, plan->row_count);
    for (size_t i = 0; i < plan->row_count; i++) {
        const struct fault_row *row = &plan->row[i];
        const int64_t number[] = {row->fault, row->at_ns, row->every_ns, row->for_ns,
                                  num_to_int(row->amount * 1e9, 0, INT64_MAX)};
        for (size_t k = 0; k < COUNT_OF(number); k++)
            hash = hash_u64(hash, (uint64_t)number[k]);
    }
    return hash;
}

void faults_begin(struct fault_walk *walk, const struct fault_plan *plan)
{
    *walk = (struct fault_walk){.plan = plan};
    for (size_t i = 0; i < plan->row_count; i++)
        walk->next_ns[i] = plan->row[i].at_ns > 0 ? plan->row[i].at_ns : plan->row[i].every_ns;
}

/* Of two at one time the end comes before the begin, then the upper row. */
static size_t first_of(const struct fault_walk *walk)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < walk->plan->row_count; i++) {
        const int64_t at_ns = walk->next_ns[i];
        if (at_ns == TIME_NONE)
            continue;
        if (first == SIZE_MAX || at_ns < walk->next_ns[first] ||
            (at_ns == walk->next_ns[first] && walk->there[i] && !walk->there[first]))
            first = i;
    }
    return first;
}

bool faults_next(struct fault_walk *walk, struct chaos_change *ret)
{
    const size_t i = first_of(walk);
    if (i == SIZE_MAX)
        return false;
    const struct fault_row *row = &walk->plan->row[i];
    const int64_t at_ns = walk->next_ns[i];
    const bool begins = !walk->there[i];
    const int64_t again_ns = row->every_ns > 0 ? num_add_sat(at_ns, row->every_ns) : TIME_NONE;
    *ret = (struct chaos_change){.at_ns = at_ns,
                                 .fault = (enum chaos_fault)row->fault,
                                 .begins = begins,
                                 .amount = row->amount};
    if (!chaos_fault_lasts(ret->fault)) {
        walk->next_ns[i] = again_ns;
    } else if (begins) {
        walk->there[i] = true;
        walk->next_ns[i] = row->for_ns > 0 ? num_add_sat(at_ns, row->for_ns) : TIME_NONE;
    } else {
        walk->there[i] = false;
        walk->next_ns[i] = row->every_ns > 0 ? at_ns - row->for_ns + row->every_ns : TIME_NONE;
    }
    return true;
}
