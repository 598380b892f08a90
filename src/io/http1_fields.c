/* http1_fields.c - framing, Host, connection and target rules of RFC 9112. */
#include "io/http1_fields.h"

#include "io/http1_chars.h"

/* host, host:port, [address] or [address]:port; an empty port is allowed by RFC 3986. */
static bool host_is_sound(struct span text)
{
    size_t colon = span_find_byte(text, ':', 0);
    const bool literal = text.len > 0 && text.ptr[0] == '[';
    if (literal) {
        const size_t close = span_find_byte(text, ']', 0);
        if (close == SIZE_MAX)
            return false;
        colon = close + 1;
        if (colon < text.len && text.ptr[colon] != ':')
            return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool bracket = literal && (i == 0 || i + 1 == colon);
        if (i > colon ? c < '0' || c > '9' : !char_is(c, CHAR_HOST) && !bracket)
            return false;
    }
    return true;
}

static bool is_token(struct span text)
{
    size_t i = 0;
    while (i < text.len && char_is(text.ptr[i], CHAR_TOKEN))
        i++;
    return i > 0 && i == text.len;
}

static enum http_refusal note_length(struct span value, struct http_facts *facts,
                                     struct http_head *head)
{
    if (facts->has_length)
        return HTTP_REFUSED_LENGTH_TWICE;
    facts->has_length = true;
    if (value.len == 0)
        return HTTP_REFUSED_LENGTH;
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];
        if (c < '0' || c > '9' || length > (uint64_t)INT64_MAX / 10 - 1)
            return HTTP_REFUSED_LENGTH;
        length = length * 10 + (uint64_t)(c - '0');
    }
    head->content_length = length;
    return HTTP_FINE;
}

static enum http_refusal note_coding(struct span value, struct http_facts *facts,
                                     struct http_head *head)
{
    (void)head; /* the signature is that of all rows */
    facts->has_coding = true;
    size_t from = 0;
    size_t comma = 0;
    do { /* several lines are one list */
        comma = span_find_byte(value, ',', from);
        const size_t end = comma == SIZE_MAX ? value.len : comma;
        const struct span coding = span_trim(span_slice(value, from, end - from));
        facts->chunked_last = span_equal_text_nocase(coding, "chunked");
        if (!is_token(coding) || (facts->chunked_last && facts->chunked_seen))
            return HTTP_REFUSED_CODING_LIST;
        facts->chunked_seen |= facts->chunked_last;
        facts->coding_other |= !facts->chunked_last;
        from = end + 1;
    } while (comma != SIZE_MAX);
    return HTTP_FINE;
}

static enum http_refusal note_host(struct span value, struct http_facts *facts,
                                   struct http_head *head)
{
    (void)head;
    if (facts->has_host)
        return HTTP_REFUSED_HOST_TWICE;
    facts->has_host = true;
    if (!host_is_sound(value))
        return HTTP_REFUSED_HOST;
    facts->host = value;
    return HTTP_FINE;
}

static enum http_refusal note_connection(struct span value, struct http_facts *facts,
                                         struct http_head *head)
{
    (void)head;
    struct span option;
    while (span_split(&value, ',', &option)) {
        option = span_trim(option);
        if (option.len == 5)
            facts->close |= span_equal_text_nocase(option, "close");
        else if (option.len == 10)
            facts->keep_alive |= span_equal_text_nocase(option, "keep-alive");
        else if (option.len == 7)
            facts->upgrade_listed |= span_equal_text_nocase(option, "upgrade");
    }
    return HTTP_FINE;
}

static enum http_refusal note_expect(struct span value, struct http_facts *facts,
                                     struct http_head *head)
{
    (void)facts;
    head->expect_continue |= span_equal_text_nocase(value, "100-continue");
    return HTTP_FINE;
}

static enum http_refusal note_upgrade(struct span value, struct http_facts *facts,
                                      struct http_head *head)
{
    (void)facts;
    head->upgrade |= value.len > 0;
    return HTTP_FINE;
}

/* No two of one length: a header is compared with one name at most. */
static const struct {
    const char *name;
    enum http_refusal (*note)(struct span value, struct http_facts *facts, struct http_head *head);
} notes[] = {
    {"", NULL},
    {"host", note_host},
    {"expect", note_expect},
    {"upgrade", note_upgrade},
    {"connection", note_connection},
    {"content-length", note_length},
    {"transfer-encoding", note_coding},
};
static const uint8_t row_of_length[] = {0, 0, 0, 0, 1, 0, 2, 3, 0, 0, 4, 0, 0, 0, 5, 0, 0, 6};

enum http_refusal http_field_note(const struct http_header *field, struct http_facts *facts,
                                  struct http_head *head)
{
    const struct span name = field->name;
    if (name.len >= COUNT_OF(row_of_length))
        return HTTP_FINE;
    const uint8_t row = row_of_length[name.len];
    if (row == 0)
        return HTTP_FINE;
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] | 0x20) != notes[row].name[i]) /* no other token byte folds to these */
            return HTTP_FINE;
    return notes[row].note(field->value, facts, head);
}

/* host[:port] of an absolute target up to its path; the text behind it is left in *rest. Userinfo
 * is skipped; a second '@' is not told from the first by all parsers. */
