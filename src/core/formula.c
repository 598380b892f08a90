#include "core/formula.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/num.h"
#include "base/opt.h"

enum code {
    OP_CONSTANT,
    OP_NAME,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_REST,
    OP_KNOWN,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_EQUAL,
    OP_DIFFERENT,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_NEGATE,
    OP_CHOOSE,
    OP_MIN,
    OP_MAX,
    OP_SUM,
    OP_MEAN,
    OP_CEIL,
    OP_FLOOR,
    OP_ROUND,
    OP_ABS,
};

enum type { TYPE_NUMBER, TYPE_TRUTH };

/* Operators by how tightly they bind, loosest first; of one level from left to right. */
static const struct operator_row {
    const char *text;
    uint8_t level;
    uint8_t code;
    uint8_t takes;
    uint8_t gives;
} operators[] = {
    {"||", 0, OP_OR, TYPE_TRUTH, TYPE_TRUTH},
    {"&&", 1, OP_AND, TYPE_TRUTH, TYPE_TRUTH},
    {"==", 2, OP_EQUAL, TYPE_NUMBER, TYPE_TRUTH},
    {"!=", 2, OP_DIFFERENT, TYPE_NUMBER, TYPE_TRUTH},
    {"<=", 2, OP_LESS_EQUAL, TYPE_NUMBER, TYPE_TRUTH},
    {">=", 2, OP_GREATER_EQUAL, TYPE_NUMBER, TYPE_TRUTH},
    {"<", 2, OP_LESS, TYPE_NUMBER, TYPE_TRUTH},
    {">", 2, OP_GREATER, TYPE_NUMBER, TYPE_TRUTH},
    {"+", 3, OP_ADD, TYPE_NUMBER, TYPE_NUMBER},
    {"-", 3, OP_SUBTRACT, TYPE_NUMBER, TYPE_NUMBER},
    {"*", 4, OP_MULTIPLY, TYPE_NUMBER, TYPE_NUMBER},
    {"/", 4, OP_DIVIDE, TYPE_NUMBER, TYPE_NUMBER},
    {"%", 4, OP_REST, TYPE_NUMBER, TYPE_NUMBER},
    {"??", 5, OP_KNOWN, TYPE_NUMBER, TYPE_NUMBER},
};
#define LEVELS 6

static const struct {
    const char *name;
    uint8_t code;
    bool many; /* two or more arguments; otherwise one */
} functions[] = {
    {"min", OP_MIN, true},      {"max", OP_MAX, true},    {"sum", OP_SUM, true},
    {"mean", OP_MEAN, true},    {"ceil", OP_CEIL, false}, {"floor", OP_FLOOR, false},
    {"round", OP_ROUND, false}, {"abs", OP_ABS, false},
};

struct parser {
    struct span text;
    size_t at;
    const char *const *names;
    size_t name_count;
    struct formula *out;
    struct diag *diag;
    size_t stack; /* values on the stack at this point of the program */
    int depth;
};

/* ---- small things ---- */

static enum rc wrong(const struct parser *p, size_t at, enum rc code, const char *what)
{
    return fail(p->diag, code, "column %zu of the formula: %s", at + 1, what);
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.len && (p->text.ptr[p->at] == ' ' || p->text.ptr[p->at] == '\t' ||
                                   p->text.ptr[p->at] == '\n' || p->text.ptr[p->at] == '\r'))
        p->at++;
}

