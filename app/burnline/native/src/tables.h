/* What the kernel looks up: texts by their bytes, tuples of small integers, and sets of fingerprints. */
#ifndef BURNLINE_TABLES_H
#define BURNLINE_TABLES_H

#include "common.h"

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

static void texts_grow(Texts *t)
{
    t->room *= 2;
    t->mask = t->mask * 2 + 1;
    t->spans = grown(t->spans, t->room * sizeof *t->spans);
    t->hashes = grown(t->hashes, t->room * sizeof *t->hashes);
    free(t->slots);
    t->slots = zeroed((size_t)t->mask + 1, sizeof *t->slots);
    for (u32 id = 1; id < t->count; id++) {
        u32 at = (u32)t->hashes[id] & t->mask;
        while (t->slots[at])
            at = (at + 1) & t->mask;
        t->slots[at] = id;
    }
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

/* Tuples of up to eight integers, numbered from 0 in the order of their coming. */
typedef struct {
    u32 part[8];
} Key;

typedef struct {
    Key *keys;
    u32 *slots; /* number + 1 */
    u32 count, room, mask;
} Keys;

static inline u64 key_hash(const Key *key)
{
    const u8 *at = (const u8 *)key->part;
    u64 a = mul_fold(load64(at) ^ 0xA0761D6478BD642Fu, load64(at + 8) ^ 0xE7037ED1A0B428DBu);
    u64 b = mul_fold(load64(at + 16) ^ 0x8EBC6AF09C88C6E3u, load64(at + 24) ^ 0x589965CC75374CC3u);
    return mul_fold(a ^ 0x1D8E4E27C47D124Fu, b ^ 0xD6E8FEB86659FD93u);
}

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

/* A set of fingerprints; 0 is kept beside it, for it marks a free slot. */
typedef struct {
    u64 *slots;
    u32 mask, count;
    bool has_zero;
} Set;

static void set_begin(Set *s, u64 limit)
{
    u64 room = 64;
    while (room < limit + limit / 2)
        room *= 2;
    *s = (Set){.slots = zeroed(room, sizeof(u64)), .mask = (u32)(room - 1)};
}

static inline bool set_has(const Set *s, u64 value)
{
    if (UNLIKELY(value == 0))
        return s->has_zero;
    for (u32 at = (u32)value & s->mask; s->slots[at] != 0; at = (at + 1) & s->mask)
        if (s->slots[at] == value)
            return true;
    return false;
}

/* The value is not in it, and there is room. */
static inline void set_add(Set *s, u64 value)
{
    s->count++;
    if (UNLIKELY(value == 0)) {
        s->has_zero = true;
        return;
    }
    u32 at = (u32)value & s->mask;
    while (s->slots[at] != 0)
        at = (at + 1) & s->mask;
    s->slots[at] = value;
}

/* Room for `wanted` values in all; how many had to move for it. */
static u32 set_make_room(Set *s, u64 wanted)
{
    if (wanted + wanted / 2 <= s->mask)
        return 0;
    Set larger;
    set_begin(&larger, wanted);
    if (s->has_zero)
        set_add(&larger, 0);
    for (u64 at = 0; at <= s->mask; at++)
        if (s->slots[at])
            set_add(&larger, s->slots[at]);
    free(s->slots);
    *s = larger;
    return s->count;
}

#endif
