"""On a real broker: a refused event is exported, mended, and sent back once, whoever tries how often."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.events.dead_letters import dead_letter
from burnline.events.rejection import Fault, Reason
from burnline.kafka import client_config
from burnline.letters.letter import Mended
from burnline.letters.redrive import ORIGIN_HEADER, NotRedriven, Redriver, check
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.ensure import ensure_topics
from burnline.topics.reading import read_to_end
from tests.events.examples import encoded

pytestmark = [pytest.mark.broker, pytest.mark.needs("transactions")]
NOW_MS = 1_790_000_000_000


def bury(settings: Settings, *values: bytes) -> None:
    """Dead letters of a partition's first records."""
    producer = Producer(client_config(settings))
    topics = topics_for(settings)
    fault = Fault(Reason.MISSING_FIELD, "model", "model is missing")
    for offset, value in enumerate(values):
        letter = dead_letter(
            fault, topic=topics.usage.name, partition=0, offset=offset, key=b"sess", value=value, headers=None,
            most_bytes=1_000_000,
        )  # fmt: skip
        producer.produce(topics.dead_letters.name, letter.value, letter.key, 0, headers=list(letter.headers))
    assert producer.flush(30) == 0


def sent(settings: Settings) -> dict[str, str]:
    """Event ids on `usage`, each with the origin that it was sent back from; no id twice."""
    topic = topics_for(settings).usage
    found: dict[str, str] = {}
    for batch in read_to_end(client_config(settings), topic.name, range(topic.partitions), timeout_s=30):
        for message in batch:
            event_id = json.loads(message.value() or b"")["event_id"]
            assert event_id not in found
            found[event_id] = dict(message.headers() or ())[ORIGIN_HEADER].decode()  # type: ignore[union-attr]
    return found


def test_export_mend_redrive(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_topics(settings)
    good = json.loads(encoded())
    without_model = {name: value for name, value in good.items() if name != "model"}
    bury(settings, *(json.dumps(without_model | {"event_id": f"e-{number}"}).encode() for number in range(3)), b"\xff")
    for name in ("kafka_bootstrap_servers", "topic_prefix", "app_id"):
        monkeypatch.setenv(f"BURNLINE_{name.upper()}", str(getattr(settings, name)))

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["dead-letters", *arguments])
        assert result.exit_code == code, result.output
        return result.stdout

    listed = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert [one["origin"]["offset"] for one in listed] == [0, 1, 2, 3]
    assert run("list", "--json", "--reason", "too_deep") == ""
    assert "missing_field in model: model is missing" in run("show", "0", "0")
    assert "There is no offset 99" in CliRunner().invoke(cli, ["dead-letters", "show", "0", "99"]).output
    file = tmp_path / "letters.jsonl"
    run("export", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines[:2]:
        line["value"] = json.loads(line["value"]) | {"model": "gpt-4o"}
    file.write_text("".join(json.dumps(line) + "\n" for line in [*lines, lines[0]]))

    counts = {"sent": 2, "sent_before": 1, "wrong": 2}
    assert json.loads(run("redrive", str(file), "--dry-run", "--json", code=1)) == {**counts, "dry_run": True}
    assert sent(settings) == {}
    assert json.loads(run("redrive", str(file), "--json", code=1)) == {**counts, "dry_run": False}
    usage = topics_for(settings).usage.name
    assert sent(settings) == {"e-0": f"{usage}/0/0", "e-1": f"{usage}/0/1"}
    again = {"sent": 0, "sent_before": 3, "wrong": 2, "dry_run": False}
    assert json.loads(run("redrive", str(file), "--json", code=1)) == again
    assert [json.loads(line)["origin"]["offset"] for line in run("list", "--json").splitlines()] == [2, 3]

    # Of two that are at it at once, the one that began first is shut out, and what it had in hand is sent by nobody.
    first, second = (Redriver(settings, timeout_s=30) for _ in range(2))
    (record,) = check([Mended(f"{usage}/0/9", encoded(event_id="e-9"))], now_ms=NOW_MS, max_clock_skew_ms=0)
    with pytest.raises(NotRedriven, match="Repeat it"):
        list(first.send([record]))
    assert list(second.send([record, record])) == [1]
    assert list(second.send([record])) == []
    assert set(sent(settings)) == {"e-0", "e-1", "e-9"}
