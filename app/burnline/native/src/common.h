/* Small things that every part of the kernel uses: spans of bytes, a growing buffer, loads, and memory that never fails
 * in silence. */
#ifndef BURNLINE_COMMON_H
#define BURNLINE_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

#define PICO_PER_USD 1000000000000ll
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Bytes that belong to somebody else. */
typedef struct {
    const u8 *at;
    u32 len;
} Span;

/* Out of memory half-way through a batch there is no state to go on from: the process ends, and its successor restores
 * what was committed. */
static void *grown(void *memory, size_t bytes)
{
    void *larger = realloc(memory, bytes ? bytes : 1);
    if (larger == NULL) {
        fprintf(stderr, "burnline kernel: out of memory (%zu bytes)\n", bytes);
        abort();
    }
    return larger;
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (memory == NULL) {
        fprintf(stderr, "burnline kernel: out of memory (%zu x %zu bytes)\n", count, size);
        abort();
    }
    return memory;
}

static inline bool same_text(Span a, Span b) { return a.len == b.len && memcmp(a.at, b.at, a.len) == 0; }

static inline u32 load32(const u8 *at)
{
    u32 value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline u64 load64(const u8 *at)
{
    u64 value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline u64 mul_fold(u64 a, u64 b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (u64)product ^ (u64)(product >> 64);
}

/* Text being written. */
typedef struct {
    u8 *bytes;
    size_t len, room;
} Buffer;

static inline u8 *reserve(Buffer *buffer, size_t more)
{
    if (UNLIKELY(buffer->len + more > buffer->room)) {
        buffer->room = (buffer->len + more) * 2;
        buffer->bytes = grown(buffer->bytes, buffer->room);
    }
    return buffer->bytes + buffer->len;
}

static inline void put(Buffer *buffer, const void *bytes, size_t len)
{
    memcpy(reserve(buffer, len), bytes, len);
    buffer->len += len;
}

#define PUT(buffer, literal) put(buffer, literal, sizeof(literal) - 1)

static inline void put_int(Buffer *buffer, i64 value)
{
    u8 digits[20];
    int at = 20;
    u64 rest = value < 0 ? -(u64)value : (u64)value;
    do {
        digits[--at] = (u8)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        PUT(buffer, "-");
    put(buffer, digits + at, (size_t)(20 - at));
}

/* A field of a JSON object: what stands before its value, and the value. */
#define PUT_INT(buffer, before, value) (PUT(buffer, before), put_int(buffer, value))
#define PUT_USD(buffer, before, value) (PUT(buffer, before), put_usd(buffer, value))
#define PUT_TEXT(buffer, before, value) (PUT(buffer, before), put_text(buffer, value))

/* pico-USD as a JSON string in USD, as app/burnline/pricing/money.py writes it: plain, exact, no trailing zeros. */
static inline void put_usd(Buffer *buffer, i64 pico_usd)
{
    PUT(buffer, "\"");
    if (pico_usd < 0)
        PUT(buffer, "-");
    u64 amount = pico_usd < 0 ? -(u64)pico_usd : (u64)pico_usd;
    put_int(buffer, (i64)(amount / PICO_PER_USD));
    u64 rest = amount % PICO_PER_USD;
    if (rest) {
        u8 decimals[12];
        for (int i = 11; i >= 0; i--, rest /= 10)
            decimals[i] = (u8)('0' + rest % 10);
        int kept = 12;
        while (decimals[kept - 1] == '0')
            kept--;
        PUT(buffer, ".");
        put(buffer, decimals, (size_t)kept);
    }
    PUT(buffer, "\"");
}

/* A JSON string; the kernel holds no text that would have to be escaped. */
static inline void put_text(Buffer *buffer, Span text)
{
    u8 *at = reserve(buffer, (size_t)text.len + 2);
    at[0] = '"';
    memcpy(at + 1, text.at, text.len);
    at[text.len + 1] = '"';
    buffer->len += (size_t)text.len + 2;
}

#endif
