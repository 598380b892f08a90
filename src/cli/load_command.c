/* load_command.c - `sluice load`: open-loop replay of a trace or a pattern with checked answers. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/num.h"
#include "cli/command.h"
#include "engine/load.h"
#include "engine/load_text.h"
#include "io/address.h"
#include "io/clock.h"
#include "io/http1.h"
#include "sim/pattern.h"

#define READ_BYTES (64U << 10)
#define FDS_RESERVED 64

extern const struct command_ops command_load;

struct load_options {
    const char *trace;
    int pattern;
    double rate;
    double peak;
    double share;
    int64_t period_ns;
    int64_t duration_ns;
    double input_tokens;
    double output_tokens;
    double length_sigma;
    double speed;
    double input_scale;
    double output_scale;
    double input_max;
    double output_max;
    struct cli_texts models;
    int api;
    bool whole;
    bool no_usage;
    bool no_check;
    int64_t concurrency;
    int64_t timeout_ns;
    struct cli_texts headers;
    const char *id;
    bool progress;
    bool json;
    int64_t seed;
};

static const struct cli_opt options[] = {
    CLI_OPT(TEXT, struct load_options, trace, "trace", "FILE", NULL, 0, 0,
            "Requests from a trace: our CSV, Azure's, BurstGPT's or Mooncake's format, gzipped or "
            "not."),
    CLI_WORDS(struct load_options, pattern, "pattern", PATTERN_NAMES, "steady",
              "Made-up load, when there is no trace."),
    CLI_OPT(NUMBER, struct load_options, rate, "rate", "N", "10", 0.0001, 1000000,
            "Requests per second of the pattern."),
    CLI_OPT(NUMBER, struct load_options, peak, "peak", "FACTOR", "5", 1, 10000,
            "Highest rate of burst, diurnal and onoff, as a factor of --rate."),
    CLI_OPT(NUMBER, struct load_options, share, "share", "RATIO", "0.25", 0.001, 1,
            "Part of a period that is burst or on."),
    CLI_OPT(DURATION, struct load_options, period_ns, "period", "DURATION", "1m", 0.001, 31536000,
            "Period of burst, diurnal and onoff."),
    CLI_OPT(DURATION, struct load_options, duration_ns, "duration", "DURATION", NULL, 0, 31536000,
            "Time after which no request is sent; a pattern needs it (10s if not given)."),
    CLI_OPT(NUMBER, struct load_options, input_tokens, "input-tokens", "N", "200", 1, 1e6,
            "Mean prompt length of the pattern."),
    CLI_OPT(NUMBER, struct load_options, output_tokens, "output-tokens", "N", "50", 1, 1e6,
            "Mean answer length of the pattern."),
    CLI_OPT(NUMBER, struct load_options, length_sigma, "length-sigma", "SIGMA", "0.8", 0, 3,
            "Spread of the pattern's lengths (lognormal); 0 makes them all equal."),
    CLI_OPT(NUMBER, struct load_options, speed, "speed", "FACTOR", "1", 0.0001, 1000000,
            "Plays that many times faster than recorded."),
    CLI_OPT(NUMBER, struct load_options, input_scale, "input-scale", "FACTOR", "1", 0, 1000,
            "Multiplies prompt lengths."),
    CLI_OPT(NUMBER, struct load_options, output_scale, "max-tokens-scale", "FACTOR", "1", 0, 1000,
            "Multiplies answer lengths."),
    CLI_OPT(QUANTITY, struct load_options, input_max, "input-max", "N", "1M", 1, 16e6,
            "Longest prompt, in tokens; longer ones are cut."),
    CLI_OPT(QUANTITY, struct load_options, output_max, "max-tokens-max", "N", "1M", 1, 16e6,
            "Longest answer asked for, in tokens."),
    CLI_OPT(TEXTS, struct load_options, models, "model", "NAME[=WEIGHT]", NULL, 0, 0,
            "Model to ask for; several are drawn by weight. Default: emulated."),
    CLI_WORDS(struct load_options, api, "api", CHECK_API_NAMES, "chat", "Protocol to speak."),
    CLI_SWITCH(struct load_options, whole, "no-stream", "Ask for whole answers, not streams."),
    CLI_SWITCH(struct load_options, no_usage, "no-usage",
               "Do not ask for the usage at the end of a stream."),
    CLI_SWITCH(struct load_options, no_check, "any-engine",
               "The other side is no emulated engine: check form and end of answers, not words."),
    CLI_OPT(INT, struct load_options, concurrency, "concurrency", "N", NULL, 1, 1000000,
            "Most open requests; more are counted as lost. Default: what the system allows."),
    CLI_OPT(DURATION, struct load_options, timeout_ns, "timeout", "DURATION", "10m", 0.001, 86400,
            "Longest silence of the other side before a request is lost."),
    CLI_OPT(TEXTS, struct load_options, headers, "header", "LINE", NULL, 0, 0,
            "Header to send with every request, 'Name: value'. May be given several times."),
    CLI_OPT(TEXT, struct load_options, id, "id", "TEXT", NULL, 0, 0,
            "Beginning of every request id. Default: made from the clock."),
    CLI_SWITCH(struct load_options, progress, "progress", "A line a second on standard error."),
    CLI_SWITCH(struct load_options, json, "json", "The report as one JSON object."),
    CLI_OPT(INT, struct load_options, seed, "seed", "N", "1", 0, 0,
            "Seed of patterns and of the choice of models."),
};

/* Where requests come from: a file read piece by piece, or a pattern. */
struct source {
    FILE *file;
    struct trace *trace;
    char *piece;
    struct pattern pattern;
    int64_t end_ns; /* in trace time; INT64_MAX: none */
};

