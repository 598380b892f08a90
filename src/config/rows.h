/* rows.h - how option rows are written: one line for what a row is, one for its
 * words. */
#ifndef SLUICE_CONFIG_ROWS_H
#define SLUICE_CONFIG_ROWS_H

#include <stddef.h>

#include "base/opt.h"
#include "base/rc.h"

#define MEMBER_SIZE(struct_, member_) sizeof(((struct struct_ *)0)->member_)

#define ROW_NUMBER(kind_, name_, struct_, member_, change_, min_, max_, def_, unit_, help_)        \
    {                                                                                              \
        .name = (name_), .kind = OPT_##kind_, .change = CHANGE_##change_,                          \
        .offset = offsetof(struct struct_, member_), .min = (min_), .max = (max_), .def = (def_),  \
        .unit = (unit_), .help = (help_)                                                           \
    }
#define ROW_UNSET(kind_, name_, struct_, member_, change_, min_, max_, unit_, help_)               \
    {                                                                                              \
        .name = (name_), .kind = OPT_##kind_, .flags = OPT_FLAG_UNSET_NAN,                         \
        .change = CHANGE_##change_, .offset = offsetof(struct struct_, member_), .min = (min_),    \
        .max = (max_), .unit = (unit_), .help = (help_)                                            \
    }
#define ROW_TEXT(name_, struct_, member_, flags_, change_, def_, help_)                            \
    {                                                                                              \
        .name = (name_), .kind = OPT_TEXT, .flags = (flags_), .change = CHANGE_##change_,          \
        .offset = offsetof(struct struct_, member_), .size = MEMBER_SIZE(struct_, member_),        \
        .def_text = (def_), .unit = "", .help = (help_)                                            \
    }
#define ROW_ENUM(name_, struct_, member_, change_, choices_, def_, help_)                          \
    {                                                                                              \
        .name = (name_), .kind = OPT_ENUM, .change = CHANGE_##change_,                             \
        .offset = offsetof(struct struct_, member_), .def = (def_), .unit = "", .help = (help_),   \
        .choices = (choices_)                                                                      \
    }
#define ROW_STRUCT(name_, offset_, sub_, count_, help_)                                            \
    {                                                                                              \
        .name = (name_), .kind = OPT_STRUCT, .offset = (offset_), .unit = "", .help = (help_),     \
        .sub = (sub_), .sub_count = (count_)                                                       \
    }
/* The member is a pointer: the struct lies apart, at first that of the defaults. */
#define ROW_STRUCT_APART(name_, offset_, size_, defaults_, sub_, count_, help_)                    \
    {                                                                                              \
        .name = (name_), .kind = OPT_STRUCT, .flags = OPT_FLAG_APART, .offset = (offset_),         \
        .size = (size_), .unit = "", .help = (help_), .sub = (sub_), .sub_count = (count_),        \
        .defaults = (defaults_)                                                                    \
    }
#define ROW_LIST(name_, struct_, member_, counter_, sub_, count_, help_)                           \
    {                                                                                              \
        .name = (name_), .kind = OPT_LIST, .offset = offsetof(struct struct_, member_),            \
        .size = sizeof(((struct struct_ *)0)->member_[0]), .unit = "", .help = (help_),            \
        .sub = (sub_), .sub_count = (count_), .count_offset = offsetof(struct struct_, counter_),  \
        .list_max = COUNT_OF(((struct struct_ *)0)->member_)                                       \
    }
/* The member is a pointer: the elements lie apart. */
#define ROW_LIST_APART(name_, struct_, member_, counter_, sub_, count_, max_, help_)               \
    {                                                                                              \
        .name = (name_), .kind = OPT_LIST, .flags = OPT_FLAG_APART,                                \
        .offset = offsetof(struct struct_, member_),                                               \
        .size = sizeof(((struct struct_ *)0)->member_[0]), .unit = "", .help = (help_),            \
        .sub = (sub_), .sub_count = (count_), .count_offset = offsetof(struct struct_, counter_),  \
        .list_max = (max_)                                                                         \
    }
#define ROW_TEXTS(name_, struct_, member_, counter_, change_, help_)                               \
    {                                                                                              \
        .name = (name_), .kind = OPT_TEXTS, .change = CHANGE_##change_,                            \
        .offset = offsetof(struct struct_, member_),                                               \
        .size = sizeof(((struct struct_ *)0)->member_[0]), .unit = "", .help = (help_),            \
        .count_offset = offsetof(struct struct_, counter_),                                        \
        .list_max = COUNT_OF(((struct struct_ *)0)->member_)                                       \
    }
/* def_text of a tree row is the JSON schema of its shape. */
#define ROW_TREE(name_, struct_, member_, flags_, change_, schema_, help_)                         \
    {                                                                                              \
        .name = (name_), .kind = OPT_TREE, .flags = (flags_), .change = CHANGE_##change_,          \
        .offset = offsetof(struct struct_, member_), .def_text = (schema_), .unit = "",            \
        .help = (help_)                                                                            \
    }

#define SCHEMA_TEXTS                                                                               \
    "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":[\"string\","       \
    "\"number\",\"boolean\"]}}]}"
#define SCHEMA_MAP                                                                                 \
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"]}" \
    "}"

#endif
