"""`burnline sessions` on a real broker: what a worker would have written, and how it is shown."""

import time
from decimal import Decimal

import pytest
from confluent_kafka import Producer

from burnline.events.usage import Usage
from burnline.kafka import client_config
from burnline.ledger.partition import PartitionLedger
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from tests.api.live import projection_in
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run, words
from tests.ledger.examples import RETENTION, TOPIC, feed, named, policy, usage


@pytest.fixture
def topic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command line reaches the broker, and the topics exist."""
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return settings


NOW_MS = time.time_ns() // 1_000_000


def recent(**changes: object) -> Usage:
    """0.025 USD in the slice of now."""
    return usage(**{"occurred_at": NOW_MS, **changes})


class Written:
    """Partitions as a worker writes them, but for the transaction."""

    def __init__(self, settings: Settings) -> None:
        self._topics = topics_for(settings)
        self._producer = Producer(client_config(settings))
        self._ledgers: dict[int, PartitionLedger] = {}

    def flush(self, partition: int, *events: Usage) -> None:
        """Count events on a partition, and write what has changed."""
        held = self._ledgers.setdefault(partition, PartitionLedger(TOPIC, partition, policy(), RETENTION))
        feed(held, *events)
        changes = held.take_changes(time.time_ns() // 1_000_000)
        for key, value in changes.ledgers:
            self._producer.produce(self._topics.sessions.name, value, key, partition)
        self._producer.produce(self._topics.progress.name, changes.progress.encode(), changes.progress.key, partition)
        assert self._producer.flush(30) == 0

    def raw(self, value: bytes | None, key: bytes = named("s-1").encode(), *, progress: bool = False) -> None:
        """A record of any kind on partition 0."""
        topic = self._topics.progress if progress else self._topics.sessions
        self._producer.produce(topic.name, value, key, 0)
        assert self._producer.flush(30) == 0


def rows() -> list[list[str]]:
    return [line.split() for line in run("sessions").stdout.splitlines() if " s-" in f" {line}"]


def test_json_is_every_session_by_id_as_its_newest_ledger_says(topic: Settings) -> None:
    written = Written(topic)
    written.flush(0, recent(session_id="s-3"), recent(session_id="s-1"))
    written.flush(1, recent(session_id="s-2", model="made-up"))
    written.flush(0, recent(session_id="s-1", event_id="e-2", input_tokens=1, model="gpt-4o-mini"))
    found = objects("sessions")
    assert [one["session_id"] for one in found] == ["s-1", "s-2", "s-3"]
    assert [one["cost_usd"] for one in found] == ["0.02500015", "0", "0.025"]
    assert [one["unpriced_tokens"] for one in found] == [0, 10_000, 0]
    assert found[0]["by_model"].keys() == {"gpt-4o", "gpt-4o-mini"}
    assert {"slices", "recent_event_ids"} & found[0].keys() == set()
    assert Decimal(found[0]["burn_usd_per_hour"]["60s"]) == Decimal("0.02500015") * 60
    assert Decimal(found[0]["burn_usd_per_hour"]["300s"]) == Decimal("0.02500015") * 12


def test_a_session_on_two_partitions_is_shown_once(topic: Settings) -> None:
    written = Written(topic)
    written.flush(0, recent(), recent(session_id="s-2"))
    written.flush(3, recent(event_id="e-2", output_tokens=1))
    first, second = objects("sessions")
    assert (first["session_id"], first["cost_usd"], first["events"]) == ("s-1", "0.05001", 2)
    assert (first["source_partitions"], second["source_partitions"]) == ([0, 3], [0])
    assert len(rows()) == 2


def test_burn_is_as_of_event_time_and_falls_with_the_clock(topic: Settings) -> None:
    """Events of an hour ago that were counted just now: the burn is that of then."""
    Written(topic).flush(0, recent(occurred_at=NOW_MS - 3_600_000))
    (found,) = objects("sessions")
    assert Decimal(found["burn_usd_per_hour"]["300s"]) == Decimal("0.3")
    assert NOW_MS - 3_600_000 <= found["as_of_ms"] < NOW_MS - 3_000_000


def test_top_is_those_that_burn_most(topic: Settings) -> None:
    written = Written(topic)
    old = NOW_MS - 200_000
    written.flush(0, recent(session_id="s-old", occurred_at=old, input_tokens=900_000), recent(session_id="s-slow"))
    written.flush(1, recent(session_id="s-fast", input_tokens=20_000))
    assert [one["session_id"] for one in objects("sessions", "--top", "2")] == ["s-fast", "s-slow"]
    assert [row[0] for row in rows()] == ["s-fast", "s-slow", "s-old"]
    assert "3 sessions, 2.325 USD in total" in run("sessions", "--top", "1").stdout


def test_since_is_what_had_an_event_since_then(topic: Settings) -> None:
    written = Written(topic)
    written.flush(0, recent(session_id="s-old", occurred_at=NOW_MS - 60_001), recent(session_id="s-new"))
    assert [one["session_id"] for one in objects("sessions", "--since", str(NOW_MS - 60_000))] == ["s-new"]
    assert "No session has had an event since then." in run("sessions", "--since", "now").stdout


def test_retired_ones_are_shown_where_they_are_asked_for(
    topic: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURNLINE_REDIS_URL", redis_url)
    told = run("sessions", "--retired", code=1).stderr
    assert "Redis holds no whole projection; burnline projector makes one." in words(told)
    with projection_in(redis_url) as projection:
        projection.feed(usage(session_id="s-old"), usage(session_id="s-both", event_id="e-2"))
        projection.retire("s-old")
        projection.retire("s-both")
    Written(topic).flush(0, recent(session_id="s-both"))
    assert [one["session_id"] for one in objects("sessions")] == ["s-both"]
    found = objects("sessions", "--retired")
    assert [(one["session_id"], one["cost_usd"]) for one in found] == [("s-both", "0.05"), ("s-old", "0.025")]


def test_the_table_says_what_matters(topic: Settings) -> None:
    Written(topic).flush(
        2, recent(), *(recent(session_id="s-2", event_id=f"e-{number}", input_tokens=40_000) for number in range(3))
    )
    assert [" ".join(row) for row in rows()] == [
        "s-2 acme agent-7 18.00 3.60 0.30 3 escalated critical",
        "s-1 acme agent-7 1.50 0.30 0.02 1",
    ]
    assert words(run("sessions").stdout).startswith("session org agent USD/h 60 s USD/h 300 s spent USD events anomaly")


def test_names_are_shown_as_they_are(topic: Settings) -> None:
    """Square brackets are no markup, and letters of any script stay what they are."""
    Written(topic).flush(0, recent(session_id="s-[red]", org_id="Bücher [b]"))
    assert "s-[red]" in run("sessions").stdout
    assert "Bücher [b]" in run("sessions").stdout
    assert "Bücher [b]" in run("sessions", "--json").stdout


def test_retired_sessions_are_gone(topic: Settings) -> None:
    written = Written(topic)
    written.flush(0, recent(), recent(session_id="s-2"))
    written.raw(None)
    assert [one["session_id"] for one in objects("sessions")] == ["s-2"]


def test_nothing_yet(topic: Settings) -> None:
    assert run("sessions").stdout == "No session has spent anything yet.\n"
    assert objects("sessions") == []


@pytest.mark.parametrize("progress", [False, True])
def test_what_cannot_be_read_is_told(topic: Settings, *, progress: bool) -> None:
    """A sum without it would be wrong."""
    written = Written(topic)
    written.flush(1, recent())
    written.raw(b'{"version": 99}', progress=progress)
    result = run("sessions", code=1)
    assert '{"version": 99}' in result.stderr or "version=99" in result.stderr or "not a progress" in result.stderr
    assert result.stdout == ""


def test_missing_topics_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    assert "does not exist" in run("sessions", code=1).stderr


def test_a_silent_broker_is_told(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.cli.sessions.TIMEOUT_S", 0.5)
    reach(make_settings(kafka_bootstrap_servers="127.0.0.1:1"), monkeypatch)
    assert run("sessions", code=1).stderr


class TestWhich:
    """Which sessions are shown, and in which order."""

    @pytest.fixture(autouse=True)
    def three(self, topic: Settings) -> None:
        written = Written(topic)
        written.flush(
            0,
            recent(event_id="1", session_id="old", org_id="acme", occurred_at=NOW_MS - 600_000, input_tokens=90_000),
            recent(event_id="2", session_id="new", org_id="acme", agent_id="writer"),
            recent(event_id="3", session_id="other", org_id="Globex", occurred_at=NOW_MS - 300_000),
        )

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            pytest.param((), ["new", "old", "other"], id="by-id"),
            pytest.param(("--sort", "burn"), ["new", "old", "other"], id="burn"),
            pytest.param(("--sort", "spend"), ["old", "new", "other"], id="spend"),
            pytest.param(("--sort", "last-event"), ["new", "other", "old"], id="last-event"),
            pytest.param(("--sort", "started", "--top", "2"), ["new", "other"], id="started"),
            pytest.param(("--search", "GLOB"), ["other"], id="part-of-an-organisation"),
            pytest.param(("--search", "writ"), ["new"], id="part-of-an-agent"),
            pytest.param(("--search", "o"), ["old", "other"], id="part-of-a-session"),
            pytest.param(("--org-id", "acme"), ["new", "old"], id="organisation"),
            pytest.param(("--org-id", "acme", "--agent-id", "writer"), ["new"], id="organisation-and-agent"),
            pytest.param(("--search", "nothing"), [], id="none"),
        ],
    )
    def test_as_json(self, options: tuple[str, ...], ids: list[str]) -> None:
        assert [one["session_id"] for one in objects("sessions", *options)] == ids

    def test_a_name_that_no_session_has(self) -> None:
        said = run("sessions", "--org-id", "glob", "--json", code=1).stderr
        assert said == "--org-id=glob: no session has it; did you mean 'Globex'?\n"
        assert run("sessions", "--agent-id", "zzz", code=1).stderr == "--agent-id=zzz: no session has it.\n"

    def test_nothing_is_found(self) -> None:
        assert words(run("sessions", "--search", "nothing").stdout) == "No session has 'nothing' in it."
