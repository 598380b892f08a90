/* round.c - one round of one source: asked, answered or given up, told, and when the next one is.
 *
 * Rounds begin a period apart. After a failure the next one comes sooner, at first after an eighth
 * of the period, doubled with each further failure up to the whole period, with jitter: many
 * sources of one server that comes back do not meet at it. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "io/clock.h"
#include "io/random.h"
#include "source/fold.h"
#include "source/sources_internal.h"

#define VALUES_MAX 65536 /* of one round: replicas times signals and histogram slots */
#define SAMPLES_AT_ONCE 256
#define RETRY_MIN_NS (200 * MILLISECOND_NS)
#define RETRY_AFTER_MAX_NS (10 * MINUTE_NS)
#define RATE_SPANS_MAX                                                                             \
    4 /* periods over which a rate is taken to have held while nobody told it                      \
       */

/* ---- when ---- */

static double uniform(void)
{
    return (double)(random_u64() >> 11) * 0x1p-53;
}

static int64_t backoff_ns(const struct source *s, int64_t retry_ns)
{
    int64_t wait_ns = s->spec->period_ns / 8 > RETRY_MIN_NS ? s->spec->period_ns / 8 : RETRY_MIN_NS;
    for (int64_t i = 1; i < s->status.failures && wait_ns < s->spec->period_ns; i++)
        wait_ns *= 2;
    if (wait_ns > s->spec->period_ns)
        wait_ns = s->spec->period_ns;
    wait_ns -= (int64_t)((double)wait_ns * uniform() / 4);
    if (retry_ns > RETRY_AFTER_MAX_NS)
        retry_ns = RETRY_AFTER_MAX_NS;
    return retry_ns > wait_ns ? retry_ns : wait_ns;
}

/* A period after the begin of the last round; rounds that would be late are left out. */
static int64_t next_ns(const struct source *s, int64_t now_ns)
{
    const int64_t next = num_add_sat(s->asked_ns, s->spec->period_ns);
    return next > now_ns ? next : num_add_sat(now_ns, s->spec->period_ns);
}

void round_begin_soon(struct source *s)
{
    s->asked_ns = clock_monotonic_ns();
    timer_at(&s->timer, s->ops->ask != NULL ? s->asked_ns : next_ns(s, s->asked_ns));
}

/* ---- values ---- */

void source_expect(struct source *s, int64_t replicas)
{
    s->expected = replicas;
}

void source_value(struct source *s, const struct source_value *value)
{
    void *array = s->value;
    if (mem_grow(&array, &s->value_cap, s->value_count + 1, sizeof(*s->value), VALUES_MAX) != RC_OK)
        return; /* what is missing lowers the coverage or leaves the signal unknown */
    s->value = array;
    s->value[s->value_count++] = *value;
}

void source_number(struct source *s, double value, int64_t age_ns)
{
    source_value(s, &(struct source_value){.signal = s->spec->signal[0],
                                           .state = SIGNAL_VALUE,
                                           .value = value,
                                           .age_ns = age_ns});
}

/* ---- states ---- */

static void PRINTF_LIKE(2, 0) say(struct source *s, const char *format, va_list args)
{
    (void)vsnprintf(s->status.text, sizeof(s->status.text), format, args);
    s->said = true;
}

void source_say(struct source *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(s, format, args);
    va_end(args);
}

static void say_change(struct source *s, bool was_down)
{
    const bool down = s->status.fault != SOURCE_FAULT_NONE;
    if (down == was_down)
        return;
    log_event(source_log(s), down ? LOG_SOURCE_DOWN : LOG_SOURCE_UP, LOG_TEXT("pool", s->pool),
              LOG_TEXT("source", s->spec->name),
              LOG_TEXT("reason", source_fault_name(s->status.fault)),
              LOG_TEXT("text", down ? s->status.text : ""));
}

