/* opt_rows.h - how the option rows of this floor are written: one macro for each kind. */
#ifndef SLUICE_CORE_OPT_ROWS_H
#define SLUICE_CORE_OPT_ROWS_H

#include <stddef.h>

#include "base/limits.h"
#include "base/opt.h"

#define DAY_S 86400

#define NUMBER_OPT(name_, struct_, member_, min_, max_, def_, unit_, help_)                        \
    {                                                                                              \
        .name = (name_), .kind = OPT_NUMBER, .offset = offsetof(struct struct_, member_),          \
        .min = (min_), .max = (max_), .def = (def_), .unit = (unit_), .help = (help_)              \
    }
#define UNSET_OPT(name_, struct_, member_, min_, max_, unit_, help_)                               \
    {                                                                                              \
        .name = (name_), .kind = OPT_NUMBER, .flags = OPT_FLAG_UNSET_NAN,                          \
        .offset = offsetof(struct struct_, member_), .min = (min_), .max = (max_),                 \
        .unit = (unit_), .help = (help_)                                                           \
    }
#define INT_OPT(name_, struct_, member_, min_, max_, def_, unit_, help_)                           \
    {                                                                                              \
        .name = (name_), .kind = OPT_INT, .offset = offsetof(struct struct_, member_),             \
        .min = (min_), .max = (max_), .def = (def_), .unit = (unit_), .help = (help_)              \
    }
#define DURATION_OPT(name_, struct_, member_, min_s_, max_s_, def_s_, help_)                       \
    {                                                                                              \
        .name = (name_), .kind = OPT_DURATION, .offset = offsetof(struct struct_, member_),        \
        .min = (min_s_), .max = (max_s_), .def = (def_s_), .unit = "s", .help = (help_)            \
    }
#define BOOL_OPT(name_, struct_, member_, def_, help_)                                             \
    {                                                                                              \
        .name = (name_), .kind = OPT_BOOL, .offset = offsetof(struct struct_, member_), .max = 1,  \
        .def = (def_), .unit = "", .help = (help_)                                                 \
    }
#define TEXT_OPT(name_, struct_, member_, flags_, def_, help_)                                     \
    {                                                                                              \
        .name = (name_), .kind = OPT_TEXT, .flags = (flags_),                                      \
        .offset = offsetof(struct struct_, member_), .size = NAME_SIZE, .def_text = (def_),        \
        .unit = "", .help = (help_)                                                                \
    }
#define ENUM_OPT(name_, struct_, member_, choices_, def_, help_)                                   \
    {                                                                                              \
        .name = (name_), .kind = OPT_ENUM, .offset = offsetof(struct struct_, member_),            \
        .def = (def_), .unit = "", .help = (help_), .choices = (choices_)                          \
    }
#define STRUCT_OPT(name_, offset_, sub_, help_)                                                    \
    {                                                                                              \
        .name = (name_), .kind = OPT_STRUCT, .offset = (offset_), .unit = "", .help = (help_),     \
        .sub = (sub_), .sub_count = COUNT_OF(sub_)                                                 \
    }
/* An array `member_` with its size_t count `counter_`. */
#define LIST_OPT(name_, struct_, member_, counter_, sub_, help_)                                   \
    {                                                                                              \
        .name = (name_), .kind = OPT_LIST, .offset = offsetof(struct struct_, member_),            \
        .size = sizeof(((struct struct_ *)0)->member_[0]), .unit = "", .help = (help_),            \
        .sub = (sub_), .sub_count = COUNT_OF(sub_),                                                \
        .count_offset = offsetof(struct struct_, counter_),                                        \
        .list_max = COUNT_OF(((struct struct_ *)0)->member_)                                       \
    }

#endif
