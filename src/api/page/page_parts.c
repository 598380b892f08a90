/* page_parts.c - what the dashboard shows beside the pools: conditions, decisions, GPUs, requests.
 */
#include "api/page/page_parts.h"

#include <math.h>

void page_conditions(const struct page *page)
{
    const struct condition *condition;
    buf_text(page->out, "<div id=\"conditions\" aria-live=\"polite\">");
    for (size_t i = 0; (condition = control_condition(page->control, i)) != NULL; i++) {
        buf_text(page->out, "<p class=\"condition\"><strong>");
        page_put(page->out, condition->name);
        buf_text(page->out, "</strong> ");
        page_put(page->out, condition->pool);
        buf_text(page->out, condition->pool[0] != '\0' ? ": " : "");
        page_put(page->out, condition->text);
        buf_text(page->out, "</p>\n");
    }
    buf_text(page->out, "</div>\n");
}

static void put_change(const struct page *page, const struct change_view *change)
{
    char at[DURATION_TEXT_MAX];
    struct buf *out = page->out;
    (void)time_print_rfc3339(change->at_wall_ns, at);
    buf_text(out, "<tr><td>");
    page_put_time(out, change->at_wall_ns);
    buf_text(out, "</td><td>");
    page_put(out, change->pool);
    buf_printf(out, "</td><td class=\"n\">%lld \xe2\x86\x92 %lld</td><td>",
               (long long)change->previous, (long long)change->desired);
    page_put(out, change->words);
    buf_text(out, "</td><td><a class=\"steps\" href=\"/api/v1/pools/");
    page_put(out,
             change->pool); /* a name of the configuration: no character that means something */
    buf_printf(out, "/why?at=%s\">steps</a></td></tr>\n", at);
}

void page_changes(const struct page *page)
{
    const struct change_view *change;
    size_t i = 0;
    buf_text(page->out,
             "<section id=\"decisions\" aria-labelledby=\"decisions-title\">"
             "<h2 id=\"decisions-title\">Decisions</h2><div class=\"scroll\" tabindex=\"0\" "
             "role=\"group\" aria-label=\"Decisions\"><table><thead><tr>"
             "<th scope=\"col\">Time (UTC)</th><th scope=\"col\">Pool</th>"
             "<th scope=\"col\" class=\"n\">Count</th><th scope=\"col\">Why</th>"
             "<th scope=\"col\">More</th></tr></thead><tbody>\n");
    for (; i < PAGE_ROWS_MAX && (change = trend_change_at(page->trend, i)) != NULL; i++)
        put_change(page, change);
    if (i == 0)
        buf_text(page->out, "<tr><td colspan=\"5\" class=\"none\">No count has changed since the "
                            "start.</td></tr>\n");
    buf_text(page->out, "</tbody></table></div></section>\n");
}

#define GIB 1073741824.0

static void put_text_member(struct buf *out, const struct tree *node, const char *name)
{
    struct span text = {0};
    char copy[256];
    if (!tree_string(tree_get(node, name), &text))
        return;
    (void)span_copy(text, copy, sizeof(copy));
    page_put(out, copy);
}

/* "5 (21.3 GiB)": memory where it is measured and the replica has its GPUs for itself. */
static void put_holder(struct buf *out, const struct tree *inventory, const struct tree *holder)
{
    const struct tree *replicas = tree_get(inventory, "replicas");
    buf_span(out, holder->text); /* a number of ours */
    for (const struct tree *r = replicas != NULL ? replicas->first : NULL; r != NULL; r = r->next) {
        const struct tree *id = tree_get(r, "replica");
        double bytes = NAN;
        if (id == NULL || !span_equal(id->text, holder->text) ||
            !tree_number(tree_get(r, "gpuMemoryUsedBytes"), &bytes))
            continue;
        buf_text(out, " (");
        page_put_number(out, bytes / GIB);
        buf_text(out, " GiB)");
    }
    buf_byte(out, ' ');
}

static void put_gpu(struct buf *out, const struct tree *inventory, const struct tree *gpu)
{
    double measured = NAN;
    double used = NAN;
    double memory = NAN;
    const struct tree *replicas = tree_get(gpu, "replicas");
    (void)tree_number(tree_get(gpu, "used"), &used);          /* unknown stays unknown */
    (void)tree_number(tree_get(gpu, "memoryBytes"), &memory); /* the same, as the next */
    (void)tree_number(tree_get(tree_get(gpu, "measured"), "memoryUsedBytes"), &measured);
    buf_text(out, "<tr><td>");
    put_text_member(out, gpu, "id");
    buf_text(out, "</td><td>");
    put_text_member(out, gpu, "type");
    buf_text(out, "</td><td class=\"n\">");
    page_put_number(out, memory / GIB);
    buf_text(out, "</td><td class=\"n\">");
    page_put_number(out, measured / GIB);
    buf_text(out, "</td><td class=\"n\">");
    page_put_number(out, used * 100);
    buf_text(out, "</td><td>");
    for (const struct tree *r = replicas != NULL ? replicas->first : NULL; r != NULL; r = r->next)
        put_holder(out, inventory, r);
    buf_text(out, "</td></tr>\n");
}

