/* What a comparison found: as a table, as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/tree.h"
#include "cli/compare/comparison.h"

static void cell_line(const struct cell *cell, FILE *out)
{
    (void)fprintf(out, "\n%s x %g, start-up %.0f s, %s%s%s: from %lld replicas, at most %lld\n",
                  cell->trace, cell->scale, seconds_of(cell->startup_ns),
                  cell->warm ? "second of two passes" : "no history",
                  cell->loose ? ", objectives doubled" : "",
                  cell->uncalibrated ? ", NOT CALIBRATED: ten times the fleet does not meet them"
                                     : "",
                  (long long)cell->initial, (long long)cell->replicas_max);
}

static void family_line(const struct comparison *c, const struct compared *cell,
                        const struct family *family, double floor, FILE *out)
{
    const struct sweep_point *best = comparison_played(family, floor);
    if (best == NULL) {
        (void)fprintf(out, "  %-14s never reaches it\n", family->policy);
        return;
    }
    const char *peer = "";
    const double others = comparison_peers_at(c, cell, family, best->attainment, &peer);
    (void)fprintf(out, "  %-14s %8.2f %% %10.2f GPU-h", family->policy, 100 * best->attainment,
                  best->gpu_hours);
    if (family->baseline != NULL)
        (void)fprintf(out, "  at %.4g", comparison_knob(cell, family, best));
    else if (!isnan(others))
        (void)fprintf(out, "  %.3f of the best tuned peer (%s) at this attainment",
                      best->gpu_hours / others, peer);
    (void)fputc('\n', out);
}

static void oracle_line(const struct comparison *c, const struct compared *cell, size_t floor,
                        FILE *out)
{
    const double hours = comparison_oracle(c, cell, floor);
    (void)fprintf(out, "  %-14s %8.2f %% %10.2f GPU-h, fluid bound %.2f%s\n", "oracle",
                  isnan(hours) ? NAN : 100 * cell->oracle.point[floor].attainment, hours,
                  cell->cell.fluid_hours,
                  comparison_valid(c, cell, floor) ? "" : ": INVALID, a policy is cheaper");
}

void comparison_table(const struct comparison *c, FILE *out)
{
    for (size_t i = 0; i < c->cell_count; i++) {
        const struct compared *cell = &c->cell[i];
        cell_line(&cell->cell, out);
        for (size_t f = 0; f < c->floor_count && !cell->failed; f++) {
            (void)fprintf(out, " floor %g %%\n", 100 * c->floor[f]);
            for (size_t p = 0; p < c->policy_count; p++)
                family_line(c, cell, &cell->family[p], c->floor[f], out);
            if (c->oracle)
                oracle_line(c, cell, f, out);
        }
    }
}

/* ---- JSON ---- */

static void number_or_null(struct json_writer *w, const char *name, double value)
{
    json_member_number(w, name, value); /* NAN is written as null */
}

static void print_oracle(const struct comparison *c, const struct compared *cell, size_t floor,
                         struct json_writer *w)
{
    const bool found = cell->oracle_found[floor];
    json_object(w);
    json_member_text(w, "trace", cell->cell.trace);
    json_member_number(w, "startup", seconds_of(cell->cell.startup_ns));
    json_member_number(w, "scale", cell->cell.scale);
    json_member_number(w, "floor", 100 * c->floor[floor]);
    json_member_text(w, "policy", ORACLE_NAME);
    json_member_bool(w, "reached", found);
    number_or_null(w, "knob", NAN);
    number_or_null(w, "gpuHours", comparison_oracle(c, cell, floor));
    number_or_null(w, "regret", found ? 0 : NAN);
    number_or_null(w, "attainment", found ? cell->oracle.point[floor].attainment : NAN);
    number_or_null(w, "fluidGpuHours", cell->cell.fluid_hours);
    json_member_bool(w, "valid", comparison_valid(c, cell, floor));
    json_object_end(w);
}

