/* The ledgers of one source partition, for the common event: the twin of app/burnline/ledger/partition.py.
 *
 * The kernel holds sessions, the partition's fingerprints and the rollup rows, and counts events into them. Whatever is
 * not common it leaves to Python before it has changed anything: it stops at the event and says why (see `kernel_apply`).
 * A session that Python has to look into is handed over as its record, and stays there (AWAY) until Python gives it back
 * the same way. So there is one implementation of every decision, and a fast way past most of them.
 *
 * No Python is called and no clock read; a kernel is used by one thread at a time. Built by hatch_build.py.
 */
#include "common.h"
#include "event.h"
#include "polled.h"
#include "record.h"
#include "session.h"
#include "tables.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are packed in little endian: on other machines Burnline runs without its kernel"
#endif

#define API __attribute__((visibility("default")))
#define QUARTER_MS 900000
#define LINGER_MS 3600000
#define MANY_ROWS 10000
#define MAX_ROWS 100000
#define MAX_TIERS 8
#define MOST_RATE (1ll << 30)       /* pico-USD per token: a thousand USD per million tokens */
#define MOST_PER_EVENT (1ll << 50)  /* pico-USD: a thousand USD */
#define MAX_MODELS 100             /* of one session: app/burnline/ledger/bounds.py */
#define MAX_AGENT_ROWS 1000        /* of one agent in a quarter: likewise */
#define PREFETCH 8
#ifndef NAMES_PER_CARD
#define NAMES_PER_CARD 20 /* names held for each card that may be: they share them */
#endif
#define CARDS_COMPARED 64
#ifndef MAX_UNPRICED_TOLD
#define MAX_UNPRICED_TOLD 1000 /* as in app/burnline/ledger/changes.py */
#endif
#ifndef MIN_TEXT_LIMIT
#define MIN_TEXT_LIMIT 65536
#endif

#ifndef KERNEL_SOURCES
#define KERNEL_SOURCES ""
#endif

/* The digest of what it was built from, as hatch_build.py was told it by app/burnline/native/sources.py; "" if it was built
 * by something else. */
API const char *kernel_sources(void) { return KERNEL_SOURCES; }

/* Draw the key of all tables, once in a process and before there is a kernel. */
API void kernel_set_hash_key(u64 first, u64 second)
{
    hash_key[0] = first;
    hash_key[1] = second;
}

/* Tell the name of a further rare meter, once in a process and before there is a kernel; false: there are too many. */
API i32 kernel_add_meter(const u8 *name, u32 len)
{
    if (meter_count == MOST_METERS)
        return false;
    u8 *copy = grown(NULL, len);
    memcpy(copy, name, len);
    meter_names[meter_count++] = (Span){copy, len};
    return true;
}

/* Why kernel_apply stopped. */
enum { DONE, LOOK, CARD, LIMITS, JUDGE, QUIET };

typedef struct {
    i64 above, input, output, cached, written, reasoning, request;
} Tier;

typedef struct {
    i64 from_ms, until_ms;
    u32 provider;
    i32 tier_count; /* -1: too dear for 64 bits, Python prices it; 0: no rate */
    Tier tiers[MAX_TIERS];
} Card;

/* What prices a model. Names share cards, for there is no end to them. */
typedef struct {
    u32 card;
    bool unpriced_seen;
} Named;

typedef struct {
    /* What both windows must be above for Python to judge, without an anomaly and with one that is a warning; and the
     * line that the short window must stay below for an anomaly to be over. In pico-USD. */
    i64 opening_short, opening_long, critical_short, critical_long, quiet_short;
    i64 runs, tool_calls;
    i64 ahead, delayed, late; /* events whose time is off the log's: ClockFault in app/burnline/ledger/changes.py */
    bool known, active;
    bool rated; /* its organisation has rates of its own: its cards are kept by organisation, too */
} Owner;

/* In the order of SUM_FIELDS in app/burnline/ledger/session.py. */
enum { EVENTS, INPUT, OUTPUT, CACHED, WRITTEN, REASONING, UNPRICED, COST, SAVINGS, EMBEDDING, SUMS };

typedef __int128 i128;

typedef struct {
    i128 sums[SUMS]; /* over all rows of an owner and a model: of those, each is below 2^61 */
    bool active;
} Activity;

typedef struct {
    i64 since, last;
    i64 events, input, output, cached, written, reasoning, unpriced;
    i64 input_cost, cached_cost, written_cost, output_cost, reasoning_cost, request_cost, savings;
    i64 cost;
    i64 reported[SUMS];
    u32 activity;
    bool dirty;
} Row;

typedef struct {
    u32 *items;
    u32 count, room;
} List;

static inline void list_add(List *list, u32 item)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 256;
        list->items = grown(list->items, list->room * sizeof *list->items);
    }
    list->items[list->count++] = item;
}

typedef struct {
    i64 partition;
    u32 card_limit, text_limit; /* text_limit: texts, owners or activities from which on it is worth looking for unused ones */
    i64 offset_base; /* added to the offsets in records, so that none comes twice */
    u32 duplicate_ids, partition_ids, kept_slices;
    i32 short_slices, long_slices, quiet_slices;
    Texts texts;
    Sessions sessions;
    Keys owner_keys, card_keys, row_keys, activity_keys, agent_keys; /* agent_keys: quarter and owner */
    Owner *owners;
    Named *named; /* for each of card_keys */
    Card *cards;
    u32 card_count, card_room;
    Row *rows;
    Activity *activities;
    u32 unpriced_activities; /* of models without a rate: further ones share those of `other` */
    u32 *agent_rows; /* rows held, for each of agent_keys */
    List dirty_sessions, dirty_rows, active_owners, active_activities, opened, open;
    List unpriced; /* provider and model of each */
    bool ids_per_org;
    u32 changed; /* sessions held that are dirty; the list may name some that are not any more */
    Set newer, older;
    u64 *fresh;
    u8 *fresh_marks;
    u32 fresh_count, fresh_room, turns;
    u64 ids_placed;
    i64 swept_quarter, scanned_hour;
    Event *events; /* of the batch at hand */
    Event *parsed;
    u32 event_count, parsed_room;
    Buffer out;
    Buffer bounds; /* u32 each: where keys and values begin in `out` */
} Kernel;

/* What a batch does to the partition, and where it stopped; app/burnline/native/binding.py has the same structure. */
typedef struct {
    i64 next_offset, watermark_ms, logged_ms, old_ids_until;
    i64 accepted, duplicates, other_content, unknown_content, late, other_agents;
    u32 index, open_anomalies, owner, by_event_time;
    u32 org, provider, model; /* texts: of the event whose card is wanted */
    i64 at_ms;
} Position;

typedef struct {
    i64 input, cached, written, output, reasoning, request;
    i64 cost, savings, unpriced;
} Charge;

API Kernel *kernel_new(i64 partition, u32 duplicate_ids, u32 partition_ids, i32 short_slices, i32 long_slices,
                       i32 quiet_slices, u32 kept_slices, u32 card_limit, i32 ids_per_org)
{
    Kernel *k = zeroed(1, sizeof *k);
    k->partition = partition;
    k->duplicate_ids = duplicate_ids;
    k->partition_ids = partition_ids;
    k->short_slices = short_slices;
    k->long_slices = long_slices;
    k->quiet_slices = quiet_slices;
    k->kept_slices = kept_slices;
    k->card_limit = card_limit;
    k->ids_per_org = ids_per_org;
    k->text_limit = MIN_TEXT_LIMIT;
    texts_begin(&k->texts);
    sessions_begin(&k->sessions);
    keys_begin(&k->owner_keys);
    keys_begin(&k->card_keys);
    keys_begin(&k->row_keys);
    keys_begin(&k->activity_keys);
    keys_begin(&k->agent_keys);
    k->owners = zeroed(k->owner_keys.room, sizeof *k->owners);
    k->named = zeroed(k->card_keys.room, sizeof *k->named);
    k->rows = zeroed(k->row_keys.room, sizeof *k->rows);
    k->activities = zeroed(k->activity_keys.room, sizeof *k->activities);
    k->agent_rows = zeroed(k->agent_keys.room, sizeof *k->agent_rows);
    set_begin(&k->newer, partition_ids);
    set_begin(&k->older, 0);
    k->scanned_hour = -1;
    return k;
}

