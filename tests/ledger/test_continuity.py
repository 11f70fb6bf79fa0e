"""What fits together is decided from what topics say about themselves."""

import pytest
from msgspec.structs import replace

from burnline.ledger import continuity
from burnline.ledger.continuity import Log, State, TopicFacts
from burnline.ledger.lineage import Lineage
from burnline.ledger.progress import CatalogueSince, Progress
from burnline.ledger.renewal import Standing, adopted, recounted

USAGE, STATE = "usage", "sessions"
WHOLE = Log(0, 100)
LINEAGE = Lineage(source_topic_id="u1", state_topic_ids={STATE: "s1"}, events=90)
PROGRESS = Progress(1, USAGE, 0, 100, 5, 6, 7, LINEAGE)


def found(usage: str = "u1", state: str = "s1", partitions: int = 4) -> dict[str, TopicFacts]:
    return {USAGE: TopicFacts(usage, partitions), STATE: TopicFacts(state, 4)}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param(found(), None, id="the same topics"),
        pytest.param(found(usage=""), None, id="brokers that tell no ids"),
        pytest.param(found(usage="u2"), "topic usage was made anew: its id is u2", id="another source"),
        pytest.param(found(state="s2"), "topic sessions was made anew: its id is s2", id="another state"),
        pytest.param({USAGE: TopicFacts("u1", 4)}, "topic sessions does not exist any more", id="no state"),
        pytest.param({STATE: TopicFacts("s1", 4)}, "topic usage does not exist any more", id="no source"),
    ],
)
def test_topics_are_those_of_the_progress(facts: dict[str, TopicFacts], reason: str | None) -> None:
    misfit = continuity.of_topics(USAGE, LINEAGE, facts)
    assert (misfit is None) if reason is None else (misfit is not None and misfit.reason.startswith(reason))


@pytest.mark.parametrize(("end", "fits"), [(99, False), (100, True)], ids=["one below", "exactly there"])
def test_a_log_ends_where_it_was_counted_to_or_later(end: int, fits: bool) -> None:  # noqa: FBT001
    assert (continuity.of_log(USAGE, PROGRESS, Log(0, end)) is None) == fits


ADOPTED = replace(LINEAGE, offset_base=40, begun_at_ms=8, begun_from={USAGE: 100})
RECOUNTED = replace(LINEAGE, begun_at_ms=8, begun_from={USAGE: 99})


@pytest.mark.parametrize(
    ("progress", "taken_ms", "fits"),
    [
        pytest.param(PROGRESS, 7, True, id="the record that was counted"),
        pytest.param(PROGRESS, 8, False, id="another one"),
        pytest.param(PROGRESS, None, True, id="none is left, or the log does not say"),
        pytest.param(replace(PROGRESS, appended_at_ms=0), 8, True, id="a progress that does not say"),
        pytest.param(replace(PROGRESS, appended_at_ms=5), 8, True, id="event time stands in for it"),
        pytest.param(replace(PROGRESS, lineage=ADOPTED), 8, True, id="adopted, and nothing counted since"),
        pytest.param(replace(PROGRESS, next_offset=101, lineage=ADOPTED), 8, False, id="adopted, and counted since"),
        pytest.param(
            replace(PROGRESS, lineage=replace(ADOPTED, begun_from={})), 8, True, id="adopted from nobody knows where"
        ),
        pytest.param(replace(PROGRESS, lineage=RECOUNTED), 8, False, id="counted anew, and something since"),
    ],
)
def test_the_newest_record_is_the_one_that_was_counted(progress: Progress, taken_ms: int | None, fits: bool) -> None:  # noqa: FBT001
    misfit = continuity.of_last(USAGE, progress, taken_ms)
    assert (misfit is None) == fits
    assert misfit is None or "has another record at offset" in misfit.reason


@pytest.mark.parametrize(
    ("progress", "state", "fits"),
    [
        pytest.param(PROGRESS, State(90), True, id="as many as were counted"),
        pytest.param(PROGRESS, State(89), False, id="one less"),
        pytest.param(PROGRESS, State(91), False, id="one more"),
        pytest.param(Progress(1, USAGE, 0, 100, 5, 6), State(7), True, id="a progress that does not say"),
        pytest.param(None, State(0, {"event-ids": 0}), True, id="nothing at all"),
        pytest.param(None, State(1), False, id="ledgers without a progress"),
        pytest.param(None, State(0, {"event-ids": 1}), False, id="ids without a progress"),
    ],
)
def test_ledgers_hold_what_was_counted(progress: Progress | None, state: State, fits: bool) -> None:  # noqa: FBT001
    assert (continuity.of_state("progress", progress, state, "sessions") is None) == fits


