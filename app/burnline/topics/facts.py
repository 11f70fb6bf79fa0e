"""Ask brokers which topics are there: their ids, which no topic made anew shares, and their partitions."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from burnline.kafka import Config
from burnline.ledger.continuity import TopicFacts
from burnline.topics.client_log import client_log
from burnline.topics.ends import as_topic_error, passing
from burnline.topics.errors import BrokerSilent

_ATTEMPT_S = 2.0
_RETRY_S = 0.1
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"


class TopicWatch:
    """Remembers the newest answer, so that several threads that ask at once cost one question."""

    def __init__(self, config: Config, topics: Sequence[str], clock_s: Callable[[], float] = time.monotonic) -> None:
        """Ask nothing yet.

        Args:
            config: librdkafka configuration that reaches the brokers.
            topics: Which ones to ask for.
            clock_s: A monotonic clock.
        """
        self._config = config
        self._topics = topics
        self._clock_s = clock_s
        self._turn = threading.Lock()
        self._admin: AdminClient | None = None
        self._asked_at_s = float("-inf")
        self._found: Mapping[str, TopicFacts] = {}

    def since(self, moment_s: float, timeout_s: float) -> Mapping[str, TopicFacts]:
        """What brokers said at a moment of the monotonic clock or later; asks if nobody has since. Blocks.

        Returns:
            By topic; those that do not exist are left out.

        Raises:
            BrokerSilent: No answer within `timeout_s`.
            TopicError: They refuse.
        """
        with self._turn:  # one question at a time: see `ends.open_topics` for what several do to one client
            if self._asked_at_s < moment_s:
                if self._admin is None:
                    self._admin = AdminClient(self._config, logger=client_log)
                asked_at_s = self._clock_s()
                self._found = topic_facts(self._admin, self._topics, timeout_s)
                self._asked_at_s = asked_at_s
            return self._found


def topic_facts(admin: AdminClient, topics: Sequence[str], timeout_s: float) -> dict[str, TopicFacts]:
    """What brokers say about topics, by name; those that do not exist are left out.

    Raises:
        BrokerSilent: No answer within `timeout_s`.
        TopicError: They refuse.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found: dict[str, TopicFacts] = {}
        reason: KafkaError | None = None
        asked = admin.describe_topics(TopicCollection(list(topics)), request_timeout=_ATTEMPT_S)
        for topic, answer in asked.items():
            try:
                found[topic] = _facts(answer.result())
            except KafkaException as error:
                reason = _left_out(error.args[0], topic) or reason
        if reason is None:
            return found
        if time.monotonic() > deadline:
            raise BrokerSilent(f"No broker says which topics there are: {reason.str()}")
        time.sleep(_RETRY_S)
        _learn_controller(admin)


def _learn_controller(admin: AdminClient) -> None:
    """A client that asks only controllers goes on waiting for the one it once knew, after another was elected."""
    with suppress(KafkaException):  # then the next question tells why
        admin.list_topics(timeout=_ATTEMPT_S)


def _facts(described: TopicDescription) -> TopicFacts:
    topic_id = str(described.topic_id)
    return TopicFacts("" if topic_id == _NO_ID else topic_id, len(described.partitions))


def _left_out(error: KafkaError, topic: str) -> KafkaError | None:
    """Why to ask again; None for a topic that does not exist."""
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # its name
        return None
    if not passing(error):
        raise as_topic_error(error, topic)
    return error