API void kernel_free(Kernel *k)
{
    texts_end(&k->texts);
    sessions_end(&k->sessions);
    keys_end(&k->owner_keys);
    keys_end(&k->card_keys);
    keys_end(&k->row_keys);
    keys_end(&k->activity_keys);
    keys_end(&k->agent_keys);
    List *lists[] = {&k->dirty_sessions, &k->dirty_rows, &k->active_owners, &k->active_activities,
                     &k->unpriced,       &k->opened,     &k->open};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]->items);
    set_end(&k->newer);
    set_end(&k->older);
    void *others[] = {k->owners,     k->named, k->cards,       k->rows,   k->activities,
                      k->agent_rows, k->fresh, k->fresh_marks, k->parsed, k->out.bytes,
                      k->bounds.bytes};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        free(others[i]);
    free(k);
}

/* ---- Which events were counted: PartitionIds in app/burnline/ledger/duplicates.py ---- */

#define NOT_KNOWN -1
#define UNKNOWN_CONTENT 0
#define MARKS 251

/* What an event counts, in a byte: content_mark. No count is so large that this goes over. */
static inline u8 content_mark(const Event *e)
{
    u64 counts = 3 * (u64)e->input + 7 * (u64)e->output + 19 * (u64)e->cached + 31 * (u64)e->written +
                 61 * (u64)e->reasoning;
    return (u8)(counts % MARKS + 1);
}

static inline i32 mark_of(const Kernel *k, u64 fingerprint, u64 place)
{
    i32 mark = set_mark(&k->newer, fingerprint, place);
    return mark == NOT_KNOWN ? set_mark(&k->older, fingerprint, place) : mark;
}

/* The mark of an event that is known, or NOT_KNOWN. */
API i32 kernel_mark_of(const Kernel *k, u64 fingerprint) { return mark_of(k, fingerprint, word_hash(fingerprint)); }

/* Without a trace in `fresh`: what was written before, a record at a time. A generation grows by doubling, so all records
 * of it together cost what their fingerprints cost. */
API void kernel_restore_ids(Kernel *k, const u64 *fingerprints, const u8 *marks, u32 count, i32 newer)
{
    Set *set = newer ? &k->newer : &k->older;
    k->ids_placed += set_make_room(set, (u64)set->count + count) + count;
    for (u32 i = 0; i < count; i++) {
        u64 place = word_hash(fingerprints[i]);
        if (set_mark(set, fingerprints[i], place) == NOT_KNOWN)
            set_add(set, fingerprints[i], place, marks[i]);
    }
}

/* For the tests: how often a fingerprint was placed by restoring, moves to larger tables included. */
API u64 kernel_ids_placed(const Kernel *k) { return k->ids_placed; }

static inline void remember(Kernel *k, u64 fingerprint, u64 place, u8 mark)
{
    if (!k->partition_ids)
        return;
    set_add(&k->newer, fingerprint, place, mark);
    if (k->fresh_count == k->fresh_room) {
        k->fresh_room = k->fresh_room ? k->fresh_room * 2 : 1024;
        k->fresh = grown(k->fresh, k->fresh_room * sizeof *k->fresh);
        k->fresh_marks = grown(k->fresh_marks, k->fresh_room);
    }
    k->fresh_marks[k->fresh_count] = mark;
    k->fresh[k->fresh_count++] = fingerprint;
    if (k->newer.count >= k->partition_ids) {
        set_end(&k->older);
        k->older = k->newer;
        set_begin(&k->newer, k->partition_ids);
        k->turns++;
    }
}

API void kernel_remember(Kernel *k, u64 fingerprint, i32 mark)
{
    remember(k, fingerprint, word_hash(fingerprint), (u8)mark);
}

API u32 kernel_ids_held(const Kernel *k) { return k->newer.count + k->older.count; }

/* The fingerprints since the last call with their marks, and how often a generation turned; valid until the next event. */
API const u64 *kernel_take_fresh(Kernel *k, const u8 **marks, u32 *count, u32 *turns)
{
    *marks = k->fresh_marks;
    *count = k->fresh_count;
    *turns = k->turns;
    k->fresh_count = k->turns = 0;
    return k->fresh;
}

/* ---- What Python tells: rates and limits ---- */

static Key pair(u32 first, u32 second) { return (Key){{first, second}}; }

/* All are asked for again when they are wanted. */
static void drop_cards(Kernel *k)
{
    k->card_keys.count = 0;
    keys_shrink(&k->card_keys);
    k->named = grown(k->named, k->card_keys.room * sizeof *k->named);
    k->card_count = 0;
}

static u32 new_card(Kernel *k)
{
    if (k->card_count == k->card_room) {
        k->card_room = k->card_room ? 2 * k->card_room : 64;
        k->cards = grown(k->cards, k->card_room * sizeof *k->cards);
    }
    return k->card_count++;
}

/* A card that says the same is shared, if it is one of the last: most names that are made up have no rate, or one's. */
static u32 place_card(Kernel *k, const Card *card)
{
    for (u32 id = k->card_count, tried = 0; id > 0 && tried < CARDS_COMPARED; id--, tried++)
        if (memcmp(&k->cards[id - 1], card, sizeof *card) == 0)
            return id - 1;
    u32 id = new_card(k);
    k->cards[id] = *card;
    return id;
}

/* What prices a model from now on; where there is no room for it, all others are asked for again.
 * rates: seven per tier, in the order of Tier. Organisation, provider and model are texts, 0 for none; an organisation of
 * 0 stands for all that have no rates of their own. */
API void kernel_set_card(Kernel *k, u32 org, u32 provider, u32 model, const u8 *named, u32 named_len, i64 from_ms,
                         i64 until_ms, i32 tier_count, const i64 *rates)
{
    Card card = {.from_ms = from_ms, .until_ms = until_ms, .provider = text_id(&k->texts, (Span){named, named_len})};
    card.tier_count = tier_count > MAX_TIERS ? -1 : tier_count;
    for (i32 i = 0; i < card.tier_count * 7; i++)
        if (rates[i] < 0 || rates[i] > (i % 7 == 6 ? MOST_PER_EVENT : MOST_RATE))
            card.tier_count = -1;
    if (card.tier_count > 0)
        memcpy(card.tiers, rates, (size_t)tier_count * sizeof(Tier));
    Key key = {{provider, model, org}};
    u32 id = key_find(&k->card_keys, &key);
    if (k->card_count >= k->card_limit || (id == NONE && k->card_keys.count >= NAMES_PER_CARD * k->card_limit)) {
        drop_cards(k);
        id = NONE;
    }
    if (id == NONE)
        id = key_add(&k->card_keys, &key, (void **)&k->named, sizeof *k->named);
    k->named[id].card = place_card(k, &card);
}

/* No card holds any more: each is asked for again. */
API void kernel_forget_cards(Kernel *k) { drop_cards(k); }

