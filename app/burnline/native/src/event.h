/* Usage events out of their JSON, without copying: the common shape only.
 *
 * What is accepted here, app/burnline/events/decode.py accepts with the same fields; what is not, it looks at. So this parser may
 * refuse at will (escapes, repeated names, deep nesting, whatever a rule forbids), but must never read more into a value
 * than the other one does. Properties in tests/native hold the two together. */
#ifndef BURNLINE_EVENT_H
#define BURNLINE_EVENT_H

#include "common.h"
#include "xxh3.h"

enum { KIND_LLM, KIND_EMBEDDING, KIND_TOOL_CALL, KIND_RUN };

typedef struct {
    bool plain; /* false: Python has to look at it */
    u8 kind;
    Span event_id, session, org, agent, model;
    Span provider, team, project, parent; /* may be absent (at == NULL) */
    i64 at_ms, log_ms; /* log_ms: when the log took it; also where it is not plain */
    i64 input, output, cached, written, reasoning;
    u64 fingerprint; /* of org, session and event id, see app/burnline/ledger/duplicates.py */
    u64 place;       /* of the fingerprint in a Set */
    u64 session_hash;
} Event;

#define MAX_EVENT_BYTES 1048576
#define MAX_DEPTH 64
#define MAX_COUNT 1000000000
#define MIN_TIME_MS 1000000000000
#define END_TIME_MS 10000000000000
#define MAX_ID 256
#define MAX_TAGS 64

typedef struct {
    const u8 *at, *end;
} Cursor;

static inline void skip_blanks(Cursor *c)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
}

