/* Sessions: the ledger of each as app/burnline/ledger/session.py has it, packed, and found by its id. */
#ifndef BURNLINE_SESSION_H
#define BURNLINE_SESSION_H

#include "common.h"
#include "tables.h"

#define SLICE_MS 10000
#define HOUR_MS 3600000
/* Sums above it (2^60 pico-USD, a million USD) are Python's to count, whose integers have no end. What is added to one
 * that is not above it (at most 2^51 an event, costs and savings) leaves it far below 2^63. */
#define MOST_PICO_USD (1ll << 60)

enum { FREE, HELD, AWAY };          /* AWAY: Python has it */
enum { CALM, WARNING, CRITICAL };   /* severity of the open anomaly, if there is one */

typedef struct {
    u32 model;
    i64 events, input, output, cached, written, reasoning, unpriced, cost, savings, embedding;
} ModelSums;

typedef struct __attribute__((packed)) {
    i32 index;
    i64 pico_usd;
} Slice;

typedef struct {
    u64 hash;
    u8 *id;
    ModelSums *models;
    Slice *slices;
    u64 *newer, *older;
    u8 *parent; /* the session that it is a part of, if an event has named one */
    u8 *anomaly; /* the open one as its JSON stands in the record: the kernel looks at its severity alone */
    i64 last_offset, first_at, last_at;
    i64 short_sum, long_sum;
    i64 spent; /* costs and savings of all models together: no sum in the session is greater */
    u64 runs, tool_calls;
    i32 newest_slice, delay_ms; /* see app/burnline/ledger/session.py */
    u32 owner;
    u32 row, card; /* the rollup row and the rate card of its newest event: most often the next one's, too */
    u32 newer_room;
    u32 newer_count, older_count;
    u16 id_len, model_count, slice_count, slice_room, anomaly_len, parent_len;
    u8 state, severity;
    bool dirty, listed; /* listed: among those with an open anomaly, or lately so */
} Session;

#define BLOCK 4096

typedef struct {
    Session **blocks;
    u32 *slots; /* number + 1 */
    u32 *free_ids;
    u32 count, mask, used, away, free_count, free_room; /* count: numbers given; used: in the index, those away included */
} Sessions;

static inline Session *session_at(const Sessions *s, u32 id) { return &s->blocks[id / BLOCK][id % BLOCK]; }

static void sessions_begin(Sessions *s)
{
    *s = (Sessions){.mask = 1023};
    s->slots = zeroed((size_t)s->mask + 1, sizeof *s->slots);
}

static void session_empty(Session *s)
{
    free(s->models);
    free(s->slices);
    free(s->newer);
    free(s->older);
    free(s->anomaly);
    free(s->parent);
    s->parent = NULL;
    s->parent_len = 0;
    s->anomaly = NULL;
    s->anomaly_len = 0;
    s->severity = CALM;
    s->models = NULL;
    s->slices = NULL;
    s->newer = s->older = NULL;
    s->model_count = s->slice_count = s->slice_room = 0;
    s->newer_count = s->older_count = s->newer_room = 0;
    s->newest_slice = -1;
    s->delay_ms = 0;
    s->short_sum = s->long_sum = s->spent = 0;
    s->last_offset = -1;
    s->runs = s->tool_calls = 0;
    s->row = s->card = NONE;
}

static void sessions_end(Sessions *s)
{
    for (u32 id = 0; id < s->count; id++) {
        session_empty(session_at(s, id));
        free(session_at(s, id)->id);
    }
    for (u32 block = 0; block * BLOCK < s->count; block++)
        free(s->blocks[block]);
    free(s->blocks);
    free(s->slots);
    free(s->free_ids);
}

/* Whether a session's key, `<org>\n<session>`, is made of these; no id holds a line break. */
static inline bool session_is(const Session *s, Span org, Span id)
{
    return s->id_len == org.len + 1 + id.len && s->id[org.len] == '\n' && memcmp(s->id, org.at, org.len) == 0 &&
           memcmp(s->id + org.len + 1, id.at, id.len) == 0;
}

