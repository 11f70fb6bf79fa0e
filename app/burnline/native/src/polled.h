/* Records of the source topic as librdkafka hands them out, without a Python object for each.
 *
 * librdkafka is the one that the confluent-kafka wheel brings; Python finds its functions and links them here. A batch
 * owns its messages, and so the bytes that events point into, until it is freed. */
#ifndef BURNLINE_POLLED_H
#define BURNLINE_POLLED_H

#include "common.h"
#include "event.h"
#include <sys/types.h>

/* rd_kafka_message_t: its layout is part of librdkafka's public interface. */
typedef struct {
    i32 error;
    void *topic;
    i32 partition;
    void *payload; /* of an error: what is wrong, in words */
    size_t len;
    void *key;
    size_t key_len;
    i64 offset;
    void *hidden;
} Message;

static struct {
    ssize_t (*consume_batch_queue)(void *queue, int timeout_ms, Message **messages, size_t most);
    void (*message_destroy)(Message *);
    i64 (*message_timestamp)(const Message *, i32 *type);
} librdkafka;

/* Consecutive records of one partition, and the events in them: read where they are polled, which is another thread than
 * the one that counts them. */
typedef struct {
    Message **messages;
    i64 *offsets, *logged_ms;
    Event *events;
    u32 count;
} Batch;

/* One batch of a poll; app/burnline/native/binding.py has the same structure. */
typedef struct {
    Batch *batch;
    i64 first_written_ms, last_written_ms;
    i32 partition;
    u32 count;
    u32 by_clock; /* records that say when they were made, and not when the log took them */
    u32 reserved;
} Part;

typedef struct {
    Message **polled;
    u32 *part_of; /* by message: its part, NONE of an error */
    u32 polled_room;
    Part *parts;
    u32 part_count, part_room;
    Message **errors;
    u32 error_count, error_room;
} Poll;

static void poll_clear(Poll *p)
{
    for (u32 i = 0; i < p->error_count; i++)
        librdkafka.message_destroy(p->errors[i]);
    p->error_count = p->part_count = 0;
}

static void poll_add_error(Poll *p, Message *message)
{
    if (p->error_count == p->error_room) {
        p->error_room = p->error_room ? p->error_room * 2 : 8;
        p->errors = grown(p->errors, p->error_room * sizeof *p->errors);
    }
    p->errors[p->error_count++] = message;
}

/* Most records of a poll are of the partition before: librdkafka hands out whole fetches. */
static u32 poll_part(Poll *p, i32 partition, u32 last)
{
    if (last < p->part_count && p->parts[last].partition == partition)
        return last;
    for (u32 i = 0; i < p->part_count; i++)
        if (p->parts[i].partition == partition)
            return i;
    if (p->part_count == p->part_room) {
        p->part_room = p->part_room ? p->part_room * 2 : 16;
        p->parts = grown(p->parts, p->part_room * sizeof *p->parts);
    }
    p->parts[p->part_count] = (Part){.partition = partition};
    return p->part_count++;
}

static void poll_begin_batch(Part *part)
{
    Batch *batch = part->batch = grown(NULL, sizeof *batch);
    batch->messages = grown(NULL, part->count * sizeof *batch->messages);
    batch->offsets = grown(NULL, part->count * sizeof *batch->offsets);
    batch->logged_ms = grown(NULL, part->count * sizeof *batch->logged_ms);
    batch->events = grown(NULL, part->count * sizeof *batch->events);
    batch->count = 0;
}

/* What times are held against where records say when they were made (CreateTime): the clock here, with more patience. */
typedef struct {
    i64 now_ms, skew_ms, clock_skew_ms;
} Clocks;

#define LOG_APPEND_TIME 2 /* RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME */

static void batch_add(Part *part, Message *message, const Clocks *clocks)
{
    Batch *batch = part->batch;
    u32 len = message->len > UINT32_MAX ? UINT32_MAX : (u32)message->len;
    i32 type;
    i64 log_ms = librdkafka.message_timestamp(message, &type), skew_ms = clocks->skew_ms;
    if (type != LOG_APPEND_TIME) {
        log_ms = clocks->now_ms;
        skew_ms = clocks->clock_skew_ms;
        part->by_clock++;
    }
    parse_event(message->payload, message->payload ? len : 0, log_ms, skew_ms, &batch->events[batch->count]);
    batch->logged_ms[batch->count] = log_ms;
    batch->offsets[batch->count] = message->offset;
    batch->messages[batch->count++] = message;
}

/* Poll up to `most` messages and sort them by partition; each batch of `parts` has to be freed. */
static u32 poll_batches(Poll *p, void *queue, i32 timeout_ms, u32 most, const Clocks *clocks)
{
    poll_clear(p);
    if (most > p->polled_room) {
        p->polled_room = most;
        p->polled = grown(p->polled, most * sizeof *p->polled);
        p->part_of = grown(p->part_of, most * sizeof *p->part_of);
    }
    ssize_t found = librdkafka.consume_batch_queue(queue, timeout_ms, p->polled, most);
    u32 count = found > 0 ? (u32)found : 0, last = 0;
    for (u32 i = 0; i < count; i++) {
        Message *message = p->polled[i];
        if (message->error) {
            poll_add_error(p, message);
            p->part_of[i] = UINT32_MAX;
            continue;
        }
        last = poll_part(p, message->partition, last);
        p->parts[last].count++;
        p->part_of[i] = last;
    }
    for (u32 i = 0; i < p->part_count; i++)
        poll_begin_batch(&p->parts[i]);
    for (u32 i = 0; i < count; i++) {
        if (p->part_of[i] != UINT32_MAX)
            batch_add(&p->parts[p->part_of[i]], p->polled[i], clocks);
    }
    for (u32 i = 0; i < p->part_count; i++) {
        Part *part = &p->parts[i];
        i32 type;
        part->first_written_ms = librdkafka.message_timestamp(part->batch->messages[0], &type);
        part->last_written_ms = librdkafka.message_timestamp(part->batch->messages[part->count - 1], &type);
    }
    return p->part_count;
}

static void batch_end(Batch *batch)
{
    for (u32 i = 0; i < batch->count; i++)
        librdkafka.message_destroy(batch->messages[i]);
    free(batch->messages);
    free(batch->offsets);
    free(batch->logged_ms);
    free(batch->events);
    free(batch);
}

#endif
