/* Golden cases as data: every tests/data/core/NAME.case is played, line by line, and its expected
 * trails are compared. The form of a case stands in tests/data/core/README.md. */
#include "world.h"

#include <dirent.h>

#define CASE_BYTES_MAX (1 << 20)
#define POLICY_BYTES_MAX (1 << 16)

/* ---- what a case may set ---- */

enum setting_kind { SET_INT, SET_NUMBER, SET_DURATION, SET_BOOL, SET_ENUM };
static const struct {
    const char *name;
    enum setting_kind kind;
    size_t offset;
} settings[] = {
    {"min", SET_INT, offsetof(struct pool_spec, replicas_min)},
    {"max", SET_INT, offsetof(struct pool_spec, replicas_max)},
    {"limit", SET_INT, offsetof(struct pool_spec, concurrency_limit)},
    {"maxUnready", SET_INT, offsetof(struct pool_spec, max_unready)},
    {"exact", SET_BOOL, offsetof(struct pool_spec, exact)},
    {"stabilizeUp", SET_DURATION, offsetof(struct pool_spec, behavior.up.stabilization_ns)},
    {"stabilizeDown", SET_DURATION, offsetof(struct pool_spec, behavior.down.stabilization_ns)},
    {"upAbsolute", SET_INT, offsetof(struct pool_spec, behavior.up.change_absolute)},
    {"upPercent", SET_NUMBER, offsetof(struct pool_spec, behavior.up.change_percent)},
    {"upPeriod", SET_DURATION, offsetof(struct pool_spec, behavior.up.period_ns)},
    {"downAbsolute", SET_INT, offsetof(struct pool_spec, behavior.down.change_absolute)},
    {"downPercent", SET_NUMBER, offsetof(struct pool_spec, behavior.down.change_percent)},
    {"downPeriod", SET_DURATION, offsetof(struct pool_spec, behavior.down.period_ns)},
    {"cooldown", SET_DURATION, offsetof(struct pool_spec, behavior.cooldown_ns)},
    {"tolerance", SET_NUMBER, offsetof(struct pool_spec, behavior.tolerance)},
    {"ttft", SET_DURATION, offsetof(struct pool_spec, slo.ttft_ns)},
    {"attainment", SET_NUMBER, offsetof(struct pool_spec, slo.attainment_percent)},
    {"sloTarget", SET_BOOL, offsetof(struct pool_spec, slo_target.enabled)},
    {"maxScaleUp", SET_INT, offsetof(struct pool_spec, slo_target.max_scale_up)},
    {"requireHeadroom", SET_NUMBER,
     offsetof(struct pool_spec, slo_target.require_headroom_percent)},
    {"checkDuration", SET_DURATION, offsetof(struct pool_spec, slo_target.check_ns)},
    {"predictive", SET_BOOL, offsetof(struct pool_spec, forecast.enabled)},
    {"horizon", SET_DURATION, offsetof(struct pool_spec, forecast.horizon_ns)},
    {"minConfidence", SET_NUMBER, offsetof(struct pool_spec, forecast.min_confidence)},
    {"grace", SET_DURATION, offsetof(struct pool_spec, last_replica.grace_ns)},
    {"retention", SET_DURATION, offsetof(struct pool_spec, last_replica.retention_ns)},
    {"warmPercent", SET_NUMBER, offsetof(struct pool_spec, warm.percent)},
    {"maxCostPerHour", SET_NUMBER, offsetof(struct pool_spec, cost.max_per_hour)},
    {"dailyBudget", SET_NUMBER, offsetof(struct pool_spec, cost.daily_budget)},
    {"fallbackAt", SET_NUMBER, offsetof(struct pool_spec, cost.fallback_percent)},
    {"maxSpotPercent", SET_NUMBER, offsetof(struct pool_spec, cost.spot_max_percent)},
    {"spotMaxPrice", SET_NUMBER, offsetof(struct pool_spec, cost.spot_max_price)},
    {"preferSpot", SET_BOOL, offsetof(struct pool_spec, cost.spot_first)},
    {"spreadSpot", SET_BOOL, offsetof(struct pool_spec, cost.spot_spread)},
    {"spotRest", SET_DURATION, offsetof(struct pool_spec, cost.spot_rest_ns)},
    {"onDemandInstead", SET_ENUM, offsetof(struct pool_spec, cost.interruption)},
    {"price", SET_NUMBER, offsetof(struct pool_spec, class_[0].price_per_hour)},
};