static enum rc next_of_trace(struct source *source, struct trace_row *ret, struct diag *diag)
{
    enum rc rc;
    while ((rc = trace_next(source->trace, ret, diag)) == RC_AGAIN) {
        const size_t n = fread(source->piece, 1, READ_BYTES, source->file);
        if (n > 0)
            trace_feed(source->trace, span_of(source->piece, n));
        else if (ferror(source->file) != 0)
            return fail(diag, RC_IO, "the trace cannot be read: %s", strerror(errno));
        else
            trace_feed_end(source->trace);
    }
    return rc;
}

static enum rc next_row(void *user, struct trace_row *ret, struct diag *diag)
{
    struct source *source = user;
    if (source->file == NULL)
        return pattern_next(&source->pattern, ret) ? RC_OK : RC_NOT_FOUND;
    enum rc rc = next_of_trace(source, ret, diag);
    return rc == RC_OK && ret->arrival_ns > source->end_ns ? RC_NOT_FOUND : rc;
}

static enum rc open_pattern(struct source *source, const struct load_options *o, struct diag *diag)
{
    const int64_t wanted_ns = o->duration_ns > 0 ? o->duration_ns : 10 * SECOND_NS;
    const struct pattern_spec spec = {
        .kind = (enum pattern_kind)o->pattern,
        .rate_per_s = o->rate,
        .peak = o->peak,
        .on_share = o->share,
        .period_ns = o->period_ns,
        .duration_ns = (int64_t)((double)wanted_ns * o->speed),
        .input_mean = o->input_tokens,
        .output_mean = o->output_tokens,
        .length_sigma = o->length_sigma,
        .seed = (uint64_t)o->seed,
    };
    return pattern_init(&source->pattern, &spec, diag);
}