/* limits: five, in the order of Owner. */
API void kernel_set_limits(Kernel *k, u32 owner, const i64 *limits, i32 rated)
{
    Owner *o = &k->owners[owner];
    o->opening_short = limits[0];
    o->opening_long = limits[1];
    o->critical_short = limits[2];
    o->critical_long = limits[3];
    o->quiet_short = limits[4];
    o->rated = rated;
    o->known = true;
}

API u32 kernel_owners(const Kernel *k) { return k->owner_keys.count; }

API const u8 *kernel_text(const Kernel *k, u32 id, u32 *len)
{
    *len = k->texts.spans[id].len;
    return k->texts.spans[id].at;
}

API void kernel_owner(const Kernel *k, u32 owner, u32 *org, u32 *agent)
{
    *org = k->owner_keys.keys[owner].part[0];
    *agent = k->owner_keys.keys[owner].part[1];
}

static u32 owner_of(Kernel *k, u32 org, u32 agent)
{
    Key key = pair(org, agent);
    u32 id = key_find(&k->owner_keys, &key);
    return id == NONE ? key_add(&k->owner_keys, &key, (void **)&k->owners, sizeof *k->owners) : id;
}

/* ---- Events ---- */

/* An event that is not plain for its length in its session may be plain in its org, and is left to Python all the same. */
static void identify_in_org(Kernel *k)
{
    for (u32 i = 0; k->ids_per_org && i < k->event_count; i++)
        if (k->events[i].plain)
            identify(&k->events[i], k->events[i].org, "\n\n");
}

/* Read the values of a batch, which stand one behind the other in `bytes`; they must stay there until it is applied. */
API void kernel_parse(Kernel *k, const u8 *bytes, const u32 *lengths, const i64 *logged_ms, u32 count, i64 skew_ms)
{
    if (count > k->parsed_room) {
        k->parsed_room = count;
        k->parsed = grown(k->parsed, count * sizeof *k->parsed);
    }
    k->events = k->parsed;
    k->event_count = count;
    for (u32 i = 0; i < count; i++) {
        parse_event(bytes, lengths[i], logged_ms[i], skew_ms, &k->parsed[i]);
        bytes += lengths[i];
    }
    identify_in_org(k);
}

/* Take the events of a batch that was polled; it must stay there until it is applied. */
API void kernel_take_batch(Kernel *k, const Batch *batch)
{
    k->events = batch->events;
    k->event_count = batch->count;
    identify_in_org(k);
}

/* False when the amounts are too large for the kernel. */
static bool charge(const Card *card, const Event *e, Charge *charged)
{
    *charged = (Charge){0};
    if (card->tier_count == 0) {
        charged->unpriced = e->input + e->output;
        return true;
    }
    const Tier *tier = &card->tiers[0];
    for (i32 i = card->tier_count - 1; i > 0; i--)
        if (e->input > card->tiers[i].above) {
            tier = &card->tiers[i];
            break;
        }
    charged->input = (e->input - e->cached - e->written) * tier->input;
    charged->cached = e->cached * tier->cached;
    charged->written = e->written * tier->written;
    charged->output = (e->output - e->reasoning) * tier->output;
    charged->reasoning = e->reasoning * tier->reasoning;
    charged->request = e->input || e->output ? tier->request : 0;
    charged->cost = charged->input + charged->cached + charged->written + charged->output + charged->reasoning +
                    charged->request;
    i64 savings = e->cached * tier->input - charged->cached;
    charged->savings = savings > 0 ? savings : 0;
    return charged->cost <= MOST_PER_EVENT && charged->savings <= MOST_PER_EVENT;
}

/* OTHER in app/burnline/ledger/bounds.py */
static const Span other_text = {(const u8 *)"other", 5};

static u32 activity_of(Kernel *k, u32 owner, u32 model, bool unpriced)
{
    Key key = pair(owner, model);
    u32 id = key_find(&k->activity_keys, &key);
    if (id == NONE && unpriced && k->unpriced_activities >= MAX_UNPRICED_TOLD) {
        key = pair(owner, text_id(&k->texts, other_text));
        id = key_find(&k->activity_keys, &key);
    }
    if (id != NONE)
        return id;
    k->unpriced_activities += unpriced;
    return key_add(&k->activity_keys, &key, (void **)&k->activities, sizeof *k->activities);
}

static u32 find_row(const Kernel *k, const Session *s, const Key *key)
{
    if (s && s->row < k->row_keys.count && same_key(&k->row_keys.keys[s->row], key))
        return s->row;
    return key_find(&k->row_keys, key);
}

static u32 rows_of_agent(const Kernel *k, const Key *row_key)
{
    Key key = pair(row_key->part[0], row_key->part[1]);
    u32 id = key_find(&k->agent_keys, &key);
    return id == NONE ? 0 : k->agent_rows[id];
}

static void count_row_of_agent(Kernel *k, const Key *row_key)
{
    Key key = pair(row_key->part[0], row_key->part[1]);
    u32 id = key_find(&k->agent_keys, &key);
    if (id == NONE)
        id = key_add(&k->agent_keys, &key, (void **)&k->agent_rows, sizeof *k->agent_rows);
    k->agent_rows[id]++;
}

/* The row of an agent that has too many: see UsageRollups in app/burnline/ledger/usage_rollups.py. */
static void share_row(Kernel *k, Key *key)
{
    u32 other = text_id(&k->texts, other_text);
    for (int i = 2; i <= 4; i++)
        if (key->part[i])
            key->part[i] = other;
}

static u32 add_row(Kernel *k, const Key *key, i64 offset, bool unpriced)
{
    count_row_of_agent(k, key);
    u32 activity = activity_of(k, key->part[1], key->part[5], unpriced);
    u32 id = key_add(&k->row_keys, key, (void **)&k->rows, sizeof *k->rows);
    k->rows[id].since = offset;
    k->rows[id].activity = activity;
    return id;
}

static void count_in_row(Kernel *k, Session *s, const Event *e, const Charge *charged, i64 offset)
{
    Row *row = &k->rows[s->row];
    if (!row->dirty) {
        row->dirty = true;
        list_add(&k->dirty_rows, s->row);
    }
    row->last = offset;
    row->events++;
    row->input += e->input;
    row->output += e->output;
    row->cached += e->cached;
    row->written += e->written;
    row->reasoning += e->reasoning;
    row->unpriced += charged->unpriced;
    row->input_cost += charged->input;
    row->cached_cost += charged->cached;
    row->written_cost += charged->written;
    row->output_cost += charged->output;
    row->reasoning_cost += charged->reasoning;
    row->request_cost += charged->request;
    row->savings += charged->savings;
    row->cost += charged->cost;
}

static void count_in_sums(ModelSums *sums, const Event *e, const Charge *charged)
{
    sums->events++;
    sums->input += e->input;
    sums->output += e->output;
    sums->cached += e->cached;
    sums->written += e->written;
    sums->reasoning += e->reasoning;
    sums->unpriced += charged->unpriced;
    sums->cost += charged->cost;
    sums->savings += charged->savings;
    if (e->kind == KIND_EMBEDDING)
        sums->embedding += charged->cost;
}

static inline void active_owner(Kernel *k, u32 owner)
{
    if (!k->owners[owner].active) {
        k->owners[owner].active = true;
        list_add(&k->active_owners, owner);
    }
}

/* An event whose time is off the log's, by the owner that it names itself. */
static void count_clock(Kernel *k, u32 owner, i64 delay_ms)
{
    active_owner(k, owner);
    if (delay_ms < 0)
        k->owners[owner].ahead++;
    else
        k->owners[owner].delayed++;
}

