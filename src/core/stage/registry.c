#include "base/rc.h"
#include "core/stage.h"

#define STAGE(name) extern const struct stage_ops stage_##name;
#include "core/stage/registry.def"
#undef STAGE

static const struct stage_ops *const stages[] = {
#define STAGE(name) &stage_##name,
#include "core/stage/registry.def"
#undef STAGE
};

const struct stage_ops *stage_at(size_t index)
{
    return index < COUNT_OF(stages) ? stages[index] : NULL;
}
