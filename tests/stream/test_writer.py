"""The heart of the guarantee, step by step: what a writer does about each answer of the brokers, and each silence."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from burnline.stream import writer as module
from burnline.stream.writer import ENDED_AFTER, LONGEST_RETRY_S, RESENT_S, RETRY_S, Fenced, StillOpen
from burnline.stream.written import Outgoing
from burnline.topics.refusal import Cause, Refusal, Refused
from tests.stream.scripted import (
    ANOMALIES,
    PROGRESS,
    SESSIONS,
    Brokers,
    ScriptedProducer,
    Time,
    error,
    fails,
    flush_of,
    takes_and_fails,
    writer_to,
)

TAKEN_OVER = ["new producer", "fence"]
WRITTEN = ["begin", "commit"]
ASKED = [*TAKEN_OVER, "read progress"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Nothing waits."""
    passing = Time()
    monkeypatch.setattr(module, "time", passing)
    return passing


def write(brokers: Brokers, *flushes: bytes) -> None:
    """Take over and write flushes with these progress records, one after the other."""
    writer = writer_to(brokers)
    writer.fence()
    previous = brokers.progress
    for progress in flushes:
        writer.write(flush_of(progress), previous=previous, progress=progress)
        previous = progress


def test_a_flush_is_one_transaction_after_one_fence() -> None:
    brokers = Brokers()
    write(brokers, b"1", b"2")
    assert brokers.steps == [*TAKEN_OVER, *WRITTEN, *WRITTEN]
    assert brokers.committed == [b"ledger 1", b"1", b"ledger 2", b"2"]


class TestFences:
    """Another owner is told by an error, or by what stands on the topic: nothing more is written then."""

    @pytest.mark.parametrize(
        "code",
        [
            pytest.param(KafkaError._FENCED, id="_FENCED"),
            pytest.param(KafkaError.INVALID_PRODUCER_EPOCH, id="INVALID_PRODUCER_EPOCH"),
            pytest.param(KafkaError.PRODUCER_FENCED, id="PRODUCER_FENCED"),
        ],
    )
    def test_an_error_that_says_so(self, code: int) -> None:
        brokers = Brokers(commit=[fails(error(code, fatal=True))])
        with pytest.raises(Fenced, match="partition 3: as scripted"):
            write(brokers, b"1")
        assert (brokers.committed, brokers.steps.count("fence")) == ([], 1)

    def test_an_error_that_a_callback_has_tangled(self) -> None:
        """The client calls delivery callbacks with a fatal error already raised."""
        tangled = SystemError("a method returned a result with an exception set")
        tangled.__cause__ = error(KafkaError._FENCED, fatal=True)
        brokers = Brokers(flush=[tangled])
        with pytest.raises(Fenced, match="partition 3: as scripted"):
            write(brokers, b"1")
        assert brokers.committed == []

    def test_another_error_of_the_interpreter_is_its_own(self) -> None:
        with pytest.raises(SystemError, match="of another kind"):
            write(Brokers(flush=[SystemError("of another kind")]), b"1")

    def test_somebody_elses_progress_after_a_doubt(self) -> None:
        def replaced(producer: ScriptedProducer) -> None:
            producer.brokers.progress = b"another's"
            raise error(KafkaError._TIMED_OUT)

        brokers = Brokers(commit=[replaced])
        with pytest.raises(Fenced, match="another worker wrote its progress"):
            write(brokers, b"1")
        assert brokers.committed == []


class TestWhatWaitingCures:
    """It is tried again with a new producer, and is written once however often that takes."""

    @pytest.mark.parametrize(
        "code",
        [
            pytest.param(KafkaError._TRANSPORT, id="a broken connection"),
            pytest.param(KafkaError._TIMED_OUT, id="a commit without an answer"),
            pytest.param(KafkaError._MSG_TIMED_OUT, id="a record without an answer"),
            pytest.param(KafkaError.NOT_ENOUGH_REPLICAS, id="replicas away"),
            pytest.param(KafkaError.KAFKA_STORAGE_ERROR, id="a full disk"),
            pytest.param(KafkaError.NOT_LEADER_FOR_PARTITION, id="an election"),
            pytest.param(KafkaError.INVALID_TXN_STATE, id="a transaction that has timed out"),
            pytest.param(KafkaError.INVALID_PRODUCER_ID_MAPPING, id="a producer id that has expired"),
            pytest.param(KafkaError._STATE, id="a producer in another state"),
            pytest.param(KafkaError._INCONSISTENT, id="records that failed without a word why"),
        ],
    )
    def test_each_error_of_a_commit(self, code: int) -> None:
        brokers = Brokers(commit=[fails(error(code))])
        write(brokers, b"1")
        assert brokers.steps == [*TAKEN_OVER, *WRITTEN, *ASKED, *WRITTEN]
        assert brokers.committed == [b"ledger 1", b"1"]

    def test_a_commit_that_may_go_on_goes_on(self) -> None:
        brokers = Brokers(commit=[fails(error(KafkaError._TIMED_OUT, retriable=True))] * 2)
        write(brokers, b"1")
        assert brokers.steps == [*TAKEN_OVER, "begin", "commit", "commit", "commit"]
        assert brokers.committed == [b"ledger 1", b"1"]

    def test_a_full_queue(self) -> None:
        brokers = Brokers(produce=[BufferError(), BufferError()])
        write(brokers, b"1")
        assert brokers.steps == [*TAKEN_OVER, "begin", "poll", "poll", "commit"]
        assert brokers.committed == [b"ledger 1", b"1"]

    def test_each_attempt_waits_longer_up_to_a_bound(self, clock: Time) -> None:
        brokers = Brokers(commit=[fails(error(KafkaError.NOT_ENOUGH_REPLICAS))] * 8)
        write(brokers, b"1")
        waits = [seconds for seconds in clock.slept_s if seconds >= RETRY_S]
        assert waits[:3] == [RETRY_S, 2 * RETRY_S, 4 * RETRY_S]
        assert waits[-1] == max(waits) == LONGEST_RETRY_S