static enum rc open_source(struct source *source, const struct load_options *o, struct diag *diag)
{
    if (o->trace == NULL)
        return open_pattern(source, o, diag);
    source->end_ns = o->duration_ns > 0 ? (int64_t)((double)o->duration_ns * o->speed) : INT64_MAX;
    source->file = fopen(o->trace, "rb");
    if (source->file == NULL)
        return fail(diag, RC_IO, "%s: %s", o->trace, strerror(errno));
    source->trace = trace_new();
    source->piece = malloc(READ_BYTES);
    if (source->trace == NULL || source->piece == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    return RC_OK;
}

static void close_source(struct source *source)
{
    if (source->file != NULL)
        (void)fclose(source->file); /* only read */
    trace_free(source->trace);
    free(source->piece);
}

/* "http://host:port/path"; the scheme may be left out. */
static enum rc read_url(const char *text, struct load_config *ret, struct diag *diag)
{
    struct span url = span_from(text);
    if (span_starts_with(url, "https://"))
        return fail(diag, RC_UNSUPPORTED, "'%s': TLS is not spoken here, only http://", text);
    if (span_starts_with(url, "http://"))
        url = span_slice(url, 7, url.len - 7);
    const size_t slash = span_find_byte(url, '/', 0);
    struct span authority = slash == SIZE_MAX ? url : span_slice(url, 0, slash);
    struct span path =
        slash == SIZE_MAX ? span_of(NULL, 0) : span_slice(url, slash, url.len - slash);
    if (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (address_split(authority, 80, &ret->host, &ret->port) != RC_OK || ret->host.len == 0)
        return fail(diag, RC_SYNTAX, "'%s' is no URL like http://127.0.0.1:8080", text);
    if (path.len > 512)
        return fail(diag, RC_LIMIT, "the path of the URL is too long");
    ret->base_path = path;
    return RC_OK;
}

static enum rc read_models(const struct load_options *o, struct load_config *ret, struct diag *diag)
{
    for (size_t i = 0; i < o->models.count && i < LOAD_MODELS_MAX; i++) {
        struct span name = span_from(o->models.item[i]);
        double weight = 1;
        const size_t equals = span_find_byte(name, '=', 0);
        if (equals != SIZE_MAX) {
            const struct span text = span_slice(name, equals + 1, name.len - equals - 1);
            if (num_parse(text, &weight) != RC_OK || !(weight > 0 && weight < 1e9))
                return fail(diag, RC_SYNTAX,
                            "--model is '%s', a weight above 0 is needed after '='",
                            o->models.item[i]);
            name.len = equals;
        }
        ret->model[ret->model_count++] = (struct load_model){.name = name, .weight = weight};
    }
    if (ret->model_count == 0)
        ret->model[ret->model_count++] =
            (struct load_model){.name = span_from("emulated"), .weight = 1};
    return RC_OK;
}

static enum rc read_headers(const struct load_options *o, struct buf *lines, struct diag *diag)
{
    for (size_t i = 0; i < o->headers.count; i++) {
        const char *line = o->headers.item[i];
        if (strchr(line, ':') == NULL || strpbrk(line, "\r\n") != NULL)
            return fail(diag, RC_SYNTAX, "--header is '%s', 'Name: value' is needed", line);
        buf_printf(lines, "%s\r\n", line);
    }
    return lines->failed ? fail(diag, RC_LIMIT, "the headers are too long") : RC_OK;
}

/* Every open request is a descriptor: takes as many as the system gives. */
static int64_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024 - FDS_RESERVED;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what is in force is read back */
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1000000)
        return 1000000 - FDS_RESERVED;
    return (int64_t)limit.rlim_cur - FDS_RESERVED;
}

struct run {
    struct loop *loop;
    struct load *load;
    struct timer second;
    struct load_config config;
    struct source source;
    struct buf lines;
    char id[32];
    int interrupts;
};

static void on_finished(void *user)
{
    struct run *run = user;
    loop_stop(run->loop);
}

/* The first one ends the sending, the second gives up what is open. */
static void on_signal(void *user, int signal_number)
{
    struct run *run = user;
    (void)signal_number;
    if (run->interrupts++ == 0)
        load_stop(run->load);
    else
        load_give_up(run->load);
}

static void on_second(void *user)
{
    struct run *run = user;
    load_print_progress(stderr, load_result(run->load));
    timer_after(&run->second, SECOND_NS);
}

