/* What the kernel looks up: texts by their bytes, tuples of small integers, and sets of fingerprints. */
#ifndef BURNLINE_TABLES_H
#define BURNLINE_TABLES_H

#include "siphash.h"

#define NONE UINT32_MAX

/* Texts, each held once and known by a number. Number 0 is the absent text. */
typedef struct {
    Span *spans;
    u64 *hashes;
    u32 *slots;
    u32 count, room, mask;
} Texts;

static void texts_begin(Texts *t)
{
    *t = (Texts){.count = 1, .room = 64, .mask = 127};
    t->spans = zeroed(t->room, sizeof *t->spans);
    t->hashes = zeroed(t->room, sizeof *t->hashes);
    t->slots = zeroed((size_t)t->mask + 1, sizeof *t->slots);
}

static void texts_end(Texts *t)
{
    for (u32 i = 1; i < t->count; i++)
        free((void *)t->spans[i].at);
    free(t->spans);
    free(t->hashes);
    free(t->slots);
}

static void texts_place(Texts *t)
{
    free(t->slots);
    t->slots = zeroed((size_t)t->mask + 1, sizeof *t->slots);
    for (u32 id = 1; id < t->count; id++) {
        u32 at = (u32)t->hashes[id] & t->mask;
        while (t->slots[at])
            at = (at + 1) & t->mask;
        t->slots[at] = id;
    }
}

static void texts_grow(Texts *t)
{
    t->room *= 2;
    t->mask = t->mask * 2 + 1;
    t->spans = grown(t->spans, t->room * sizeof *t->spans);
    t->hashes = grown(t->hashes, t->room * sizeof *t->hashes);
    texts_place(t);
}

/* Forget all texts that are not marked; `marks` becomes the new number of each that stays. */
static void texts_keep(Texts *t, u32 *marks)
{
    u32 kept = 1;
    marks[0] = 0; /* the absent text */
    for (u32 id = 1; id < t->count; id++) {
        if (!marks[id]) {
            free((void *)t->spans[id].at);
            continue;
        }
        t->spans[kept] = t->spans[id];
        t->hashes[kept] = t->hashes[id];
        marks[id] = kept++;
    }
    t->count = kept;
    while (t->room > 64 && t->room / 4 >= kept) {
        t->room /= 2;
        t->mask /= 2;
    }
    t->spans = grown(t->spans, t->room * sizeof *t->spans);
    t->hashes = grown(t->hashes, t->room * sizeof *t->hashes);
    texts_place(t);
}

static u32 text_id(Texts *t, Span text)
{
    if (text.at == NULL)
        return 0;
    u64 hash = table_hash(text.at, text.len);
    u32 at = (u32)hash & t->mask;
    for (u32 id; (id = t->slots[at]) != 0; at = (at + 1) & t->mask)
        if (t->hashes[id] == hash && t->spans[id].len == text.len && memcmp(t->spans[id].at, text.at, text.len) == 0)
            return id;
    if (t->count == t->room) {
        texts_grow(t);
        return text_id(t, text);
    }
    u8 *copy = grown(NULL, text.len);
    memcpy(copy, text.at, text.len);
    u32 id = t->count++;
    t->spans[id] = (Span){copy, text.len};
    t->hashes[id] = hash;
    t->slots[at] = id;
    return id;
}

/* As text_id; most often it is the text of this number, and then nothing is hashed. */
static inline u32 text_like(Texts *t, Span text, u32 guess)
{
    if (text.at == NULL)
        return 0;
    return guess && guess < t->count && same_text(t->spans[guess], text) ? guess : text_id(t, text);
}

/* Tuples of up to eight integers, numbered from 0 in the order of their coming. */
typedef struct {
    u32 part[8];
} Key;

typedef struct {
    Key *keys;
    u32 *slots; /* number + 1 */
    u32 count, room, mask;
} Keys;

static inline u64 key_hash(const Key *key) { return table_hash((const u8 *)key->part, sizeof key->part); }

static inline bool same_key(const Key *a, const Key *b) { return memcmp(a, b, sizeof *a) == 0; }

static void keys_begin(Keys *k)
{
    *k = (Keys){.room = 64, .mask = 127};
    k->keys = zeroed(k->room, sizeof *k->keys);
    k->slots = zeroed((size_t)k->mask + 1, sizeof *k->slots);
}

static void keys_end(Keys *k)
{
    free(k->keys);
    free(k->slots);
}