static bool take_authority(struct span *rest, struct http_facts *facts)
{
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '/' && rest->ptr[end] != '?')
        end++;
    struct span authority = span_slice(*rest, 0, end);
    const size_t at = span_find_byte(authority, '@', 0);
    if (at != SIZE_MAX) {
        for (size_t i = 0; i < at; i++)
            if (!char_is(authority.ptr[i], CHAR_HOST))
                return false;
        authority = span_slice(authority, at + 1, authority.len);
    }
    if (authority.len == 0 || !host_is_sound(authority))
        return false;
    facts->authority = authority;
    *rest = span_slice(*rest, end, rest->len);
    return true;
}

static void split_query(struct span rest, struct http_head *head)
{
    const size_t mark = span_find_byte(rest, '?', 0);
    head->path = span_slice(rest, 0, mark);
    head->query =
        mark == SIZE_MAX ? span_slice(rest, rest.len, 0) : span_slice(rest, mark + 1, rest.len);
}

enum http_refusal http_target_split(struct http_head *head, struct http_facts *facts)
{
    const struct span target = head->target;
    struct span rest = target;
    facts->fragment = span_find_byte(target, '#', 0) != SIZE_MAX;
    head->query = span_slice(target, target.len, 0);
    if (head->method.len == 7 && span_equal_text(head->method, "CONNECT")) {
        head->path = span_slice(target, target.len, 0);
        const bool port = span_find_byte(target, ':', 0) != SIZE_MAX;
        return port && host_is_sound(target) ? HTTP_FINE : HTTP_REFUSED_TARGET;
    }
    if (target.len == 1 && target.ptr[0] == '*') {
        head->path = target;
        return span_equal_text(head->method, "OPTIONS") ? HTTP_FINE : HTTP_REFUSED_TARGET;
    }
    if (target.ptr[0] != '/') {
        const bool plain = span_equal_text_nocase(span_slice(target, 0, 7), "http://");
        facts->authority_tls = span_equal_text_nocase(span_slice(target, 0, 8), "https://");
        if (!plain && !facts->authority_tls)
            return HTTP_REFUSED_TARGET;
        rest = span_slice(target, plain ? 7 : 8, target.len);
        if (!take_authority(&rest, facts))
            return HTTP_REFUSED_TARGET;
    }
    split_query(rest, head);
    return HTTP_FINE;
}

/* Without the port that the scheme means anyway. */
static struct span without_port(struct span authority, bool tls)
{
    const char *port = tls ? ":443" : ":80";
    if (span_ends_with(authority, port))
        authority.len -= tls ? 4 : 3;
    return authority;
}

static void set_keep_alive(const struct http_facts *facts, struct http_head *head)
{
    head->keep_alive = !facts->close && (head->version_minor == 1 || facts->keep_alive);
    head->upgrade = head->upgrade && facts->upgrade_listed && head->version_minor == 1;
}

static enum http_refusal check_framing(const struct http_facts *facts, struct http_head *head)
{
    if (facts->has_coding && facts->has_length)
        return HTTP_REFUSED_LENGTH_AND_CODING;
    if (facts->has_coding && head->version_minor == 0)
        return HTTP_REFUSED_CODING_OLD;
    head->body = HTTP_BODY_NONE;
    if (facts->has_coding)
        head->body = HTTP_BODY_CHUNKED;
    else if (facts->has_length)
        head->body = HTTP_BODY_LENGTH;
    return HTTP_FINE;
}

enum http_refusal http_request_finish(const struct http_facts *facts, struct http_head *head)
{
    const enum http_refusal refusal = check_framing(facts, head);
    if (refusal != HTTP_FINE)
        return refusal;
    if (facts->has_coding && !facts->chunked_last)
        return HTTP_REFUSED_CODING_LIST;
    set_keep_alive(facts, head);
    head->expect_continue = head->expect_continue && head->version_minor == 1;
    if (facts->has_host && facts->authority.ptr &&
        !span_equal_nocase(without_port(facts->host, facts->authority_tls),
                           without_port(facts->authority, facts->authority_tls)))
        return HTTP_REFUSED_HOST;
    if (facts->coding_other)
        head->unserved = HTTP_REFUSED_CODING;
    if (facts->fragment)
        head->unserved = HTTP_REFUSED_TARGET;
    if (!facts->has_host && head->version_minor == 1)
        head->unserved = HTTP_REFUSED_HOST_MISSING;
    return HTTP_FINE;
}

enum http_refusal http_response_finish(const struct http_facts *facts, struct span request_method,
                                       struct http_head *head)
{
    const enum http_refusal refusal = check_framing(facts, head);
    if (refusal != HTTP_FINE)
        return refusal;
    set_keep_alive(facts, head);
    const bool interim = head->status < 200;
    if ((interim || head->status == 204) && (facts->has_coding || head->content_length > 0))
        return HTTP_REFUSED_BODY;
    const bool connected =
        span_equal_text(request_method, "CONNECT") && head->status >= 200 && head->status < 300;
    if (interim || connected || head->status == 204 || head->status == 304 ||
        span_equal_text(request_method, "HEAD")) {
        head->body = HTTP_BODY_NONE;
    } else if (head->body == HTTP_BODY_NONE || (facts->has_coding && !facts->chunked_last)) {
        head->body = HTTP_BODY_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    if (facts->coding_other)
        head->unserved = HTTP_REFUSED_CODING;
    return HTTP_FINE;
}