class TestDoubts:
    """Whether a commit was done is read from the topic, never guessed."""

    def test_one_that_was_done_unheard_is_not_done_again(self) -> None:
        brokers = Brokers(commit=[takes_and_fails(error(KafkaError._TIMED_OUT))])
        write(brokers, b"1", b"2")
        assert brokers.steps == [*TAKEN_OVER, *WRITTEN, *ASKED, *WRITTEN]
        assert brokers.committed == [b"ledger 1", b"1", b"ledger 2", b"2"]

    @pytest.mark.parametrize(
        ("took_s", "asked"),
        [
            pytest.param(RESENT_S, [], id="as long as one request may take"),
            pytest.param(RESENT_S + 0.001, ASKED, id="long enough to have asked twice"),
        ],
    )
    def test_a_producer_that_may_have_asked_twice_is_not_used_again(
        self, clock: Time, took_s: float, asked: list[str]
    ) -> None:
        def slowly(producer: ScriptedProducer) -> None:
            clock.now_s += took_s
            producer.take()

        clock.now_s = 0.0
        brokers = Brokers(commit=[slowly])
        write(brokers, b"1", b"2")
        assert brokers.steps == [*TAKEN_OVER, *WRITTEN, *asked, *WRITTEN]
        assert brokers.committed == [b"ledger 1", b"1", b"ledger 2", b"2"]

    @examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.lists(st.sampled_from(["fails", "taken unheard", "retriable"]), max_size=4), max_size=4))
    def test_each_flush_is_there_once_whatever_the_commits_answer(self, answers: list[list[str]]) -> None:
        brokers = Brokers()
        writer = writer_to(brokers)
        writer.fence()
        failure = error(KafkaError._TIMED_OUT)
        acts = {
            "fails": fails(failure),
            "taken unheard": takes_and_fails(failure),
            "retriable": fails(error(KafkaError._TIMED_OUT, retriable=True)),
        }
        expected: list[bytes | None] = []
        for number, answered in enumerate(answers):
            progress, previous = b"%d" % number, brokers.progress
            brokers.commit = [acts[answer] for answer in answered]
            writer.write(flush_of(progress), previous=previous, progress=progress)
            brokers.commit = []
            expected += [b"ledger " + progress, progress]
        assert brokers.committed == expected


class TestTheFlushBefore:
    """Brokers may have forgotten to end it, and abort it with the one after it; then that part comes first."""

    def test_what_nobody_can_read_of_it_is_written_again_first(self) -> None:
        brokers = Brokers()
        writer = writer_to(brokers)
        writer.fence()
        writer.write(flush_of(b"1", Outgoing(ANOMALIES, b"a", b"notice", ())), previous=None, progress=b"1")
        brokers.commit, brokers.lost = [fails(error(KafkaError._TIMED_OUT))], {SESSIONS, ANOMALIES}
        writer.write(flush_of(b"2"), previous=b"1", progress=b"2")
        assert brokers.committed[3:] == [b"ledger 1", b"notice", b"ledger 2", b"2"]

    def test_a_refusal_in_between_does_not_forget_it(self) -> None:
        brokers = Brokers()
        writer = writer_to(brokers)
        writer.fence()
        writer.write(flush_of(b"1"), previous=None, progress=b"1")
        brokers.commit, brokers.lost = [fails(error(KafkaError.TOPIC_AUTHORIZATION_FAILED))], {SESSIONS}
        with pytest.raises(Refused):
            writer.write(flush_of(b"2"), previous=b"1", progress=b"2")
        writer.write(flush_of(b"2"), previous=b"1", progress=b"2")
        assert brokers.committed[2:] == [b"ledger 1", b"ledger 2", b"2"]

    @pytest.mark.parametrize(
        ("still_open", "kept"),
        [
            pytest.param([], False, id="it has an end everywhere"),
            pytest.param([[PROGRESS]], True, id="its end is not everywhere yet"),
        ],
    )
    def test_a_large_one_is_let_go_of_when_it_cannot_be_aborted_any_more(
        self, monkeypatch: pytest.MonkeyPatch, still_open: list[list[str]], *, kept: bool
    ) -> None:
        monkeypatch.setattr(module, "MOST_KEPT", 1)
        brokers = Brokers()
        writer = writer_to(brokers)
        writer.fence()
        brokers.still_open = list(still_open)
        writer.write(flush_of(b"1"), previous=None, progress=b"1")
        brokers.commit, brokers.lost = [fails(error(KafkaError._TIMED_OUT))], {SESSIONS}
        writer.write(flush_of(b"2"), previous=b"1", progress=b"2")
        assert brokers.committed[2:] == [*([b"ledger 1"] if kept else []), b"ledger 2", b"2"]