static void set_state(struct source *s, enum source_fault fault)
{
    struct source_status *status = &s->status;
    const bool was_down = status->fault != SOURCE_FAULT_NONE;
    const bool was_answered = status->answered;
    const enum source_fault was = status->fault;
    const bool was_fallen = status->fallen;
    const int64_t now_ns = source_now_ns(s);
    if (!s->said) /* what was wrong before is not wrong any more */
        status->text[0] = '\0';
    s->said = false;
    status->rounds++;
    status->fault = fault;
    if (fault == SOURCE_FAULT_NONE) {
        status->failures = 0;
        status->answered = true;
        status->fallen = false;
        status->good_ns = now_ns;
    } else {
        status->failures++;
        status->failed_rounds++;
        status->fallen =
            s->spec->fallback.replicas >= 0 && status->failures >= s->spec->fallback.after;
    }
    if (status->since_ns == TIME_NONE || was_down != (fault != SOURCE_FAULT_NONE))
        status->since_ns = now_ns;
    say_change(s, was_down);
    const struct sources_config *config = &s->set->config;
    if (config->changed != NULL &&
        (was != fault || was_answered != status->answered || was_fallen != status->fallen))
        config->changed(config->user, s->pool_index);
}

static void tell(struct source *s, const struct source_sample *samples, size_t count)
{
    const struct sources_config *config = &s->set->config;
    if (count > 0)
        config->samples(config->user, s->pool_index, samples, count);
}

static void tell_failed(struct source *s)
{
    struct source_sample samples[SIGNALS_PER_SOURCE_MAX + SIGNAL_COUNT];
    size_t n = 0;
    const struct sample sample = {.t_ns = source_now_ns(s), .state = SIGNAL_FAILED};
    for (size_t i = 0; i < s->spec->signal_count; i++)
        samples[n++] = (struct source_sample){s->spec->signal[i], sample};
    for (size_t i = 0; i < s->ops->signal_count && i < SIGNAL_COUNT; i++)
        samples[n++] =
            (struct source_sample){(struct signal_ref){.id = s->ops->signals[i]}, sample};
    tell(s, samples, n);
}

/* ---- the end of a round ---- */

static void over(struct source *s, int64_t wait_until_ns)
{
    s->asking = false;
    s->value_count = 0;
    s->expected = 0;
    timer_at(&s->timer, wait_until_ns);
}

void source_fail(struct source *s, enum source_fault fault, int64_t retry_ns, const char *format,
                 ...)
{
    va_list args;
    va_start(args, format);
    say(s, format, args);
    va_end(args);
    set_state(s, fault);
    const int64_t now_ns = clock_monotonic_ns();
    if (s->ops->ask == NULL)
        over(s, next_ns(s, now_ns));
    else
        over(s, num_add_sat(now_ns, backoff_ns(s, retry_ns)));
    tell_failed(s);
}

static void word_fault(struct source *s, const struct source_value *value, double number,
                       enum source_fault fault)
{
    char signal[NAME_SIZE + 16];
    char text[NUM_TEXT_MAX];
    char age[DURATION_TEXT_MAX];
    signal_print(&value->signal, signal, sizeof(signal));
    (void)num_print(number, text);
    (void)duration_print(value->age_ns / MILLISECOND_NS * MILLISECOND_NS, age);
    if (fault == SOURCE_FAULT_STALE)
        source_say(s, "%s was measured %s ago", signal, age);
    else if (fault == SOURCE_FAULT_ABSURD && signal_row(value->signal.id)->ceiling < 2)
        source_say(s, "%s is %s, a ratio is wanted: if it is in percent, set factor: 0.01", signal,
                   text);
    else
        source_say(s, "%s is %s: %s", signal, text, source_fault_words(fault));
}

static int64_t rate_span_ns(const struct source *s)
{
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t most_ns = num_mul_sat(s->spec->period_ns, RATE_SPANS_MAX);
    if (s->told_ns == TIME_NONE)
        return s->spec->period_ns;
    return num_clamp(now_ns - s->told_ns, 0, most_ns);
}

/* Screens all; the first fault is kept when no value stands. */
static enum source_fault screen(struct source *s)
{
    enum source_fault first = SOURCE_FAULT_NONE;
    bool good = false;
    const int64_t span_ns = rate_span_ns(s);
    for (size_t i = 0; i < s->value_count; i++) {
        struct source_value *value = &s->value[i];
        const double number = value->value;
        const bool told = value->state == SIGNAL_FAILED;
        const enum source_fault fault = fold_screen(s->spec, span_ns, value);
        good = good || fault == SOURCE_FAULT_NONE;
        if (fault == SOURCE_FAULT_NONE || first != SOURCE_FAULT_NONE)
            continue;
        first = fault;
        if (!told)
            word_fault(s, value, number, fault);
    }
    return good ? SOURCE_FAULT_NONE : first;
}