/* False for an event that is too old for the windows, by the log's time or by the session's. */
static bool count_in_windows(Kernel *k, Session *s, i32 index, i32 log_slice, i32 delay_ms, i64 cost)
{
    if (index <= log_slice - (i32)k->kept_slices)
        return false;
    if (index == s->newest_slice) {
        session_add_to_slice(s, index, cost);
        s->short_sum += cost;
        s->long_sum += cost;
        if (delay_ms < s->delay_ms)
            s->delay_ms = delay_ms;
        return true;
    }
    if (index > s->newest_slice) {
        if (s->newest_slice >= 0) {
            s->short_sum = session_slide(s, s->short_sum, k->short_slices, index);
            s->long_sum = session_slide(s, s->long_sum, k->long_slices, index);
        }
        s->newest_slice = index;
        s->delay_ms = delay_ms;
        if (s->slice_count > 2 * k->kept_slices)
            session_prune(s, k->kept_slices);
    }
    i32 behind = s->newest_slice - index;
    if ((u32)behind >= k->kept_slices)
        return false;
    session_add_to_slice(s, index, cost);
    if (behind < k->short_slices)
        s->short_sum += cost;
    if (behind < k->long_slices)
        s->long_sum += cost;
    return true;
}

/* `actor`: the agent that the event names itself. */
static void count_kind(Kernel *k, Session *s, u32 actor, u8 kind)
{
    Owner *owner = &k->owners[actor];
    if (kind != KIND_RUN && kind != KIND_TOOL_CALL)
        return;
    active_owner(k, actor);
    if (kind == KIND_RUN) {
        s->runs++;
        owner->runs++;
    } else {
        s->tool_calls++;
        owner->tool_calls++;
    }
}

static inline void mark_dirty(Kernel *k, Session *s, u32 id)
{
    if (!s->dirty) {
        s->dirty = true;
        k->changed++;
        list_add(&k->dirty_sessions, id);
    }
}

static inline void mark_clean(Kernel *k, Session *s)
{
    if (s->dirty) {
        s->dirty = false;
        k->changed--;
    }
}

static inline void prefetch(const Kernel *k, const Event *e)
{
    __builtin_prefetch(&k->sessions.slots[(u32)e->session_hash & k->sessions.mask]);
    __builtin_prefetch(&k->newer.slots[(u32)e->place & k->newer.mask]);
    __builtin_prefetch(&k->older.slots[(u32)e->place & k->older.mask]);
    __builtin_prefetch(&k->newer.marks[(u32)e->place & k->newer.mask]);
}

static inline bool is_held_open(const Session *s) { return s->state == HELD && s->severity != CALM; }

/* The slice that a session's own time is in when the log's time enters one. */
static inline i32 own_slice(const Session *s, i32 log_slice)
{
    i64 own_ms = (i64)log_slice * SLICE_MS - s->delay_ms;
    return own_ms < 0 ? -1 : (i32)(own_ms / SLICE_MS);
}

/* The next session from k->open.items[*at] on whose anomaly may be over when the log's time enters a slice; NONE at the
 * end. Those that are not open here any more leave the list. */
static u32 next_quiet(Kernel *k, u32 *at, i32 index)
{
    while (*at < k->open.count) {
        u32 id = k->open.items[*at];
        Session *s = session_at(&k->sessions, id);
        if (!is_held_open(s)) {
            s->listed = false;
            k->open.items[*at] = k->open.items[--k->open.count];
            continue;
        }
        ++*at;
        const Owner *owner = &k->owners[s->owner];
        if (!owner->known || session_is_quiet(s, own_slice(s, index), k->short_slices, k->quiet_slices, owner->quiet_short))
            return id;
    }
    return NONE;
}

static bool any_quiet(Kernel *k, i32 index)
{
    u32 at = 0;
    return next_quiet(k, &at, index) != NONE;
}

static bool wants_judging(const Owner *limits, const Session *s)
{
    switch (s->severity) {
    case CALM:
        return s->short_sum > limits->opening_short && s->long_sum > limits->opening_long;
    case WARNING:
        return s->short_sum > limits->critical_short && s->long_sum > limits->critical_long;
    default:
        return false;
    }
}

static void count_duplicate(Position *p, const Event *e, i32 known)
{
    p->duplicates++;
    if (known == UNKNOWN_CONTENT)
        p->unknown_content++;
    else if (known != content_mark(e))
        p->other_content++;
}

static i32 apply_one(Kernel *k, const Event *e, i64 offset, Position *p)
{
    /* Up to the line below nothing changes but the time: whoever is asked finds all as if the event had not come. */
    i64 log_ms = e->log_ms;
    if (p->by_event_time) /* as if the log had taken it as it happened, or when a newer one before it did */
        log_ms = e->plain && e->at_ms > p->logged_ms ? e->at_ms : p->logged_ms;
    i32 log_slice = (i32)(log_ms / SLICE_MS);
    bool may_resolve = log_slice != p->logged_ms / SLICE_MS && (p->open_anomalies || any_quiet(k, log_slice));
    p->logged_ms = log_ms;
    if (may_resolve)
        return QUIET;
    if (!e->plain)
        return LOOK;
    u64 fingerprint = e->fingerprint, old = offset < p->old_ids_until ? old_fingerprint(e) : fingerprint;
    i32 known = mark_of(k, fingerprint, e->place);
    if (UNLIKELY(old != fingerprint) && known == NOT_KNOWN)
        known = kernel_mark_of(k, old);
    if (known != NOT_KNOWN) {
        count_duplicate(p, e, known);
        return DONE;
    }
    u32 id = session_find(&k->sessions, e->session_hash, e->org, e->session);
    Session *s = id == NONE ? NULL : session_at(&k->sessions, id);
    if (s && s->state == AWAY)
        return LOOK;
    if (s && k->duplicate_ids &&
        (session_knows(s, fingerprint) || (UNLIKELY(old != fingerprint) && session_knows(s, old)))) {
        count_duplicate(p, e, UNKNOWN_CONTENT);
        return DONE;
    }
    Key like_owner = s ? k->owner_keys.keys[s->owner] : (Key){0};
    Key like_row = s && s->row < k->row_keys.count ? k->row_keys.keys[s->row] : (Key){0};
    u32 org = text_like(&k->texts, e->org, like_owner.part[0]);
    u32 agent = text_like(&k->texts, e->agent, like_owner.part[1]);
    u32 owner = s ? s->owner : owner_of(k, org, agent);
    if (!k->owners[owner].known) {
        p->owner = owner;
        return LIMITS;
    }
    const Key *identity = &k->owner_keys.keys[owner];
    bool by_owner = identity->part[0] == org && identity->part[1] == agent;
    u32 actor = by_owner ? owner : owner_of(k, org, agent);
    u32 model = text_like(&k->texts, e->model, like_row.part[5]);
    u32 provider = text_like(&k->texts, e->provider, like_row.part[4]);
    Key card_key = {{provider, model, k->owners[owner].rated ? org : 0}};
    u32 card_id = s && s->card < k->card_keys.count && same_key(&k->card_keys.keys[s->card], &card_key)
                      ? s->card
                      : key_find(&k->card_keys, &card_key);
    const Card *card = card_id == NONE ? NULL : &k->cards[k->named[card_id].card];
    if (!card || e->at_ms < card->from_ms || e->at_ms >= card->until_ms) {
        p->org = org;
        p->provider = provider;
        p->model = model;
        p->at_ms = e->at_ms;
        return CARD;
    }
    Charge charged;
    if (card->tier_count < 0 || !charge(card, e, &charged))
        return LOOK;
    ModelSums *sums = s ? session_model(s, model) : NULL;
    if (s && !sums && s->model_count >= MAX_MODELS) {
        model = text_id(&k->texts, other_text);
        sums = session_model(s, model);
    }
    Key row_key = {{(u32)(e->at_ms / QUARTER_MS), actor, text_like(&k->texts, e->team, like_row.part[2]),
                    text_like(&k->texts, e->project, like_row.part[3]), provider ? provider : card->provider, model,
                    e->kind}};
    u32 row = find_row(k, s, &row_key);
    if (UNLIKELY(row == NONE) && rows_of_agent(k, &row_key) >= MAX_AGENT_ROWS) {
        share_row(k, &row_key);
        row = find_row(k, s, &row_key);
    }
    if ((s && s->spent > MOST_PICO_USD) ||
        (row != NONE && (k->rows[row].cost > MOST_PICO_USD || k->rows[row].savings > MOST_PICO_USD)))
        return LOOK;
    /* ------------------------------------------------------------------------------------------------------------- */
    if (!s) {
        id = session_add(&k->sessions, e->session_hash, e->org, e->session);
        s = session_at(&k->sessions, id);
        s->owner = owner;
        s->first_at = s->last_at = e->at_ms;
        list_add(&k->opened, id);
    }
    if (k->duplicate_ids)
        session_remember(s, e->fingerprint, k->duplicate_ids);
    remember(k, e->fingerprint, e->place, content_mark(e));
    p->accepted++;
    i64 delay_ms = log_ms - e->at_ms, seen_ms = e->at_ms;
    if (UNLIKELY(delay_ms < -SLICE_MS || delay_ms > (i64)k->short_slices * SLICE_MS))
        count_clock(k, actor, delay_ms);
    if (delay_ms < 0) { /* no window ends later than the log: an event from ahead counts in it as of now */
        seen_ms = log_ms;
        delay_ms = 0;
    }
    if (seen_ms > p->watermark_ms)
        p->watermark_ms = seen_ms;
    if (card->tier_count == 0 && charged.unpriced && !k->named[card_id].unpriced_seen) {
        k->named[card_id].unpriced_seen = true;
        if (k->unpriced.count < 2 * MAX_UNPRICED_TOLD) {
            list_add(&k->unpriced, provider);
            list_add(&k->unpriced, card_key.part[1]);
        }
    }
    s->card = card_id;
    s->row = row != NONE ? row : add_row(k, &row_key, offset, charged.unpriced > 0);
    count_in_row(k, s, e, &charged, offset);
    s->spent += charged.cost + charged.savings;
    count_in_sums(sums ? sums : session_add_model(s, model), e, &charged);
    count_kind(k, s, actor, e->kind);
    if (!by_owner)
        p->other_agents++;
    if (e->at_ms > s->last_at)
        s->last_at = e->at_ms;
    else if (e->at_ms < s->first_at)
        s->first_at = e->at_ms;
    s->last_offset = k->offset_base + offset;
    if (UNLIKELY(e->parent.at != NULL))
        session_grow_from(s, e->parent, e->session);
    mark_dirty(k, s, id);
    i32 delay = delay_ms > INT32_MAX ? INT32_MAX : (i32)delay_ms;
    if (!count_in_windows(k, s, (i32)(seen_ms / SLICE_MS), log_slice, delay, charged.cost)) {
        p->late++;
        active_owner(k, actor);
        k->owners[actor].late++;
        return DONE;
    }
    return wants_judging(&k->owners[s->owner], s) ? JUDGE : DONE;
}

