"""What one key may hold: no publisher can make a record that its topic refuses, or a sum that is not whole."""

from decimal import Decimal
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.detection.anomaly import Evidence, Severity, State
from burnline.detection.lifecycle import OpenAnomaly
from burnline.events.usage import END_TIME_MS, MAX_ID_CHARACTERS, Usage
from burnline.ledger import record, rollup, usage_record
from burnline.ledger.bounds import (
    MAX_AGENT_ROWS,
    MAX_CLOSED_MODELS,
    MAX_DUPLICATE_IDS,
    MAX_MODELS,
    OTHER,
    RECORD_MAX_BYTES,
)
from burnline.ledger.duplicates import HASHES_PER_RECORD, RecentIds, pack_ids
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.rollup import ClosedRollup
from burnline.ledger.session import SUM_FIELDS, Ledger, ModelSums
from burnline.ledger.usage_rollups import LINGER_MS, QUARTER_MS, UsageRow
from burnline.native.ledger import NativePartitionLedger
from burnline.pricing.money import pico_from_text
from burnline.settings import SLICE_S, Settings
from burnline.topics.catalogue import topics_for
from tests.ledger.examples import MILLI, PARTITION, T0, TOPIC, Topics, held, named, policy, publish, spend, usage
from tests.ledger.test_damaged_records import BOTH, Make

RETAINED = Retention(slices=7, duplicate_ids=64, partition_ids=1_000, idle_ms=10 * HOUR_MS)
ENVELOPE_BYTES = 4_096
"""Room for the record's key, its headers and those of its batch."""
MOST = 10**30
"""More than any count can come to: as many events as there are offsets, of a billion tokens each, are 28 digits."""


def many_models(number: int, start: int = 0) -> list[Usage]:
    """Events of one session, each of a model of its own that is as long as it may be, and 0.01 USD of a known one."""
    events = [
        usage(event_id=f"e-{each}", model=f"{each}".rjust(250, "m"), input_tokens=3, output_tokens=2)
        for each in range(start, start + number)
    ]
    return [*events, spend(0, 10, start)]