static void keep_value(struct source *s)
{
    s->status.absent = true;
    for (size_t i = 0; i < s->value_count; i++) {
        if (s->value[i].state != SIGNAL_VALUE)
            continue;
        s->status.absent = false;
        s->status.value = s->value[i].shown;
        s->status.measured_ns = source_now_ns(s) - s->value[i].age_ns;
        s->told_ns = clock_monotonic_ns();
        return;
    }
}

static void tell_values(struct source *s)
{
    struct source_sample samples[SAMPLES_AT_ONCE];
    size_t n = 0;
    const int64_t now_ns = source_now_ns(s);
    for (size_t i = 0; i < s->value_count; i++) {
        if (s->value[i].folded)
            continue;
        n += fold_signal(s->value, s->value_count, i, s->expected, now_ns, samples + n,
                         SAMPLES_AT_ONCE - n);
        if (n > SAMPLES_AT_ONCE / 2) {
            tell(s, samples, n);
            n = 0;
        }
    }
    tell(s, samples, n);
}

/* An answer without a value, for those whose signals are named. */
static void fill_empty(struct source *s)
{
    const bool zero = s->spec->empty == EMPTY_ZERO;
    for (size_t i = 0; i < s->spec->signal_count; i++)
        source_value(s, &(struct source_value){.signal = s->spec->signal[i],
                                               .state = zero ? SIGNAL_VALUE : SIGNAL_ABSENT});
}

void source_end(struct source *s)
{
    if (s->value_count == 0 && s->spec->empty == EMPTY_FAILED && s->spec->signal_count > 0) {
        source_fail(s, SOURCE_FAULT_EMPTY, -1, "%s", source_fault_words(SOURCE_FAULT_EMPTY));
        return;
    }
    if (s->value_count == 0)
        fill_empty(s);
    const enum source_fault fault = screen(s);
    if (fault == SOURCE_FAULT_NONE)
        keep_value(s);
    tell_values(s);
    set_state(s, fault);
    const int64_t now_ns = clock_monotonic_ns();
    if (s->ops->ask == NULL)
        s->asked_ns = now_ns;
    over(s, fault == SOURCE_FAULT_NONE || s->ops->ask == NULL
                ? next_ns(s, now_ns)
                : num_add_sat(now_ns, backoff_ns(s, -1)));
}

/* ---- the timer ---- */

static void give_up(struct source *s)
{
    char limit[DURATION_TEXT_MAX];
    (void)duration_print(source_deadline_ns(s->spec), limit);
    round_drop(s);
    source_fail(s, SOURCE_FAULT_TIMEOUT, -1, "no whole answer within %s", limit);
}

/* For those who are told: silence for too long is a failure. */
static void look_for_silence(struct source *s)
{
    const int64_t now_ns = clock_monotonic_ns();
    char age[DURATION_TEXT_MAX];
    const int64_t since_ns = s->told_ns != TIME_NONE ? now_ns - s->told_ns : INT64_MAX;
    if (since_ns <= source_max_age_ns(s->spec)) {
        timer_at(&s->timer, num_add_sat(now_ns, s->spec->period_ns));
        return;
    }
    s->asked_ns = now_ns;
    (void)duration_print(since_ns / SECOND_NS * SECOND_NS, age);
    if (s->told_ns == TIME_NONE)
        source_fail(s, SOURCE_FAULT_SILENT, -1, "nothing was sent yet");
    else
        source_fail(s, SOURCE_FAULT_SILENT, -1, "nothing was sent for %s", age);
}

void round_timer(void *user)
{
    struct source *s = user;
    if (s->asking) {
        give_up(s);
        return;
    }
    if (s->ops->ask == NULL) {
        look_for_silence(s);
        return;
    }
    s->asked_ns = clock_monotonic_ns();
    s->asking = true;
    s->value_count = 0;
    s->expected = 0;
    timer_at(&s->timer, num_add_sat(s->asked_ns, source_deadline_ns(s->spec)));
    s->ops->ask(s);
}

void round_drop(struct source *s)
{
    if (s->asking && s->ops->cancel != NULL)
        s->ops->cancel(s);
    s->asking = false;
}