struct player {
    struct world *w;
    unsigned char *policy_config;
    size_t class_count;
    struct arena arena;
    struct buf got; /* what the last tick said, in the form of a case */
    int64_t desired;
    bool started;
    const char *file;
    int line;
};

static void refuse(const struct player *p, const char *what)
{
    print_error("%s:%d: %s\n", p->file, p->line, what);
    assert_null(what);
}

static void set_member(struct pool_spec *pool, size_t i, struct span value)
{
    unsigned char *at = (unsigned char *)pool + settings[i].offset;
    int64_t number = 0;
    double real = 0;
    if (settings[i].kind == SET_NUMBER) {
        assert_int_equal(num_parse(value, &real), RC_OK);
        memcpy(at, &real, sizeof(real));
    } else if (settings[i].kind == SET_DURATION) {
        assert_int_equal(duration_parse(value, &number), RC_OK);
        memcpy(at, &number, sizeof(number));
    } else {
        assert_int_equal(num_parse_int(value, &number), RC_OK);
        const bool truth = number != 0;
        const int choice = (int)number;
        if (settings[i].kind == SET_BOOL)
            memcpy(at, &truth, sizeof(truth));
        else if (settings[i].kind == SET_ENUM)
            memcpy(at, &choice, sizeof(choice));
        else
            memcpy(at, &number, sizeof(number));
    }
}

/* "name=value name=value" */
static void play_pool(struct player *p, struct span words)
{
    struct span word;
    while (span_split(&words, ' ', &word)) {
        struct span name;
        if (word.len == 0)
            continue;
        (void)span_split(&word, '=', &name);
        if (span_equal_text(name, "desired")) {
            assert_int_equal(num_parse_int(word, &p->desired), RC_OK);
            continue;
        }
        if (span_equal_text(name, "imitation")) {
            p->w->pool[0].policy = &probe_imitation;
            continue;
        }
        if (span_equal_text(name, "cooldownBoth")) {
            p->w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
            continue;
        }
        if (span_equal_text(name, "schedule")) {
            p->w->pool[0].schedule_count = 1;
            continue;
        }
        size_t i = 0;
        while (i < COUNT_OF(settings) && !span_equal_text(name, settings[i].name))
            i++;
        if (i == COUNT_OF(settings))
            refuse(p, "no such setting");
        else
            set_member(&p->w->pool[0], i, word);
    }
}

static void play_metric(struct player *p, struct span words)
{
    struct span type;
    char type_text[NAME_SIZE];
    char target_text[NAME_SIZE];
    struct pool_spec *pool = &p->w->pool[0];
    struct span target;
    (void)span_split(&words, ' ', &type);
    (void)span_split(&words, ' ', &target);
    assert_true(span_copy(type, type_text, sizeof(type_text)));
    assert_true(span_copy(target, target_text, sizeof(target_text)));
    pool->metric[pool->metric_count] = world_metric(type_text, target_text);
    pool->metric[pool->metric_count++].required = !span_equal_text(words, "optional");
}

static void start(struct player *p)
{
    const int64_t wanted = p->w->config.replicas;
    struct diag diag = {0};
    if (!p->started && p->w->pool[0].combine == COMBINE_FORMULA &&
        pool_spec_resolve_formula(&p->w->pool[0], &diag) != RC_OK)
        refuse(p, diag.text);
    if (!p->started)
        world_start(p->w, p->desired);
    p->w->config.replicas = wanted;
    p->started = true;
}

static const struct tree *json_of(struct player *p, struct span text)
{
    const struct tree *json = NULL;
    struct diag diag = {0};
    const struct span kept = arena_copy(&p->arena, text);
    if (json_read(&p->arena, kept, NULL, &json, &diag) != RC_OK)
        refuse(p, diag.text);
    return json;
}

static void play_sample(struct player *p, struct span text)
{
    struct sample sample;
    struct diag diag = {0};
    start(p);
    if (sample_parse(p->w->group, json_of(p, text), &sample, &diag) != RC_OK)
        refuse(p, diag.text);
    sample.t_ns = p->w->now_ns;
    observe(p->w->group, p->w->state, &sample, 1);
}

