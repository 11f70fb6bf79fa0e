"""The kernel against Python: whatever comes, both hold, write and say the same."""

import json
import os
import random
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from burnline.detection.baseline import Baselines, EffectiveBaseline
from burnline.events.decode import decode_batch
from burnline.events.meters import NAMES as METERS
from burnline.ledger.changes import Changes
from burnline.ledger.duplicates import RecentIds, unpack_ids
from burnline.ledger.idle import HOUR_MS
from burnline.ledger.lineage import Lineage
from burnline.ledger.partition import PartitionLedger, Retention
from burnline.ledger.session import SUM_FIELDS
from burnline.native.binding import library
from burnline.native.ledger import KernelChoice, NativePartitionLedger
from burnline.pricing.money import PICO_PER_USD
from burnline.pricing.valuation import ValuationRate
from tests.ledger.examples import BOOK, PARTITION, T0, TOPIC, policy
from tests.native.reading import COUNTS, FIELDS, by_kernel, by_python

if TYPE_CHECKING:
    from collections.abc import Iterable

SKEW_MS = 1_000_000


@pytest.mark.parametrize("length", range(1, 241))
def test_fingerprints_are_those_of_the_xxhash_wheel(length: int) -> None:
    data = os.urandom(length)
    assert library().kernel_xxh3(data, length) == xxh3_64_intdigest(data)


def event(draw: random.Random, at_ms: int) -> bytes | None:
    """A value as publishers write them, now and then one that is not as it has to be."""
    fields: dict[str, Any] = {
        "event_id": f"e{draw.randrange(400 if draw.random() < 0.3 else 10**9)}",
        "occurred_at": at_ms - draw.choice([*[draw.randrange(3_000)] * 16, draw.randrange(250_000), -35_000]),
        "org_id": draw.choice(["acme", "ørg"]),
        "agent_id": draw.choice(["a1", "a2"]),
        "session_id": f"s{draw.randrange(8)}",
        "model": draw.choice(["gpt-4o", "claude-sonnet-4-5", "nope", "gemini-2.5-pro", "text-embedding-3-small"]),
        "input_tokens": draw.choice([draw.randrange(5_000)] * 20 + [10**9 - 5, 300_000]),
        "output_tokens": draw.randrange(600),
    }
    cached = draw.randrange(fields["input_tokens"] + 1)
    odd: list[tuple[float, dict[str, Any]]] = [
        (0.2, {"kind": draw.choice(["llm", "embedding", "run", "tool_call", None])}),
        (0.3, {"cached_input_tokens": cached}),
        (0.1, {"cache_write_tokens": draw.randrange(fields["input_tokens"] - cached + 1)}),
        (0.1, {"reasoning_tokens": draw.randrange(fields["output_tokens"] + 1)}),
        (0.05, {"cache_write_tokens": 7, "cached_input_tokens": 0, "cache_write_1h_tokens": draw.choice([0, 5, None])}),
        (0.05, {"input_audio_tokens": draw.choice([0, 3, None, 10**10]), "web_searches": draw.choice([2, None])}),
        (0.03, {"error": draw.choice([True, False, None]), "parent_run_id": "r"}),
        (0.02, {"parent_session_id": draw.choice(["s0", "s7", "sé", None])}),
        (0.03, {"reported_cost_usd": draw.choice(["0.01", None, "x"]), "reported_cost_source": "openrouter"}),
        (0.02, {"kind": "cache_hit"}),
        (0.05, {"service_tier": draw.choice(["flex", "default", "standard", None, ""])}),
        (0.05, {"region": draw.choice(["us", "eu", None])}),
        (0.1, {"team_id": draw.choice(["t1", None, "té"]), "project_code": "p"}),
        (0.1, {"provider": draw.choice(["openai", "azure", None, "x"])}),
        (0.1, {"extra": draw.choice([1, -1.5e3, 'a"b', [1, {"a": []}], {"b": None}, "é\u0085"])}),
        (0.05, {"tags": {"a": "b"}, "tool_name": "grep", "run_id": None}),
        (0.02, {"output_tokens": draw.choice([-1, True, 1.0, "3", None, 10**9 + 1])}),
    ]
    for chance, more in odd:
        if draw.random() < chance:
            fields |= more
    if draw.random() < 0.03:
        fields.pop(draw.choice(list(fields)))
    separators = (",", ":") if draw.random() < 0.7 else None
    value = json.dumps(fields, ensure_ascii=draw.random() < 0.3, separators=separators).encode()
    wrapped = [b"\xef\xbb\xbf" + value, b"\0\0\0\0*" + value, value.decode().encode("utf-16")]
    cut = value[: draw.randrange(len(value))]
    return draw.choice([value] * 60 + [cut, b'{"event_id":"x",' + value[1:], *wrapped, None])


