#include "core/scrape/scrape.h"

#include <math.h>

#include "base/num.h"
#include "core/scrape/scrape_page.h"

#define RESTART_S 0.5    /* start times of one process are equal up to printing */
#define COUNT_MAX 0x1p53 /* above it a counter has lost its last digits */

static const char *const doubts[] = {
    [SCRAPE_SURE] = "known",
    [SCRAPE_NAN] = "NaN or infinite",
    [SCRAPE_NEGATIVE] = "below 0, which this cannot be",
    [SCRAPE_ABSURD] = "above all that this can be; a ratio may be in percent",
    [SCRAPE_BROKEN] = "a histogram that contradicts itself",
    [SCRAPE_FROZEN] = "requests are there, and no counter has moved for a minute: it may hang",
    [SCRAPE_STALE] = "the timestamps on its page stand still",
};

const char *scrape_doubt_words(enum scrape_doubt doubt)
{
    return doubts[doubt];
}

void scrape_init(struct scrape *s)
{
    *s = (struct scrape){.at_ns = TIME_NONE, .moved_ns = TIME_NONE, .advanced_ns = TIME_NONE};
    scrape_page_init(&s->page[0]);
    scrape_page_init(&s->page[1]);
}

void scrape_done(struct scrape *s)
{
    scrape_page_done(&s->page[0]);
    scrape_page_done(&s->page[1]);
}

/* The two pages that are compared. */
struct pair {
    const struct scrape_page *now;
    const struct scrape_page *before; /* NULL = none that counts */
    bool restarted;
    bool known; /* a counter of work was on both pages ... */
    bool moved; /* ... and one has moved */
};

static enum scrape_doubt doubt_of(double value, double ceiling)
{
    if (!isfinite(value))
        return SCRAPE_NAN;
    if (value < 0)
        return SCRAPE_NEGATIVE;
    return value > ceiling ? SCRAPE_ABSURD : SCRAPE_SURE;
}

/* ---- levels ---- */

struct folded {
    double sum;
    double max;
    double count;
    enum scrape_doubt doubt;
};

static void fold_in(struct folded *f, double value, double ceiling)
{
    const enum scrape_doubt doubt = doubt_of(value, ceiling);
    if (doubt != SCRAPE_SURE && f->doubt == SCRAPE_SURE)
        f->doubt = doubt;
    f->sum += value;
    f->max = f->count > 0 ? fmax(f->max, value) : value;
    f->count++;
}

/* The divisor of the same labels; NaN = none, or zero. */
static double divisor_of(const struct scrape_page *page, size_t lead, uint64_t series)
{
    double sum = 0;
    bool any = false;
    for (size_t i = 0; i < engine_name_count; i++) {
        const struct engine_name *row = &engine_names[i];
        if (row->quantity != engine_names[lead].quantity || row->rank != engine_names[lead].rank ||
            row->part != ENGINE_DIVISOR)
            continue;
        any = true;
        const struct scrape_number *number = scrape_page_number(page, i, series);
        sum += number ? number->value : 0;
    }
    if (!any)
        return 1;
    return sum > 0 ? sum : (double)NAN;
}

static bool of_rank(size_t name, size_t lead, enum engine_part part)
{
    const struct engine_name *row = &engine_names[name];
    return row->quantity == engine_names[lead].quantity && row->rank == engine_names[lead].rank &&
           row->part == part;
}

static struct scrape_value level(const struct pair *pair, size_t lead)
{
    const struct engine_quantity_row *quantity =
        engine_quantity_row((enum engine_quantity)engine_names[lead].quantity);
    const double ceiling = signal_row(quantity->signal)->ceiling;
    struct folded f = {.doubt = SCRAPE_SURE};
    for (const struct scrape_number *n = pair->now->number; n; n = n->next) {
        const double scale = engine_names[n->name].scale;
        if (of_rank(n->name, lead, ENGINE_LEAD))
            fold_in(&f, n->value * scale / divisor_of(pair->now, lead, n->series), ceiling);
        else if (of_rank(n->name, lead, ENGINE_ADDED))
            fold_in(&f, n->value * scale, ceiling);
    }
    struct scrape_value v = {.state = SIGNAL_VALUE, .doubt = f.doubt, .weight = 1};
    if (quantity->fold == ENGINE_MAX)
        v.value = f.max;
    else
        v.value = quantity->fold == ENGINE_MEAN ? f.sum / f.count : f.sum;
    if (v.doubt == SCRAPE_SURE)
        v.doubt = doubt_of(v.value, ceiling);
    return v;
}

/* ---- growth ---- */

/* Of one counter series; false: it was not on the page before. */
static bool growth_of(const struct pair *pair, const struct scrape_number *n, double *ret)
{
    const struct scrape_number *old =
        pair->before ? scrape_page_number(pair->before, n->name, n->series) : NULL;
    if (!old)
        return false;
    const bool anew = pair->restarted || n->value < old->value || !isfinite(old->value);
    *ret = anew ? n->value : n->value - old->value;
    return true;
}