/* A ratio that could not be found is null. */
static void print_again(const struct comparison *c, const struct family *family, size_t floor_index,
                        struct json_writer *w)
{
    if (family->baseline != NULL || c->again == 0 || floor_index > 0)
        return;
    json_key(w, "againRatios");
    json_array(w);
    for (size_t s = 0; s < c->again; s++)
        json_number(w, family->again[s]);
    json_array_end(w);
}

static void print_at_floor(const struct comparison *c, const struct compared *cell,
                           const struct family *family, size_t floor_index, struct json_writer *w)
{
    const double floor = c->floor[floor_index];
    const struct sweep_point *best = comparison_best(family, floor);
    const char *peer = "";
    const struct sweep_point *only = comparison_played(family, floor);
    json_object(w);
    json_member_text(w, "trace", cell->cell.trace);
    json_member_number(w, "startup", seconds_of(cell->cell.startup_ns));
    json_member_number(w, "scale", cell->cell.scale);
    json_member_number(w, "floor", 100 * floor);
    json_member_text(w, "policy", family->policy);
    json_member_bool(w, "reached", best != NULL);
    number_or_null(w, "knob", comparison_knob(cell, family, only));
    number_or_null(w, "gpuHours", best != NULL ? best->gpu_hours : NAN);
    number_or_null(w, "regret",
                   best != NULL ? best->gpu_hours / comparison_oracle(c, cell, floor_index) - 1
                                : NAN);
    number_or_null(w, "attainment", only != NULL ? only->attainment : NAN);
    number_or_null(w, "gpuHoursPlayed", only != NULL ? only->gpu_hours : NAN);
    const double others =
        only != NULL ? comparison_peers_at(c, cell, family, only->attainment, &peer) : NAN;
    number_or_null(w, "bestPeerGpuHours", others);
    json_member_text(w, "bestPeer", peer);
    print_again(c, family, floor_index, w);
    number_or_null(w, "fluidGpuHours", cell->cell.fluid_hours);
    json_member_bool(w, "valid", comparison_valid(c, cell, floor_index));
    json_object_end(w);
}

enum rc comparison_json(const struct comparison *c, struct buf *ret)
{
    bool first = true;
    enum rc rc = RC_OK;
    buf_text(ret, "{\"runs\":[");
    for (size_t i = 0; i < c->cell_count && rc == RC_OK; i++) {
        const struct compared *cell = &c->cell[i];
        struct player *player = NULL;
        struct diag diag = {0};
        if (cell->failed)
            continue;
        rc = player_new(&c->options, &cell->cell, &player, &diag);
        for (size_t p = 0; p < c->policy_count && rc == RC_OK; p++) {
            const struct family *family = &cell->family[p];
            player_choose(player, family->policy, family->baseline);
            for (size_t k = 0; k < family->sweep.count && rc == RC_OK; k++)
                rc = player_print(player, &family->sweep.point[k], &first, ret);
        }
        player_free(player);
        if (cell->oracle_json.len > 0) {
            if (!first)
                buf_byte(ret, ',');
            first = false;
            buf_span(ret, buf_view(&cell->oracle_json));
        }
    }
    struct json_writer w;
    struct buf rows;
    buf_init(&rows, ret->limit_bytes);
    json_init(&w, &rows);
    json_array(&w);
    for (size_t i = 0; i < c->cell_count; i++)
        for (size_t f = 0; f < c->floor_count && !c->cell[i].failed; f++) {
            for (size_t p = 0; p < c->policy_count; p++)
                print_at_floor(c, &c->cell[i], &c->cell[i].family[p], f, &w);
            if (c->oracle)
                print_oracle(c, &c->cell[i], f, &w);
        }
    json_array_end(&w);
    buf_text(ret, "],\"atFloor\":");
    buf_span(ret, buf_view(&rows));
    buf_text(ret, "}");
    buf_done(&rows);
    return ret->failed ? RC_LIMIT : rc;
}
