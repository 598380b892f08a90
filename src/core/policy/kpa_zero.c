/* kpa_zero.c - the last replica: active, activating, inactive, and the gate before none. */
#include "core/policy/kpa_zero.h"

#include "base/duration.h"
#include "base/num.h"

#define ACTIVATION_EXTRA_NS (30 * SECOND_NS) /* on top of the progress deadline */
#define INACTIVE_SOON_NS (3 * SECOND_NS)

static struct kpa_gate_answer stays(int64_t desired, int64_t requeue_ns)
{
    return (struct kpa_gate_answer){.desired = desired, .requeue_ns = requeue_ns};
}

static struct kpa_gate_answer goes(int64_t desired)
{
    return (struct kpa_gate_answer){.desired = desired, .apply = true, .requeue_ns = -1};
}

static struct kpa_gate_answer activating(const struct kpa_gate *g)
{
    const int64_t limit_ns = num_add_sat(g->progress_deadline_ns, ACTIVATION_EXTRA_NS);
    return g->in_state_ns > limit_ns ? goes(0) : stays(-1, limit_ns);
}

static struct kpa_gate_answer active(const struct kpa_gate *g)
{
    if (g->in_state_ns >= g->stable_window_ns)
        return stays(0, g->in_route ? INACTIVE_SOON_NS : -1);
    struct kpa_gate_answer answer = goes(1);
    answer.requeue_ns = g->stable_window_ns - g->in_state_ns;
    return answer;
}

static struct kpa_gate_answer inactive_for(const struct kpa_gate *g)
{
    const int64_t retention_ns = g->reachable ? g->retention_ns : 0;
    if (g->in_state_ns >= kpa_larger(g->grace_ns, retention_ns))
        return goes(0);
    if (retention_ns > 0 && g->in_state_ns < retention_ns)
        return stays(0, retention_ns - g->in_state_ns);
    const int64_t left_ns = g->grace_ns - kpa_larger(g->proxied_ns, 0);
    return left_ns <= 0 ? goes(0) : stays(0, left_ns);
}

static struct kpa_gate_answer inactive(const struct kpa_gate *g)
{
    const bool ask = !g->burst_unlimited;
    struct kpa_gate_answer answer;
    if (ask && g->probe != KPA_PROBE_OK) {
        answer = stays(0, -1);
        answer.probing = true;
    } else {
        answer = inactive_for(g);
    }
    answer.asked = ask;
    return answer;
}

struct kpa_gate_answer kpa_gate(const struct kpa_gate *g)
{
    if (g->desired != 0)
        return goes(g->desired);
    if (!g->to_zero)
        return goes(1);
    switch (g->activity) {
    case KPA_ACTIVATING:
        return activating(g);
    case KPA_ACTIVE:
        return active(g);
    case KPA_INACTIVE:
        break;
    }
    return inactive(g);
}
