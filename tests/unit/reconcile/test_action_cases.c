/* Golden cases of what is done: every tests/data/actions/NAME.case is played line by line on pools
 * and replicas, and the actions that come out are compared: which class is started, what is
 * drained, stopped or woken, which pool a model is routed to. The form of a case stands in
 * tests/data/actions/README.md. */
#include "plant.h"

#include <dirent.h>

#define CASE_BYTES_MAX (1 << 16)
#define DONE_MAX 64

enum setting_kind { SET_INT, SET_NUMBER, SET_DURATION, SET_BOOL, SET_ENUM };
static const struct {
    const char *name;
    enum setting_kind kind;
    size_t offset;
} settings[] = {
    {"min", SET_INT, offsetof(struct pool_spec, replicas_min)},
    {"max", SET_INT, offsetof(struct pool_spec, replicas_max)},
    {"warmPercent", SET_NUMBER, offsetof(struct pool_spec, warm.percent)},
    {"warmBatch", SET_INT, offsetof(struct pool_spec, warm.batch)},
    {"warmDelay", SET_DURATION, offsetof(struct pool_spec, warm.replenish_delay_ns)},
    {"maxCostPerHour", SET_NUMBER, offsetof(struct pool_spec, cost.max_per_hour)},
    {"dailyBudget", SET_NUMBER, offsetof(struct pool_spec, cost.daily_budget)},
    {"fallbackAt", SET_NUMBER, offsetof(struct pool_spec, cost.fallback_percent)},
    {"maxSpotPercent", SET_NUMBER, offsetof(struct pool_spec, cost.spot_max_percent)},
    {"spotMaxPrice", SET_NUMBER, offsetof(struct pool_spec, cost.spot_max_price)},
    {"spreadSpot", SET_BOOL, offsetof(struct pool_spec, cost.spot_spread)},
    {"spotRest", SET_DURATION, offsetof(struct pool_spec, cost.spot_rest_ns)},
    {"onDemandInstead", SET_ENUM, offsetof(struct pool_spec, cost.interruption)},
    {"interruptionTimeout", SET_DURATION, offsetof(struct pool_spec, cost.interruption_timeout_ns)},
};

/* Actions of one kind since the last look, counted. */
struct done {
    char what[64];
    size_t count;
};

struct player {
    struct plant *p;
    struct route_model model[8];
    size_t model_count;
    uint16_t order[8]; /* as routed last */
    struct done done[DONE_MAX];
    size_t done_count;
    const char *file;
    int line;
};

static void refuse(const struct player *c, const char *what)
{
    print_error("%s:%d: %s\n", c->file, c->line, what);
    assert_string_equal("", what);
}

static void note_done(struct player *c, const char *what)
{
    for (size_t i = 0; i < c->done_count; i++)
        if (strcmp(c->done[i].what, what) == 0) {
            c->done[i].count++;
            return;
        }
    assert_true(c->done_count < DONE_MAX);
    (void)snprintf(c->done[c->done_count].what, sizeof(c->done[0].what), "%s", what);
    c->done[c->done_count++].count = 1;
}

static void note_replica(struct player *c, const char *verb, size_t pool, uint16_t class_)
{
    char what[64];
    const struct pool_spec *spec = &c->p->pool[pool];
    (void)snprintf(what, sizeof(what), "%s %.20s %.20s", verb, spec->name,
                   spec->class_[class_].name);
    note_done(c, what);
}

/* A model whose entries changed their order is routed elsewhere. */
static void look_at_routes(struct player *c, const struct routes *routes)
{
    for (size_t i = 0; i < routes->model_count && i < COUNT_OF(c->order); i++) {
        const struct route_model *m = &routes->model[i];
        char what[64];
        const bool now_first = m->order == 0 && c->order[i] != 0;
        const bool last = m->order > c->model[i].order && c->order[i] <= c->model[i].order;
        c->order[i] = m->order;
        if (!now_first && !last)
            continue;
        (void)snprintf(what, sizeof(what), "route %.20s %s %.20s", m->name,
                       last ? "away from" : "to", c->p->pool[m->pool].name);
        note_done(c, what);
    }
}