@BOTH
def test_models_beyond_the_bound_are_counted_as_other_whole(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    publish(partition, *many_models(6_000))
    changes = partition.take_changes(T0)
    ((_, value),) = changes.ledgers
    assert value is not None
    written = record.parse(value)
    assert len(written.by_model) == MAX_MODELS + 1
    assert (written.events, written.input_tokens, written.cost_usd) == (6_001, 6_000 * 3 + 4_000, "0.01")
    other = written.by_model[OTHER]
    # The known model comes last, and so stands there, too: it was priced as itself.
    assert (other.events, other.unpriced_tokens, other.cost_usd) == (6_001 - MAX_MODELS, 5_900 * 5, "0.01")
    assert {usage_record.parse(each).model for _, each in changes.usage_rollups} == set(written.by_model)
    assert sum(usage_record.parse(each).events for _, each in changes.usage_rollups) == 6_001
    assert {each.model for each in changes.activity} == set(written.by_model)
    assert len(value) < RECORD_MAX_BYTES / 4


@BOTH
@pytest.mark.parametrize(
    ("models", "told_apart", "as_other"),
    [
        pytest.param(MAX_MODELS, MAX_MODELS, 0, id="as-many-as-may-be"),
        pytest.param(MAX_MODELS + 1, MAX_MODELS, 1, id="one-more"),
        pytest.param(MAX_MODELS + 2, MAX_MODELS, 2, id="two-more"),
    ],
)
def test_the_first_models_keep_their_names(make: Make, models: int, told_apart: int, as_other: int) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    named = [f"m-{number}" for number in range(models)]
    publish(
        partition,
        *(usage(event_id=f"e-{number}-{again}", model=model) for again in (0, 1) for number, model in enumerate(named)),
    )
    counted = {model: sums.events for model, sums in held(partition).models.items()}
    assert counted.pop(OTHER, 0) == 2 * as_other
    assert counted == dict.fromkeys(named[:told_apart], 2)


@BOTH
def test_a_model_that_is_called_other_stands_together_with_the_rest(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    own = usage(event_id="own", model=OTHER, input_tokens=7)
    publish(
        partition, own, *(usage(event_id=f"e-{each}", model=f"m-{each}", input_tokens=1) for each in range(MAX_MODELS))
    )
    models = held(partition).models
    assert len(models) == MAX_MODELS
    assert models[OTHER].input_tokens == 7 + 1


@BOTH
def test_closed_rollups_are_bounded_too(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    sessions = MAX_CLOSED_MODELS // MAX_MODELS + 2
    for session in range(sessions):
        names = (f"{session}-{each}" for each in range(MAX_MODELS))
        publish(partition, *(usage(event_id=f"{model}", session_id=f"s-{session}", model=model) for model in names))
    partition.take_changes(T0)
    partition.tick(T0 + 30 * HOUR_MS)
    partition.tick(T0 + 60 * HOUR_MS)
    ((_, value),) = partition.take_changes(T0).rollups
    closed = rollup.decode(value)
    assert closed.sessions == sessions
    assert len(closed.models) == MAX_CLOSED_MODELS + 1
    assert sum(sums.events for sums in closed.models.values()) == sessions * MAX_MODELS


FIELDS = pytest.mark.parametrize("field", ["team_id", "project_code", "provider"])


@BOTH
@FIELDS
@pytest.mark.parametrize("more", [0, 1, 500])
def test_rows_of_an_agent_beyond_the_bound_are_one_row_whole(make: Make, field: str, more: int) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    named = MAX_AGENT_ROWS + more
    made_up: list[dict[str, str]] = [{field: f"{each}"} for each in range(named)]
    known = {field: "0"}
    publish(partition, *(usage(event_id=f"e-{each}", **of) for each, of in enumerate([*made_up, known])))
    publish(partition, usage(event_id="next quarter", occurred_at=T0 + QUARTER_MS, **{field: "x"}))
    publish(partition, usage(event_id="neighbour", agent_id="agent-8", **{field: "x"}))
    rows = [usage_record.parse(value) for _, value in partition.take_changes(T0).usage_rollups]
    events = {(row.quarter_start_ms, row.agent_id, getattr(row, field)): row.events for row in rows}
    this, neighbour = (
        events.pop((T0 - T0 % QUARTER_MS + QUARTER_MS, "agent-7", "x")),
        events.pop((T0 - T0 % QUARTER_MS, "agent-8", "x")),
    )
    counted = {name: number for (_, _, name), number in events.items()}
    assert (this, neighbour, counted.pop(OTHER, 0)) == (1, 1, more)
    assert counted == {f"{each}": 2 if each == 0 else 1 for each in range(MAX_AGENT_ROWS)}
    assert sum(row.input_tokens for row in rows) == (named + 3) * 10_000
    assert sum(pico_from_text(row.cost_usd) for row in rows) == (named + 3) * 25 * MILLI or field == "provider"


@BOTH
def test_rows_that_were_let_go_make_room_for_others(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    long_ago = T0 - 2 * LINGER_MS
    for turn in range(2):
        events = (
            usage(event_id=f"{turn}-{each}", team_id=f"{turn}-{each}", occurred_at=long_ago)
            for each in range(MAX_AGENT_ROWS)
        )
        publish(partition, usage(event_id=f"{turn}"), *events)
        rows = [usage_record.parse(value) for _, value in partition.take_changes(T0).usage_rollups]
        assert OTHER not in {row.team_id for row in rows}


@BOTH
def test_what_names_no_team_stays_without_one(make: Make) -> None:
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    made_up = (usage(event_id=f"e-{each}", project_code=f"{each}") for each in range(MAX_AGENT_ROWS + 1))
    publish(partition, *made_up)
    rows = [usage_record.parse(value) for _, value in partition.take_changes(T0).usage_rollups]
    assert {(row.team_id, row.provider) for row in rows if row.project_code == OTHER} == {(None, OTHER)}


@BOTH
def test_agents_of_retired_sessions_beyond_the_bound_are_added_up_by_organisation(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "MAX_CLOSED_AGENTS", 3)
    partition = make(TOPIC, PARTITION, policy(), RETAINED)
    topics = Topics()
    for turn in range(2):  # the second one after a restart
        publish(
            partition,
            *(
                usage(
                    event_id=f"{turn}-{each}", session_id=f"{turn}-{each}", agent_id=f"{each}", org_id=f"org-{each % 2}"
                )
                for each in range(6)
            ),
        )
        topics.commit(partition.take_changes(T0))
        partition.tick(T0 + 30 * HOUR_MS)
        partition.tick(T0 + 60 * HOUR_MS)
        topics.commit(partition.take_changes(T0))
        partition = make(TOPIC, PARTITION, policy(), RETAINED)
        partition.restore(topics.progress, topics.sessions.items(), topics.rollups.values(), topics.event_ids.items())
    closed = [rollup.decode(value) for value in topics.rollups.values()]
    found = {(each.org_id, each.agent_id): each.sessions for each in closed}
    named = [org_id for org_id, agent_id in found if agent_id != OTHER]
    assert len(named) == 3
    others = {org_id: 6 - 2 * named.count(org_id) for org_id in ("org-0", "org-1")}
    assert {key: sessions for key, sessions in found.items() if key[1] == OTHER} == {
        (org_id, OTHER): sessions for org_id, sessions in others.items() if sessions
    }
    assert sum(sums.input_tokens for each in closed for sums in each.models.values()) == 12 * 10_000


@given(names=st.lists(st.sampled_from([f"m{each}" for each in range(130)] + [OTHER]), max_size=400))
def test_kernel_and_python_count_the_same_under_the_same_names(names: list[str]) -> None:
    found = []
    for make in (PartitionLedger, NativePartitionLedger):
        partition = make(TOPIC, PARTITION, policy(), RETAINED)
        publish(partition, *(usage(event_id=f"e{number}", model=model) for number, model in enumerate(names)))
        found.append(
            {
                model: sums.values()
                for _, value in partition.take_changes(T0).ledgers
                if value
                for model, sums in record.decode(value).models.items()
            }
        )
    assert found[0] == found[1]


class TestLargestRecord:
    """Each kind of record at its largest, against what its topic takes."""

    TOPICS = topics_for(Settings())
    NUMBERS = count()

    def text(self) -> str:
        """An id of the greatest length in bytes: nothing that JSON escapes takes more than six for a character."""
        return f"{next(self.NUMBERS)}".rjust(MAX_ID_CHARACTERS, "\x01")

    def models(self, number: int) -> dict[str, ModelSums]:
        models = {self.text(): ModelSums() for _ in range(number)} | {OTHER: ModelSums()}
        for sums in models.values():
            for field in SUM_FIELDS:
                setattr(sums, field, MOST)
        return models

    def fits(self, topic: str, value: bytes) -> None:
        assert len(value) < int(getattr(self.TOPICS, topic).config["max.message.bytes"]) - ENVELOPE_BYTES

    def test_session_ledger(self) -> None:
        most = {field.metadata[1].le for field in [Settings.model_fields["window_retention_s"]] if field.metadata}
        ledger = Ledger(self.text(), self.text(), self.text(), 1_023, END_TIME_MS)
        ledger.last_offset = ledger.runs = ledger.tool_calls = MOST
        ledger.last_event_at = END_TIME_MS
        ledger.models = self.models(MAX_MODELS)
        ledger.slices = {2**31 - index: MOST for index in range(max(most) // SLICE_S)}
        ledger.recent = RecentIds(set(range(MAX_DUPLICATE_IDS)), set(range(MAX_DUPLICATE_IDS)))
        ledger.anomaly = OpenAnomaly(
            self.text(), MOST, State.ESCALATED, Severity.CRITICAL, self.text(), self.text(), self.text(), MOST, MOST,
            Evidence(self.text(), MOST, MOST, self.text()),
        )  # fmt: skip
        assert max(most) == 86_400
        self.fits("sessions", record.encode(ledger))

    def test_closed_rollup(self) -> None:
        closed = ClosedRollup(self.text(), self.text())
        closed.models = self.models(MAX_CLOSED_MODELS)
        self.fits("rollups", rollup.encode(closed, 1_023))

    def test_usage_rollup(self) -> None:
        row = UsageRow((T0, *(self.text() for _ in range(6)), "tool_call"), MOST)  # type: ignore[arg-type]
        for name in UsageRow.__slots__:
            if name.endswith(("_tokens", "_pico_usd", "events")):
                setattr(row, name, MOST)
        key, value = usage_record.encode(row, 1_023)
        self.fits("usage_rollups", key + value)

    def test_event_ids(self) -> None:
        self.fits("event_ids", pack_ids(range(HASHES_PER_RECORD), bytes(HASHES_PER_RECORD)))


class TestWideSums:
    """Sums above 9.2 million USD, the most that 64 bits hold of pico-USD."""

    MODELS = (
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o-2024-11-20",
        "gpt-4o-mini",
        "o1",
        "o3",
        "gpt-4.1",
        "gpt-4",
        "gpt-5",
    )
    EACH = "1100000"

    @BOTH
    def test_a_session_over_several_models(self, make: Make) -> None:
        partition = make(TOPIC, PARTITION, policy(), RETAINED)
        publish(partition, *(usage(event_id=model, model=model) for model in self.MODELS))
        ((_, value),) = partition.take_changes(T0).ledgers
        fields = msgspec.json.decode(value or b"")
        for sums in fields["by_model"].values():
            sums["cost_usd"] = self.EACH
        successor = make(TOPIC, PARTITION, policy(), RETAINED)
        successor.restore_session(named("s-1"), msgspec.json.encode(fields))
        publish(successor, spend(0, 1, 1))
        ((_, value),) = successor.take_changes(T0).ledgers
        assert value is not None
        assert record.parse(value).cost_usd == str(Decimal(self.EACH) * len(self.MODELS) + Decimal("0.001"))

    @BOTH
    def test_an_agent_between_two_flushes(self, make: Make) -> None:
        """For the metrics: the sum over many sessions, teams and quarters, each of which is far from the limit."""
        partition = make(TOPIC, PARTITION, policy(), RETAINED)
        per_team, teams = 100, 100
        publish(
            partition,
            *(
                spend(0, 1_000_000, number, session_id=f"{team}", team_id=f"{team}")
                for team in range(teams)
                for number in range(per_team)
            ),
        )
        changes = partition.take_changes(T0)
        cost = SUM_FIELDS.index("cost_pico_usd")
        assert sum(each.sums[cost] for each in changes.activity) == pico_from_text("10000000")

    @BOTH
    def test_slices_of_late_events(self, make: Make) -> None:
        """Outside of both windows a slice may gather what many models cost."""
        partition = make(TOPIC, PARTITION, policy(), RETAINED)
        late = [spend(0, 1_000_000, number, model=model) for number in range(1_200) for model in self.MODELS[:3]]
        for number, event in enumerate(late):
            late[number] = msgspec.structs.replace(event, event_id=f"{number}")
        publish(partition, spend(6, 1), *late)
        slices = held(partition).slices
        assert sum(slices.values()) == held(partition).total("cost_pico_usd") > 2 * 10**18