/* Count the parsed batch from p->index on. Stops at an event, p->index, and answers
 *   DONE    the batch is done;
 *   LOOK    the event is not common: Python applies it whole, and goes on behind it;
 *   CARD    the rate card of its model is wanted, then the same event again;
 *   LIMITS  the limits of p->owner are wanted, then the same event again;
 *   JUDGE   the event is counted, and its session may have an anomaly now: Python judges, and goes on behind it;
 *   QUIET   the log's time, p->logged_ms, enters a slice in which anomalies may be over: Python resolves them, then the
 *           same event again. */
API i32 kernel_apply(Kernel *k, const i64 *offsets, Position *p)
{
    for (; p->index < k->event_count; p->index++) {
        u32 i = p->index;
        if (offsets[i] < p->next_offset)
            continue;
        if (i + PREFETCH < k->event_count)
            prefetch(k, &k->events[i + PREFETCH]);
        i32 answer = apply_one(k, &k->events[i], offsets[i], p);
        if (answer != DONE)
            return answer;
    }
    return DONE;
}

/* A session was written whose newest event is old already: the next look for idle ones must not pass it by. */
static inline void note_written(Kernel *k, const Session *s)
{
    if (s->last_at / HOUR_MS < k->scanned_hour)
        k->scanned_hour = -1;
}

/* ---- Sessions between here and Python ---- */

/* The two parts of a key as Python has it; the session is empty where it is none. */
static Span key_org(const u8 *key, u32 len)
{
    const u8 *end = memchr(key, '\n', len);
    return (Span){key, end ? (u32)(end - key) : len};
}

static Span key_session(const u8 *key, u32 len)
{
    u32 before = key_org(key, len).len;
    return before < len ? (Span){key + before + 1, len - before - 1} : (Span){key, 0};
}

static u32 find(const Kernel *k, const u8 *key, u32 len)
{
    return session_find(&k->sessions, table_hash(key, len), key_org(key, len), key_session(key, len));
}

static void put_session_of(Kernel *k, const Session *s)
{
    const Key *owner = &k->owner_keys.keys[s->owner];
    put_session(&k->out, s, &k->texts, k->texts.spans[owner->part[0]], k->texts.spans[owner->part[1]], k->partition);
}

static void set_away(Kernel *k, u32 number)
{
    Session *s = session_at(&k->sessions, number);
    if (s->state == HELD)
        k->sessions.away++;
    mark_clean(k, s);
    session_empty(s);
    s->state = AWAY;
}

/* Hand a session over to Python: its record, and whether it has changes that are not written. NULL: it is not here. */
API const u8 *kernel_hand_over(Kernel *k, const u8 *id, u32 len, size_t *record_len, i32 *dirty)
{
    u32 number = find(k, id, len);
    if (number == NONE || session_at(&k->sessions, number)->state != HELD)
        return NULL;
    Session *s = session_at(&k->sessions, number);
    k->out.len = 0;
    put_session_of(k, s);
    *record_len = k->out.len;
    *dirty = s->dirty;
    set_away(k, number);
    return k->out.bytes;
}

/* Python has this session, whether it was here or not. */
API void kernel_set_away(Kernel *k, const u8 *id, u32 len)
{
    u32 number = find(k, id, len);
    if (number == NONE)
        number = session_add(&k->sessions, table_hash(id, len), key_org(id, len), key_session(id, len));
    set_away(k, number);
}

/* Take a session from its record. False: it is none that can be held here, or another one's, and nothing has changed. */
API i32 kernel_take_in(Kernel *k, const u8 *id, u32 id_len, const u8 *record, size_t len)
{
    Cursor c = {record, record + len};
    Head head;
    if (len > MAX_EVENT_BYTES * 16 || !is_plain_text(record, (u32)len) || !take_head(&c, k->partition, &head) ||
        !same_text(head.org, key_org(id, id_len)) || !same_text(head.session, key_session(id, id_len)))
        return false;
    Session read = {0};
    session_empty(&read);
    if (!take_body(&c, &read, &k->texts, 2 * k->kept_slices, k->duplicate_ids)) {
        session_empty(&read);
        return false;
    }
    u64 hash = table_hash(id, id_len);
    u32 number = session_find(&k->sessions, hash, head.org, head.session);
    if (number == NONE)
        number = session_add(&k->sessions, hash, head.org, head.session);
    else if (session_at(&k->sessions, number)->state == AWAY)
        k->sessions.away--;
    Session *s = session_at(&k->sessions, number);
    mark_clean(k, s);
    session_empty(s);
    read.hash = s->hash;
    read.id = s->id;
    read.id_len = s->id_len;
    read.listed = s->listed;
    *s = read;
    s->state = HELD;
    s->owner = owner_of(k, text_id(&k->texts, head.org), text_id(&k->texts, head.agent));
    s->last_offset = head.last_offset;
    s->first_at = head.first_at;
    s->last_at = head.last_at;
    s->delay_ms = (i32)head.delay_ms;
    s->runs = (u64)head.runs;
    s->tool_calls = (u64)head.tool_calls;
    if (head.parent.at != NULL)
        session_grow_from(s, head.parent, head.session);
    s->short_sum = session_window(s, k->short_slices);
    s->long_sum = session_window(s, k->long_slices);
    note_written(k, s);
    if (s->severity != CALM && !s->listed) {
        s->listed = true;
        list_add(&k->open, number);
    }
    return true;
}

