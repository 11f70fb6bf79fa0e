/* SipHash-1-3 (https://github.com/veorq/SipHash), the hash of the kernel's own tables; nothing outside sees it.
 *
 * Publishers choose what is hashed, so it is keyed: who does not know the key, which is drawn at random when the library
 * is loaded, cannot choose what collides. It is what Python and Rust use for the same purpose. Faster keyed hashes that
 * fold products (wyhash, XXH3 with a seed) have inputs that collide under many keys or all. */
#ifndef BURNLINE_SIPHASH_H
#define BURNLINE_SIPHASH_H

#include "common.h"

typedef struct {
    u64 a, b, c, d;
} Sip;

/* Set once, before anything is hashed. */
static u64 hash_key[2];

static inline u64 rotated(u64 value, int bits) { return value << bits | value >> (64 - bits); }

static inline void sip_round(Sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotated(s->b, 13) ^ s->a;
    s->d = rotated(s->d, 16) ^ s->c;
    s->a = rotated(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotated(s->b, 17) ^ s->c;
    s->d = rotated(s->d, 21) ^ s->a;
    s->c = rotated(s->c, 32);
}

static inline void sip_take(Sip *s, u64 word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

static inline Sip sip_begin(const u64 key[2])
{
    return (Sip){key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                 key[1] ^ 0x7465646279746573u};
}

static inline u64 sip_end(Sip *s, u64 last)
{
    sip_take(s, last);
    s->c ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->a ^ s->b ^ s->c ^ s->d;
}

static inline u64 siphash13(const u64 key[2], const u8 *at, u32 len)
{
    Sip s = sip_begin(key);
    u64 last = (u64)len << 56, rest = 0;
    for (; len >= 8; at += 8, len -= 8)
        sip_take(&s, load64(at));
    memcpy(&rest, at, len);
    return sip_end(&s, last | rest);
}

static inline u64 table_hash(const u8 *at, u32 len) { return siphash13(hash_key, at, len); }

static inline u64 word_hash(u64 word)
{
    Sip s = sip_begin(hash_key);
    sip_take(&s, word);
    return sip_end(&s, 8ull << 56);
}

#endif
