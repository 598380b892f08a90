/* One mode per place in the grammar; strings are crossed many bytes at a time, since most bytes of
 * a body are text that nobody asked for. */
#include "traffic/jscan.h"

#include <assert.h>
#include <string.h>

#include "base/scan.h"

enum {
    M_VALUE,
    M_FIRST_ELEMENT,
    M_FIRST_KEY,
    M_KEY,
    M_COLON,
    M_AFTER,
    M_STRING,
    M_ESCAPE,
    M_HEX,
    M_NUMBER,
    M_LITERAL,
    M_DONE,
    M_BROKEN,
    M_DEEP,
};

#define OPENINGS_KEPT (sizeof(((struct jscan *)NULL)->open_at) / sizeof(uint64_t))

/* One call of jscan_feed(). */
struct feed {
    struct jscan *scan;
    const char *at;
    const char *end;
    const char *bytes;
    uint64_t base;
    jscan_value_fn *on_value;
    void *context;
};

static uint64_t offset_of(const struct feed *feed, const char *at)
{
    return feed->base + (uint64_t)(at - feed->bytes);
}

static void report(const struct feed *feed, enum jscan_kind kind, struct span text, uint64_t end)
{
    struct jscan *scan = feed->scan;
    if (!scan->nodes[scan->value_node].report)
        return;
    const struct jscan_value value = {
        .node = scan->value_node,
        .kind = kind,
        .cut = kind <= JSCAN_NUMBER && scan->len > text.len,
        .text = text,
        .len = scan->len,
        .start = scan->start,
        .end = end,
    };
    feed->on_value(feed->context, &value);
}

static void value_done(struct jscan *scan)
{
    if (scan->depth == 0) {
        scan->mode = M_DONE;
        return;
    }
    scan->count[scan->depth - 1]++;
    scan->mode = M_AFTER;
}

static bool in_array(const struct jscan *scan)
{
    return (scan->arrays >> (scan->depth - 1)) & 1;
}

static void open_container(struct feed *feed, bool array)
{
    struct jscan *scan = feed->scan;
    if (scan->depth == JSCAN_DEPTH_MAX) {
        scan->mode = M_DEEP;
        return;
    }
    const unsigned at = scan->depth++;
    if (at < OPENINGS_KEPT)
        scan->open_at[at] = offset_of(feed, feed->at);
    scan->node[at] = scan->value_node;
    scan->count[at] = 0;
    scan->arrays = (scan->arrays & ~(UINT64_C(1) << at)) | ((uint64_t)array << at);
    if (array)
        scan->value_node = scan->nodes[scan->value_node].element;
    scan->mode = array ? M_FIRST_ELEMENT : M_FIRST_KEY;
}

static void close_container(struct feed *feed, bool array)
{
    struct jscan *scan = feed->scan;
    if (scan->depth == 0 || in_array(scan) != array) {
        scan->mode = M_BROKEN;
        return;
    }
    const unsigned at = --scan->depth;
    scan->value_node = scan->node[at];
    scan->len = scan->count[at];
    scan->start = at < OPENINGS_KEPT ? scan->open_at[at] : 0;
    report(feed, array ? JSCAN_ARRAY : JSCAN_OBJECT, (struct span){0},
           offset_of(feed, feed->at) + 1);
    value_done(scan);
}

static void start_string(struct feed *feed, bool is_key)
{
    struct jscan *scan = feed->scan;
    scan->is_key = is_key;
    scan->start = offset_of(feed, feed->at);
    scan->len = 0;
    scan->text_len = 0;
    scan->surrogate = 0;
    if (is_key)
        scan->text_max =
            scan->nodes[scan->node[scan->depth - 1]].edge_count > 0 ? JSCAN_KEY_MAX : 0;
    else
        scan->text_max = scan->nodes[scan->value_node].capture;
    scan->mode = M_STRING;
}

static void start_literal(struct jscan *scan, const char *literal)
{
    scan->literal = literal;
    scan->literal_pos = 1;
    scan->len = 0;
    scan->mode = M_LITERAL;
}

static void start_value(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    scan->start = offset_of(feed, feed->at);
    switch (*feed->at) {
    case '{':
        open_container(feed, false);
        return;
    case '[':
        open_container(feed, true);
        return;
    case '"':
        start_string(feed, false);
        return;
    case 't':
        start_literal(scan, "true");
        return;
    case 'f':
        start_literal(scan, "false");
        return;
    case 'n':
        start_literal(scan, "null");
        return;
    default:
        if (*feed->at != '-' && (*feed->at < '0' || *feed->at > '9')) {
            scan->mode = M_BROKEN;
            return;
        }
        scan->len = 0;
        scan->text_len = 0;
        scan->text_max = scan->nodes[scan->value_node].capture;
        scan->mode = M_NUMBER;
        feed->at--; /* the number takes its first byte itself */
        return;
    }
}