/* A session that was taken in has changes that are not written. */
API void kernel_mark_dirty(Kernel *k, const u8 *id, u32 len)
{
    u32 number = find(k, id, len);
    if (number != NONE && session_at(&k->sessions, number)->state == HELD)
        mark_dirty(k, session_at(&k->sessions, number), number);
}

API void kernel_remove(Kernel *k, const u8 *id, u32 len)
{
    u32 number = find(k, id, len);
    if (number == NONE)
        return;
    Session *s = session_at(&k->sessions, number);
    if (s->state == AWAY)
        k->sessions.away--;
    mark_clean(k, s);
    session_remove(&k->sessions, number);
}

/* Sessions with an open anomaly that are held here. */
API u32 kernel_open_anomalies(Kernel *k)
{
    u32 kept = 0;
    for (u32 i = 0; i < k->open.count; i++) {
        Session *s = session_at(&k->sessions, k->open.items[i]);
        s->listed = is_held_open(s);
        if (s->listed)
            k->open.items[kept++] = k->open.items[i];
    }
    return k->open.count = kept;
}

/* Sessions held here, without those that Python has. */
API void kernel_set_offset_base(Kernel *k, i64 base) { k->offset_base = base; }

/* Events in all sessions held. */
API i64 kernel_events_held(const Kernel *k)
{
    i64 events = 0;
    for (u32 id = 0; id < k->sessions.count; id++) {
        const Session *s = session_at(&k->sessions, id);
        for (u32 i = 0; s->state == HELD && i < s->model_count; i++)
            events += s->models[i].events;
    }
    return events;
}

API u32 kernel_held(const Kernel *k) { return k->sessions.used - k->sessions.away; }

/* Sessions held here that the next flush has to write. */
API u32 kernel_changed(const Kernel *k) { return k->changed; }

/* ---- What a flush takes ---- */

static void bound(Kernel *k)
{
    u32 at = (u32)k->out.len;
    put(&k->bounds, &at, sizeof at);
}

static void begin_output(Kernel *k) { k->out.len = k->bounds.len = 0; }

/* Where the output is: `count` bounds, a last one at the end included. Valid until the next call that writes output. */
API void kernel_output(const Kernel *k, const u8 **bytes, size_t *len, const u32 **bounds, u32 *count)
{
    *bytes = k->out.bytes;
    *len = k->out.len;
    *bounds = (const u32 *)k->bounds.bytes;
    *count = (u32)(k->bounds.len / sizeof(u32));
}

/* Keys and values of the sessions that have changed. */
API void kernel_take_sessions(Kernel *k)
{
    begin_output(k);
    for (u32 i = 0; i < k->dirty_sessions.count; i++) {
        Session *s = session_at(&k->sessions, k->dirty_sessions.items[i]);
        if (s->state != HELD || !s->dirty)
            continue; /* handed over since, or gone */
        mark_clean(k, s);
        note_written(k, s);
        session_prune(s, k->kept_slices);
        bound(k);
        PUT_TEXT(&k->out, "[", session_org(s));
        PUT_TEXT(&k->out, ",", session_name(s));
        PUT(&k->out, "]");
        bound(k);
        put_session_of(k, s);
    }
    bound(k);
    k->dirty_sessions.count = 0;
}

static void put_optional(Buffer *out, const Texts *texts, u32 id)
{
    if (id)
        put_text(out, texts->spans[id]);
    else
        PUT(out, "null");
}

#define PUT_OPTIONAL(out, before, texts, id) (PUT(out, before), put_optional(out, texts, id))

static const Span kind_names[] = {
    {(const u8 *)"llm", 3}, {(const u8 *)"embedding", 9}, {(const u8 *)"tool_call", 9}, {(const u8 *)"run", 3}};

static void put_row(Kernel *k, const Key *key, const Row *row)
{
    Buffer *out = &k->out;
    const Texts *texts = &k->texts;
    const Key *owner = &k->owner_keys.keys[key->part[1]];
    Span org = texts->spans[owner->part[0]], agent = texts->spans[owner->part[1]];
    Span kind = kind_names[key->part[6]];
    Span provider = key->part[4] ? texts->spans[key->part[4]] : (Span){(const u8 *)"", 0};
    i64 quarter_start_ms = (i64)key->part[0] * QUARTER_MS;
    bound(k);
    PUT_INT(out, "[", k->partition);
    PUT_INT(out, ",", k->offset_base + row->since);
    PUT_INT(out, ",", quarter_start_ms);
    PUT_TEXT(out, ",", org);
    PUT_TEXT(out, ",", agent);
    PUT_OPTIONAL(out, ",", texts, key->part[2]);
    PUT_OPTIONAL(out, ",", texts, key->part[3]);
    PUT_TEXT(out, ",", provider);
    PUT_TEXT(out, ",", texts->spans[key->part[5]]);
    PUT_TEXT(out, ",", kind);
    PUT(out, "]");
    bound(k);
    PUT_INT(out, "{\"version\":1,\"source_partition\":", k->partition);
    PUT_INT(out, ",\"since_offset\":", k->offset_base + row->since);
    PUT_INT(out, ",\"last_offset\":", k->offset_base + row->last);
    PUT_INT(out, ",\"quarter_start_ms\":", quarter_start_ms);
    PUT_TEXT(out, ",\"org_id\":", org);
    PUT_TEXT(out, ",\"agent_id\":", agent);
    PUT_OPTIONAL(out, ",\"team_id\":", texts, key->part[2]);
    PUT_OPTIONAL(out, ",\"project_code\":", texts, key->part[3]);
    PUT_TEXT(out, ",\"provider\":", provider);
    PUT_TEXT(out, ",\"model\":", texts->spans[key->part[5]]);
    PUT_TEXT(out, ",\"kind\":", kind);
    PUT_INT(out, ",\"events\":", row->events);
    PUT_INT(out, ",\"input_tokens\":", row->input);
    PUT_INT(out, ",\"output_tokens\":", row->output);
    PUT_INT(out, ",\"cached_input_tokens\":", row->cached);
    PUT_INT(out, ",\"cache_write_tokens\":", row->written);
    PUT_INT(out, ",\"reasoning_tokens\":", row->reasoning);
    PUT_INT(out, ",\"unpriced_tokens\":", row->unpriced);
    PUT_USD(out, ",\"input_cost_usd\":", row->input_cost);
    PUT_USD(out, ",\"cached_input_cost_usd\":", row->cached_cost);
    PUT_USD(out, ",\"cache_write_cost_usd\":", row->written_cost);
    PUT_USD(out, ",\"output_cost_usd\":", row->output_cost);
    PUT_USD(out, ",\"reasoning_cost_usd\":", row->reasoning_cost);
    PUT_USD(out, ",\"request_cost_usd\":", row->request_cost);
    PUT_USD(out, ",\"cost_usd\":", row->cost);
    PUT_USD(out, ",\"cache_savings_usd\":", row->savings);
    PUT(out, "}");
}

