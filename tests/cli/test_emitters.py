"""`burnline emitters`: the newest records of a real topic, by who sent them."""

import json

import pytest
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.cli.times import clock_ms
from burnline.publisher import UsagePublisher
from burnline.settings import Settings
from burnline.topics.ensure import ensure_topics
from tests.cli.reach import reach
from tests.publisher.test_usage import event


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["emitters", *arguments], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    return result.output


def test_producers_are_told_apart_and_the_newest_are_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    ensure_topics(settings)
    with UsagePublisher.from_settings(settings) as publisher:
        for number in range(20):
            publisher.publish(event(number, session_id="s1", occurred_at=clock_ms()))
        wrong = event(99, agent_id="broken", session_id="s1", input_tokens=-1)
        publisher.publish_raw(json.dumps(wrong).encode(), key=b"s1", event_id="e99")
    broken, coder = [json.loads(line) for line in run("--json").splitlines()]
    assert (broken["agent_id"], broken["refused"]) == ("broken", 1)
    assert broken["reasons"] == {"out_of_range: input_tokens": 1}
    assert (coder["agent_id"], coder["events"], coder["refused"], coder["unpriced"]) == ("coder", 20, 0, 0)
    [only] = [json.loads(line) for line in run("--json", "--last", "1").splitlines()]
    assert only["agent_id"] == "broken"
    assert "1 × out_of_range: input_tokens" in run()
    assert run("--json", "--org", "others") == ""