@pytest.mark.parametrize(("partitions", "fits"), [(4, True), (5, False)], ids=["as many as are read", "one more"])
def test_partitions_that_nobody_reads_are_named(partitions: int, fits: bool) -> None:  # noqa: FBT001
    misfit = continuity.of_growth(USAGE, partitions, 4)
    assert (misfit is None) == fits
    assert misfit is None or "nothing reads 4" in misfit.reason


@pytest.mark.parametrize(("partition", "fits"), [(3, True), (4, False)], ids=["the last one", "one that is not there"])
def test_a_partition_has_its_place_on_every_topic(partition: int, fits: bool) -> None:  # noqa: FBT001
    assert (continuity.of_partitions(USAGE, found(partitions=8), partition) is None) == fits


def standing(usage: str = "u1", log: Log = WHOLE, events: int = 90) -> Standing:
    return Standing(USAGE, 0, PROGRESS, events, [(STATE, b"s")], log, found(usage), [STATE], {STATE: 55})


class TestAdopted:
    """Sums are kept."""

    def test_what_fits_is_left_alone(self) -> None:
        assert adopted(standing(), at_end=False, now_ms=9).progress is None

    @pytest.mark.parametrize(("at_end", "offset"), [(False, 3), (True, 40)], ids=["at its start", "at its end"])
    def test_another_source_topic(self, at_end: bool, offset: int) -> None:  # noqa: FBT001
        renewal = adopted(standing("u2", Log(3, 40)), at_end=at_end, now_ms=9)
        begun_from = {STATE: 55, USAGE: offset}
        kept = Lineage("u2", {STATE: "s1"}, 90, 0, 100, begun_at_ms=9, begun_from=begun_from, kept_events=90)
        assert renewal.progress == Progress(1, USAGE, 0, offset, 5, 9, 7, kept)
        assert (renewal.deleted, renewal.loses) == ((), None)

    def test_a_log_that_has_grown_again_is_another_one(self) -> None:
        renewal = adopted(standing()._replace(regrown=True), at_end=False, now_ms=9)
        assert renewal.progress is not None
        assert (renewal.progress.next_offset, renewal.progress.lineage) == (
            0,
            Lineage("u1", {STATE: "s1"}, 90, 0, 100, begun_at_ms=9, begun_from={STATE: 55, USAGE: 0}, kept_events=90),
        )

    def test_what_is_known_of_prices_and_ids_is_kept_where_the_log_is(self) -> None:
        known = replace(PROGRESS, old_ids_until_offset=7, catalogues=(CatalogueSince("c", 0, 1),))
        kept = replace(known, lineage=replace(LINEAGE, lost_events=3))
        renewal = adopted(standing()._replace(progress=kept), at_end=False, now_ms=9)
        assert renewal.progress == replace(known, written_at_ms=9)

    def test_ledgers_that_were_lost_are_said(self) -> None:
        assert adopted(standing("u2", events=10), at_end=False, now_ms=9).loses is not None


class TestRecounted:
    """State is forgotten."""

    @pytest.mark.parametrize(
        ("first", "events", "loses"),
        [(0, 90, False), (1, 90, True), (1, 0, False)],
        ids=["a whole log", "one without its beginning", "nothing counted yet"],
    )
    def test_from_the_start_of_the_log(self, first: int, events: int, loses: bool) -> None:  # noqa: FBT001
        renewal = recounted(standing(log=Log(first, 100), events=events), 9)
        begun_from = {STATE: 55, USAGE: first}
        lineage = Lineage("u1", {STATE: "s1"}, lost_events=first, begun_at_ms=9, begun_from=begun_from)
        assert renewal.progress == Progress(1, USAGE, 0, first, 0, 9, lineage=lineage)
        assert list(renewal.deleted) == [(STATE, b"s")]
        assert (renewal.loses is not None) == loses
