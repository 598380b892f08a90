/* fuzz_cron.c - cron lines in time zones: what comes next comes later, and is the last one at its
 * own time; local time never runs backwards. The first line of the input is the cron line, the rest
 * a zone file or a POSIX rule. */
#include <stdint.h>
#include <stdlib.h>

#include "base/duration.h"
#include "config/cron.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t times[] = {0,          951782400,  1711846800, 1711850400,
                                1729990800, 2145916800, 4102444800, -2208988800};

static void check_zone(const struct zone *zone)
{
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        int64_t before = INT64_MIN;
        for (int64_t local = times[i] - 7200; local <= times[i] + 7200; local += 600) {
            const int64_t unix_s = zone_unix_s(zone, local);
            CHECK(unix_s >= before);
            CHECK(zone_unix_s(zone, local) == unix_s);
            before = unix_s;
        }
        const int64_t offset = zone_offset_s(zone, times[i]);
        CHECK(offset > -8 * 86400 && offset < 8 * 86400);
    }
}

static void check_cron(const struct cron *cron, const struct zone *zone)
{
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        const int64_t next = cron_next_s(cron, zone, times[i]);
        if (next == TIME_NONE)
            continue;
        CHECK(next > times[i]);
        CHECK(cron_previous_s(cron, zone, next) == next);
        const int64_t before = cron_previous_s(cron, zone, next - 1);
        CHECK(before == TIME_NONE || before <= times[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_of(data, size);
    const size_t line = span_find_byte(text, '\n', 0);
    const struct span rest =
        line == SIZE_MAX ? (struct span){NULL, 0} : span_slice(text, line + 1, size);
    const struct zone *zone = zone_utc();
    struct cron cron;
    struct arena arena;
    arena_init(&arena, 1 << 26);
    if (rest.len > 0 && zone_read(&arena, rest, &zone, NULL) != RC_OK &&
        zone_read_rule(&arena, rest, &zone, NULL) != RC_OK)
        zone = zone_utc();
    check_zone(zone);
    if (cron_parse(span_slice(text, 0, line), &cron, NULL) == RC_OK)
        check_cron(&cron, zone);
    arena_done(&arena);
    return 0;
}