static void put(struct jscan *scan, const char *bytes, size_t len)
{
    scan->len += len;
    const size_t room = (size_t)(scan->text_max - scan->text_len);
    const size_t kept = len < room ? len : room;
    if (kept == 0)
        return;
    memcpy(scan->text + scan->text_len, bytes, kept);
    scan->text_len = (uint16_t)(scan->text_len + kept);
}

static uint8_t node_of_key(const struct jscan *scan, struct span key)
{
    const struct jscan_node *node = &scan->nodes[scan->node[scan->depth - 1]];
    for (size_t i = 0; i < node->edge_count; i++) {
        const struct jscan_edge *edge = &node->edges[i];
        if (edge->key_len != key.len)
            continue;
        if (memcmp(edge->key, key.ptr, key.len) == 0 ||
            (edge->any_case && span_equal_text_nocase(key, edge->key)))
            return edge->node;
    }
    return node->other;
}

/* Closing quote at feed->at; text is the decoded string as far as it was kept. */
static void end_string(struct feed *feed, struct span text)
{
    struct jscan *scan = feed->scan;
    if (scan->is_key) {
        const bool whole = text.len == scan->len;
        scan->value_node =
            whole ? node_of_key(scan, text) : scan->nodes[scan->node[scan->depth - 1]].other;
        scan->mode = M_COLON;
        return;
    }
    report(feed, JSCAN_STRING, text, offset_of(feed, feed->at) + 1);
    value_done(scan);
}

static void feed_string(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    const char *stop = scan_string(feed->at, feed->end);
    const size_t len = (size_t)(stop - feed->at);
    if (len > 0)
        scan->surrogate = 0;
    if (stop < feed->end && *stop == '"' && scan->len == 0) { /* whole and plain: no copy */
        const struct span whole = {feed->at, len < scan->text_max ? len : scan->text_max};
        scan->len = len;
        feed->at = stop;
        end_string(feed, whole);
        feed->at++;
        return;
    }
    put(scan, feed->at, len);
    feed->at = stop;
    if (stop == feed->end)
        return;
    if (*stop == '"')
        end_string(feed, span_of(scan->text, scan->text_len));
    else
        scan->mode = M_ESCAPE;
    feed->at++;
}

static void put_utf8(struct jscan *scan, uint32_t c)
{
    char utf8[4];
    size_t len;
    if (c < 0x80) {
        utf8[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 0x3f));
        len = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (c & 0x3f));
        len = 3;
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        utf8[1] = (char)(0x80 | (c >> 12 & 0x3f));
        utf8[2] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[3] = (char)(0x80 | (c & 0x3f));
        len = 4;
    }
    put(scan, utf8, len);
}

static void feed_escape(struct feed *feed)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char decoded[] = "\"\\/\b\f\n\r\t";
    struct jscan *scan = feed->scan;
    const char c = *feed->at++;
    if (c == 'u') {
        scan->escape_left = 4;
        scan->escape_unit = 0;
        scan->mode = M_HEX;
        return;
    }
    const char *found = c != '\0' ? strchr(plain, c) : NULL;
    if (!found) {
        scan->mode = M_BROKEN;
        return;
    }
    put(scan, &decoded[found - plain], 1);
    scan->surrogate = 0;
    scan->mode = M_STRING;
}