/* What a row has come to since the last flush, for the metrics. */
static void report_row(Kernel *k, const Key *key, Row *row)
{
    Activity *activity = &k->activities[row->activity];
    if (!activity->active) {
        activity->active = true;
        list_add(&k->active_activities, row->activity);
    }
    i64 now[SUMS] = {row->events,    row->input,    row->output, row->cached,  row->written,
                     row->reasoning, row->unpriced, row->cost,   row->savings, key->part[6] == KIND_EMBEDDING ? row->cost : 0};
    for (int i = 0; i < SUMS; i++)
        activity->sums[i] += now[i] - row->reported[i];
    memcpy(row->reported, now, sizeof now);
}

/* Rows have gone, or their owners have other numbers. */
static void count_rows_anew(Kernel *k)
{
    k->agent_keys.count = 0;
    keys_shrink(&k->agent_keys);
    k->agent_rows = grown(k->agent_rows, k->agent_keys.room * sizeof *k->agent_rows);
    for (u32 id = 0; id < k->row_keys.count; id++)
        count_row_of_agent(k, &k->row_keys.keys[id]);
}

/* Rows let go leave no holes: those that stay move up, and are numbered anew. */
static void keep_rows(Kernel *k, i64 oldest_ms, bool none)
{
    u32 kept = 0;
    for (u32 id = 0; id < k->row_keys.count; id++)
        if (!none && (i64)k->row_keys.keys[id].part[0] * QUARTER_MS > oldest_ms) {
            k->row_keys.keys[kept] = k->row_keys.keys[id];
            k->rows[kept++] = k->rows[id];
        }
    if (kept != k->row_keys.count) {
        k->row_keys.count = kept;
        keys_shrink(&k->row_keys);
        k->rows = grown(k->rows, k->row_keys.room * sizeof *k->rows);
        count_rows_anew(k);
    }
}

/* Keys and values of the rollup rows that have changed. Then lets go of those that are old, or of all if there are too
 * many: see UsageRollups.take_changes in app/burnline/ledger/usage_rollups.py. */
API void kernel_take_rows(Kernel *k, i64 watermark_ms)
{
    begin_output(k);
    for (u32 i = 0; i < k->dirty_rows.count; i++) {
        u32 id = k->dirty_rows.items[i];
        put_row(k, &k->row_keys.keys[id], &k->rows[id]);
        report_row(k, &k->row_keys.keys[id], &k->rows[id]);
        k->rows[id].dirty = false;
    }
    bound(k);
    k->dirty_rows.count = 0;
    keep_rows(k, watermark_ms - QUARTER_MS - (k->row_keys.count <= MANY_ROWS ? LINGER_MS : 0), false);
    if (k->row_keys.count > MAX_ROWS)
        keep_rows(k, 0, true);
}

/* Up to `most` activities since the last call, each as owner, model and SUMS sums of two words (the lower one first);
 * how many. */
API u32 kernel_take_activities(Kernel *k, i64 *to, u32 most)
{
    u32 taken = 0;
    while (taken < most && k->active_activities.count) {
        u32 id = k->active_activities.items[--k->active_activities.count];
        Activity *activity = &k->activities[id];
        *to++ = k->activity_keys.keys[id].part[0];
        *to++ = k->activity_keys.keys[id].part[1];
        memcpy(to, activity->sums, sizeof activity->sums);
        to += 2 * SUMS;
        *activity = (Activity){0};
        taken++;
    }
    return taken;
}

/* Up to `most` owners with something to report since the last call, each as owner, runs, tool calls, and events ahead of
 * the log, delayed and late; how many. */
API u32 kernel_take_owners(Kernel *k, i64 *to, u32 most)
{
    u32 taken = 0;
    while (taken < most && k->active_owners.count) {
        u32 id = k->active_owners.items[--k->active_owners.count];
        *to++ = id;
        *to++ = k->owners[id].runs;
        *to++ = k->owners[id].tool_calls;
        *to++ = k->owners[id].ahead;
        *to++ = k->owners[id].delayed;
        *to++ = k->owners[id].late;
        k->owners[id].runs = k->owners[id].tool_calls = 0;
        k->owners[id].ahead = k->owners[id].delayed = k->owners[id].late = 0;
        k->owners[id].active = false;
        taken++;
    }
    return taken;
}

/* Up to `most` pairs (provider, model) of cards without a rate that priced something since the last call; how many. */
API u32 kernel_take_unpriced(Kernel *k, u32 *to, u32 most)
{
    u32 taken = 0;
    while (taken < most && k->unpriced.count) {
        k->unpriced.count -= 2;
        memcpy(to + 2 * taken, k->unpriced.items + k->unpriced.count, 2 * sizeof *to);
        taken++;
    }
    if (!taken)
        for (u32 id = 0; id < k->card_keys.count; id++)
            k->named[id].unpriced_seen = false;
    return taken;
}

/* Ids of the sessions opened since the last call. */
API void kernel_take_opened(Kernel *k)
{
    begin_output(k);
    for (u32 i = 0; i < k->opened.count; i++) {
        const Session *s = session_at(&k->sessions, k->opened.items[i]);
        if (s->state == FREE) /* removed since */
            continue;
        bound(k);
        put(&k->out, s->id, s->id_len);
    }
    bound(k);
    k->opened.count = 0;
}

/* Ids of the sessions whose anomaly may be over when the log's time enters slice `index`. */
API void kernel_take_quiet(Kernel *k, i64 index)
{
    begin_output(k);
    u32 at = 0;
    for (u32 id; (id = next_quiet(k, &at, (i32)index)) != NONE;) {
        const Session *s = session_at(&k->sessions, id);
        bound(k);
        put(&k->out, s->id, s->id_len);
    }
    bound(k);
}

/* Ids of up to `most` sessions whose newest event's hour has ended before the horizon, and which are written. A session
 * that is passed over (dirty) or does not fit in is found by the next call; otherwise the next look is an hour later. */
API void kernel_take_idle(Kernel *k, i64 horizon_ms, u32 most)
{
    begin_output(k);
    i64 hour = horizon_ms >= 0 ? horizon_ms / HOUR_MS : -1;
    u32 found = 0;
    bool whole = true;
    if (hour > k->scanned_hour) {
        for (u32 id = 0; id < k->sessions.count; id++) {
            const Session *s = session_at(&k->sessions, id);
            if (s->state != HELD || s->severity != CALM || (s->last_at / HOUR_MS + 1) * HOUR_MS > horizon_ms)
                continue;
            if (s->dirty || found == most) {
                whole = false;
                continue;
            }
            found++;
            bound(k);
            put(&k->out, s->id, s->id_len);
        }
        if (whole)
            k->scanned_hour = hour;
    }
    bound(k);
}

/* ---- What nothing uses any more ---- */

static void mark_used(const Kernel *k, u32 *texts, u32 *owners)
{
    for (u32 id = 0; id < k->sessions.count; id++) {
        const Session *s = session_at(&k->sessions, id);
        if (s->state != HELD)
            continue;
        owners[s->owner] = 1;
        for (u32 i = 0; i < s->model_count; i++)
            texts[s->models[i].model] = 1;
    }
    for (u32 id = 0; id < k->row_keys.count; id++) {
        const u32 *part = k->row_keys.keys[id].part;
        owners[part[1]] = 1;
        for (int i = 2; i <= 5; i++)
            texts[part[i]] = 1;
    }
    for (u32 id = 0; id < k->owner_keys.count; id++)
        if (owners[id])
            texts[k->owner_keys.keys[id].part[0]] = texts[k->owner_keys.keys[id].part[1]] = 1;
}