def session_record(value: bytes | None) -> object:
    if value is None:
        return None
    fields = json.loads(value)
    recent = RecentIds.unpack(fields.pop("recent_event_ids"))
    return fields | {"slices": sorted(fields["slices"]), "newer": recent.newer, "older": recent.older}


def summary(changes: Changes) -> dict[str, object]:
    """What a flush writes and reports, without what neither side promises: the order of records."""
    activity: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * len(SUM_FIELDS))
    for each in changes.activity:
        activity[each[:3]] = [a + b for a, b in zip(activity[each[:3]], each.sums, strict=True)]
    counts = changes.counts
    return {
        "ledgers": {key: session_record(value) for key, value in changes.ledgers},
        "closed": {key: json.loads(value) for key, value in changes.rollups},
        "event ids": sorted(
            each for _, value in changes.event_ids if value for each in zip(*unpack_ids(value), strict=True)
        ),
        "id records": sorted((key, value is None) for key, value in changes.event_ids),
        "notices": changes.notices,
        "progress": changes.progress,
        "activity": {key: sums for key, sums in activity.items() if any(sums)},
        "counts": (counts.accepted, counts.duplicates, counts.late, counts.other_agents),
        "repeats": (counts.other_content, counts.unknown_content),
        "clocks": counts.clocks,
        "kinds": (counts.runs, counts.tool_calls),
        "opened": sorted(counts.opened),
        "unpriced": sorted(counts.unpriced),
    }


