"""The catalogues on their topic: read, and put in force."""

from burnline.kafka import Config
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.shelf import Shelf, records_of
from burnline.topics.catalogue import Topics
from burnline.topics.compacted import read_newest, write_together
from burnline.topics.errors import TopicMissing


def read_shelf(config: Config, topics: Topics, *, timeout_s: float) -> Shelf:
    """What stands on the topic; nothing where it was not made yet, which a worker of this version does at its start.

    Raises:
        TopicError: The brokers are silent, or refuse.
    """
    try:
        return Shelf(read_newest(config, topics.catalogues, timeout_s=timeout_s))
    except TopicMissing:
        return Shelf({})


def write_in_force(
    config: Config,
    topics: Topics,
    catalogue: Catalogue,
    *,
    since_ms: int,
    as_of_ms: int,
    transactional_id: str,
    timeout_s: float,
) -> None:
    """Put a catalogue in force, in one transaction.

    Args:
        config: librdkafka configuration that reaches the brokers.
        topics: All of them.
        catalogue: The one.
        since_ms: The clock, epoch milliseconds.
        as_of_ms: A day than which its prices are no older.
        transactional_id: Of whoever writes.
        timeout_s: How long the brokers may stay silent.

    Raises:
        TopicError: The brokers refuse, or are silent; then nothing was written.
    """
    records = records_of(catalogue, since_ms=since_ms, as_of_ms=as_of_ms)
    write_together(config, topics.catalogues, records, transactional_id=transactional_id, timeout_s=timeout_s)
