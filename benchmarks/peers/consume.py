"""What reading alone costs: librdkafka's `consume`, tuned as the worker's reader is, the records let go at once."""

from confluent_kafka import Consumer, TopicPartition

from benchmarks.peers import meter
from benchmarks.peers.meter import Meter

BATCH = 8_000
SILENCE_S = 30.0


def main() -> None:
    """Read the topic to its end."""
    counted = Meter()
    consumer = Consumer(
        {
            "bootstrap.servers": meter.BOOTSTRAP,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
            "fetch.message.max.bytes": 4 << 20,
            "queued.max.messages.kbytes": 32_768,
        }
    )
    partitions = consumer.list_topics(meter.TOPIC, timeout=SILENCE_S).topics[meter.TOPIC].partitions
    consumer.assign([TopicPartition(meter.TOPIC, partition, 0) for partition in partitions])
    while counted.records < meter.RECORDS:
        messages = consumer.consume(1, SILENCE_S)
        counted.start()
        if not messages:
            raise TimeoutError(f"{counted.records} of {meter.RECORDS} records were read")
        counted.records += len(messages) + len(consumer.consume(BATCH, 0))
    counted.done()
    consumer.close()


if __name__ == "__main__":
    main()
