/* recent_shapes.c - the shape of a pool's last minutes. */
#include "api/views.h"

#define ROW SHAPE_MEMBER

static const struct shape_row point_rows[] = {
    ROW(TIME, point_view, at_wall_ns, "at", 0, "", "When."),
    ROW(NUMBER, point_view, demand, "demand", SHAPE_NULL, "replicas",
        "What the policy asks for, before rounding and limits; null: it had no answer."),
    ROW(NUMBER, point_view, forecast, "forecast", SHAPE_NULL, "replicas",
        "What will be needed at most; null: no forecast is followed."),
    ROW(SECONDS, point_view, forecast_in_ns, "forecastIn", SHAPE_NULL, "",
        "How far ahead of this point that is."),
    ROW(INT, point_view, desired, "desired", 0, "replicas", "What was decided."),
    ROW(INT, point_view, ready, "ready", 0, "replicas", "Serving, idle ones included."),
    ROW(INT, point_view, starting, "starting", 0, "replicas", "On their way to ready."),
    ROW(INT, point_view, waiting, "waitingRequests", SHAPE_NULL, "requests",
        "They wait for a replica; null: the gateway was not heard."),
    ROW(INT, point_view, in_flight, "inFlightRequests", SHAPE_NULL, "requests",
        "Replicas work on them."),
    ROW(SECONDS, point_view, oldest_wait_ns, "oldestWait", SHAPE_NULL, "",
        "How long the oldest one has waited."),
    ROW(NUMBER, point_view, arrival_rate, "requestsPerSecond", SHAPE_NULL, "requests/s",
        "Arrivals since the point before; null: there is none."),
    ROW(NUMBER, point_view, prompt_rate, "promptTokensPerSecond", SHAPE_NULL, "tokens/s",
        "Of arrivals, estimated."),
    ROW(NUMBER, point_view, output_rate, "outputTokensPerSecond", SHAPE_NULL, "tokens/s",
        "Generated."),
    ROW(NUMBER, point_view, ttft_p50, "ttftP50", SHAPE_NULL, "seconds",
        "Median time to the first token of the last 15 to 30 s; null: no request then."),
    ROW(NUMBER, point_view, ttft_p95, "ttftP95", SHAPE_NULL, "seconds", "95 % were faster."),
    ROW(NUMBER, point_view, itl_p50, "itlP50", SHAPE_NULL, "seconds",
        "Median time between tokens of the last 15 to 30 s."),
    ROW(NUMBER, point_view, itl_p95, "itlP95", SHAPE_NULL, "seconds", "95 % were faster."),
};
static SHAPE_OF(shape_point, "Point", point_view, point_rows, "A pool at one moment.");

static const struct shape_row recent_rows[] = {
    ROW(TEXT, recent_view, pool, "pool", 0, "", "Which pool."),
    ROW(TIME, recent_view, now_wall_ns, "now", 0, "", "When this was answered."),
    SHAPE_PART(LIST, recent_view, points, "points", 0, &shape_point, "Oldest first."),
};
SHAPE_OF(shape_recent, "Recent", recent_view, recent_rows, "The last minutes of a pool.");