/* Owners that are not marked are forgotten; `owners` and `texts` have the new numbers. */
static void keep_owners(Kernel *k, const u32 *texts, u32 *owners)
{
    u32 kept = 0;
    for (u32 id = 0; id < k->owner_keys.count; id++) {
        if (!owners[id])
            continue;
        const Key *key = &k->owner_keys.keys[id];
        k->owner_keys.keys[kept] = pair(texts[key->part[0]], texts[key->part[1]]);
        k->owners[kept] = k->owners[id];
        owners[id] = kept++;
    }
    k->owner_keys.count = kept;
    keys_shrink(&k->owner_keys);
    k->owners = grown(k->owners, k->owner_keys.room * sizeof *k->owners);
}

static void renumber(Kernel *k, const u32 *texts, const u32 *owners)
{
    for (u32 id = 0; id < k->sessions.count; id++) {
        Session *s = session_at(&k->sessions, id);
        if (s->state != HELD)
            continue;
        s->owner = owners[s->owner];
        for (u32 i = 0; i < s->model_count; i++)
            s->models[i].model = texts[s->models[i].model];
    }
    k->activity_keys.count = 0;
    keys_shrink(&k->activity_keys);
    k->activities = grown(k->activities, k->activity_keys.room * sizeof *k->activities);
    k->unpriced_activities = 0;
    for (u32 id = 0; id < k->row_keys.count; id++) {
        u32 *part = k->row_keys.keys[id].part;
        part[1] = owners[part[1]];
        for (int i = 2; i <= 5; i++)
            part[i] = texts[part[i]];
        k->rows[id].activity = activity_of(k, part[1], part[5], k->rows[id].unpriced > 0 && !k->rows[id].cost);
    }
    keys_place(&k->row_keys);
    count_rows_anew(k);
}

/* Forget texts, owners and cards that neither a session nor a rollup row uses, if so many are held that they may be most.
 * All that a flush takes must have been taken. True: numbers that were given out before are none any more. */
API i32 kernel_forget(Kernel *k)
{
    if (k->texts.count <= k->text_limit && k->owner_keys.count <= k->text_limit &&
        k->activity_keys.count <= k->text_limit)
        return false;
    u32 *texts = zeroed(k->texts.count, sizeof *texts), *owners = zeroed(k->owner_keys.count, sizeof *owners);
    mark_used(k, texts, owners);
    drop_cards(k);
    texts_keep(&k->texts, texts);
    keep_owners(k, texts, owners);
    renumber(k, texts, owners);
    free(texts);
    free(owners);
    u32 most = k->texts.count > k->owner_keys.count ? k->texts.count : k->owner_keys.count;
    most = most > k->activity_keys.count ? most : k->activity_keys.count;
    k->text_limit = most > MIN_TEXT_LIMIT / 2 ? 2 * most : MIN_TEXT_LIMIT; /* what is looked at is paid for by what came */
    return true;
}

/* For the tests: texts, owners, cards and activities held. */
API void kernel_sizes(const Kernel *k, u32 *sizes)
{
    sizes[0] = k->texts.count - 1;
    sizes[1] = k->owner_keys.count;
    sizes[2] = k->card_keys.count;
    sizes[3] = k->activity_keys.count;
}

/* For the tests: the longest way that a search has to go in any table. */
API u32 kernel_longest_probe(const Kernel *k)
{
    u32 longest = 0;
    const Set *sets[] = {&k->newer, &k->older};
    for (int i = 0; i < 2; i++) {
        u32 probe = set_longest_probe(sets[i]);
        longest = probe > longest ? probe : longest;
    }
    for (u32 at = 0; at <= k->texts.mask; at++)
        if (k->texts.slots[at]) {
            u32 probe = (at - (u32)k->texts.hashes[k->texts.slots[at]]) & k->texts.mask;
            longest = probe > longest ? probe : longest;
        }
    for (u32 at = 0; at <= k->sessions.mask; at++)
        if (k->sessions.slots[at]) {
            u32 probe = (at - (u32)session_at(&k->sessions, k->sessions.slots[at] - 1)->hash) & k->sessions.mask;
            longest = probe > longest ? probe : longest;
        }
    return longest;
}

/* ---- Records out of librdkafka: see polled.h ---- */

/* Which functions to use: of librdkafka, by its own names. */
API void polled_link(void *consume_batch_queue, void *message_destroy, void *message_timestamp)
{
    *(void **)&librdkafka.consume_batch_queue = consume_batch_queue;
    *(void **)&librdkafka.message_destroy = message_destroy;
    *(void **)&librdkafka.message_timestamp = message_timestamp;
}

API Poll *poll_new(void) { return zeroed(1, sizeof(Poll)); }

/* What it has polled last must have been taken: batches belong to whoever took them. */
API void poll_free(Poll *p)
{
    poll_clear(p);
    free(p->polled);
    free(p->part_of);
    free(p->parts);
    free(p->errors);
    free(p);
}

/* Events that are further ahead of the log than `skew_ms` are left to Python. Of records that do not say when the log took
 * them, it is taken to be `now_ms`, and `clock_skew_ms` is allowed. */
API u32 poll_take(Poll *p, void *queue, i32 timeout_ms, u32 most, i64 now_ms, i64 skew_ms, i64 clock_skew_ms,
                  const Part **parts)
{
    Clocks clocks = {now_ms, skew_ms, clock_skew_ms};
    u32 count = poll_batches(p, queue, timeout_ms, most, &clocks);
    *parts = p->parts;
    return count;
}

/* Errors of the last poll: how many, and one of them (its code), with what it says and where. */
API u32 poll_errors(const Poll *p) { return p->error_count; }

API i32 poll_error(const Poll *p, u32 number, const u8 **text, size_t *len, i32 *partition, i64 *offset)
{
    *partition = p->errors[number]->partition;
    *offset = p->errors[number]->offset;
    *text = p->errors[number]->payload;
    *len = p->errors[number]->payload ? p->errors[number]->len : 0;
    return p->errors[number]->error;
}

API const i64 *batch_offsets(const Batch *batch) { return batch->offsets; }

API const i64 *batch_logged_ms(const Batch *batch) { return batch->logged_ms; }

API const Message *batch_message(const Batch *batch, u32 number) { return batch->messages[number]; }

API void batch_free(Batch *batch) { batch_end(batch); }

/* For the tests: the fingerprint hash, and the parser. */
API u64 kernel_xxh3(const u8 *bytes, u32 len) { return xxh3(bytes, len); }

API u64 kernel_siphash13(u64 first, u64 second, const u8 *bytes, u32 len)
{
    return siphash13((u64[]){first, second}, bytes, len);
}

/* Whether an event is plain, and what was read then: kind, time, five counts, fingerprint, and of each text where it
 * begins and how long it is, -1 if it is absent. */
API i32 kernel_reads(const u8 *bytes, u32 len, i64 log_ms, i64 skew_ms, i64 *found)
{
    Event e;
    parse_event(bytes, len, log_ms, skew_ms, &e);
    if (!e.plain)
        return false;
    const i64 numbers[] = {e.kind, e.at_ms, e.input, e.output, e.cached, e.written, e.reasoning, (i64)e.fingerprint};
    const Span texts[] = {e.event_id, e.org, e.agent, e.session, e.model, e.provider, e.team, e.project};
    for (u32 i = 0; i < 8; i++) {
        found[i] = numbers[i];
        found[8 + 2 * i] = texts[i].at ? texts[i].at - bytes : -1;
        found[9 + 2 * i] = texts[i].len;
    }
    return true;
}