static bool take(struct parser *p, const char *token)
{
    skip_blanks(p);
    if (!span_starts_with(span_slice(p->text, p->at, p->text.len), token))
        return false;
    p->at += strlen(token);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Puts an instruction that takes values from the stack and leaves one. */
static enum rc emit(struct parser *p, enum code code, size_t arg, size_t takes)
{
    struct formula *f = p->out;
    p->stack = p->stack - takes + 1;
    if (f->count == FORMULA_OPS_MAX || p->stack > FORMULA_STACK_MAX)
        return wrong(p, p->at, RC_LIMIT, "it is too long");
    f->op[f->count++] = (struct formula_op){.code = (uint8_t)code, .arg = (uint8_t)arg};
    return RC_OK;
}

static enum rc expect_type(const struct parser *p, size_t at, enum type found, enum type wanted)
{
    if (found == wanted)
        return RC_OK;
    return wrong(p, at, RC_INVALID,
                 wanted == TYPE_NUMBER ? "a number is wanted, this is a condition"
                                       : "a condition is wanted, this is a number");
}

static enum rc parse_choice(struct parser *p, enum type *ret);

/* ---- values ---- */

static enum rc parse_constant(struct parser *p, enum type *ret)
{
    const size_t begin = p->at;
    double value = 0;
    while (p->at < p->text.len && (is_word(p->text.ptr[p->at]) || p->text.ptr[p->at] == '.'))
        p->at++;
    if (num_parse_quantity(span_slice(p->text, begin, p->at - begin), &value) != RC_OK)
        return wrong(p, begin, RC_SYNTAX, "this is no number");
    if (p->out->constant_count == FORMULA_CONSTANTS_MAX)
        return wrong(p, begin, RC_LIMIT, "it holds too many numbers");
    p->out->constant[p->out->constant_count] = value;
    *ret = TYPE_NUMBER;
    return emit(p, OP_CONSTANT, p->out->constant_count++, 0);
}

static enum rc parse_call(struct parser *p, size_t function, size_t begin)
{
    const bool list = functions[function].many && take(p, "[");
    size_t arguments = 0;
    do {
        enum type type = TYPE_NUMBER;
        const size_t at = p->at;
        enum rc rc = parse_choice(p, &type);
        if (rc == RC_OK)
            rc = expect_type(p, at, type, TYPE_NUMBER);
        if (rc != RC_OK)
            return rc;
        arguments++;
    } while (take(p, ","));
    if (list && !take(p, "]"))
        return wrong(p, p->at, RC_SYNTAX, "a \"]\" or \",\" is wanted");
    if (!take(p, ")"))
        return wrong(p, p->at, RC_SYNTAX, "a \")\" or \",\" is wanted");
    if (functions[function].many ? arguments < 2 : arguments != 1)
        return wrong(p, begin, RC_SYNTAX,
                     functions[function].many ? "this function takes two or more numbers"
                                              : "this function takes one number");
    return emit(p, (enum code)functions[function].code, arguments, arguments);
}

static enum rc unknown_name(const struct parser *p, struct span name, size_t begin)
{
    const char *near = name_nearest(name, p->names, p->name_count);
    if (near != NULL)
        return fail(p->diag, RC_UNKNOWN,
                    "column %zu of the formula: \"%.*s\" is not known; did you mean \"%s\"?",
                    begin + 1, SPAN_ARG(name), near);
    return fail(p->diag, RC_UNKNOWN,
                "column %zu of the formula: \"%.*s\" is not known; the first name is \"%s\"",
                begin + 1, SPAN_ARG(name), p->name_count > 0 ? p->names[0] : "");
}

static enum rc parse_word(struct parser *p, enum type *ret)
{
    const size_t begin = p->at;
    while (p->at < p->text.len && is_word(p->text.ptr[p->at]))
        p->at++;
    const struct span name = span_slice(p->text, begin, p->at - begin);
    *ret = TYPE_NUMBER;
    for (size_t i = 0; i < p->name_count && i < FORMULA_NAMES_MAX; i++)
        if (span_equal_text(name, p->names[i])) {
            p->out->used |= UINT32_C(1) << i;
            return emit(p, OP_NAME, i, 0);
        }
    if (span_equal_text(name, "true") || span_equal_text(name, "false")) {
        if (p->out->constant_count == FORMULA_CONSTANTS_MAX)
            return wrong(p, begin, RC_LIMIT, "it holds too many numbers");
        *ret = TYPE_TRUTH;
        p->out->constant[p->out->constant_count] = span_equal_text(name, "true");
        return emit(p, OP_CONSTANT, p->out->constant_count++, 0);
    }
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (span_equal_text(name, functions[i].name) && take(p, "("))
            return parse_call(p, i, begin);
    return unknown_name(p, name, begin);
}

static enum rc parse_value(struct parser *p, enum type *ret)
{
    skip_blanks(p);
    const size_t begin = p->at;
    enum rc rc = RC_OK;
    if (p->at == p->text.len)
        return wrong(p, p->at, RC_SYNTAX, "it ends where a value is wanted");
    if (++p->depth > FORMULA_DEPTH_MAX)
        return wrong(p, begin, RC_LIMIT, "it is nested too deep");
    const char c = p->text.ptr[p->at];
    if (take(p, "(")) {
        rc = parse_choice(p, ret);
        if (rc == RC_OK && !take(p, ")"))
            rc = wrong(p, p->at, RC_SYNTAX, "a \")\" is wanted");
    } else if (c == '-' || c == '!') {
        const enum type type = c == '-' ? TYPE_NUMBER : TYPE_TRUTH;
        p->at++;
        rc = parse_value(p, ret);
        if (rc == RC_OK)
            rc = expect_type(p, begin + 1, *ret, type);
        if (rc == RC_OK)
            rc = emit(p, c == '-' ? OP_NEGATE : OP_NOT, 0, 1);
    } else if (is_digit(c) || c == '.') {
        rc = parse_constant(p, ret);
    } else if (is_word(c)) {
        rc = parse_word(p, ret);
    } else {
        rc = wrong(p, begin, RC_SYNTAX, "a number, a name or \"(\" is wanted");
    }
    p->depth--;
    return rc;
}

/* ---- operators ---- */

static const struct operator_row *take_operator(struct parser *p, uint8_t level)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (operators[i].level == level && take(p, operators[i].text))
            return &operators[i];
    return NULL;
}

