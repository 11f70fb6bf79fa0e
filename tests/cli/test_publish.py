"""`burnline publish` against a real broker: all or nothing, and what it says about it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from typer.testing import CliRunner, Result

from burnline.cli.root import cli
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.reading import read_to_end

NOW_MS = 1_763_000_000_000


def line(number: int, **fields: Any) -> str:
    event = {
        "event_id": f"e{number}",
        "occurred_at": NOW_MS + number,
        "org_id": "acme",
        "agent_id": "coder",
        "session_id": f"s{number % 5}",
        "model": "gpt-4o",
        "input_tokens": 10,
        "output_tokens": 1,
    }
    return json.dumps({**event, **fields})


@pytest.fixture
def reach(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that the command line will read too; their topics do not exist yet."""
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers)
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", settings.topic_prefix)
    return settings


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: str) -> str:
        path = tmp_path / "events.jsonl"
        path.write_text("".join(f"{one}\n" for one in lines))
        return str(path)

    return write


def publish(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["publish", *arguments])


def arrived(settings: Settings) -> list[Message]:
    spec = topics_for(settings).usage
    config = client_config(settings)
    return [one for batch in read_to_end(config, spec.name, range(spec.partitions), timeout_s=20) for one in batch]


def test_a_file_is_published_as_it_is_written(reach: Settings, written: Callable[..., str]) -> None:
    lines = [line(number, note="unknown fields stay") for number in range(3_000)]
    result = publish(written(*lines))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"3,000 of 3,000 events acknowledged on {reach.topic_prefix}usage in ")
    messages = arrived(reach)
    assert sorted(str((one.value() or b"").decode()) for one in messages) == sorted(lines)
    assert all(one.key() == json.loads(one.value() or b"")["session_id"].encode() for one in messages)


def test_nothing_is_published_when_a_line_is_wrong(reach: Settings, written: Callable[..., str]) -> None:
    result = publish(written(line(1), line(2, input_tokens=-5), "", line(3, session_id=""), line(4)))
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second, last = result.stderr.splitlines()
    assert first.startswith("line 2: ")
    assert "input_tokens" in first
    assert "-5" in first
    assert second.startswith("line 4: ")
    assert last == "2 of 5 lines are wrong; nothing was published."


def test_wrong_lines_do_not_need_a_broker(written: Callable[..., str]) -> None:
    assert publish(written("{}")).exit_code == 1


def test_many_wrong_lines_are_counted(reach: Settings, written: Callable[..., str]) -> None:
    result = publish(written(*["{}"] * 25))
    lines = result.stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "25 of 25 lines are wrong (5 of them not shown); nothing was published."


def test_wrong_lines_as_json(reach: Settings, written: Callable[..., str]) -> None:
    result = publish("--json", written(line(1), line(2, output_tokens=True)))
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert (summary["published"], summary["acknowledged"], summary["wrong_lines"]) == (0, 0, 1)
    (wrong,) = summary["wrong"]
    assert (wrong["line"], wrong["reason"], wrong["field"]) == (2, "wrong_type", "output_tokens")


def test_as_is_publishes_every_line(reach: Settings, written: Callable[..., str]) -> None:
    lines = [line(1), "{", "", line(2, input_tokens=-5), '{"session_id": 5}']
    result = publish("--as-is", "--json", written(*lines))
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["published"], summary["acknowledged"]) == (0, 5, 5)
    found = {(one.value() or b"").decode(): one.key() for one in arrived(reach)}
    assert found == {lines[0]: b"s1", "{": None, "": None, lines[3]: b"s2", lines[4]: None}


def test_a_line_larger_than_the_topic_takes_is_named_and_the_others_arrive(
    reach: Settings, written: Callable[..., str]
) -> None:
    result = publish("--as-is", written(line(1), "x" * (9 * 1024 * 1024), line(2)))
    assert result.exit_code == 1
    assert "line 2: " in result.stderr
    assert "2 of 3 events acknowledged" in result.stdout
    assert len(arrived(reach)) == 2


def test_an_empty_file_is_no_mistake(reach: Settings, written: Callable[..., str]) -> None:
    result = publish("--json", written())
    assert (result.exit_code, json.loads(result.stdout)["acknowledged"]) == (0, 0)


def test_a_missing_file_is_a_wrong_argument() -> None:
    assert publish("no-such-file.jsonl").exit_code == 2


def test_topics_with_other_partitions_are_refused(
    reach: Settings, written: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert publish(written(line(1))).exit_code == 0
    monkeypatch.setenv("BURNLINE_PARTITIONS", "3")
    result = publish(written(line(2)))
    assert result.exit_code == 1
    assert "has 4 partitions, wanted are 3" in result.stderr


@pytest.mark.parametrize("lines", [100, 200_000], ids=["short", "longer than a pipe holds"])
def test_stdin_is_checked_whole_before_anything_is_published(reach: Settings, lines: int) -> None:
    def run(text: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "burnline", "publish", "--json", "-"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    good = "".join(line(number) + "\n" for number in range(lines))
    wrong = run(good + "{}\n")
    assert (wrong.returncode, json.loads(wrong.stdout)["published"]) == (1, 0)
    assert f"line {lines + 1}: " in wrong.stderr
    whole = run(good)
    assert (whole.returncode, whole.stderr) == (0, "")  # no bar where there is no terminal
    assert json.loads(whole.stdout)["acknowledged"] == lines
    assert len(arrived(reach)) == lines