def large(key: bytes, size: int) -> Outgoing:
    return Outgoing(SESSIONS, key, b"x" * size, ())


TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "Broker: Message size too large")
NOT_ALLOWED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Broker: Topic authorization failed")


class TestRefusals:
    """What waiting does not cure is named at once; the same flush is written when it is cured, once."""

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            pytest.param(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="transactions"),
            pytest.param(KafkaError.CLUSTER_AUTHORIZATION_FAILED, Cause.NOT_AUTHORISED, id="cluster"),
            pytest.param(KafkaError.UNKNOWN_TOPIC_OR_PART, Cause.UNKNOWN_TOPIC, id="no such topic"),
            pytest.param(KafkaError.INVALID_RECORD, Cause.INVALID_CONFIG, id="a record that the topic will not have"),
            pytest.param(KafkaError.POLICY_VIOLATION, Cause.INVALID_CONFIG, id="a policy"),
        ],
    )
    def test_a_commit_that_is_refused(self, code: int, cause: Cause) -> None:
        brokers = Brokers(commit=[fails(error(code))])
        writer = writer_to(brokers)
        writer.fence()
        with pytest.raises(Refused) as refused:
            writer.write(flush_of(b"1"), previous=None, progress=b"1")
        assert (refused.value.refusal.cause, refused.value.refusal.heals) == (cause, True)
        assert brokers.steps == [*TAKEN_OVER, *WRITTEN, "abort"]
        assert brokers.committed == []
        writer.write(flush_of(b"1"), previous=None, progress=b"1")
        assert brokers.steps[5:] == [*ASKED, *WRITTEN]
        assert brokers.committed == [b"ledger 1", b"1"]

    def test_the_topic_is_named_by_what_becomes_of_its_last_record(self) -> None:
        brokers = Brokers(
            delivery={b"s-1": [NOT_ALLOWED]}, commit=[fails(error(KafkaError._INCONSISTENT, "1 message(s) failed"))]
        )
        with pytest.raises(Refused) as refused:
            write(brokers, b"1")
        assert refused.value.refusal == Refusal(
            Cause.NOT_AUTHORISED,
            f"topic {SESSIONS}",
            f"writing to topic {SESSIONS} is refused: Broker: Topic authorization failed",
            f"grant WRITE and DESCRIBE on topic {SESSIONS}",
        )

    @pytest.mark.parametrize(
        "missing",
        [
            pytest.param(
                Refusal(Cause.NOT_AUTHORISED, "topic t.x", "WRITE on topic t.x is not allowed"), id="they say"
            ),
            pytest.param(None, id="they do not say"),
        ],
    )
    def test_a_right_that_the_error_does_not_name_is_asked_for(self, missing: Refusal | None) -> None:
        brokers = Brokers(commit=[fails(error(KafkaError.TOPIC_AUTHORIZATION_FAILED))])
        writer = writer_to(brokers, missing_rights=lambda: missing)
        writer.fence()
        with pytest.raises(Refused) as refused:
            writer.write(flush_of(b"1"), previous=None, progress=b"1")
        expected = "topic t.x" if missing else "transactional id app-3"
        assert (refused.value.refusal.cause, refused.value.refusal.resource) == (Cause.NOT_AUTHORISED, expected)

    def test_the_largest_of_a_batch_that_is_too_large_is_found_by_a_closer_look(self) -> None:
        brokers = Brokers(
            delivery={b"small": [TOO_LARGE], b"large": [TOO_LARGE]},
            commit=[fails(KafkaException(TOO_LARGE))] * 2,
        )
        writer = writer_to(brokers)
        writer.fence()
        records = flush_of(b"1", large(b"small", 10), large(b"large", 1_999_995), large(b"last", 20))
        with pytest.raises(Refused) as refused:
            writer.write(records, previous=None, progress=b"1")
        assert refused.value.refusal == Refusal(
            Cause.TOO_LARGE,
            f"topic {SESSIONS}",
            f"a record of 2,000,000 bytes, key 'large', is larger than topic {SESSIONS} takes",
            "raise its max.message.bytes",
        )
        assert brokers.steps == [*TAKEN_OVER, *WRITTEN, *ASKED, *WRITTEN, "abort"]

    def test_one_that_the_client_itself_does_not_take_is_named_at_once(self) -> None:
        brokers = Brokers(produce=[None, KafkaException(TOO_LARGE)])
        writer = writer_to(brokers)
        writer.fence()
        with pytest.raises(Refused, match=r"a record of 3,004 bytes, key 's-\\u202e' *, is larger than topic t.sess"):
            writer.write(flush_of(b"1", large("s-\u202e".encode(), 2_999)), previous=None, progress=b"1")
        assert brokers.steps == [*TAKEN_OVER, "begin", "abort"]

    def test_one_that_cannot_even_be_aborted_is_refused_all_the_same(self) -> None:
        brokers = Brokers(
            commit=[fails(error(KafkaError.CLUSTER_AUTHORIZATION_FAILED, fatal=True))],
            abort=[error(KafkaError._FATAL, fatal=True)],
        )
        with pytest.raises(Refused):
            write(brokers, b"1")


