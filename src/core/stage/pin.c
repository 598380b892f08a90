/* pin.c - stage 14: a person's number beats everything but the inventory; a paused pool stays where
 * it is (R15). */
#include "base/num.h"
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

static void apply(struct stage_context *c)
{
    const struct pool_observation *o = c->observation;
    if (o->pin_count >= 0) {
        const int64_t pin = num_clamp(o->pin_count, 0, REPLICAS_MAX);
        stage_say(c, STAGE_PIN, pin, REASON_PINNED, NULL);
    } else if (o->paused != 0) {
        stage_say(c, STAGE_PIN, c->desired, REASON_PAUSED, NULL);
    } else {
        return;
    }
    if (o->inventory_limit >= 0 && c->count > o->inventory_limit)
        stage_say(c, STAGE_PIN, o->inventory_limit, REASON_INVENTORY, NULL);
}

const struct stage_ops stage_pin = {
    .id = STAGE_PIN,
    .summary = "A person's number, or a pause.",
    .used = used,
    .apply = apply,
};