static enum rc read_config(struct run *run, const struct load_options *o, const char *url,
                           struct diag *diag)
{
    const int64_t most = descriptors();
    if (o->concurrency > most)
        return fail(diag, RC_RANGE,
                    "--concurrency is %" PRId64 ", the system allows %" PRId64
                    " descriptors (ulimit -n)",
                    o->concurrency, most);
    (void)snprintf(run->id, sizeof run->id, "load-%08" PRIx32,
                   (uint32_t)(clock_wall_ns() / MILLISECOND_NS));
    run->config = (struct load_config){
        .api = &check_apis[o->api],
        .stream = !o->whole,
        .usage = !o->no_usage,
        .check_content = !o->no_check,
        .speed = o->speed,
        .input_scale = o->input_scale,
        .output_scale = o->output_scale,
        .input_max = (int64_t)o->input_max,
        .output_max = (int64_t)o->output_max,
        .open_max = o->concurrency > 0 ? o->concurrency : most,
        .timeout_ns = o->timeout_ns,
        .id_prefix = o->id != NULL ? o->id : run->id,
        .seed = (uint64_t)o->seed,
        .next = next_row,
        .source = &run->source,
        .finished = on_finished,
        .user = run,
    };
    enum rc rc = read_url(url, &run->config, diag);
    if (rc == RC_OK)
        rc = read_models(o, &run->config, diag);
    if (rc == RC_OK)
        rc = read_headers(o, &run->lines, diag);
    run->config.lines = buf_view(&run->lines);
    return rc;
}

static enum rc start(struct run *run, bool progress, struct diag *diag)
{
    enum rc rc = loop_new(&run->loop, diag);
    if (rc != RC_OK)
        return rc;
    if (loop_on_signal(run->loop, SIGTERM, on_signal, run) != RC_OK ||
        loop_on_signal(run->loop, SIGINT, on_signal, run) != RC_OK ||
        timer_init(&run->second, run->loop, on_second, run) != RC_OK)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    if (progress)
        timer_after(&run->second, SECOND_NS);
    return load_new(run->loop, &run->config, &run->load, diag);
}

static int finish(struct run *run, bool json)
{
    const struct load_report *report = load_result(run->load);
    if (json)
        load_print_json(stdout, report);
    else
        load_print_text(stdout, report);
    if (report->source_rc != RC_OK)
        return command_failed(&command_load, &report->source_diag);
    return report->lost > 0 || report->wrong > 0 ? EXIT_FAILED : EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct load_options o = {0};
    struct args args;
    int status = command_args(&command_load, argc, argv, &o, &args);
    if (status != EXIT_OK)
        return status;
    if (args.count != 1)
        return command_usage_error(&command_load, "one URL is needed, like http://127.0.0.1:8080");
    struct run state = {0};
    struct diag diag = {0};
    buf_init(&state.lines, HTTP_HEAD_BYTES_MAX / 2);
    if (read_config(&state, &o, args.operand[0], &diag) != RC_OK)
        status = command_usage_error(&command_load, "%s", diag.text);
    else if (open_source(&state.source, &o, &diag) != RC_OK ||
             start(&state, o.progress, &diag) != RC_OK)
        status = command_failed(&command_load, &diag);
    if (status == EXIT_OK) {
        loop_run(state.loop);
        status = finish(&state, o.json);
    }
    load_free(state.load);
    timer_done(&state.second);
    if (state.loop != NULL)
        loop_free(state.loop);
    close_source(&state.source);
    buf_done(&state.lines);
    return status;
}

const struct command_ops command_load = {
    .name = "load",
    .summary = "Send a trace or a pattern to a server and check every answer",
    .usage = "[OPTION]... URL",
    .about = "Requests leave when their time comes, whether or not earlier ones were\n"
             "answered, and none is sent twice. Every byte of every answer is compared with\n"
             "what an emulated engine says to the request's id. Each request is counted once:\n"
             "ok, wrong (something else came), lost (no answer, or not the whole of it) or\n"
             "refused (status 429 or 503). Ends with 1 when one was lost or wrong.",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};