/* A lone surrogate becomes U+FFFD: such a name matches nothing. */
static void escape_unit_done(struct jscan *scan)
{
    const uint32_t unit = scan->escape_unit;
    scan->mode = M_STRING;
    if (unit >= 0xdc00 && unit < 0xe000 && scan->surrogate) {
        put_utf8(scan, 0x10000 + ((uint32_t)(scan->surrogate - 0xd800) << 10) + (unit - 0xdc00));
        scan->surrogate = 0;
        return;
    }
    scan->surrogate = 0;
    if (unit >= 0xd800 && unit < 0xdc00)
        scan->surrogate = (uint16_t)unit; /* dropped when no low half follows */
    else
        put_utf8(scan, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
}

static void feed_hex(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    const char c = *feed->at++;
    const char lower = (char)(c | 0x20);
    int digit;
    if (c >= '0' && c <= '9')
        digit = c - '0';
    else if (lower >= 'a' && lower <= 'f')
        digit = lower - 'a' + 10;
    else {
        scan->mode = M_BROKEN;
        return;
    }
    scan->escape_unit = (uint16_t)(scan->escape_unit << 4 | digit);
    if (--scan->escape_left == 0)
        escape_unit_done(scan);
}

static bool number_byte(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static void feed_number(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    const char *stop = feed->at;
    while (stop < feed->end && number_byte(*stop))
        stop++;
    put(scan, feed->at, (size_t)(stop - feed->at));
    feed->at = stop;
    if (stop == feed->end)
        return;
    report(feed, JSCAN_NUMBER, span_of(scan->text, scan->text_len), offset_of(feed, stop));
    value_done(scan);
}

static void feed_literal(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    const char c = *feed->at++;
    if (c != scan->literal[scan->literal_pos]) {
        scan->mode = M_BROKEN;
        return;
    }
    if (scan->literal[++scan->literal_pos] != '\0')
        return;
    const enum jscan_kind kind = scan->literal[0] == 't'   ? JSCAN_TRUE
                                 : scan->literal[0] == 'f' ? JSCAN_FALSE
                                                           : JSCAN_NULL;
    report(feed, kind, (struct span){0}, offset_of(feed, feed->at));
    value_done(scan);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void after_value(struct feed *feed, char c)
{
    struct jscan *scan = feed->scan;
    if (c == '}' || c == ']') {
        close_container(feed, c == ']');
    } else if (c != ',') {
        scan->mode = M_BROKEN;
    } else if (in_array(scan)) {
        scan->value_node = scan->nodes[scan->node[scan->depth - 1]].element;
        scan->mode = M_VALUE;
    } else {
        scan->mode = M_KEY;
    }
}

/* Bytes between values. */
static void feed_structure(struct feed *feed)
{
    struct jscan *scan = feed->scan;
    const char c = *feed->at;
    if (is_space(c)) {
        feed->at++;
        return;
    }
    if (scan->mode == M_AFTER)
        after_value(feed, c);
    else if (scan->mode == M_COLON)
        scan->mode = c == ':' ? M_VALUE : M_BROKEN;
    else if (c == ']' && scan->mode == M_FIRST_ELEMENT)
        close_container(feed, true);
    else if (c == '}' && scan->mode == M_FIRST_KEY)
        close_container(feed, false);
    else if (scan->mode == M_VALUE || scan->mode == M_FIRST_ELEMENT)
        start_value(feed);
    else if (c == '"' && scan->mode != M_DONE)
        start_string(feed, true);
    else
        scan->mode = M_BROKEN;
    feed->at++;
}

static enum jscan_state state_of(const struct jscan *scan)
{
    switch (scan->mode) {
    case M_DONE:
        return JSCAN_DONE;
    case M_BROKEN:
        return JSCAN_BROKEN;
    case M_DEEP:
        return JSCAN_DEEP;
    default:
        return JSCAN_MORE;
    }
}

void jscan_init(struct jscan *scan, const struct jscan_node *nodes)
{
    scan->nodes = nodes;
    scan->offset = 0;
    scan->arrays = 0;
    scan->depth = 0;
    scan->value_node = 1;
    scan->mode = M_VALUE;
    scan->text_len = 0;
    scan->surrogate = 0;
}

enum jscan_state jscan_feed(struct jscan *scan, const char *bytes, size_t len,
                            jscan_value_fn *on_value, void *context)
{
    struct feed feed = {.scan = scan,
                        .at = bytes,
                        .end = bytes + len,
                        .bytes = bytes,
                        .base = scan->offset,
                        .on_value = on_value,
                        .context = context};
    while (feed.at < feed.end) {
        switch (scan->mode) {
        case M_STRING:
            feed_string(&feed);
            break;
        case M_ESCAPE:
            feed_escape(&feed);
            break;
        case M_HEX:
            feed_hex(&feed);
            break;
        case M_NUMBER:
            feed_number(&feed);
            break;
        case M_LITERAL:
            feed_literal(&feed);
            break;
        case M_BROKEN:
        case M_DEEP:
            feed.at = feed.end;
            break;
        default:
            feed_structure(&feed);
            break;
        }
    }
    scan->offset += len;
    return state_of(scan);
}

enum jscan_state jscan_end(struct jscan *scan, jscan_value_fn *on_value, void *context)
{
    if (scan->mode == M_NUMBER && scan->depth == 0)
        (void)jscan_feed(scan, " ", 1, on_value, context); /* the state is read below */
    if (scan->mode < M_DONE)
        scan->mode = M_BROKEN;
    return state_of(scan);
}

/* Digits, one fraction, one exponent; the value saturates. */
int64_t jscan_int(struct span text, int64_t max)
{
    size_t i = 0;
    double value = 0;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        value = value * 10 + (text.ptr[i++] - '0');
    if (i == 0)
        return -1;
    if (i < text.len && text.ptr[i] == '.') {
        double unit = 0.1;
        for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
            value += unit * (text.ptr[i] - '0');
            unit /= 10;
        }
    }
    if (i < text.len && (text.ptr[i] | 0x20) == 'e') {
        i++;
        const bool minus = i < text.len && text.ptr[i] == '-';
        if (i < text.len && (minus || text.ptr[i] == '+'))
            i++;
        int exponent = 0;
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9' && exponent < 400)
            exponent = exponent * 10 + (text.ptr[i++] - '0');
        for (; exponent > 0 && value > 0 && value < 1e300; exponent--)
            value = minus ? value / 10 : value * 10;
    }
    if (i < text.len)
        return -1;
    return value >= (double)max ? max : (int64_t)value;
}
