"""Events that say more than most: failed, answered out of a cache, with a cost of their own, or metered otherwise."""

import json
from typing import Any

import pytest

from burnline.events.meters import NAMES
from burnline.ledger.identity import ledger_key
from burnline.ledger.metered import reported_pico_usd
from burnline.ledger.partition import PartitionLedger
from burnline.ledger.record import SessionLedger
from burnline.ledger.usage_record import UsageRollup
from burnline.native.ledger import NativePartitionLedger
from tests.ledger.examples import PARTITION, RETENTION, T0, TOPIC, policy

EVENT = {
    "event_id": "e-1", "occurred_at": T0, "org_id": "acme", "agent_id": "agent-7", "session_id": "s-1",
    "model": "gpt-4o", "provider": "openai", "input_tokens": 1_000, "output_tokens": 100,
}  # fmt: skip
PRICED = "0.0035"
TOOL = {"kind": "tool_call", "model": "sandbox", "provider": None, "input_tokens": 0, "output_tokens": 0}
REPORTED = {"reported_cost_usd": "0.0042", "reported_cost_source": "openrouter"}
AUDIO = {"model": "gpt-audio", "input_audio_tokens": 600, "output_audio_tokens": 50}

kernels = pytest.mark.parametrize("kind", [PartitionLedger, NativePartitionLedger], ids=["python", "native"])


class Counted:
    """What came of some events: the session's record, and its rollup rows."""

    def __init__(self, kind: type[PartitionLedger], *events: dict[str, Any]) -> None:
        self.partition = kind(TOPIC, PARTITION, policy(), RETENTION)
        self._next = 0
        self.take(*events)

    def take(self, *events: dict[str, Any]) -> None:
        values = [
            json.dumps(EVENT | {"event_id": f"e-{number}"} | event).encode()
            for number, event in enumerate(events, self._next)
        ]
        offsets = [self._next + number for number in range(len(values))]
        self._next += len(values)
        refused = self.partition.apply_records(
            offsets, values, logged_ms=[T0] * len(values), now_ms=T0, max_clock_skew_ms=0
        )
        assert refused == []
        self.changes = self.partition.take_changes(T0)
        ((_, ledger),) = self.changes.ledgers
        assert ledger is not None
        SessionLedger.model_validate_json(ledger)
        self.ledger = json.loads(ledger)
        self.rows = {}
        for _, value in self.changes.usage_rollups:
            UsageRollup.model_validate_json(value)
            row = json.loads(value)
            self.rows[row["kind"], row["model"]] = row


@kernels
@pytest.mark.parametrize(
    ("event", "cost", "rare"),
    [
        pytest.param({}, PRICED, {}, id="plain"),
        pytest.param({"error": False, "provider": ""}, PRICED, {}, id="nothing said"),
        pytest.param({"error": True}, PRICED, {"errors": 1}, id="failed, and charged all the same"),
        pytest.param({"parent_run_id": "r"}, PRICED, {}, id="of a tree of runs"),
        pytest.param({"kind": "cache_hit"}, "0", {"cache_hits": 1, "semantic_cache_savings_usd": PRICED},
                     id="answered out of a semantic cache"),
        pytest.param({"kind": "cache_hit", "model": "nobody-knows"}, "0", {"cache_hits": 1},
                     id="out of a cache, for a model without a rate"),
        pytest.param(REPORTED, PRICED, {"compared_cost_usd": PRICED, "compared_reported_usd": "0.0042"},
                     id="reported, and priced: compared"),
        pytest.param(REPORTED | {"model": "nobody-knows"}, "0.0042", {"reported_cost_usd": "0.0042"},
                     id="reported, without a rate: counted"),
        pytest.param(REPORTED | TOOL, "0.0042", {"reported_cost_usd": "0.0042"}, id="reported by a tool: counted"),
        pytest.param(REPORTED | {"input_tokens": 0, "output_tokens": 0}, "0.0042", {"reported_cost_usd": "0.0042"},
                     id="reported of nothing that is metered: counted"),
        pytest.param({"reported_cost_usd": "0"}, PRICED, {"compared_cost_usd": PRICED}, id="reported as free"),
        # 400 x 2.5 + 600 x 32 + 50 x 10 + 50 x 64
        pytest.param(AUDIO, "0.0239", {"input_audio_tokens": 600, "output_audio_tokens": 50}, id="audio"),
        pytest.param({"web_searches": 3, "model": "gpt-audio"}, PRICED, {"web_searches": 3},
                     id="searches, without a rate"),
    ],
)  # fmt: skip
def test_what_an_event_comes_to(
    kind: type[PartitionLedger], event: dict[str, Any], cost: str, rare: dict[str, object]
) -> None:
    found = Counted(kind, event)
    plain = Counted(kind, {}).ledger
    assert found.ledger["cost_usd"] == cost
    assert {name: value for name, value in found.ledger.items() if name not in plain} == rare
    (row,) = found.rows.values()
    assert row["cost_usd"] == cost
    assert {name: row[name] for name in rare} == rare
    (activity,) = found.changes.activity
    assert activity.sums[0] == 1


