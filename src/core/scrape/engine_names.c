#include "core/scrape/engine_names.h"

#include <assert.h>

static const struct engine_quantity_row quantities[] = {
#define ENGINE_QUANTITY_ROW(id, signal_, fold_) {#id, SIGNAL_##signal_, ENGINE_##fold_},
    ENGINE_QUANTITY_MAP(ENGINE_QUANTITY_ROW)
#undef ENGINE_QUANTITY_ROW
};

const struct engine_quantity_row *engine_quantity_row(enum engine_quantity quantity)
{
    assert((size_t)quantity < ENGINE_QUANTITY_COUNT);
    return &quantities[quantity];
}

const struct engine_name engine_names[] = {
#define NAME(engine_, quantity_, rank_, part_, form_, name_, label_, value_, scale_)               \
    {                                                                                              \
        .engine = (engine_),                                                                       \
        .name = SPAN_LITERAL(name_),                                                               \
        .label = (label_),                                                                         \
        .label_value = (value_),                                                                   \
        .scale = (scale_),                                                                         \
        .quantity = ENGINE_##quantity_,                                                            \
        .rank = (rank_),                                                                           \
        .part = ENGINE_##part_,                                                                    \
        .form = ENGINE_##form_,                                                                    \
    },
#include "core/scrape/engine_names.def"
#undef NAME
};
const size_t engine_name_count = COUNT_OF(engine_names);

const char *const engine_rank_labels[] = {"tp_rank", "pp_rank", "moe_ep_rank"};
const size_t engine_rank_label_count = COUNT_OF(engine_rank_labels);