struct growth {
    double sum;
    bool known;
    enum scrape_doubt doubt;
};

static struct growth growth(const struct pair *pair, size_t lead, enum engine_part part)
{
    struct growth g = {.doubt = SCRAPE_SURE};
    for (const struct scrape_number *n = pair->now->number; n; n = n->next) {
        double more = 0;
        if (!of_rank(n->name, lead, part))
            continue;
        const enum scrape_doubt doubt = doubt_of(n->value, COUNT_MAX);
        if (doubt != SCRAPE_SURE)
            g.doubt = doubt;
        else if (growth_of(pair, n, &more)) {
            g.known = true;
            g.sum += more * engine_names[n->name].scale;
        }
    }
    return g;
}

static bool has_divisor(size_t lead)
{
    for (size_t i = 0; i < engine_name_count; i++)
        if (of_rank(i, lead, ENGINE_DIVISOR))
            return true;
    return false;
}

static struct scrape_value amount(const struct pair *pair, size_t lead)
{
    const struct growth top = growth(pair, lead, ENGINE_LEAD);
    struct scrape_value v = {
        .state = SIGNAL_VALUE, .doubt = top.doubt, .value = top.sum, .weight = 1};
    bool known = top.known;
    if (has_divisor(lead)) {
        const struct growth under = growth(pair, lead, ENGINE_DIVISOR);
        known = known && under.known && under.sum > 0;
        v.doubt = v.doubt == SCRAPE_SURE ? under.doubt : v.doubt;
        v.value = under.sum > 0 ? top.sum / under.sum : 0;
        v.weight = under.sum;
    }
    if (!known && v.doubt == SCRAPE_SURE)
        v = (struct scrape_value){.state = SIGNAL_ABSENT};
    return v;
}

/* ---- histograms ---- */

static bool is_sound(const struct scrape_histogram *h)
{
    if (h->broken || h->count == 0 || !isinf(h->bound[h->count - 1]))
        return false;
    double below = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (!(h->cumulative[i] >= below) || h->cumulative[i] > COUNT_MAX)
            return false;
        below = h->cumulative[i];
    }
    return !h->has_total || h->total >= below;
}

static bool same_bounds(const struct scrape_histogram *a, const struct scrape_histogram *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->bound[i] < b->bound[i] || a->bound[i] > b->bound[i])
            return false;
    return true;
}

static double alone(const struct scrape_histogram *h, size_t i)
{
    return h->cumulative[i] - (i > 0 ? h->cumulative[i - 1] : 0);
}

/* A bucket that has lost observations shows that the histogram began anew: all of it is growth. */
static void gain_of(const struct scrape_histogram *now, const struct scrape_histogram *before,
                    bool restarted, struct buckets *ret)
{
    const double scale = engine_names[now->name].scale;
    bool anew = restarted;
    buckets_clear(ret);
    ret->count = now->count;
    for (size_t i = 0; i < now->count; i++)
        anew = anew || alone(now, i) < alone(before, i);
    for (size_t i = 0; i < now->count; i++) {
        ret->bound[i] = now->bound[i] * scale;
        ret->gain[i] = alone(now, i) - (anew ? 0 : alone(before, i));
    }
}

static struct scrape_value histogram(struct pair *pair, size_t lead, struct buckets *ret)
{
    struct buckets sum;
    struct buckets one;
    struct buckets kept;
    bool mixed = false;
    buckets_clear(&sum);
    for (const struct scrape_histogram *h = pair->now->histogram; h; h = h->next) {
        if (h->name != lead)
            continue;
        if (!is_sound(h))
            return (struct scrape_value){.state = SIGNAL_VALUE, .doubt = SCRAPE_BROKEN};
        const struct scrape_histogram *old =
            pair->before ? scrape_page_histogram(pair->before, h->name, h->series) : NULL;
        if (!old || !is_sound(old) || !same_bounds(h, old))
            continue;
        gain_of(h, old, pair->restarted, &one);
        kept = sum;
        buckets_fold((const struct buckets *const[]){&kept, &one}, 2, &sum, &mixed);
        pair->known = true;
    }
    if (ret)
        *ret = sum;
    const bool any = buckets_total(&sum) > 0;
    pair->moved = pair->moved || any;
    return (struct scrape_value){.state = any ? SIGNAL_VALUE : SIGNAL_ABSENT};
}

/* ---- all of a page ---- */

