"""What is done while nobody says which topics there are."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from burnline.ledger.continuity import TopicFacts
from burnline.topics.errors import BrokerSilent
from burnline.topics.facts import topic_facts

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

AWAY = KafkaException(KafkaError(KafkaError._TIMED_OUT, "Timed out waiting for controller"))


class Elected:
    """A client as librdkafka's: it waits for the controller that it knows until it asks who is there."""

    def __init__(self, *, lists: bool = True) -> None:
        self.knows = False
        self.lists = lists

    def describe_topics(self, *_: object, request_timeout: float) -> dict[str, "Future[object]"]:
        assert request_timeout > 0
        answer: Future[object] = Future()
        if self.knows:
            answer.set_result(SimpleNamespace(topic_id="an-id", partitions=[0, 1]))
        else:
            answer.set_exception(AWAY)
        return {"usage": answer}

    def list_topics(self, timeout: float) -> None:
        assert timeout > 0
        if not self.lists:
            raise AWAY
        self.knows = True


def test_after_an_election_the_controller_is_learnt() -> None:
    assert topic_facts(cast("AdminClient", Elected()), ["usage"], 5.0) == {"usage": TopicFacts("an-id", 2)}


def test_while_no_broker_answers_it_is_said_in_time() -> None:
    with pytest.raises(BrokerSilent, match="Timed out waiting for controller"):
        topic_facts(cast("AdminClient", Elected(lists=False)), ["usage"], 0.2)