static enum rc parse_level(struct parser *p, uint8_t level, enum type *ret)
{
    if (level == LEVELS)
        return parse_value(p, ret);
    size_t at = p->at;
    enum rc rc = parse_level(p, (uint8_t)(level + 1), ret);
    const struct operator_row *row = NULL;
    while (rc == RC_OK && (row = take_operator(p, level)) != NULL) {
        enum type right = TYPE_NUMBER;
        rc = expect_type(p, at, *ret, (enum type)row->takes);
        at = p->at;
        if (rc == RC_OK)
            rc = parse_level(p, (uint8_t)(level + 1), &right);
        if (rc == RC_OK)
            rc = expect_type(p, at, right, (enum type)row->takes);
        if (rc == RC_OK)
            rc = emit(p, (enum code)row->code, 0, 2);
        *ret = (enum type)row->gives;
    }
    return rc;
}

/* condition ? a : b */
static enum rc parse_choice(struct parser *p, enum type *ret)
{
    const size_t begin = p->at;
    enum type other = TYPE_NUMBER;
    if (++p->depth > FORMULA_DEPTH_MAX)
        return wrong(p, begin, RC_LIMIT, "it is nested too deep");
    enum rc rc = parse_level(p, 0, ret);
    if (rc == RC_OK && take(p, "?")) { /* "??" was taken as an operator */
        rc = expect_type(p, begin, *ret, TYPE_TRUTH);
        if (rc == RC_OK)
            rc = parse_choice(p, ret);
        if (rc == RC_OK && !take(p, ":"))
            rc = wrong(p, p->at, RC_SYNTAX, "a \":\" is wanted");
        const size_t at = p->at;
        if (rc == RC_OK)
            rc = parse_choice(p, &other);
        if (rc == RC_OK)
            rc = expect_type(p, at, other, *ret);
        if (rc == RC_OK)
            rc = emit(p, OP_CHOOSE, 0, 3);
    }
    p->depth--;
    return rc;
}

