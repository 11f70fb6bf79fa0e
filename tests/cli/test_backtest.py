"""`burnline backtest` over files of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from burnline.cli.root import cli
from burnline.kafka import client_config
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.ensure import ensure_topics
from tests.benchmarks.incident_alerts import alerts
from tests.brokers import MakeSettings
from tests.detection.learned.fleet import RATES, loop, ordered, usual_days
from tests.detector.logs import rates, records


def rate(model: int) -> dict[str, Any]:
    fields = ("input", "cached_input", "cache_write", "output")
    return {
        "provider": "*",
        "model": f"model-{model}",
        "effective_from": 0,
        **{
            f"{field}_usd_per_million_tokens": f"{pico / 1e6:.6f}"
            for field, pico in zip(fields, RATES[model], strict=True)
        },
    }


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Nine days, a loop on the eighth; and the prices."""
    log = ordered(usual_days(9) + loop("chat-1", 7, calls=30))
    return {
        "--from-file": write(tmp_path / "events.jsonl", [sent.event(number) for number, sent in enumerate(log)]),
        "--rates-file": write(tmp_path / "rates.jsonl", [rate(0), rate(1)]),
        "--notices": str(tmp_path / "notices.jsonl"),
    }


def run(options: dict[str, str], *more: str) -> Result:
    return CliRunner().invoke(cli, ["backtest", *(text for pair in options.items() for text in pair), *more])


def notices(files: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(files["--notices"]).read_text(encoding="utf-8").splitlines()]


def test_without_any_setting_a_runaway_is_told(files: dict[str, str]) -> None:
    result = run(files, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert (report["incidents"], report["causes"]) == (1, {"retry_loop": 1})
    (opened, resolved) = notices(files)
    assert (opened["state"], resolved["state"], resolved["anomaly_id"]) == ("opened", "resolved", opened["anomaly_id"])
    assert [alert["kind"] for alert in alerts(notices(files))] == ["retry_loop"]


def test_the_same_log_gives_the_same_bytes(files: dict[str, str]) -> None:
    run(files)
    first = Path(files["--notices"]).read_bytes()
    run(files)
    assert Path(files["--notices"]).read_bytes() == first


@pytest.mark.parametrize(("verdict", "precision"), [("true", 1.0), ("false", 0.0), ("planned", 0.0)])
def test_feedback_makes_a_precision(files: dict[str, str], tmp_path: Path, verdict: str, precision: float) -> None:
    run(files)
    said = [{"anomaly_id": notices(files)[0]["anomaly_id"], "verdict": verdict}, {"anomaly_id": "x", "verdict": "true"}]
    result = run(files | {"--feedback-file": write(tmp_path / "said.jsonl", said)}, "--json")
    judged = json.loads(result.output)["feedback"]
    assert (judged["judged"], judged[verdict], judged["unknown_ids"], judged["precision"]) == (1, 1, 1, precision)


def test_a_line_that_is_no_event_is_named_and_left_out(files: dict[str, str]) -> None:
    path = Path(files["--from-file"])
    path.write_bytes(b"{}\n" + path.read_bytes())
    result = run(files, "--json")
    assert result.exit_code == 1
    assert "line 1: missing_field, event_id" in result.output
    assert len(notices(files)) == 2


@pytest.mark.parametrize(
    ("option", "content", "complaint"),
    [
        (
            "--rates-file",
            '{"provider": "*", "model": "m", "effective_from": 0, "price": 1}\n',
            "line 1: valuation rate",
        ),
        ("--planned-file", '{"org": "a", "agent": "b", "from_ms": 2, "to_ms": 1}\n', "to_ms=1 lies before from_ms=2"),
        ("--planned-file", '{"org": "a", "agent": "b", "from_ms": 1, "to_ms": 2, "whom": 1}\n', "whom"),
        ("--feedback-file", '{"anomaly_id": "a", "verdict": "maybe"}\n', "verdict"),
        ("--policy", "sensitivity = 9\n", "sensitivity=9: "),
        ("--policy", "sensitivty = 1\n", "sensitivty=1"),
    ],
    ids=["unknown-rate-field", "calendar-backwards", "unknown-calendar-field", "verdict", "out-of-range", "misspelt"],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    files: dict[str, str], tmp_path: Path, option: str, content: str, complaint: str
) -> None:
    path = tmp_path / "wrong"
    path.write_text(content, encoding="utf-8")
    result = run(files | {option: str(path)})
    assert result.exit_code == 2
    assert complaint in result.output.replace("\n", " ")


@pytest.mark.parametrize(("sensitivity", "told"), [("0.25", False), ("1", True), ("4", True)])
def test_the_one_knob(files: dict[str, str], tmp_path: Path, sensitivity: str, *, told: bool) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"sensitivity = {sensitivity}\n", encoding="utf-8")
    report = json.loads(run(files | {"--policy": str(path)}, "--json").output)
    assert (report["incidents"] > 0) is told