static void keys_place(Keys *k)
{
    free(k->slots);
    k->slots = zeroed((size_t)k->mask + 1, sizeof *k->slots);
    for (u32 id = 0; id < k->count; id++) {
        u32 at = (u32)key_hash(&k->keys[id]) & k->mask;
        while (k->slots[at])
            at = (at + 1) & k->mask;
        k->slots[at] = id + 1;
    }
}

/* Let go of the room that far fewer keys than before do not need. The caller shrinks its items to `room`. */
static void keys_shrink(Keys *k)
{
    while (k->room > 64 && k->room / 4 >= k->count) {
        k->room /= 2;
        k->mask /= 2;
    }
    k->keys = grown(k->keys, k->room * sizeof *k->keys);
    keys_place(k);
}

static u32 key_find(const Keys *k, const Key *key)
{
    u32 at = (u32)key_hash(key) & k->mask;
    for (u32 id; (id = k->slots[at]) != 0; at = (at + 1) & k->mask)
        if (same_key(&k->keys[id - 1], key))
            return id - 1;
    return NONE;
}

/* The caller keeps an item for each number in an array of its own, of `room` items. */
static u32 key_add(Keys *k, const Key *key, void **items, size_t item_size)
{
    if (k->count == k->room) {
        k->room *= 2;
        k->mask = k->mask * 2 + 1;
        k->keys = grown(k->keys, k->room * sizeof *k->keys);
        *items = grown(*items, k->room * item_size);
        keys_place(k);
    }
    u32 id = k->count++;
    k->keys[id] = *key;
    memset((u8 *)*items + id * item_size, 0, item_size);
    u32 at = (u32)key_hash(key) & k->mask;
    while (k->slots[at])
        at = (at + 1) & k->mask;
    k->slots[at] = id + 1;
    return id;
}

/* A set of fingerprints, each with a mark; 0 is kept beside it, for it marks a free slot. Publishers choose event ids, and with them
 * fingerprints, whose hash has no key because other processes have to come to the same: where one stands follows from
 * its `place`, which is its word_hash. */
typedef struct {
    u64 *slots;
    u8 *marks;
    u32 mask, count;
    bool has_zero;
    u8 mark_of_zero;
} Set;

static void set_begin(Set *s, u64 limit)
{
    u64 room = 64;
    while (room < limit + limit / 2)
        room *= 2;
    *s = (Set){.slots = zeroed(room, sizeof(u64)), .marks = zeroed(room, 1), .mask = (u32)(room - 1)};
}

static void set_end(Set *s)
{
    free(s->slots);
    free(s->marks);
}

/* The mark of a value, or -1 if it is not in the set. */
static inline i32 set_mark(const Set *s, u64 value, u64 place)
{
    if (UNLIKELY(value == 0))
        return s->has_zero ? s->mark_of_zero : -1;
    for (u32 at = (u32)place & s->mask; s->slots[at] != 0; at = (at + 1) & s->mask)
        if (s->slots[at] == value)
            return s->marks[at];
    return -1;
}

/* The value is not in it, and there is room. */
static inline void set_add(Set *s, u64 value, u64 place, u8 mark)
{
    s->count++;
    if (UNLIKELY(value == 0)) {
        s->has_zero = true;
        s->mark_of_zero = mark;
        return;
    }
    u32 at = (u32)place & s->mask;
    while (s->slots[at] != 0)
        at = (at + 1) & s->mask;
    s->slots[at] = value;
    s->marks[at] = mark;
}

/* Room for `wanted` values in all; how many had to move for it. */
static u32 set_make_room(Set *s, u64 wanted)
{
    if (wanted + wanted / 2 <= s->mask)
        return 0;
    Set larger;
    set_begin(&larger, wanted);
    if (s->has_zero)
        set_add(&larger, 0, 0, s->mark_of_zero);
    for (u64 at = 0; at <= s->mask; at++)
        if (s->slots[at])
            set_add(&larger, s->slots[at], word_hash(s->slots[at]), s->marks[at]);
    set_end(s);
    *s = larger;
    return s->count;
}

/* The longest way of any value from where it belongs to where it stands. */
static u32 set_longest_probe(const Set *s)
{
    u32 longest = 0;
    for (u64 at = 0; at <= s->mask; at++)
        if (s->slots[at]) {
            u32 probe = ((u32)at - (u32)word_hash(s->slots[at])) & s->mask;
            longest = probe > longest ? probe : longest;
        }
    return longest;
}

#endif
