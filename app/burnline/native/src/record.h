/* The session ledger record, byte for byte as app/burnline/ledger/record.py writes it, and back. */
#ifndef BURNLINE_RECORD_H
#define BURNLINE_RECORD_H

#include "event.h"
#include "session.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(Buffer *out, const u8 *bytes, size_t len)
{
    u8 *to = reserve(out, (len + 2) / 3 * 4);
    size_t written = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        u32 triple = (u32)bytes[i] << 16 | (left > 1 ? (u32)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        to[written++] = (u8)base64_digits[triple >> 18];
        to[written++] = (u8)base64_digits[triple >> 12 & 63];
        to[written++] = left > 1 ? (u8)base64_digits[triple >> 6 & 63] : '=';
        to[written++] = left > 2 ? (u8)base64_digits[triple & 63] : '=';
    }
    out->len += written;
}

static inline u8 base64_value(u8 digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return (u8)(digit - 'A');
    if (digit >= 'a' && digit <= 'z')
        return (u8)(digit - 'a' + 26);
    if (digit >= '0' && digit <= '9')
        return (u8)(digit - '0' + 52);
    return digit == '+' ? 62 : digit == '/' ? 63 : 255;
}

/* Take a text of whole groups of four; the caller's room is 3 bytes for each. Returns the bytes, or -1. */
static i64 base64_bytes(Span text, u8 *to)
{
    if (text.len % 4)
        return -1;
    i64 written = 0;
    for (u32 i = 0; i < text.len; i += 4) {
        const u8 *at = text.at + i;
        int padding = at[3] == '=' ? (at[2] == '=' ? 2 : 1) : 0;
        if (padding && i + 4 != text.len)
            return -1;
        u32 group = 0;
        for (int j = 0; j < 4; j++) {
            u8 value = j >= 4 - padding ? 0 : base64_value(at[j]);
            if (value == 255)
                return -1;
            group = group << 6 | value;
        }
        to[written++] = (u8)(group >> 16);
        if (padding < 2)
            to[written++] = (u8)(group >> 8);
        if (padding < 1)
            to[written++] = (u8)group;
    }
    return written;
}

static void put_sums(Buffer *out, const ModelSums *sums)
{
    PUT_INT(out, "\"events\":", sums->events);
    PUT_INT(out, ",\"input_tokens\":", sums->input);
    PUT_INT(out, ",\"output_tokens\":", sums->output);
    PUT_INT(out, ",\"cached_input_tokens\":", sums->cached);
    PUT_INT(out, ",\"cache_write_tokens\":", sums->written);
    PUT_INT(out, ",\"reasoning_tokens\":", sums->reasoning);
    PUT_INT(out, ",\"unpriced_tokens\":", sums->unpriced);
    PUT_USD(out, ",\"cost_usd\":", sums->cost);
    PUT_USD(out, ",\"cache_savings_usd\":", sums->savings);
    PUT_USD(out, ",\"embedding_cost_usd\":", sums->embedding);
}

static void put_recent(Buffer *out, const Session *s)
{
    /* Little endian, as on every machine that this is built for (the build refuses others). */
    u64 packed[1 + 2 * 1024];
    u32 count = 0;
    packed[count++] = s->older_count;
    for (u32 i = 0; i < s->older_count; i++)
        packed[count++] = s->older[i];
    for (u32 i = 0; i < s->newer_count; i++)
        packed[count++] = s->newer[i];
    PUT(out, "\"");
    put_base64(out, (const u8 *)packed, count * sizeof(u64));
    PUT(out, "\"");
}

static void put_session(Buffer *out, const Session *s, const Texts *texts, Span org, Span agent, i64 partition)
{
    ModelSums total = {0};
    for (u32 i = 0; i < s->model_count; i++) {
        const ModelSums *sums = &s->models[i];
        total.events += sums->events;
        total.input += sums->input;
        total.output += sums->output;
        total.cached += sums->cached;
        total.written += sums->written;
        total.reasoning += sums->reasoning;
        total.unpriced += sums->unpriced;
        total.cost += sums->cost;
        total.savings += sums->savings;
        total.embedding += sums->embedding;
    }
    PUT(out, "{");
    put_sums(out, &total);
    PUT_TEXT(out, ",\"version\":1,\"session_id\":", session_name(s));
    PUT_TEXT(out, ",\"org_id\":", org);
    PUT_TEXT(out, ",\"agent_id\":", agent);
    PUT_INT(out, ",\"source_partition\":", partition);
    PUT_INT(out, ",\"last_offset\":", s->last_offset);
    PUT_INT(out, ",\"first_event_at\":", s->first_at);
    PUT_INT(out, ",\"last_event_at\":", s->last_at);
    PUT_INT(out, ",\"delay_ms\":", s->delay_ms);
    PUT_INT(out, ",\"runs\":", (i64)s->runs);
    PUT_INT(out, ",\"tool_calls\":", (i64)s->tool_calls);
    if (s->parent_len)
        PUT_TEXT(out, ",\"parent_session_id\":", ((Span){s->parent, s->parent_len}));
    PUT(out, ",\"by_model\":{");
    for (u32 i = 0; i < s->model_count; i++) {
        if (i)
            PUT(out, ",");
        put_text(out, texts->spans[s->models[i].model]);
        PUT(out, ":{");
        put_sums(out, &s->models[i]);
        PUT(out, "}");
    }
    PUT(out, "},\"slices\":[");
    for (u32 i = 0; i < s->slice_count; i++) {
        if (i)
            PUT(out, ",");
        PUT_INT(out, "[", s->slices[i].index);
        PUT_INT(out, ",", s->slices[i].pico_usd);
        PUT(out, "]");
    }
    PUT(out, "],\"recent_event_ids\":");
    put_recent(out, s);
    PUT(out, ",\"anomaly\":");
    if (s->anomaly)
        put(out, s->anomaly, s->anomaly_len);
    else
        PUT(out, "null");
    PUT(out, "}");
}