class TestTakingOver:
    """The fence comes before anything else, and what it finds decides whether there is an owner at all."""

    @pytest.mark.parametrize(
        ("code", "cause", "cure"),
        [
            pytest.param(
                KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                Cause.NOT_AUTHORISED,
                "grant WRITE on transactional id app-3",
                id="not allowed",
            ),
            pytest.param(
                KafkaError.INVALID_TRANSACTION_TIMEOUT,
                Cause.INVALID_CONFIG,
                "raise the brokers' transaction.max.timeout.ms to a minute at least",
                id="a timeout that the brokers do not take",
            ),
        ],
    )
    def test_a_refusal(self, code: int, cause: Cause, cure: str) -> None:
        brokers = Brokers(init=[error(code, fatal=True)])
        writer = writer_to(brokers)
        with pytest.raises(Refused) as refused:
            writer.fence()
        found = refused.value.refusal
        assert (found.cause, found.resource, found.cure) == (cause, "transactional id app-3", cure)
        writer.fence()
        assert brokers.steps == [*TAKEN_OVER, *TAKEN_OVER]

    def test_silence_is_waited_out_by_the_same_producer(self) -> None:
        brokers = Brokers(init=[error(KafkaError._TIMED_OUT, retriable=True)] * 2)
        writer_to(brokers).fence()
        assert brokers.steps == ["new producer", "fence", "fence", "fence"]

    def test_what_nobody_has_thought_of_is_no_refusal(self) -> None:
        brokers = Brokers(init=[error(KafkaError._CRIT_SYS_RESOURCE, fatal=True)])
        with pytest.raises(KafkaException, match="_CRIT_SYS_RESOURCE"):
            writer_to(brokers).fence()

    @pytest.mark.parametrize(
        ("still_open", "steps"),
        [
            pytest.param([], TAKEN_OVER, id="nothing"),
            pytest.param([[PROGRESS]], TAKEN_OVER, id="markers that come a moment later"),
            pytest.param([[ANOMALIES]] * 99, TAKEN_OVER, id="notices, which the next flush ends"),
            pytest.param(
                [[PROGRESS, SESSIONS]] * 11 + [[]],
                [*TAKEN_OVER, "begin", "abort", *TAKEN_OVER],
                id="a flush that nobody has seen",
            ),
        ],
    )
    def test_what_stands_open_is_ended_where_it_is_ours_to_end(
        self, still_open: list[list[str]], steps: list[str]
    ) -> None:
        brokers = Brokers(still_open=list(still_open))
        writer_to(brokers).fence()
        assert brokers.steps == steps

    @pytest.mark.parametrize(
        ("still_open", "attempts", "why"),
        [
            pytest.param([SESSIONS], 1, "t.sessions, though its progress counts", id="ledgers without their progress"),
            pytest.param([PROGRESS], ENDED_AFTER, "t.progress: it is not one of this", id="somebody else's"),
        ],
    )
    def test_what_is_not_ours_to_end_is_not_guessed_at(self, still_open: list[str], attempts: int, why: str) -> None:
        brokers = Brokers(still_open=[still_open] * 999)
        with pytest.raises(StillOpen, match=why):
            writer_to(brokers).fence()
        assert brokers.steps.count("fence") == attempts
