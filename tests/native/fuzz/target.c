/* What a fuzzer drives: one input is a program of steps, and the kernel is asked after each whether it still agrees with
 * itself. tests/native/fuzzing.py writes programs to begin with, and says how to build this with the sanitizers.
 *
 * A program is a row of steps, each behind a byte 0x1E: its first byte says what it is.
 *   e VALUE           a record's value: parse, and count
 *   r KEY 0x1F RECORD a session's record, as after a restart: take it in
 *   d KEY             remove a session
 *   f                 flush: everything that a flush takes
 *   i DIGITS          so many event ids are restored
 *   t                 a minute passes in the log
 *   c                 every rate card is asked for again */
#define MIN_TEXT_LIMIT 4 /* names are forgotten with nearly each flush */
#include "kernel.c"

#define BEGAN_MS 1760000000000 /* T0 of tests/ledger/examples.py */
#define SKEW_MS 1000000
#define PARTITION 2

typedef struct {
    Kernel *k;
    Position at;
    i64 log_ms, offset;
} Run;

/* Whoever runs this has to see it: a sanitizer or the driver tells of the trap, with the input. */
static void must(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static i64 number_of(const u8 *at, size_t len)
{
    i64 number = 0;
    for (size_t i = 0; i < len && i < 4; i++)
        number = number * 10 + at[i] % 10;
    return number;
}

/* A session that goes to Python and comes back is the one that it was, to the byte. */
static void there_and_back(Run *run, const u8 *key, u32 len)
{
    size_t first_len, second_len;
    i32 dirty;
    const u8 *found = kernel_hand_over(run->k, key, len, &first_len, &dirty);
    if (found == NULL)
        return;
    u8 *first = grown(NULL, first_len);
    memcpy(first, found, first_len);
    must(kernel_hand_over(run->k, key, len, &second_len, &dirty) == NULL);
    if (kernel_take_in(run->k, key, len, first, first_len)) {
        const u8 *second = kernel_hand_over(run->k, key, len, &second_len, &dirty);
        must(second != NULL && second_len == first_len && memcmp(first, second, first_len) == 0);
        must(kernel_take_in(run->k, key, len, first, first_len));
        kernel_mark_dirty(run->k, key, len);
    }
    free(first);
}

/* What Python answers, in short: a card with two tiers, lines that are crossed soon, and a look that counts nothing. */
static void answer(Run *run, i32 asked)
{
    static const i64 rates[] = {0, 2500000, 10000000, 1250000, 3000000, 10000000, 0, 5000, 5000000, 1, 2, 3, 4, 1000};
    static const i64 lines[] = {10000000000, 20000000000, 30000000000, 60000000000, 8000000000};
    const Event *event = &run->k->events[run->at.index];
    u8 key[2 * MAX_ID * 4 + 1];
    u32 len = event->org.len + 1 + event->session.len;
    switch (asked) {
    case CARD:
        kernel_set_card(run->k, 0, run->at.provider, run->at.model, (const u8 *)"openai", 6, 0, INT64_MAX,
                        event->model.len % 3, rates);
        break;
    case LIMITS:
        kernel_set_limits(run->k, run->at.owner, lines, 0);
        break;
    case QUIET:
        kernel_take_quiet(run->k, run->at.logged_ms / SLICE_MS);
        break;
    case JUDGE:
        must(len <= sizeof key);
        memcpy(key, event->org.at, event->org.len);
        key[event->org.len] = '\n';
        memcpy(key + event->org.len + 1, event->session.at, event->session.len);
        there_and_back(run, key, len);
        run->at.index++;
        break;
    default: /* LOOK: its time has passed, and Python counts it elsewhere */
        run->at.logged_ms = run->log_ms;
        run->at.index++;
    }
}

static void count_event(Run *run, const u8 *value, size_t size)
{
    u32 len = (u32)size;
    kernel_parse(run->k, value, &len, &run->log_ms, 1, SKEW_MS);
    i64 accepted = run->at.accepted, held = kernel_events_held(run->k);
    run->at.index = 0;
    run->at.open_anomalies = 0;
    i32 asked;
    for (int turns = 0; (asked = kernel_apply(run->k, &run->offset, &run->at)) != DONE; turns++) {
        must(turns < 5); /* time, a card, limits, and one answer: it never asks the same twice */
        answer(run, asked);
    }
    must(run->at.accepted - accepted <= 1);
    must(kernel_events_held(run->k) <= held + 1);
    run->offset++;
}

static void take_in(Run *run, const u8 *step, size_t size)
{
    const u8 *end = memchr(step, 0x1F, size);
    size_t key_len = end ? (size_t)(end - step) : size;
    if (end == NULL || key_len > 2 * MAX_ID * 4)
        return;
    if (kernel_take_in(run->k, step, (u32)key_len, end + 1, size - key_len - 1))
        there_and_back(run, step, (u32)key_len);
}

static void flush(Run *run)
{
    i64 room[(2 + 2 * SUMS) * 4];
    const u8 *bytes, *marks;
    size_t len;
    const u32 *bounds;
    u32 count, turns;
    kernel_take_rows(run->k, run->at.watermark_ms);
    while (kernel_take_activities(run->k, room, 4))
        ;
    while (kernel_take_owners(run->k, room, 4))
        ;
    while (kernel_take_unpriced(run->k, (u32 *)room, 4))
        ;
    kernel_take_opened(run->k);
    kernel_take_fresh(run->k, &marks, &count, &turns);
    kernel_take_quiet(run->k, run->log_ms / SLICE_MS);
    kernel_take_sessions(run->k);
    kernel_output(run->k, &bytes, &len, &bounds, &count);
    must(count % 2 == 1 && bounds[count - 1] == len);
    must(kernel_changed(run->k) == 0);
    kernel_take_idle(run->k, run->log_ms - 36000000, 4);
    kernel_forget(run->k);
}

static void restore_ids(Run *run, const u8 *digits, size_t size)
{
    u64 ids[64];
    u8 marks[64];
    u32 count = (u32)(number_of(digits, size) % 64);
    for (u32 i = 0; i < count; i++)
        ids[i] = i * 2654435761u, marks[i] = (u8)(1 + i);
    kernel_restore_ids(run->k, ids, marks, count, size % 2);
}

static void step(Run *run, const u8 *at, size_t size)
{
    if (size == 0)
        return;
    const u8 *rest = at + 1;
    switch (*at) {
    case 'e':
        count_event(run, rest, size - 1);
        break;
    case 'r':
        take_in(run, rest, size - 1);
        break;
    case 'd':
        kernel_remove(run->k, rest, (u32)(size - 1));
        break;
    case 'f':
        flush(run);
        break;
    case 'i':
        restore_ids(run, rest, size - 1);
        break;
    case 't':
        run->log_ms += 60000;
        break;
    case 'c':
        kernel_forget_cards(run->k);
        break;
    }
}

int LLVMFuzzerTestOneInput(const u8 *program, size_t size)
{
    static bool told;
    if (!told)
        kernel_add_meter((const u8 *)"web_searches", 12);
    told = true;
    Run run = {.k = kernel_new(PARTITION, 4, 256, 2, 4, 2, 7, 3, size % 2), .log_ms = BEGAN_MS};
    run.at.logged_ms = BEGAN_MS;
    for (size_t from = 0; from < size;) {
        const u8 *next = memchr(program + from + 1, 0x1E, size - from - 1);
        size_t end = next ? (size_t)(next - program) : size;
        step(&run, program + from + 1, end - from - 1);
        from = end;
    }
    flush(&run);
    kernel_free(run.k);
    return 0;
}