static bool take_usd(Cursor *c, i64 *pico_usd)
{
    Span text;
    if (!take(c, '"') || !take_text(c, &text) || text.len == 0)
        return false;
    i64 whole = 0, rest = 0;
    u32 i = 0, decimals = 0;
    for (; i < text.len && text.at[i] != '.'; i++) {
        if ((u8)(text.at[i] - '0') > 9 || i > 6)
            return false;
        whole = whole * 10 + (text.at[i] - '0');
    }
    if (i == 0)
        return false;
    if (i < text.len)
        for (i++; i < text.len; i++, decimals++) {
            if ((u8)(text.at[i] - '0') > 9 || decimals == 12)
                return false;
            rest = rest * 10 + (text.at[i] - '0');
        }
    if (text.at[text.len - 1] == '.')
        return false;
    for (; decimals < 12; decimals++)
        rest *= 10;
    if (whole > MOST_PICO_USD / PICO_PER_USD)
        return false;
    *pico_usd = whole * PICO_PER_USD + rest;
    return *pico_usd <= MOST_PICO_USD;
}

#define NAMED(c, text) take_word(c, text, sizeof(text) - 1)
#define MOST_COUNT 99999999999999

static bool take_sums(Cursor *c, ModelSums *sums)
{
    return NAMED(c, "\"events\":") && take_integer(c, 0, MOST_COUNT, &sums->events) &&
           NAMED(c, ",\"input_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->input) &&
           NAMED(c, ",\"output_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->output) &&
           NAMED(c, ",\"cached_input_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->cached) &&
           NAMED(c, ",\"cache_write_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->written) &&
           NAMED(c, ",\"reasoning_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->reasoning) &&
           NAMED(c, ",\"unpriced_tokens\":") && take_integer(c, 0, MOST_COUNT, &sums->unpriced) &&
           NAMED(c, ",\"cost_usd\":") && take_usd(c, &sums->cost) &&
           NAMED(c, ",\"cache_savings_usd\":") && take_usd(c, &sums->savings) &&
           NAMED(c, ",\"embedding_cost_usd\":") && take_usd(c, &sums->embedding);
}

/* What stands before the models in a record. */
typedef struct {
    Span session, org, agent, parent; /* parent: may be absent (at == NULL) */
    i64 last_offset, first_at, last_at, delay_ms, runs, tool_calls;
} Head;

static bool take_parent(Cursor *c, Head *head)
{
    head->parent.at = NULL;
    return !NAMED(c, ",\"parent_session_id\":") || take_id(c, &head->parent);
}

static bool take_head(Cursor *c, i64 partition, Head *head)
{
    ModelSums total;
    i64 found;
    if (!NAMED(c, "{") || !take_sums(c, &total) || !NAMED(c, ",\"version\":1,\"session_id\":") ||
        !take_id(c, &head->session) || !NAMED(c, ",\"org_id\":") || !take_id(c, &head->org) ||
        !NAMED(c, ",\"agent_id\":") || !take_id(c, &head->agent) || !NAMED(c, ",\"source_partition\":") ||
        !take_integer(c, 0, MOST_COUNT, &found) || found != partition || !NAMED(c, ",\"last_offset\":"))
        return false;
    return take_integer(c, 0, MOST_COUNT, &head->last_offset) && NAMED(c, ",\"first_event_at\":") &&
           take_integer(c, 0, END_TIME_MS - 1, &head->first_at) && NAMED(c, ",\"last_event_at\":") &&
           take_integer(c, 0, END_TIME_MS - 1, &head->last_at) && NAMED(c, ",\"delay_ms\":") &&
           take_integer(c, 0, INT32_MAX, &head->delay_ms) && NAMED(c, ",\"runs\":") &&
           take_integer(c, 0, MAX_COUNT, &head->runs) && NAMED(c, ",\"tool_calls\":") &&
           take_integer(c, 0, MAX_COUNT, &head->tool_calls) && take_parent(c, head) && NAMED(c, ",\"by_model\":{");
}

static bool take_models(Cursor *c, Session *s, Texts *texts)
{
    if (NAMED(c, "}"))
        return true;
    do {
        Span model;
        ModelSums sums = {0};
        if (s->model_count == UINT16_MAX || !take_id(c, &model) || !NAMED(c, ":{") || !take_sums(c, &sums) ||
            !NAMED(c, "}"))
            return false;
        sums.model = text_id(texts, model);
        if (session_model(s, sums.model))
            return false;
        *session_add_model(s, sums.model) = sums;
        /* each is at most MOST_PICO_USD */
        s->spent += sums.cost + sums.savings;
        if (s->spent > MOST_PICO_USD || sums.embedding > sums.cost)
            return false;
    } while (NAMED(c, ","));
    return NAMED(c, "}");
}

static bool take_slices(Cursor *c, Session *s, u32 most)
{
    i64 sum = 0;
    if (!NAMED(c, ",\"slices\":["))
        return false;
    if (NAMED(c, "]"))
        return true;
    do {
        i64 index, pico_usd;
        const u8 *start;
        if (s->slice_count >= most || !NAMED(c, "[") || !take_integer(c, 0, INT32_MAX, &index) || !NAMED(c, ","))
            return false;
        /* longer than the integers of events may be */
        for (start = c->at, pico_usd = 0; c->at < c->end && (u8)(*c->at - '0') < 10; c->at++) {
            if (c->at - start > 17)
                return false;
            pico_usd = pico_usd * 10 + (*c->at - '0');
        }
        if (c->at == start || !NAMED(c, "]") || (sum += pico_usd) > MOST_PICO_USD)
            return false;
        u16 before = s->slice_count;
        session_add_to_slice(s, (i32)index, pico_usd);
        if (s->slice_count == before)
            return false;
        if (index > s->newest_slice)
            s->newest_slice = (i32)index;
    } while (NAMED(c, ","));
    return NAMED(c, "]");
}

static bool take_recent(Cursor *c, Session *s, u32 limit)
{
    Span text;
    u64 packed[2 + 2 * 1024];
    if (!NAMED(c, ",\"recent_event_ids\":\"") || !take_text(c, &text) || text.len / 4 * 3 > sizeof packed)
        return false;
    i64 bytes = base64_bytes(text, (u8 *)packed);
    if (bytes < 0 || bytes % 8)
        return false;
    u32 count = (u32)(bytes / 8);
    if (count == 0)
        return true;
    u64 older = packed[0];
    /* More than now may be held: the limit was greater. Python settles it. */
    if (older > count - 1 || older > limit || count - 1 - older >= (limit ? limit : 1))
        return false;
    if (older) {
        s->older = grown(NULL, older * sizeof(u64));
        memcpy(s->older, packed + 1, older * sizeof(u64));
        s->older_count = (u32)older;
    }
    u32 newer = count - 1 - (u32)older;
    if (newer) {
        s->newer_room = newer;
        s->newer = grown(NULL, newer * sizeof(u64));
        memcpy(s->newer, packed + 1 + older, newer * sizeof(u64));
        s->newer_count = newer;
    }
    return true;
}

static bool holds(Span text, const char *wanted)
{
    size_t len = strlen(wanted);
    for (u32 i = 0; i + len <= text.len; i++)
        if (memcmp(text.at + i, wanted, len) == 0)
            return true;
    return false;
}

/* The rest of the record is an anomaly, or none. */
static bool take_anomaly(Cursor *c, Session *s)
{
    if (NAMED(c, "null}"))
        return c->at == c->end;
    size_t len = (size_t)(c->end - c->at);
    if (len < 3 || len > UINT16_MAX || c->at[0] != '{' || c->end[-1] != '}' || c->end[-2] != '}')
        return false;
    /* No text in the record holds a quote, so this is the field and nothing else. */
    Span json = {c->at, (u32)len - 1};
    if (holds(json, "\"severity\":\"critical\""))
        s->severity = CRITICAL;
    else if (holds(json, "\"severity\":\"warning\""))
        s->severity = WARNING;
    else
        return false;
    s->anomaly = grown(NULL, json.len);
    memcpy(s->anomaly, json.at, json.len);
    s->anomaly_len = (u16)json.len;
    return true;
}

/* Fill an emptied session from the rest of its record, behind take_head. False: Python has to read it. */
static bool take_body(Cursor *c, Session *s, Texts *texts, u32 most_slices, u32 duplicate_ids)
{
    return take_models(c, s, texts) && take_slices(c, s, most_slices) && take_recent(c, s, duplicate_ids) &&
           NAMED(c, ",\"anomaly\":") && take_anomaly(c, s);
}

#endif