/* Pools that hold GPUs, those that yield first in front: by priority, then in the order of the
 * file. */
static size_t holders(const struct config *config, const struct pool_config *ret[PAGE_POOLS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < config->pool_count && count < PAGE_POOLS_MAX; i++) {
        const struct pool_config *pool = config->pool[i];
        const struct process_target *process = &pool->target.process;
        size_t at = count;
        if (!(process->gpus > 0 || process->gpu_memory_bytes > 0))
            continue;
        for (; at > 0 && ret[at - 1]->core.priority > pool->core.priority; at--)
            ret[at] = ret[at - 1];
        ret[at] = pool;
        count++;
    }
    return count;
}

/* Who may take GPUs from whom: what allot() does when they are short. */
static void put_yielding(const struct page *page)
{
    const struct pool_config *pool[PAGE_POOLS_MAX];
    const size_t count = holders(control_config(page->control), pool);
    if (count < 2)
        return;
    buf_text(page->out,
             "<p id=\"yielding\">When GPUs are short, idle replicas yield in this order: ");
    for (size_t i = 0; i < count; i++) {
        buf_text(page->out, i > 0 ? ", " : "");
        page_put(page->out, pool[i]->core.name);
        buf_printf(page->out, " (priority %lld)", (long long)pool[i]->core.priority);
    }
    buf_text(page->out,
             ". A pool takes from pools of its own or a lower priority only, and never a "
             "busy replica.</p>\n");
}

void page_gpus(const struct page *page, const struct tree *inventory)
{
    const struct tree *gpus = tree_get(inventory, "gpus");
    buf_text(page->out,
             "<section id=\"gpus\" aria-labelledby=\"gpus-title\"><h2 id=\"gpus-title\">GPUs</h2>"
             "<div class=\"cards\" hidden></div><div class=\"scroll\" tabindex=\"0\" "
             "role=\"group\" aria-label=\"GPUs\"><table><thead><tr><th scope=\"col\">GPU</th>"
             "<th scope=\"col\">Type</th><th scope=\"col\" class=\"n\">Memory, GiB</th>"
             "<th scope=\"col\" class=\"n\">In use, GiB</th>"
             "<th scope=\"col\" class=\"n\">Given out, %</th><th "
             "scope=\"col\">Replicas</th></tr></thead>"
             "<tbody>\n");
    if (gpus == NULL || gpus->first == NULL)
        buf_text(page->out, "<tr><td colspan=\"6\" class=\"none\">No GPU is known on this machine."
                            "</td></tr>\n");
    for (const struct tree *gpu = gpus != NULL ? gpus->first : NULL; gpu != NULL; gpu = gpu->next)
        put_gpu(page->out, inventory, gpu);
    buf_text(page->out, "</tbody></table></div>\n");
    put_yielding(page);
    buf_text(page->out, "</section>\n");
}

static void put_request(struct buf *out, const struct gateway_request *row)
{
    buf_printf(out, "<tr><td>%llu</td><td>", (unsigned long long)row->id);
    page_put(out, row->model);
    buf_text(out, "</td><td>");
    page_put(out, row->pool);
    buf_text(out, "</td><td>");
    page_put(out, request_phase_name(row->phase));
    if (row->position > 0)
        buf_printf(out, ", place %lld", (long long)row->position);
    buf_text(out, "</td><td class=\"n\">");
    if (row->replica > 0)
        buf_printf(out, "%llu", (unsigned long long)row->replica);
    buf_printf(out, "</td><td class=\"n\">%lld</td><td class=\"n\">",
               (long long)row->output_tokens);
    page_put_seconds(out, (double)row->age_ns / SECOND_NS);
    buf_text(out, "</td><td></td></tr>\n");
}

void page_requests(const struct page *page)
{
    buf_text(page->out,
             "<section id=\"requests\" aria-labelledby=\"requests-title\">"
             "<h2 id=\"requests-title\">Live requests</h2><div class=\"scroll\" tabindex=\"0\" "
             "role=\"group\" aria-label=\"Live requests\"><table><thead><tr>"
             "<th scope=\"col\">Id</th><th scope=\"col\">Model</th>"
             "<th scope=\"col\">Pool</th><th scope=\"col\">Phase</th>"
             "<th scope=\"col\" class=\"n\">Replica</th><th scope=\"col\" class=\"n\">Tokens</th>"
             "<th scope=\"col\" class=\"n\">Age</th><th scope=\"col\">End it</th>"
             "</tr></thead><tbody>\n");
    for (size_t i = 0; i < page->request_count && i < PAGE_ROWS_MAX; i++)
        put_request(page->out, &page->request[i]);
    if (!page->has_requests)
        buf_text(page->out, "<tr><td colspan=\"8\" class=\"none\">Unknown: the gateway does not "
                            "answer.</td></tr>\n");
    else if (page->request_count == 0)
        buf_text(page->out, "<tr><td colspan=\"8\" class=\"none\">No request is open.</td></tr>\n");
    buf_text(page->out, "</tbody></table></div></section>\n");
}
