"""Dead letters, and which of them were sent back, out of their topics."""

from collections.abc import Iterator
from typing import cast

from confluent_kafka import Message
from pydantic import ValidationError

from burnline.events.dead_letters import DeadLetterHeaders
from burnline.kafka import client_config
from burnline.letters.letter import Headers, Letter
from burnline.settings import Settings
from burnline.topics.catalogue import redriven_topic_for, topics_for
from burnline.topics.compacted import read_newest
from burnline.topics.errors import TopicMissing
from burnline.topics.reading import read_to_end


def read_letters(settings: Settings, *, timeout_s: float) -> Iterator[Letter]:
    """All dead letters, in the order of each partition; records that are none are left out.

    Raises:
        TopicError: The topic is missing, or the brokers are silent or refuse.
    """
    topic = topics_for(settings).dead_letters
    for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=timeout_s):
        for message in batch:
            if (letter := letter_of(message)) is not None:
                yield letter


def letter_of(message: Message) -> Letter | None:
    """A record as a dead letter; None if its headers make it none."""
    try:
        told = DeadLetterHeaders.from_kafka(cast("Headers | None", message.headers()))
    except ValidationError:
        return None
    place = cast("int", message.partition()), cast("int", message.offset())
    return Letter(*place, message.timestamp()[1], told, message.key(), message.value())


def read_redriven(settings: Settings, *, timeout_s: float) -> set[str]:
    """Origins that were sent back; none where nobody ever sent one.

    Raises:
        TopicError: The brokers are silent, or refuse.
    """
    try:
        found = read_newest(client_config(settings), redriven_topic_for(settings), timeout_s=timeout_s)
    except TopicMissing:
        return set()
    return {key.decode("utf-8", "replace") for key in found}