static void tell(struct player *p)
{
    const struct decision *d = &p->w->d[0];
    struct buf *out = &p->got;
    buf_clear(out);
    buf_printf(out, "= %lld%s%s%s", (long long)d->desired, d->wake ? " wake" : "",
               d->urgent ? " urgent" : "", d->held ? " held" : "");
    if (d->warm > 0)
        buf_printf(out, " warm %lld", (long long)d->warm);
    if (d->fallback)
        buf_text(out, " fallback");
    for (size_t i = 0; p->class_count > 1 && i < p->class_count; i++)
        buf_printf(out, "%s%lld", i == 0 ? " as " : "+", (long long)d->class_desired[i]);
    buf_byte(out, '\n');
    for (uint32_t i = 0; i < d->trail_count; i++) {
        const struct trail_entry *e = &d->trail[i];
        buf_printf(out, "  %s %d > %d %s\n", stage_name((enum stage_id)e->stage), e->before,
                   e->after, reason_code((enum reason)e->reason));
    }
}

/* "DURATION {pool observation}" */
static void play_tick(struct player *p, struct span words)
{
    struct span after;
    int64_t after_ns = 0;
    struct diag diag = {0};
    start(p);
    (void)span_split(&words, ' ', &after);
    assert_int_equal(duration_parse(after, &after_ns), RC_OK);
    struct buf text;
    buf_init(&text, CASE_BYTES_MAX);
    buf_printf(&text, "{\"pools\":{\"chat\":%.*s}}", SPAN_ARG(words));
    if (observation_parse(p->w->group, json_of(p, buf_view(&text)), &p->w->o, &diag) != RC_OK)
        refuse(p, diag.text);
    buf_done(&text);
    (void)world_tick(p->w, after_ns);
    tell(p);
}

static void set_option(struct player *p, const struct opt *row, struct span value)
{
    int64_t number = 0;
    double real = 0;
    unsigned char *at = p->policy_config + row->offset;
    if (row->kind == OPT_ENUM) {
        const struct opt_choice *choice = row->choices;
        while (choice->name != NULL && !span_equal_text(value, choice->name))
            choice++;
        if (choice->name == NULL)
            refuse(p, "no such choice");
        memcpy(at, &choice->value, sizeof(choice->value));
    } else if (row->kind == OPT_NUMBER) {
        assert_int_equal(num_parse(value, &real), RC_OK);
        memcpy(at, &real, sizeof(real));
    } else if (row->kind == OPT_DURATION || row->kind == OPT_INT) {
        assert_int_equal(row->kind == OPT_INT ? num_parse_int(value, &number)
                                              : duration_parse(value, &number),
                         RC_OK);
        memcpy(at, &number, sizeof(number));
    } else {
        refuse(p, "options of this kind cannot be set in a case");
    }
}

/* "NAME option=value ..." */
static void play_policy(struct player *p, struct span words)
{
    struct span word;
    (void)span_split(&words, ' ', &word);
    const struct policy_ops *policy = policy_find(word);
    if (policy == NULL) {
        refuse(p, "no such policy");
        return;
    }
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    opt_defaults(policy->options, policy->option_count, p->policy_config);
    while (span_split(&words, ' ', &word)) {
        struct span name;
        (void)span_split(&word, '=', &name);
        const struct opt *row = opt_find(policy->options, policy->option_count, name);
        if (row == NULL)
            refuse(p, "no such option");
        else
            set_option(p, row, word);
    }
    p->w->pool[0].policy = policy;
    p->w->pool[0].policy_config = p->policy_config;
}

/* "KIND PRICE [MAX]": a class; the first one takes the place of the default. */
static void play_class(struct player *p, struct span words)
{
    static const char *const kinds[] = {"on-demand", "spot", "reserved"};
    struct pool_spec *pool = &p->w->pool[0];
    const size_t at = p->class_count++;
    struct class_spec *class = &pool->class_[at];
    struct span word;
    opt_defaults(class_options, class_option_count, class);
    (void)snprintf(class->name, sizeof(class->name), "class-%zu", at);
    (void)span_split(&words, ' ', &word);
    while (class->kind < (int)COUNT_OF(kinds) - 1 && !span_equal_text(word, kinds[class->kind]))
        class->kind++;
    (void)span_split(&words, ' ', &word);
    assert_int_equal(num_parse(word, &class->price_per_hour), RC_OK);
    if (words.len > 0)
        assert_int_equal(num_parse_int(words, &class->replicas_max), RC_OK);
    pool->class_count = p->class_count;
}

