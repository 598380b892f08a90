/* document_policies.c - the reference of all policies in one table, made from the registry. */
#include <string.h>

#include "config/document.h"
#include "config/resolved.h"
#include "core/policy.h"

/* Text inside a cell: a pipe would end it. */
static void put_cell(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '|')
            buf_byte(out, '\\');
        buf_byte(out, (char)(*c == '\n' ? ' ' : *c));
    }
}

static void put_options(struct buf *out, const struct opt *rows, size_t count, int depth)
{
    for (size_t i = 0; i < count; i++) {
        const struct opt *row = &rows[i];
        const bool nested = row->kind == OPT_STRUCT || row->kind == OPT_LIST;
        buf_printf(out, "%s`%s`", i > 0 ? ", " : "", row->name);
        if (nested && depth < 3) {
            buf_text(out, row->kind == OPT_LIST ? " list of (" : " (");
            put_options(out, row->sub, row->sub_count, depth + 1);
            buf_byte(out, ')');
            continue;
        }
        struct buf value;
        buf_init(&value, 4096);
        if ((row->flags & OPT_FLAG_REQUIRED) != 0)
            buf_text(&value, "required");
        else
            resolved_print_default(&value, row);
        buf_byte(out, ' ');
        put_cell(out, value.len > 0 ? buf_cstr(&value) : "empty");
        if (row->unit != NULL && row->unit[0] != '\0' && row->kind != OPT_DURATION)
            buf_printf(out, " %s", row->unit);
        buf_done(&value);
    }
}

static void put_policy(struct buf *out, const struct policy_ops *policy)
{
    buf_printf(out, "| `%s`%s | ", policy->name, policy->imitation ? " (imitation)" : "");
    put_cell(out, policy->summary);
    buf_text(out, "<br>");
    put_cell(out, policy->formula);
    buf_text(out, " | ");
    put_cell(out, policy->source);
    buf_text(out, " | ");
    put_options(out, policy->options, policy->option_count, 0);
    buf_text(out, policy->option_count > 0 ? " | " : "none | ");
    put_cell(out, policy->blind);
    buf_text(out, " |\n");
}

enum rc document_policies(struct buf *out)
{
    buf_text(
        out,
        "# Policies\n\n"
        "Made by `sluice schema --policies` from the tables of the policies themselves. Counts "
        "are replicas;\nwhat each option means and its range stand in "
        "[options.md](options.md#poolsnameautoscaling), what a number goes\nthrough after the "
        "policy in [decisions.md](decisions.md), and where the peers do harm in "
        "[peers.md](peers.md).\nAn imitation is guarded unless the pool says `exact: true`: "
        "the peer's own number enters, and stages\nof ours keep doubt, missing supply and "
        "limits from doing harm.\n\n"
        "| policy | computes | source | options and defaults | blind to |\n"
        "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; policy_at(i) != NULL; i++)
        put_policy(out, policy_at(i));
    return out->failed ? RC_NO_MEMORY : RC_OK;
}