/* The name with the lowest rank that stands on the page (FAULTS 17); -1 = none. */
static int lead_of(const struct scrape_page *page, size_t quantity)
{
    int lead = -1;
    for (size_t i = 0; i < engine_name_count; i++)
        if (engine_names[i].quantity == quantity && engine_names[i].part == ENGINE_LEAD &&
            (lead < 0 || engine_names[i].rank < engine_names[lead].rank) &&
            scrape_page_has(page, i))
            lead = (int)i;
    return lead;
}

static void take_average(struct scrape_value *v, struct buckets *ret)
{
    buckets_clear(ret);
    if (v->state != SIGNAL_VALUE || v->doubt != SCRAPE_SURE)
        return;
    ret->average = v->value;
    ret->average_weight = v->weight;
}

static bool shows_work(size_t quantity)
{
    return quantity == ENGINE_PROMPT_TOKENS || quantity == ENGINE_OUTPUT_TOKENS ||
           quantity == ENGINE_FINISHED;
}

static struct scrape_value value_of(struct pair *pair, size_t quantity, struct buckets *latency)
{
    const int lead = lead_of(pair->now, quantity);
    if (lead < 0)
        return (struct scrape_value){.state = SIGNAL_ABSENT, .name = -1};
    struct scrape_value v;
    if (engine_names[lead].form == ENGINE_HISTOGRAM)
        v = histogram(pair, (size_t)lead, latency);
    else if (engine_names[lead].form == ENGINE_COUNTER)
        v = amount(pair, (size_t)lead);
    else
        v = level(pair, (size_t)lead);
    if (latency && engine_names[lead].form != ENGINE_HISTOGRAM)
        take_average(&v, latency);
    if (shows_work(quantity) && v.state == SIGNAL_VALUE && v.doubt == SCRAPE_SURE) {
        pair->known = true;
        pair->moved = pair->moved || v.value > 0;
    }
    if (v.doubt != SCRAPE_SURE)
        v.state = SIGNAL_FAILED;
    v.name = lead;
    return v;
}

static bool is_busy(const struct scrape_result *r)
{
    const struct scrape_value *running = &r->value[ENGINE_RUNNING];
    const struct scrape_value *waiting = &r->value[ENGINE_WAITING];
    return (running->state == SIGNAL_VALUE && running->value > 0) ||
           (waiting->state == SIGNAL_VALUE && waiting->value > 0);
}

static void doubt_all(struct scrape_result *r, enum scrape_doubt doubt)
{
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++) {
        if (r->value[i].name < 0)
            continue;
        r->value[i].state = SIGNAL_FAILED;
        r->value[i].doubt = doubt;
    }
    for (size_t i = 0; i < ENGINE_LATENCY_COUNT; i++)
        buckets_clear(&r->latency[i]);
}

/* FAULTS 7: what the page says may be old, though the page is new. */
static void look_for_standstill(struct scrape *s, const struct pair *pair, int64_t now_ns,
                                struct scrape_result *r)
{
    const double newest_s = pair->now->newest_s;
    if (!pair->before || !pair->known || pair->moved || pair->restarted || !is_busy(r))
        s->moved_ns = now_ns;
    if (!pair->before || isnan(newest_s) || !(newest_s <= pair->before->newest_s))
        s->advanced_ns = now_ns;
    if (now_ns - s->moved_ns >= SCRAPE_FROZEN_NS)
        doubt_all(r, SCRAPE_FROZEN);
    else if (now_ns - s->advanced_ns >= SCRAPE_FROZEN_NS)
        doubt_all(r, SCRAPE_STALE);
}

enum rc scrape_take(struct scrape *s, const struct scrape_body *body, struct prom_seen seen,
                    struct scrape_result *ret, struct diag *diag)
{
    struct scrape_page *page = &s->page[1 - s->newest];
    const struct prom_reader reader = {.format = body->format, .whole = body->whole, .seen = seen};
    const int64_t now_ns = body->now_ns;
    struct prom_counts counts;
    const enum rc rc = scrape_page_read(page, body->text, &reader, &counts, diag);
    if (rc != RC_OK)
        return rc;
    const struct scrape_page *old = &s->page[s->newest];
    struct pair pair = {.now = page};
    if (s->at_ns != TIME_NONE && now_ns - s->at_ns <= SCRAPE_GAP_MAX_NS)
        pair.before = old;
    pair.restarted = pair.before && fabs(page->started_s - old->started_s) > RESTART_S;
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++) {
        struct buckets *latency =
            i >= ENGINE_LATENCY_FIRST ? &ret->latency[i - ENGINE_LATENCY_FIRST] : NULL;
        if (latency)
            buckets_clear(latency);
        ret->value[i] = value_of(&pair, i, latency);
    }
    ret->span_ns = pair.before ? now_ns - s->at_ns : 0;
    ret->restarted = pair.restarted;
    ret->repeated = counts.repeated;
    look_for_standstill(s, &pair, now_ns, ret);
    s->newest = 1 - s->newest;
    s->at_ns = now_ns;
    return RC_OK;
}