/* "ACTION AFTER": the next thing that a spent budget does. */
static void play_step(struct player *p, struct span words)
{
    static const char *const actions[] = {"scale-to-min", "use-fallback-model", "enable-spot"};
    struct cost_spec *cost = &p->w->pool[0].cost;
    struct budget_step_spec *step = &cost->step[cost->step_count++];
    struct span word;
    (void)span_split(&words, ' ', &word);
    while (step->action < (int)COUNT_OF(actions) - 1 &&
           !span_equal_text(word, actions[step->action]))
        step->action++;
    assert_int_equal(duration_parse(words, &step->after_ns), RC_OK);
}

static void play_formula(struct player *p, struct span text)
{
    p->w->pool[0].combine = COMBINE_FORMULA;
    assert_true(span_copy(text, p->w->pool[0].formula_text, TEXT_SIZE));
}

static void play_want(struct player *p, struct span word)
{
    p->w->config.abstain = span_equal_text(word, "nothing");
    if (!p->w->config.abstain)
        assert_int_equal(num_parse_int(word, &p->w->config.replicas), RC_OK);
}

static const struct {
    const char *verb;
    void (*play)(struct player *p, struct span rest);
} verbs[] = {
    {"pool ", play_pool},   {"metric ", play_metric}, {"sample ", play_sample},
    {"want ", play_want},   {"policy ", play_policy}, {"formula ", play_formula},
    {"class ", play_class}, {"step ", play_step},     {"tick ", play_tick},
};

static void play_line(struct player *p, struct span line);

/* "repeat N LINE" */
static void play_repeat(struct player *p, struct span words)
{
    struct span count;
    int64_t n = 0;
    (void)span_split(&words, ' ', &count);
    assert_int_equal(num_parse_int(count, &n), RC_OK);
    for (int64_t i = 0; i < n; i++)
        play_line(p, words);
}

static void play_line(struct player *p, struct span line)
{
    if (span_starts_with(line, "repeat ")) {
        play_repeat(p, span_slice(line, strlen("repeat "), line.len));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (span_starts_with(line, verbs[i].verb)) {
            verbs[i].play(p, span_slice(line, strlen(verbs[i].verb), line.len));
            return;
        }
    refuse(p, "no such line");
}

static void reload(struct player *p)
{
    start(p);
    world_reload(p->w);
}

/* Lines that belong to "=" are taken from `text` and compared with what the tick said. */
static void expect(struct player *p, struct span first, struct span *text)
{
    const char *begin = first.ptr;
    size_t len = first.len + 1;
    struct span ahead = *text;
    struct span line;
    while (span_split(&ahead, '\n', &line) && span_starts_with(line, "  ")) {
        len += line.len + 1;
        *text = ahead;
        p->line++;
    }
    const struct span wanted = span_of(begin, len);
    if (!span_equal(wanted, buf_view(&p->got))) {
        print_error("%s:%d: expected\n%.*sgot\n%.*s", p->file, p->line, SPAN_ARG(wanted),
                    SPAN_ARG(buf_view(&p->got)));
        assert_null("another trail");
    }
}

static void play(const char *file, struct span text)
{
    struct player p = {.w = world_new(), .file = file};
    p.policy_config = mem_new(POLICY_BYTES_MAX, 1);
    assert_non_null(p.policy_config);
    struct span line;
    arena_init(&p.arena, 64U << 20);
    buf_init(&p.got, CASE_BYTES_MAX);
    while (span_split(&text, '\n', &line)) {
        p.line++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '=')
            expect(&p, line, &text);
        else if (span_equal_text(line, "reload"))
            reload(&p);
        else
            play_line(&p, line);
    }
    buf_done(&p.got);
    free(p.policy_config);
    arena_done(&p.arena);
    world_free(p.w);
}

static void every_case_has_the_trail_that_it_expects(void **state)
{
    (void)state;
    char folder[512];
    const char *root = getenv("SLUICE_ROOT");
    (void)snprintf(folder, sizeof(folder), "%s/tests/data/core", root == NULL ? "." : root);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    char *text = malloc(CASE_BYTES_MAX);
    assert_non_null(text);
    size_t played = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024];
        if (!span_ends_with(span_from(entry->d_name), ".case"))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        const size_t len = fread(text, 1, CASE_BYTES_MAX, file);
        (void)fclose(file);
        play(entry->d_name, span_of(text, len));
        played++;
    }
    (void)closedir(dir);
    free(text);
    assert_true(played > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_has_the_trail_that_it_expects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