static Span session_org(const Session *s)
{
    const u8 *end = memchr(s->id, '\n', s->id_len);
    return (Span){s->id, (u32)(end - s->id)};
}

static Span session_name(const Session *s)
{
    u32 before = session_org(s).len + 1;
    return (Span){s->id + before, s->id_len - before};
}

static u32 session_find(const Sessions *s, u64 hash, Span org, Span id)
{
    u32 at = (u32)hash & s->mask;
    for (u32 found; (found = s->slots[at]) != 0; at = (at + 1) & s->mask) {
        const Session *session = session_at(s, found - 1);
        if (session->hash == hash && session_is(session, org, id))
            return found - 1;
    }
    return NONE;
}

static void sessions_place(Sessions *s, u32 id)
{
    u32 at = (u32)session_at(s, id)->hash & s->mask;
    while (s->slots[at])
        at = (at + 1) & s->mask;
    s->slots[at] = id + 1;
}

static u32 session_add(Sessions *s, u64 hash, Span org, Span id)
{
    if ((s->used + 1) * 2 > s->mask) {
        s->mask = s->mask * 2 + 1;
        free(s->slots);
        s->slots = zeroed((size_t)s->mask + 1, sizeof *s->slots);
        for (u32 each = 0; each < s->count; each++)
            if (session_at(s, each)->state != FREE)
                sessions_place(s, each);
    }
    u32 number;
    if (s->free_count) {
        number = s->free_ids[--s->free_count];
    } else {
        number = s->count++;
        if (number % BLOCK == 0) {
            s->blocks = grown(s->blocks, (number / BLOCK + 1) * sizeof *s->blocks);
            s->blocks[number / BLOCK] = zeroed(BLOCK, sizeof(Session));
        }
    }
    Session *session = session_at(s, number);
    session_empty(session);
    session->hash = hash;
    session->id_len = (u16)(org.len + 1 + id.len);
    session->id = grown(NULL, session->id_len);
    memcpy(session->id, org.at, org.len);
    session->id[org.len] = '\n';
    memcpy(session->id + org.len + 1, id.at, id.len);
    session->state = HELD;
    session->dirty = false;
    s->used++;
    sessions_place(s, number);
    return number;
}

static void session_remove(Sessions *s, u32 id)
{
    Session *session = session_at(s, id);
    u32 hole = (u32)session->hash & s->mask;
    while (s->slots[hole] != id + 1)
        hole = (hole + 1) & s->mask;
    /* Close the gap, so that no search ends too early: what stands behind moves up unless it is at home there. */
    for (u32 at = (hole + 1) & s->mask; s->slots[at]; at = (at + 1) & s->mask) {
        u32 home = (u32)session_at(s, s->slots[at] - 1)->hash & s->mask;
        if (((at - home) & s->mask) >= ((at - hole) & s->mask)) {
            s->slots[hole] = s->slots[at];
            hole = at;
        }
    }
    s->slots[hole] = 0;
    session_empty(session);
    free(session->id);
    session->id = NULL;
    session->state = FREE;
    session->dirty = false;
    s->used--;
    if (s->free_count == s->free_room) {
        s->free_room = s->free_room ? s->free_room * 2 : 64;
        s->free_ids = grown(s->free_ids, s->free_room * sizeof *s->free_ids);
    }
    s->free_ids[s->free_count++] = id;
}

static inline ModelSums *session_model(Session *s, u32 model)
{
    for (u32 i = 0; i < s->model_count; i++)
        if (s->models[i].model == model)
            return &s->models[i];
    return NULL;
}

/* Note whose part it is, unless that is known; a session is no part of itself. */
static void session_grow_from(Session *s, Span parent, Span own)
{
    if (s->parent_len || same_text(parent, own))
        return;
    s->parent = grown(NULL, parent.len);
    s->parent_len = (u16)parent.len;
    memcpy(s->parent, parent.at, parent.len);
}