static void look(struct plant *p, const struct action *a)
{
    struct player *c = p->user;
    static const struct {
        const char *code;
        const char *verb;
    } notes[] = {
        {"replica-woken", "wake"}, {"replica-parked", "park"}, {"replica-draining", "drain"}};
    if (a->kind == ACTION_START)
        note_replica(c, "start", a->pool, a->class_);
    if (a->kind == ACTION_STOP)
        note_replica(c, "stop", a->pool, a->class_);
    for (size_t i = 0; a->kind == ACTION_NOTE && i < COUNT_OF(notes); i++)
        if (strcmp(a->code, notes[i].code) == 0)
            note_replica(c, notes[i].verb, a->pool, a->class_);
    if (a->kind == ACTION_TELL && a->message->kind == MESSAGE_ROUTES)
        look_at_routes(c, a->message->routes);
}

/* ---- lines ---- */

static struct span next_word(struct span *words)
{
    struct span word = {"", 0};
    while (word.len == 0 && span_split(words, ' ', &word))
        continue;
    return word;
}

static int64_t int_of(struct player *c, struct span word)
{
    int64_t number = 0;
    if (num_parse_int(word, &number) != RC_OK)
        refuse(c, "a whole number is expected");
    return number;
}

static double number_of_word(struct player *c, struct span word)
{
    double number = 0;
    if (num_parse(word, &number) != RC_OK)
        refuse(c, "a number is expected");
    return number;
}

static int64_t duration_of(struct player *c, struct span word)
{
    int64_t ns = 0;
    if (duration_parse(word, &ns) != RC_OK)
        refuse(c, "a duration is expected");
    return ns;
}

static size_t pool_of_word(struct player *c, struct span word)
{
    for (size_t i = 0; i < c->p->pool_count; i++)
        if (span_equal_text(word, c->p->pool[i].name))
            return i;
    refuse(c, "no such pool");
    return 0;
}

static void set(struct player *c, struct pool_spec *pool, struct span name, struct span value)
{
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        char *at = (char *)pool + settings[i].offset;
        if (!span_equal_text(name, settings[i].name))
            continue;
        if (settings[i].kind == SET_NUMBER) {
            const double number = number_of_word(c, value);
            memcpy(at, &number, sizeof(number));
            return;
        }
        const int64_t whole =
            settings[i].kind == SET_DURATION ? duration_of(c, value) : int_of(c, value);
        const int choice = (int)whole;
        const bool truth = whole != 0;
        if (settings[i].kind == SET_BOOL)
            memcpy(at, &truth, sizeof(truth));
        else if (settings[i].kind == SET_ENUM)
            memcpy(at, &choice, sizeof(choice));
        else
            memcpy(at, &whole, sizeof(whole));
        return;
    }
    refuse(c, "no such setting");
}

static void play_pool(struct player *c, struct span words)
{
    char name[NAME_SIZE];
    (void)span_copy(next_word(&words), name, sizeof(name));
    const size_t i = plant_pool(c->p, name);
    c->p->pool[i].warm.use = true;
    c->p->pool[i].class_count = 0;
    for (struct span word = next_word(&words); word.len > 0; word = next_word(&words)) {
        struct span key;
        (void)span_split(&word, '=', &key);
        set(c, &c->p->pool[i], key, word);
    }
}

/* class NAME KIND PRICE, of the pool before it */
static void play_class(struct player *c, struct span words)
{
    struct pool_spec *pool = &c->p->pool[c->p->pool_count - 1];
    struct class_spec *class = &pool->class_[pool->class_count++];
    opt_defaults(class_options, class_option_count, class);
    (void)span_copy(next_word(&words), class->name, sizeof(class->name));
    const struct span kind = next_word(&words);
    class->kind = span_equal_text(kind, "spot")       ? CAPACITY_SPOT
                  : span_equal_text(kind, "reserved") ? CAPACITY_RESERVED
                                                      : CAPACITY_ON_DEMAND;
    class->price_per_hour = number_of_word(c, next_word(&words));
}

static void play_step(struct player *c, struct span words)
{
    static const char *const names[] = {[BUDGET_SCALE_TO_MIN] = "scale-to-min",
                                        [BUDGET_FALLBACK_MODEL] = "use-fallback-model",
                                        [BUDGET_ENABLE_SPOT] = "enable-spot"};
    struct cost_spec *cost = &c->p->pool[c->p->pool_count - 1].cost;
    const struct span name = next_word(&words);
    struct budget_step_spec *step = &cost->step[cost->step_count++];
    step->action = -1;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_text(name, names[i]))
            step->action = (int)i;
    if (step->action < 0)
        refuse(c, "no such step");
    step->after_ns = duration_of(c, next_word(&words));
}