enum rc formula_parse(struct span text, const char *const *names, size_t name_count,
                      struct formula *ret, struct diag *diag)
{
    struct formula formula = {.count = 0};
    struct parser p = {
        .text = text, .names = names, .name_count = name_count, .out = &formula, .diag = diag};
    enum type type = TYPE_NUMBER;
    enum rc rc = parse_choice(&p, &type);
    skip_blanks(&p);
    if (rc == RC_OK && p.at < text.len)
        rc = wrong(&p, p.at, RC_SYNTAX, "nothing more is wanted here");
    if (rc == RC_OK)
        rc = expect_type(&p, 0, type, TYPE_NUMBER);
    if (rc == RC_OK)
        *ret = formula;
    return rc;
}

/* ---- value ---- */

static double rest_of(double a, double b)
{
    return a - b * (a / b < 0 ? ceil(a / b) : floor(a / b));
}

/* Not fmin and fmax: those leave a NaN out, and what is not known must not vanish. */
static double extreme_of(const double *values, size_t n, bool largest)
{
    double extreme = values[0];
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            return NAN;
        extreme = largest ? fmax(extreme, values[i]) : fmin(extreme, values[i]);
    }
    return extreme;
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

static double apply_many(enum code code, const double *values, size_t n)
{
    if (code == OP_SUM)
        return sum_of(values, n);
    if (code == OP_MEAN)
        return sum_of(values, n) / (double)n;
    return extreme_of(values, n, code == OP_MAX);
}

static double apply_two(enum code code, double a, double b)
{
    const bool unknown = isnan(a) || isnan(b);
    if (code == OP_KNOWN)
        return isnan(a) ? b : a;
    if (unknown)
        return NAN;
    if (code == OP_ADD)
        return a + b;
    if (code == OP_SUBTRACT)
        return a - b;
    if (code == OP_MULTIPLY)
        return a * b;
    if (code == OP_DIVIDE)
        return a / b;
    if (code == OP_REST)
        return rest_of(a, b);
    if (code == OP_LESS)
        return a < b;
    if (code == OP_LESS_EQUAL)
        return a <= b;
    if (code == OP_GREATER)
        return a > b;
    if (code == OP_GREATER_EQUAL)
        return a >= b;
    if (code == OP_EQUAL)
        return !(a < b) && !(a > b);
    if (code == OP_DIFFERENT)
        return a < b || a > b;
    return code == OP_AND ? a > 0 && b > 0 : a > 0 || b > 0;
}

static double apply_one(enum code code, double a)
{
    if (code == OP_NEGATE)
        return -a;
    if (code == OP_NOT)
        return isnan(a) ? (double)NAN : !(a > 0);
    if (code == OP_CEIL)
        return ceil(a * (1 - (a > 0 ? 1e-9 : -1e-9))); /* 2.0000000001 is 2 */
    if (code == OP_FLOOR)
        return floor(a);
    if (code == OP_ROUND)
        return a < 0 ? -floor(0.5 - a) : floor(a + 0.5);
    return fabs(a);
}

/* Takes the values of one instruction, at the end of the stack, and returns how many; the result
 * goes into *ret. */
static size_t apply(const struct formula *f, struct formula_op op, const double *values,
                    const double *top, double *ret)
{
    const enum code code = (enum code)op.code;
    if (code == OP_CONSTANT || code == OP_NAME) {
        *ret = code == OP_CONSTANT ? f->constant[op.arg] : values[op.arg];
        return 0;
    }
    if (code == OP_CHOOSE) {
        *ret = isnan(top[-3]) ? (double)NAN : top[-3] > 0 ? top[-2] : top[-1];
        return 3;
    }
    if (code >= OP_MIN && code <= OP_MEAN) {
        *ret = apply_many(code, top - op.arg, op.arg);
        return op.arg;
    }
    if (code >= OP_ADD && code <= OP_OR) {
        *ret = apply_two(code, top[-2], top[-1]);
        return 2;
    }
    *ret = apply_one(code, top[-1]);
    return 1;
}

double formula_value(const struct formula *f, const double *values)
{
    double stack[FORMULA_STACK_MAX + 1] = {0};
    size_t n = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        double result = NAN;
        n -= apply(f, f->op[i], values, stack + n, &result);
        stack[n++] = result;
    }
    return n == 1 && isfinite(stack[0]) ? stack[0] : (double)NAN;
}