static ModelSums *session_add_model(Session *s, u32 model)
{
    s->models = grown(s->models, (size_t)(s->model_count + 1) * sizeof *s->models);
    ModelSums *sums = &s->models[s->model_count++];
    *sums = (ModelSums){.model = model};
    return sums;
}

static inline bool session_knows(const Session *s, u64 fingerprint)
{
    bool known = false;
    for (u32 i = 0; i < s->newer_count; i++)
        known |= s->newer[i] == fingerprint;
    for (u32 i = 0; i < s->older_count; i++)
        known |= s->older[i] == fingerprint;
    return known;
}

static inline void session_remember(Session *s, u64 fingerprint, u32 limit)
{
    if (s->newer_count == s->newer_room) {
        s->newer_room = s->newer_room ? s->newer_room * 2 : 4;
        if (s->newer_room > limit)
            s->newer_room = limit;
        s->newer = grown(s->newer, s->newer_room * sizeof *s->newer);
    }
    s->newer[s->newer_count++] = fingerprint;
    if (s->newer_count >= limit) {
        free(s->older);
        s->older = s->newer;
        s->older_count = s->newer_count;
        s->newer = NULL;
        s->newer_count = s->newer_room = 0;
    }
}

static void session_prune(Session *s, u32 kept)
{
    i64 oldest = (i64)s->newest_slice - kept + 1;
    u16 left = 0;
    for (u16 i = 0; i < s->slice_count; i++)
        if (s->slices[i].index >= oldest)
            s->slices[left++] = s->slices[i];
    s->slice_count = left;
}

/* The sum of slices that leave a window of `length` when its end moves on, see slide() in app/burnline/windows/slices.py. */
static i64 session_slide(const Session *s, i64 sum, i32 length, i32 newest)
{
    if (newest - s->newest_slice >= length)
        return 0;
    for (u16 i = 0; i < s->slice_count; i++)
        if (s->slices[i].index > s->newest_slice - length && s->slices[i].index <= newest - length)
            sum -= s->slices[i].pico_usd;
    return sum;
}

static void session_add_to_slice(Session *s, i32 index, i64 pico_usd)
{
    for (u16 i = s->slice_count; i-- > 0;)
        if (s->slices[i].index == index) {
            s->slices[i].pico_usd += pico_usd;
            return;
        }
    if (s->slice_count == s->slice_room) {
        s->slice_room = s->slice_room ? (u16)(s->slice_room * 2) : 2;
        s->slices = grown(s->slices, s->slice_room * sizeof *s->slices);
    }
    s->slices[s->slice_count++] = (Slice){index, pico_usd};
}

/* Whether the short window, now at the end of slice `index`, has been at or below `line` for `quiet` whole slices: see
 * app/burnline/detection/quiet.py. */
static bool session_is_quiet(const Session *s, i32 index, i32 length, i32 quiet, i64 line)
{
    if (s->short_sum > line && index <= s->newest_slice + quiet)
        return false;
    for (u16 i = 0; i < s->slice_count; i++) {
        /* A window falls only when a slice leaves it: look at each just before its oldest one does. */
        i32 first = s->slices[i].index, end = first + length - 1;
        if (end + quiet + 1 <= index)
            continue;
        i64 sum = 0;
        for (u16 j = 0; j < s->slice_count; j++)
            if (s->slices[j].index >= first && s->slices[j].index <= end)
                sum += s->slices[j].pico_usd;
        if (sum > line)
            return false;
    }
    return true;
}

static i64 session_window(const Session *s, i32 length)
{
    i64 sum = 0;
    for (u16 i = 0; i < s->slice_count; i++)
        if (s->slices[i].index > s->newest_slice - length && s->slices[i].index <= s->newest_slice)
            sum += s->slices[i].pico_usd;
    return sum;
}

#endif
