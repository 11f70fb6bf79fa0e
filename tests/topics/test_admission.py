"""A component begins when it has its rights, goes on when they are granted, and fails of what is another matter."""

import logging
import threading
from collections.abc import Iterable, Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from burnline.topics import admission as module
from burnline.topics.admission import Admission
from burnline.topics.errors import TopicError, TopicMissing
from burnline.topics.refusal import Cause, Refusal, Refused

LACKING = Refusal(Cause.NOT_AUTHORISED, "topic usage", "READ on topic usage is not allowed", "grant READ on it")
OTHER = LACKING._replace(resource="group app", reason="READ on group app is not allowed")
TOO_LARGE = Refusal(Cause.TOO_LARGE, "topic usage", "a record is too large")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait takes time."""
    monkeypatch.setattr(module, "FIRST_LOOK_S", 0.0)


class Brokers:
    """What they answer, look by look; then that nothing is missing."""

    def __init__(self, answers: Iterable[Sequence[Refusal]]) -> None:
        self.answers = list(answers)
        self.thorough: list[bool] = []

    def look(self, *, thorough: bool) -> Sequence[Refusal]:
        self.thorough.append(thorough)
        return self.answers.pop(0) if self.answers else ()


class Work:
    """Fails in these ways, one after the other; then it is done."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.begun = 0

    def __call__(self) -> None:
        self.begun += 1
        if self.failures:
            raise self.failures.pop(0)


def test_it_begins_at_once_where_nothing_is_missing() -> None:
    brokers, work = Brokers([]), Work()
    Admission(brokers.look, threading.Event()).serve(work)
    assert (work.begun, brokers.thorough) == (1, [False])


def test_what_is_missing_is_told_once_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    brokers, work, shown = Brokers([[LACKING], [LACKING], [OTHER]]), Work(), list[int]()
    with caplog.at_level(logging.WARNING):
        Admission(brokers.look, threading.Event(), lambda found: shown.append(len(found))).serve(work)
    assert work.begun == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"waiting: {LACKING}",
        f"waiting: {OTHER}",
        f"no longer in the way: {LACKING.reason}",
        f"no longer in the way: {OTHER.reason}",
    ]
    assert shown == [1, 1, 1, 0]


@pytest.mark.parametrize(
    "failure",
    [
        Refused(LACKING),
        TopicMissing("Topic usage does not exist."),
        KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)),
    ],
    ids=["refused", "not even seen", "of the client"],
)
def test_work_that_a_missing_right_has_ended_begins_anew(failure: Exception) -> None:
    brokers, work = Brokers([[], [LACKING], [LACKING], []]), Work(failure)
    rights = Admission(brokers.look, threading.Event())
    rights.serve(work)
    assert work.begun == 2
    assert brokers.thorough == [False, True, True, True]
    assert rights.sentence == ""


def test_a_right_that_is_back_before_anybody_looked_is_no_end() -> None:
    work = Work(Refused(LACKING))
    Admission(Brokers([]).look, threading.Event()).serve(work)
    assert work.begun == 2


@pytest.mark.parametrize(
    "failure",
    [TopicError("the topic was made anew"), Refused(TOO_LARGE), KafkaException(KafkaError(KafkaError._FATAL))],
    ids=["topic", "record", "client"],
)
def test_what_is_no_matter_of_rights_ends_it(failure: Exception) -> None:
    work = Work(failure)
    with pytest.raises(type(failure)):
        Admission(Brokers([]).look, threading.Event()).serve(work)
    assert work.begun == 1


def test_who_is_asked_to_end_while_it_waits_ends() -> None:
    stop, work = threading.Event(), Work()
    rights = Admission(Brokers([[LACKING]] * 3).look, stop, lambda _: stop.set())
    rights.serve(work)
    assert work.begun == 0
    assert rights.sentence == str(LACKING)