class Rollups:
    """Rows as a reader adds them up."""

    def __init__(self) -> None:
        self._rows: dict[bytes, dict[str, Any]] = {}

    def take(self, changes: Changes) -> None:
        for key, value in changes.usage_rollups:
            self._rows[key] = json.loads(value)
            assert [PARTITION, self._rows[key]["since_offset"]] == json.loads(key)[:2]

    def sums(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        sums: defaultdict[tuple[Any, ...], defaultdict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
        for key, row in self._rows.items():
            for name, value in row.items():
                if name.endswith(("_tokens", "_usd")) or name == "events":
                    sums[tuple(json.loads(key)[2:])][name] += Decimal(value)
        return {key: dict(found) for key, found in sums.items()}


class Both:
    """One partition twice, fed the same."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        by_event_time = draw.random() < 0.3
        self.retention = Retention(
            slices=draw.choice([7, 20]),
            duplicate_ids=draw.choice([0, 1, 4, 64]),
            partition_ids=draw.choice([0, 10, 100]),
            idle_ms=draw.choice([None, 3 * HOUR_MS]),
            ids_per_org=draw.choice([False, False, True]),
        )
        self.policies = policy(), policy()
        for each in self.policies:
            each.by_event_time = by_event_time
        self.rollups = Rollups(), Rollups()
        self.at_ms = 0
        self.topics: tuple[dict[bytes, bytes], ...] = ({}, {}, {})
        self.sessions_log: list[tuple[bytes, bytes | None]] = []
        """Every session record since the topic was compacted last."""
        self._begin()
        base = draw.choice([0, 1_000_000])
        for ledger in (self.pure, self.native):
            ledger.belong_to(Lineage(offset_base=base))

    def _begin(self) -> None:
        self.pure = PartitionLedger(TOPIC, PARTITION, self.policies[0], self.retention)
        self.native = NativePartitionLedger(TOPIC, PARTITION, self.policies[1], self.retention)

    def feed(self) -> None:
        draw, first = self.draw, self.pure.next_offset
        offset = max(0, first - draw.choice([0, 0, 0, 5]))
        values, offsets, logged = [], [], []
        for _ in range(draw.randrange(60)):
            self.at_ms += draw.randrange(draw.choice([200, 2_000, 20_000]))
            values.append(event(draw, T0 + self.at_ms))
            offsets.append(offset)
            logged.append(T0 + self.at_ms - draw.choice([0] * 9 + [15_000]))  # another broker may lead from now on
            offset += draw.choice([1, 1, 1, 3])
        now_ms = T0 + self.at_ms
        refused, also = (
            ledger.apply_records(offsets, values, logged_ms=logged, now_ms=now_ms, max_clock_skew_ms=SKEW_MS)
            for ledger in (self.pure, self.native)
        )
        assert also == refused
        assert self.native.next_offset == self.pure.next_offset
        assert self.native.watermark_ms == self.pure.watermark_ms
        assert self.native.logged_ms == self.pure.logged_ms
        self._agree()

    def change_baselines(self) -> None:
        entry = EffectiveBaseline(PICO_PER_USD * self.draw.randrange(4), Decimal(5), "default")
        for each in self.policies:
            each.set_baselines(Baselines(entry, {}))

    def change_rates(self) -> None:
        """Any of a rate for all, one organisation's discount, its rate, and an alias."""
        usd = str(self.draw.randrange(1, 9))
        own: list[dict[str, Any]] = [
            {"model": "nope", "input_usd_per_million_tokens": usd, "output_usd_per_million_tokens": "1"},
            {"model": "*", "org_id": "acme", "multiplier": f"0.{usd}"},
            {"model": "gpt-4o", "org_id": "ørg", "same_as": "*/claude-sonnet-4-5"},
            {"model": "gemini*", "multiplier": "2"},
        ]
        chosen = self.draw.sample(own, self.draw.randrange(len(own) + 1))
        rates = [ValuationRate(provider="*", effective_from=0, **each) for each in chosen]
        for each in self.policies:
            each.set_book(BOOK.with_overrides(rates))

    def flush(self) -> int:
        self.at_ms += self.draw.choice([0, 0, self.draw.randrange(5 * HOUR_MS)])
        found = []
        for ledger, rollups in zip((self.pure, self.native), self.rollups, strict=True):
            ledger.tick(T0 + self.at_ms)
            changed = ledger.changed
            changes = ledger.take_changes(T0 + self.at_ms)
            assert changed == sum(value is not None for _, value in changes.ledgers)
            assert ledger.changed == 0
            rollups.take(changes)
            found.append(changes)
        python, native = map(summary, found)
        for name, expected in python.items():
            assert native[name] == expected, name
        assert self.rollups[1].sums() == self.rollups[0].sums()
        written: list[Iterable[tuple[bytes, bytes | None]]] = [
            found[1].ledgers,
            found[1].rollups,
            found[1].event_ids,
        ]
        self.sessions_log += found[1].ledgers
        for topic, records in zip(self.topics, written, strict=True):
            for key, value in records:
                if value is None:
                    topic.pop(key, None)
                else:
                    topic[key] = value
        self.progress = found[1].progress
        assert found[1].progress == found[0].progress
        self._agree()
        return len(found[0].notices)

    def restart(self) -> None:
        self._begin()
        sessions, closed, ids = self.topics
        if self.draw.random() < 0.5:
            self.sessions_log = [*sessions.items()]
        for ledger in (self.pure, self.native):
            for key, value in self.sessions_log:
                ledger.restore_session(key.decode(), value)
            ledger.restore(self.progress, rollups=closed.values(), event_ids=ids.items())
        self._agree()

    def _agree(self) -> None:
        assert len(self.native) == len(self.pure)
        assert self.native.open_anomalies == self.pure.open_anomalies
        assert self.native.changed == self.pure.changed
        for ledger in (self.pure, self.native):
            assert ledger.events_held() == ledger.lineage.events + ledger.counts.accepted


@pytest.mark.parametrize("seed", range(40))
def test_kernel_and_python_agree_over_events_flushes_and_restarts(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # a schedule that can be played again
    both = Both(draw)
    for _ in range(25):
        both.feed()
        if draw.random() < 0.1:
            both.change_baselines()
        if draw.random() < 0.1:
            both.change_rates()
        if draw.random() < 0.5:
            both.flush()
            if draw.random() < 0.2:
                both.restart()
    both.flush()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**10), 10**14) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["event_id", "occurred_at", "org_id", "agent_id", "session_id", "model", "input_tokens", "output_tokens", "kind",
     "provider", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "team_id", "tags", "run_id",
     "service_tier", "region", "parent_session_id", "parent_run_id", "error", "reported_cost_usd",
     "reported_cost_source", *METERS]
)  # fmt: skip
RIGHT: dict[str, Any] = {
    "event_id": "e-1", "occurred_at": T0, "org_id": "acme", "agent_id": "a", "session_id": "s", "model": "gpt-4o",
    "input_tokens": 10, "output_tokens": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "reads"),
    [
        pytest.param({"service_tier": None, "region": None, "cache_write_1h_tokens": None}, True, id="all null"),
        pytest.param({"service_tier": None, "region": None, "cache_write_1h_tokens": 0}, True, id="their defaults"),
        pytest.param({"service_tier": "flex"}, False, id="a tier"),
        pytest.param({"service_tier": "standard"}, True, id="standard is none"),
        pytest.param({"service_tier": "default"}, True, id="and so is default"),
        pytest.param({"service_tier": "Standard"}, False, id="in another spelling"),
        pytest.param({"service_tier": ""}, False, id="an empty tier"),
        pytest.param({"region": "eu"}, False, id="a region"),
        pytest.param({"cache_write_tokens": 1, "cache_write_1h_tokens": 1}, False, id="an hour's cache writes"),
        pytest.param({"parent_session_id": None, "parent_run_id": "r"}, True, id="of a tree of runs"),
        pytest.param({"parent_session_id": "s-0"}, True, id="of a tree of sessions"),
        pytest.param({"parent_session_id": ""}, False, id="of a tree without a name"),
        pytest.param({"error": False}, True, id="no error"),
        pytest.param({"error": None}, True, id="nor null"),
        pytest.param({"error": True}, False, id="an error"),
        pytest.param({"error": 0}, False, id="no boolean"),
        pytest.param({"reported_cost_usd": None, "reported_cost_source": "x"}, True, id="nothing reported"),
        pytest.param({"reported_cost_usd": "0.1"}, False, id="a reported cost"),
        pytest.param({"kind": "cache_hit"}, False, id="a cache hit"),
        pytest.param({"provider": ""}, False, id="an empty provider"),
        *(pytest.param({name: None}, True, id=f"no {name}") for name in METERS),
        *(pytest.param({name: 1}, False, id=name) for name in METERS),
        *(pytest.param({f"{name}s": 1}, True, id=f"nearly {name}") for name in METERS),
    ],
)
def test_what_has_a_price_of_its_own_is_left_to_python(more: dict[str, Any], reads: bool) -> None:  # noqa: FBT001
    value = json.dumps(RIGHT | more).encode()
    assert (by_kernel(value, log_ms=T0, skew_ms=SKEW_MS) is not None) is reads