static inline bool take(Cursor *c, u8 wanted)
{
    skip_blanks(c);
    if (c->at >= c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* The opening quote is behind the cursor. No byte of the value is a backslash or a control character. */
static inline bool take_text(Cursor *c, Span *text)
{
    const u8 *close = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (close == NULL)
        return false;
    text->at = c->at;
    text->len = (u32)(close - c->at);
    c->at = close + 1;
    return true;
}

static inline bool take_word(Cursor *c, const char *word, size_t len)
{
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static inline bool take_null(Cursor *c)
{
    skip_blanks(c);
    return c->at < c->end && *c->at == 'n' && take_word(c, "null", 4);
}

static inline bool take_integer(Cursor *c, i64 least, i64 greatest, i64 *value)
{
    skip_blanks(c);
    const u8 *start = c->at;
    i64 number = 0;
    while (c->at < c->end && (u8)(*c->at - '0') < 10) {
        number = number * 10 + (*c->at - '0');
        c->at++;
        if (c->at - start > 14)
            return false;
    }
    if (c->at == start || (*start == '0' && c->at - start > 1) || number < least || number > greatest)
        return false;
    if (c->at < c->end && (*c->at == '.' || *c->at == 'e' || *c->at == 'E'))
        return false;
    *value = number;
    return true;
}

static inline u32 characters(Span text)
{
    u32 count = 0;
    for (u32 i = 0; i < text.len; i++)
        count += (text.at[i] & 0xC0) != 0x80;
    return count;
}

static inline bool take_id(Cursor *c, Span *id)
{
    return take(c, '"') && take_text(c, id) && id->len > 0 && (id->len <= MAX_ID || characters(*id) <= MAX_ID);
}

static inline bool take_optional_id(Cursor *c, Span *id)
{
    if (take_null(c)) {
        id->at = NULL;
        id->len = 0;
        return true;
    }
    return take_id(c, id);
}

static inline bool take_optional_count(Cursor *c, i64 *count)
{
    if (take_null(c)) {
        *count = 0;
        return true;
    }
    return take_integer(c, 0, MAX_COUNT, count);
}

static bool take_tags(Cursor *c)
{
    if (take_null(c))
        return true;
    if (!take(c, '{'))
        return false;
    if (take(c, '}'))
        return true;
    for (int count = 0; count < MAX_TAGS; count++) {
        Span name, value;
        if (!take(c, '"') || !take_text(c, &name) || !take(c, ':') || !take(c, '"') || !take_text(c, &value))
            return false;
        if ((name.len > MAX_ID && characters(name) > MAX_ID) || (value.len > MAX_ID && characters(value) > MAX_ID))
            return false;
        if (take(c, '}'))
            return true;
        if (!take(c, ','))
            return false;
    }
    return false;
}

static bool skip_digits(Cursor *c)
{
    const u8 *start = c->at;
    while (c->at < c->end && (u8)(*c->at - '0') < 10)
        c->at++;
    return c->at > start;
}

static bool skip_number(Cursor *c)
{
    if (*c->at == '-')
        c->at++;
    const u8 *start = c->at;
    if (!skip_digits(c) || (*start == '0' && c->at - start > 1))
        return false;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!skip_digits(c))
            return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        return skip_digits(c);
    }
    return true;
}

static bool skip_value(Cursor *c, int depth)
{
    Span ignored;
    skip_blanks(c);
    if (c->at >= c->end || depth > MAX_DEPTH)
        return false;
    switch (*c->at) {
    case '"':
        c->at++;
        return take_text(c, &ignored);
    case 't':
        return take_word(c, "true", 4);
    case 'f':
        return take_word(c, "false", 5);
    case 'n':
        return take_word(c, "null", 4);
    case '[':
        c->at++;
        if (take(c, ']'))
            return true;
        do {
            if (!skip_value(c, depth + 1))
                return false;
        } while (take(c, ','));
        return take(c, ']');
    case '{':
        c->at++;
        if (take(c, '}'))
            return true;
        do {
            if (!take(c, '"') || !take_text(c, &ignored) || !take(c, ':') || !skip_value(c, depth + 1))
                return false;
        } while (take(c, ','));
        return take(c, '}');
    default:
        return skip_number(c);
    }
}

/* Well-formed UTF-8 (RFC 3629) without the C1 control characters U+0080 to U+009F. */
static bool is_clean_utf8(const u8 *at, const u8 *end)
{
    while (at < end) {
        u8 lead = *at;
        if (lead < 0x80) {
            at++;
            continue;
        }
        int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        if (lead < 0xC2 || lead > 0xF4 || end - at <= more)
            return false;
        for (int i = 1; i <= more; i++)
            if ((at[i] & 0xC0) != 0x80)
                return false;
        u8 second = at[1];
        if ((lead == 0xC2 && second < 0xA0) || (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
            (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90))
            return false;
        at += more + 1;
    }
    return true;
}

/* No control characters, no escapes, and well-formed if not ASCII: after this look a string ends at the next quote. */
static bool is_plain_text(const u8 *at, u32 len)
{
    u8 bad = 0, high = 0;
    for (u32 i = 0; i < len; i++) {
        u8 byte = at[i];
        bad |= (u8)(byte < 0x20) | (u8)(byte == '\\') | (u8)(byte == 0x7F);
        high |= byte;
    }
    return !bad && (high < 0x80 || is_clean_utf8(at, at + len));
}

enum {
    HAS_EVENT_ID = 1 << 0,
    HAS_TIME = 1 << 1,
    HAS_ORG = 1 << 2,
    HAS_AGENT = 1 << 3,
    HAS_SESSION = 1 << 4,
    HAS_MODEL = 1 << 5,
    HAS_INPUT = 1 << 6,
    HAS_OUTPUT = 1 << 7,
    HAS_REQUIRED = (1 << 8) - 1,
    HAS_KIND = 1 << 8,
    HAS_PROVIDER = 1 << 9,
    HAS_CACHED = 1 << 10,
    HAS_WRITTEN = 1 << 11,
    HAS_REASONING = 1 << 12,
    HAS_TOOL = 1 << 13,
    HAS_RUN = 1 << 14,
    HAS_TEAM = 1 << 15,
    HAS_PROJECT = 1 << 16,
    HAS_TAGS = 1 << 17,
    HAS_TIER = 1 << 18,
    HAS_REGION = 1 << 19,
    HAS_PARENT_SESSION = 1 << 20,
    HAS_PARENT_RUN = 1 << 21,
    HAS_ERROR = 1 << 22,
    HAS_REPORTED = 1 << 23,
    HAS_SOURCE = 1 << 24,
    METERS_FROM = 25, /* bits of rare meters begin here */
    MOST_METERS = 64 - METERS_FROM,
};

/* Names of the meters that are rare, in the order of the table in app/burnline/events/meters.py: Python tells them before
 * the first event. An event that counts one has a price that Python works out. */
static Span meter_names[MOST_METERS];
static u32 meter_count;

#define IS(name, text) (memcmp((name).at, text, sizeof(text) - 1) == 0)

static u32 common_field_of(Span name)
{
    switch (name.len) {
    case 4:
        return IS(name, "kind") ? HAS_KIND : IS(name, "tags") ? HAS_TAGS : 0;
    case 5:
        return IS(name, "model") ? HAS_MODEL : IS(name, "error") ? HAS_ERROR : 0;
    case 6:
        return IS(name, "org_id") ? HAS_ORG : IS(name, "run_id") ? HAS_RUN : IS(name, "region") ? HAS_REGION : 0;
    case 7:
        return IS(name, "team_id") ? HAS_TEAM : 0;
    case 8:
        return IS(name, "event_id") ? HAS_EVENT_ID : IS(name, "agent_id") ? HAS_AGENT : IS(name, "provider") ? HAS_PROVIDER : 0;
    case 9:
        return IS(name, "tool_name") ? HAS_TOOL : 0;
    case 10:
        return IS(name, "session_id") ? HAS_SESSION : 0;
    case 11:
        return IS(name, "occurred_at") ? HAS_TIME : 0;
    case 12:
        return IS(name, "input_tokens") ? HAS_INPUT : IS(name, "project_code") ? HAS_PROJECT : IS(name, "service_tier") ? HAS_TIER : 0;
    case 13:
        return IS(name, "output_tokens") ? HAS_OUTPUT : IS(name, "parent_run_id") ? HAS_PARENT_RUN : 0;
    case 16:
        return IS(name, "reasoning_tokens") ? HAS_REASONING : 0;
    case 17:
        return IS(name, "parent_session_id") ? HAS_PARENT_SESSION : IS(name, "reported_cost_usd") ? HAS_REPORTED : 0;
    case 20:
        return IS(name, "reported_cost_source") ? HAS_SOURCE : 0;
    case 18:
        return IS(name, "cache_write_tokens") ? HAS_WRITTEN : 0;
    case 19:
        return IS(name, "cached_input_tokens") ? HAS_CACHED : 0;
    default:
        return 0;
    }
}

static u64 field_of(Span name)
{
    u32 common = common_field_of(name);
    if (LIKELY(common))
        return common;
    for (u32 i = 0; i < meter_count; i++)
        if (same_text(name, meter_names[i]))
            return 1ull << (METERS_FROM + i);
    return 0;
}

static bool take_kind(Cursor *c, u8 *kind)
{
    Span name;
    if (take_null(c)) {
        *kind = KIND_LLM;
        return true;
    }
    if (!take(c, '"') || !take_text(c, &name))
        return false;
    if (name.len == 3 && IS(name, "llm"))
        *kind = KIND_LLM;
    else if (name.len == 9 && IS(name, "embedding"))
        *kind = KIND_EMBEDDING;
    else if (name.len == 9 && IS(name, "tool_call"))
        *kind = KIND_TOOL_CALL;
    else if (name.len == 3 && IS(name, "run"))
        *kind = KIND_RUN;
    else
        return false;
    return true;
}

/* Whether a service tier is none, in the spellings that providers answer with: STANDARD in app/burnline/pricing/book.py. */
static bool is_standard(Span tier)
{
    return tier.at == NULL || (tier.len == 8 && IS(tier, "standard")) || (tier.len == 7 && IS(tier, "default"));
}

static bool take_field(Cursor *c, u64 field, Event *event)
{
    Span ignored;
    i64 units;
    switch (field) {
    case HAS_EVENT_ID:
        return take_id(c, &event->event_id);
    case HAS_TIME:
        return take_integer(c, MIN_TIME_MS, END_TIME_MS - 1, &event->at_ms);
    case HAS_ORG:
        return take_id(c, &event->org);
    case HAS_AGENT:
        return take_id(c, &event->agent);
    case HAS_SESSION:
        return take_id(c, &event->session);
    case HAS_MODEL:
        return take_id(c, &event->model);
    case HAS_INPUT:
        return take_integer(c, 0, MAX_COUNT, &event->input);
    case HAS_OUTPUT:
        return take_integer(c, 0, MAX_COUNT, &event->output);
    case HAS_KIND:
        return take_kind(c, &event->kind);
    case HAS_PROVIDER:
        return take_optional_id(c, &event->provider);
    case HAS_CACHED:
        return take_optional_count(c, &event->cached);
    case HAS_WRITTEN:
        return take_optional_count(c, &event->written);
    case HAS_REASONING:
        return take_optional_count(c, &event->reasoning);
    case HAS_TOOL:
    case HAS_RUN:
    case HAS_PARENT_RUN:
    case HAS_SOURCE:
        return take_optional_id(c, &ignored);
    case HAS_PARENT_SESSION:
        return take_optional_id(c, &event->parent);
    case HAS_TEAM:
        return take_optional_id(c, &event->team);
    case HAS_PROJECT:
        return take_optional_id(c, &event->project);
    case HAS_TAGS:
        return take_tags(c);
    case HAS_TIER: /* what is served so, or there, has a price of its own, which Python looks up */
        return take_optional_id(c, &ignored) && is_standard(ignored);
    case HAS_REGION:
    case HAS_REPORTED: /* counted, or compared, in Python */
        return take_null(c);
    case HAS_ERROR:
        return take_null(c) || take_word(c, "false", 5); /* blanks are skipped */
    default:
        return field ? take_optional_count(c, &units) && units == 0 : skip_value(c, 1);
    }
}

static bool parse_plain(const u8 *at, u32 len, i64 newest_ms, Event *event)
{
    if (len == 0 || len > MAX_EVENT_BYTES || !is_plain_text(at, len))
        return false;
    Cursor c = {at, at + len};
    u64 seen = 0;
    if (!take(&c, '{'))
        return false;
    do {
        Span name;
        if (!take(&c, '"') || !take_text(&c, &name) || !take(&c, ':'))
            return false;
        u64 field = field_of(name);
        if (seen & field || !take_field(&c, field, event))
            return false;
        seen |= field;
    } while (take(&c, ','));
    if (!take(&c, '}'))
        return false;
    skip_blanks(&c);
    return c.at == c.end && (seen & HAS_REQUIRED) == HAS_REQUIRED && event->at_ms <= newest_ms &&
           event->cached + event->written <= event->input && event->reasoning <= event->output;
}

/* Fill the fingerprint of a plain event: of its session or org, a separator and its event id. If that is too long the
 * event is not plain any more. */
static void identify(Event *event, Span scope, const char *separator)
{
    u8 identity[XXH3_LONGEST];
    u32 gap = (u32)strlen(separator), len = scope.len + gap + event->event_id.len;
    event->plain = len <= sizeof identity;
    if (!event->plain)
        return;
    memcpy(identity, scope.at, scope.len);
    memcpy(identity + scope.len, separator, gap);
    memcpy(identity + scope.len + gap, event->event_id.at, event->event_id.len);
    event->fingerprint = xxh3(identity, len);
    event->place = word_hash(event->fingerprint);
}

/* Fill `event` from a record's value; event->plain says whether it could be read here. An event that is further than
 * `skew_ms` ahead of when the log took it could not. */
static void parse_event(const u8 *at, u32 len, i64 log_ms, i64 skew_ms, Event *event)
{
    memset(event, 0, sizeof *event);
    event->log_ms = log_ms;
    if (!parse_plain(at, len, log_ms + skew_ms, event))
        return;
    u8 key[XXH3_LONGEST];
    u32 key_len = event->org.len + 1 + event->session.len;
    if (key_len > sizeof key)
        return;
    memcpy(key, event->org.at, event->org.len);
    key[event->org.len] = '\n';
    memcpy(key + event->org.len + 1, event->session.at, event->session.len);
    event->session_hash = table_hash(key, key_len);
    identify(event, (Span){key, key_len}, "\n");
}

/* The fingerprint that an event had before organisations were told apart. */
static u64 old_fingerprint(const Event *event)
{
    u8 identity[XXH3_LONGEST]; /* long enough: with the org it was */
    memcpy(identity, event->session.at, event->session.len);
    identity[event->session.len] = '\n';
    memcpy(identity + event->session.len + 1, event->event_id.at, event->event_id.len);
    return xxh3(identity, event->session.len + 1 + event->event_id.len);
}

#endif
