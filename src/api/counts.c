#include "api/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/span.h"

struct set {
    char label[COUNTS_LABELS_MAX][COUNTS_LABEL_BYTES];
    double value;
};

struct counts {
    size_t label_count;
    size_t sets_max;
    struct set *set;
    size_t count;
    size_t cap;
    uint32_t *slot; /* 1 + index in set; 0 = free */
    size_t slot_count;
    struct set other;
    bool other_used;
};

struct counts *counts_new(size_t label_count, size_t sets)
{
    struct counts *counts = mem_new(1, sizeof(*counts));
    if (counts == NULL)
        return NULL;
    *counts = (struct counts){.label_count = label_count, .sets_max = sets, .slot_count = 16};
    while (counts->slot_count < 2 * sets)
        counts->slot_count *= 2;
    counts->slot = mem_new(counts->slot_count, sizeof(*counts->slot));
    if (counts->slot == NULL) {
        free(counts);
        return NULL;
    }
    for (size_t i = 0; i < label_count; i++)
        (void)span_copy(span_from(COUNTS_OTHER), counts->other.label[i], COUNTS_LABEL_BYTES);
    return counts;
}

void counts_free(struct counts *counts)
{
    if (counts == NULL)
        return;
    free(counts->set);
    free(counts->slot);
    free(counts);
}

static struct set *other(struct counts *counts)
{
    counts->other_used = true;
    return &counts->other;
}

static struct set *find(struct counts *counts, const char *const *labels)
{
    struct set wanted = {0};
    for (size_t i = 0; i < counts->label_count; i++)
        (void)span_copy(span_from(labels[i]), wanted.label[i], COUNTS_LABEL_BYTES);
    size_t at = (size_t)hash_bytes(0, wanted.label, sizeof(wanted.label));
    for (;; at++) {
        uint32_t *slot = &counts->slot[at % counts->slot_count];
        if (*slot != 0) {
            struct set *set = &counts->set[*slot - 1];
            if (memcmp(set->label, wanted.label, sizeof(set->label)) == 0)
                return set;
            continue;
        }
        void *array = counts->set;
        if (counts->count == counts->sets_max ||
            mem_grow(&array, &counts->cap, counts->count + 1, sizeof(struct set),
                     counts->sets_max) != RC_OK)
            return other(counts);
        counts->set = array;
        counts->set[counts->count++] = wanted;
        *slot = (uint32_t)counts->count;
        return &counts->set[counts->count - 1];
    }
}

void counts_add(struct counts *counts, const char *const *labels, double amount)
{
    find(counts, labels)->value += amount;
}

void counts_set(struct counts *counts, const char *const *labels, double value)
{
    find(counts, labels)->value = value;
}

void counts_clear(struct counts *counts, double value)
{
    for (size_t i = 0; i < counts->count; i++)
        counts->set[i].value = value;
    counts->other.value = value;
}

bool counts_overflow(const struct counts *counts)
{
    return counts->other_used;
}

bool counts_at(const struct counts *counts, size_t index, const char *ret_labels[COUNTS_LABELS_MAX],
               double *ret_value)
{
    const struct set *set = index < counts->count ? &counts->set[index] : &counts->other;
    if (index > counts->count || (index == counts->count && !counts->other_used))
        return false;
    for (size_t i = 0; i < counts->label_count; i++)
        ret_labels[i] = set->label[i];
    *ret_value = set->value;
    return true;
}