@kernels
@pytest.mark.parametrize(
    ("named", "parent"),
    [
        pytest.param([None], None, id="none"),
        pytest.param(["s-0"], "s-0", id="one"),
        pytest.param([None, "s-0"], "s-0", id="one that is named later"),
        pytest.param(["s-0", "s-9", None], "s-0", id="the first that is named"),
        pytest.param(["s-1"], None, id="no part of itself"),
        pytest.param(["s-1", "s-0"], "s-0", id="after itself, another one"),
    ],
)
def test_the_session_that_one_is_a_part_of(
    kind: type[PartitionLedger], named: list[str | None], parent: str | None
) -> None:
    counted = Counted(kind, {})
    for each in named:
        counted.take({"parent_session_id": each})
    assert counted.ledger.get("parent_session_id") == parent
    restored = kind(TOPIC, PARTITION, policy(), RETENTION)
    for key, value in counted.changes.ledgers:
        assert value is not None
        restored.restore(counted.changes.progress, [(key.decode(), value)])
    ledger = restored.get(ledger_key("acme", "s-1"))
    assert ledger is not None
    assert ledger.parent_session_id == parent


@kernels
def test_the_tokens_of_a_cache_hit_were_not_used(kind: type[PartitionLedger]) -> None:
    hit = Counted(kind, {"kind": "cache_hit", "cached_input_tokens": 500, "web_searches": 1}).ledger
    assert (hit["events"], hit["input_tokens"], hit["output_tokens"], hit["cached_input_tokens"]) == (1, 0, 0, 0)
    assert (hit["cache_savings_usd"], hit["unpriced_tokens"]) == ("0", 0)
    assert "web_searches" not in hit


@kernels
def test_a_reported_cost_makes_tokens_priced(kind: type[PartitionLedger]) -> None:
    reported = Counted(kind, REPORTED | {"model": "nobody-knows"})
    assert (reported.ledger["unpriced_tokens"], reported.changes.counts.unpriced) == (0, {})
    assert Counted(kind, {"model": "nobody-knows"}).ledger["unpriced_tokens"] == 1_100


@kernels
def test_a_row_says_what_each_meter_cost(kind: type[PartitionLedger]) -> None:
    row = Counted(kind, AUDIO).rows["llm", "gpt-audio"]
    assert (row["input_audio_cost_usd"], row["output_audio_cost_usd"]) == ("0.0192", "0.0032")
    assert (row["input_cost_usd"], row["output_cost_usd"]) == ("0.0202", "0.0037")


@kernels
def test_plain_events_of_the_session_go_on_beside_them(kind: type[PartitionLedger]) -> None:
    """Over flushes, as a session goes back and forth between the kernel and Python."""
    counted = Counted(kind, {}, AUDIO, {})
    counted.take({}, {"error": True})
    counted.take({}, {"event_id": "e-1"})
    assert (counted.ledger["events"], counted.ledger["errors"], counted.ledger["input_audio_tokens"]) == (6, 1, 600)
    assert counted.ledger["by_model"]["gpt-4o"]["events"] == 5


@kernels
def test_a_search_without_a_rate_is_named(kind: type[PartitionLedger]) -> None:
    (why,) = Counted(kind, {"web_searches": 3, "model": "gpt-audio"}).changes.counts.unpriced.values()
    assert why.startswith("web searches have no rate")


@pytest.mark.parametrize(
    ("usd", "pico_usd"),
    [
        ("0.0042", 4_200_000_000),
        ("999999", 999_999 * 10**12),
        ("0.0000000000005", 0),
        ("0.0000000000015", 2),
        ("0.000000000000500000000000001", 1),
        ("0.00014499999999999998", 145_000_000),
    ],
)
def test_a_reported_cost_is_exact_to_a_pico_usd(usd: str, pico_usd: int) -> None:
    assert reported_pico_usd(usd) == pico_usd


@kernels
def test_every_meter_is_counted(kind: type[PartitionLedger]) -> None:
    room = {"cached_input_tokens": 300, "cache_write_tokens": 100, "input_audio_tokens": 40, "input_image_tokens": 40}
    for name in NAMES:
        assert Counted(kind, room | {name: 7}).ledger[name] == 7
