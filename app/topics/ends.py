"""Where the partitions of a topic end, by the brokers' own word."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as NoAnswer
from typing import NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from app.kafka import Config
from app.topics.errors import BrokerSilent, TopicError, TopicMissing

_RETRY_S = 0.05

_log = logging.getLogger(__name__)


class End(NamedTuple):
    """Where a partition ended when it was asked.

    Attributes:
        stable: First offset that a `read_committed` reader may not see yet. A broker that does not know says less.
        high: First offset that did not exist.
    """

    stable: int
    high: int


def ends(config: Config, topic: str, partitions: Sequence[int], timeout_s: float) -> dict[int, End]:
    """The ends of the partitions, in three questions, whatever their number.

    Raises:
        TopicMissing: Also when only some partitions are missing; the message names them.
        BrokerSilent: No answer within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    admin = AdminClient(config, logger=_log)
    try:
        topics = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        raise BrokerSilent(f"The brokers did not answer within {timeout_s:g} s: {error.args[0].str()}") from error
    if topic not in topics:
        raise TopicMissing(f"Topic {topic} does not exist.")
    if absent := sorted(set(partitions) - topics[topic].partitions.keys()):
        raise TopicMissing(f"Topic {topic} has {len(topics[topic].partitions)} partitions; there is no {absent}.")
    wanted = [TopicPartition(topic, partition) for partition in dict.fromkeys(partitions)]
    stable = _latest(admin, wanted, IsolationLevel.READ_COMMITTED, deadline)
    high = _latest(admin, wanted, IsolationLevel.READ_UNCOMMITTED, deadline)
    return {partition: End(stable[partition], high[partition]) for partition in stable}


def _latest(
    admin: AdminClient, wanted: list[TopicPartition], isolation: IsolationLevel, deadline: float
) -> dict[int, int]:
    if not wanted:
        return {}
    while True:
        left = max(deadline - time.monotonic(), 0.1)
        futures = admin.list_offsets(
            {tp: OffsetSpec.latest() for tp in wanted}, isolation_level=isolation, request_timeout=left
        )
        try:
            return {tp.partition: future.result(left + 1).offset for tp, future in futures.items()}
        except NoAnswer as error:
            raise BrokerSilent(f"The brokers did not say where topic {wanted[0].topic} ends.") from error
        except KafkaException as error:
            if not _passing(error.args[0]):
                raise as_topic_error(error.args[0], wanted[0].topic) from error
            if time.monotonic() > deadline:
                raise BrokerSilent(
                    f"No leader says where topic {wanted[0].topic} ends: {error.args[0].str()}"
                ) from error
            time.sleep(_RETRY_S)  # a broker may not know yet that it leads a new topic


def _passing(error: KafkaError) -> bool:
    later = {KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.FENCED_LEADER_EPOCH, KafkaError._NOENT}
    return error.retriable() or error.code() in later


def as_topic_error(error: KafkaError, topic: str) -> TopicError:
    """What the broker said, as an error that names the topic."""
    if error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}:
        return TopicMissing(f"Topic {topic} does not exist: {error.str()}")
    return TopicError(f"Topic {topic} cannot be read: {error.str()}")