def test_a_report_says_what_each_policy_was_good_for(files: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    tables = [("loops", 'agent = "chat-1"'), ("gone", 'org = "initech"')]
    path.write_text("".join(f'[[policy]]\nname = "{name}"\n{whom}\n' for name, whom in tables), encoding="utf-8")
    result = run(files | {"--policy": str(path)}, "--json")
    expected = {"loops": {"agents": 1, "incidents": 1}, "gone": {"agents": 0, "incidents": 0}}
    assert json.loads(result.stdout)["policies"] == expected
    assert "policy 'gone' holds for no agent of this log" in result.stderr
    assert {notice["policy"] for notice in notices(files)} == {"loops"}


def test_another_policy_on_the_same_log(files: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "quiet.toml"
    path.write_text("sensitivity = 0.25\n", encoding="utf-8")
    report = json.loads(run(files, "--json", "--against", str(path)).output)
    expected = {"incidents": 0, "both": 0, "only_here": 1, "only_there": 0, "earlier_here_s": None}
    assert report["against"] == expected
    path.write_text("sensitivity = 1\n", encoding="utf-8")
    report = json.loads(run(files, "--json", "--against", str(path)).output)
    assert report["against"] == {"incidents": 1, "both": 1, "only_here": 0, "only_there": 0, "earlier_here_s": 0}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "2026-03-09"], True),
        (["--from", "2026-03-10"], False),
        (["--to", "2026-03-10"], True),
        (["--to", "2026-03-09"], False),
    ],
    ids=["since-that-day", "since-the-next", "until-the-next", "until-that-day"],
)
def test_a_part_of_the_log_is_counted_and_what_was_before_is_learned_from(
    files: dict[str, str], options: list[str], *, told: bool
) -> None:
    report = json.loads(run(files, "--json", *options).output)
    assert report["incidents"] == int(told)
    assert len(notices(files)) == 2 * int(told)


def test_a_period_that_ends_before_it_begins_is_refused(files: dict[str, str]) -> None:
    result = run(files, "--from", "2026-03-10", "--to", "2026-03-09")
    assert result.exit_code == 2
    assert "does not lie before" in result.output


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_the_topic_gives_what_a_file_of_its_events_gives(
    files: dict[str, str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """At the rates in force, events that were sent twice counted once, and what is none named."""
    settings = make_settings(partitions=3, judge_by="event_time")
    ensure_topics(settings)
    for price in rates():
        topic = topics_for(settings).valuation_rates
        value = price.model_dump_json(exclude_none=True).encode()
        write_key(client_config(settings), topic, price.key(), value, timeout_s=30)
    log = records(ordered(usual_days(9) + loop("chat-1", 7, calls=30)))
    producer = Producer({**client_config(settings), "enable.idempotence": True})
    for record in [*log, log[-1], log[-1]._replace(value=b"{}")]:
        producer.produce(topics_for(settings).usage.name, record.value, partition=record.partition)
    assert producer.flush(30) == 0
    names = ("kafka_bootstrap_servers", "topic_prefix", "partitions", "judge_by")
    env = {f"BURNLINE_{name.upper()}": str(getattr(settings, name)) for name in names}
    assert run(files).exit_code == 0
    expected = Path(files["--notices"]).read_bytes()
    out = tmp_path / "of-topic.jsonl"
    result = CliRunner(env=env).invoke(cli, ["backtest", "--json", "--notices", str(out)])
    assert result.exit_code == 1, result.output
    assert "offset" in result.stderr
    assert "missing_field, event_id" in result.stderr
    assert json.loads(result.stdout)["events"] == len(log)
    assert out.read_bytes() == expected


def test_a_broker_that_is_not_there_is_named() -> None:
    result = CliRunner(env={"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}).invoke(cli, ["backtest"])
    assert result.exit_code == 2
    assert "BURNLINE_KAFKA_BOOTSTRAP_SERVERS" in result.stderr.replace("\n", "")