static void play_model(struct player *c, struct span words)
{
    const size_t i = c->model_count++;
    struct route_model *model = &c->model[i];
    (void)span_copy(next_word(&words), model->name, sizeof(model->name));
    model->pool = (uint16_t)pool_of_word(c, next_word(&words));
    model->order = (uint16_t)int_of(c, next_word(&words));
    model->weight_percent = 100;
    c->order[i] = model->order;
    c->p->spec.model = c->model;
    c->p->spec.model_count = c->model_count;
}

/* notice POOL CLASS N: so many of its ready replicas will be taken away */
static void play_notice(struct player *c, struct span words)
{
    const size_t pool = pool_of_word(c, next_word(&words));
    const struct span class = next_word(&words);
    int64_t n = int_of(c, next_word(&words));
    for (size_t i = 0; i < c->p->body_count && n > 0; i++) {
        const struct body *body = &c->p->body[i];
        if (!body->alive || body->pool != pool ||
            !span_equal_text(class, c->p->pool[pool].class_[body->class_].name))
            continue;
        plant_event(c->p, &(struct event){.kind = EVENT_NOTICE, .replica = body->id, .up = true});
        n--;
    }
    if (n > 0)
        refuse(c, "there are not so many");
}

static void play_line(struct player *c, struct span line)
{
    const struct span verb = next_word(&line);
    if (span_equal_text(verb, "pool"))
        play_pool(c, line);
    else if (span_equal_text(verb, "class"))
        play_class(c, line);
    else if (span_equal_text(verb, "step"))
        play_step(c, line);
    else if (span_equal_text(verb, "model"))
        play_model(c, line);
    else if (span_equal_text(verb, "notice"))
        play_notice(c, line);
    else if (span_equal_text(verb, "startup")) {
        const size_t pool = pool_of_word(c, next_word(&line));
        c->p->startup_ns[pool] = duration_of(c, next_word(&line));
    } else if (span_equal_text(verb, "want")) {
        const size_t pool = pool_of_word(c, next_word(&line));
        plant_ask(c->p, pool, int_of(c, next_word(&line)));
    } else if (span_equal_text(verb, "start"))
        plant_start(c->p);
    else if (span_equal_text(verb, "run"))
        plant_run(c->p, duration_of(c, next_word(&line)));
    else if (span_equal_text(verb, "another-day"))
        c->p->wall_offset_ns += DAY_NS;
    else
        refuse(c, "no such line");
}

/* "= nothing", or "= start large spot 3, drain large spot 1": in the order of the first of each. */
static void expect(struct player *c, struct span words)
{
    struct buf got;
    buf_init(&got, 1 << 16);
    for (size_t i = 0; i < c->done_count; i++)
        buf_printf(&got, "%s%s %zu", i > 0 ? ", " : "", c->done[i].what, c->done[i].count);
    if (c->done_count == 0)
        buf_printf(&got, "nothing");
    if (!span_equal(words, buf_view(&got))) {
        print_error("%s:%d: done was: %s\n", c->file, c->line, buf_cstr(&got));
        assert_string_equal(buf_cstr(&got), "");
    }
    buf_done(&got);
    c->done_count = 0;
}

static void play(const char *file, struct span text)
{
    static struct player player;
    struct span line;
    player = (struct player){.p = plant_new(), .file = file};
    player.p->on_action = look;
    player.p->user = &player;
    while (span_split(&text, '\n', &line)) {
        player.line++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '=')
            expect(&player, span_trim(span_slice(line, 1, line.len)));
        else
            play_line(&player, line);
    }
    plant_free(player.p);
}

static void every_case_does_what_it_expects(void **state)
{
    (void)state;
    char folder[512];
    const char *root = getenv("SLUICE_ROOT");
    (void)snprintf(folder, sizeof(folder), "%s/tests/data/actions", root == NULL ? "." : root);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    static char text[CASE_BYTES_MAX];
    size_t played = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024];
        if (!span_ends_with(span_from(entry->d_name), ".case"))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        const size_t len = fread(text, 1, sizeof(text), file);
        (void)fclose(file);
        play(entry->d_name, span_of(text, len));
        played++;
    }
    (void)closedir(dir);
    assert_true(played > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_does_what_it_expects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