@given(changes=st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=4), ascii_=st.booleans())
def test_what_the_kernel_reads_python_reads_alike(changes: dict[str, Any], ascii_: bool) -> None:  # noqa: FBT001
    agree_on(json.dumps(RIGHT | changes, ensure_ascii=ascii_).encode(errors="replace"))


@given(seed=st.integers(0, 2**32), counts=st.lists(st.integers(0, 2 * 10**9), min_size=5, max_size=5))
def test_every_field_of_an_event_is_read_alike(seed: int, counts: list[int]) -> None:
    draw = random.Random(seed)  # noqa: S311  # a schedule that can be played again
    usual = event(draw, T0)
    if usual is not None:
        agree_on(usual)
    agree_on(json.dumps(RIGHT | dict(zip(COUNTS, counts, strict=True))).encode())


def test_the_fields_that_are_compared_are_all_that_the_kernel_counts_by() -> None:
    told = {"kind": "embedding", "provider": "x", "team_id": "té", "project_code": "p", "cached_input_tokens": 3}
    value = json.dumps(RIGHT | told | {"cache_write_tokens": 4, "reasoning_tokens": 5}, ensure_ascii=False).encode()
    found = by_kernel(value, log_ms=T0, skew_ms=SKEW_MS)
    assert found is not None
    assert found.keys() == set(FIELDS)
    assert not [name for name, read in found.items() if read in (None, 0)]
    agree_on(value)


@given(at=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_damaged_event_that_the_kernel_reads_is_one_for_python(at: int, byte: int) -> None:
    value = bytearray(msgspec.json.encode(RIGHT))
    value[at % len(value)] = byte
    agree_on(bytes(value))


def agree_on(value: bytes) -> None:
    """What the kernel reads is what Python reads, to the last field; what it does not read is Python's to say."""
    found = by_kernel(value, log_ms=T0, skew_ms=SKEW_MS)
    if found is not None:
        (decoded,), refused = decode_batch([value], now_ms=T0, max_clock_skew_ms=SKEW_MS)
        assert refused == []
        assert decoded is not None
        assert found == by_python(decoded)


class TestChoice:
    """Which kind of ledger a worker uses."""

    RETENTION = Retention(slices=60, duplicate_ids=64)

    @pytest.mark.parametrize("wish", ["auto", "native"])
    def test_the_kernel_where_it_can_be(self, wish: str) -> None:
        assert KernelChoice.of(wish, self.RETENTION) == (NativePartitionLedger, None)

    def test_python_where_it_is_wished(self) -> None:
        assert KernelChoice.of("python", self.RETENTION).ledger is PartitionLedger

    @pytest.mark.parametrize(("ids", "held"), [(1024, True), (1025, False)])
    def test_python_where_more_is_to_be_remembered_than_the_kernel_holds(self, ids: int, held: bool) -> None:  # noqa: FBT001
        assert (KernelChoice.of("auto", self.RETENTION._replace(duplicate_ids=ids)).why_not_native is None) is held

    def test_a_demanded_kernel_that_cannot_be_stops_the_start(self) -> None:
        with pytest.raises(ValueError, match=r"BURNLINE_KERNEL=native: .*at most 10000 slices"):
            KernelChoice.of("native", self.RETENTION._replace(slices=10_001))
