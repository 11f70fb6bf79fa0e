"""`burnline import`: what is counted, what is remembered, and what it says."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from burnline.cli.root import cli
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from tests.audit.working import work_off
from tests.brokers import MakeSettings
from tests.cli.reach import reach
from tests.imports.transcripts import MONDAY, message, write_week

A_YEAR_LATER_MS = 1_800_000_000_000


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def week(tmp_path: Path) -> Path:
    write_week(tmp_path / "projects")
    return tmp_path / "projects"


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["import", *map(str, arguments)], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result


def told(*arguments: object, code: int = 0) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return report


def counted(settings: Settings) -> tuple[int, int, int]:
    """Events, input and output tokens in all ledgers, and in the rollups of those that were retired."""
    topics = topics_for(settings)
    ledgers = [
        json.loads(value)
        for topic in (topics.sessions, topics.rollups)
        for value in read_newest(client_config(settings), topic, timeout_s=20).values()
    ]
    events, asked, answered = (
        sum(ledger[name] for ledger in ledgers) for name in ("events", "input_tokens", "output_tokens")
    )
    return events, asked, answered


def test_a_week_is_imported_twice_to_the_right_total(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(partitions=2)
    reach(settings, monkeypatch)
    monkeypatch.setenv("BURNLINE_PARTITIONS", "2")
    written = write_week(tmp_path / "projects")
    import_week = ("claude-code", tmp_path / "projects", "--org", "acme")

    assert told(*import_week)["sent"] == sent(acknowledged=written.messages)
    work_off(settings, A_YEAR_LATER_MS)
    total = (written.messages, written.input_tokens, written.output_tokens)
    assert counted(settings) == total

    assert told(*import_week)["sent"] == sent(imported_before=written.messages)
    assert told(*import_week, "--again")["sent"] == sent(acknowledged=written.messages)
    work_off(settings, A_YEAR_LATER_MS)
    assert counted(settings) == total

    more = json.dumps(message(9_999, output=300, at=MONDAY, session="new")) + "\n"
    (tmp_path / "projects/-home-ada-shop/new.jsonl").write_text(more)
    assert told(*import_week)["sent"] == sent(acknowledged=1, imported_before=written.messages)


def sent(acknowledged: int = 0, imported_before: int = 0) -> dict[str, Any]:
    return {"acknowledged": acknowledged, "imported_before": imported_before, "failed": [], "interrupted": False}


def test_a_report_needs_no_broker_and_names_days_and_models(week: Path) -> None:
    shown = run("claude-code", week, "--report").output
    assert "2026-03-02" in shown
    assert "claude-sonnet-4-5-20250929" in shown
    assert "total" in shown


def test_a_report_by_project_adds_up_to_the_whole(week: Path) -> None:
    report = told("claude-code", week, "--report", "--by", "project,session")
    assert report["sent"] is None
    assert {row["project"] for row in report["rows"]} == {"-home-ada-shop", "-home-ada-site"}
    for name in ("events", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"):
        assert sum(row[name] for row in report["rows"]) == report["total"][name]
    # 3, 6, 0.3 and 15 USD a million tokens, each message 4, 1,000 (for an hour), 20,000 and 300 of them.
    each = Decimal("0.000012") + Decimal("0.006") + Decimal("0.006") + Decimal("0.0045")
    assert Decimal(report["total"]["cost_usd"]) == report["total"]["events"] * each


def test_days_are_of_the_zone_that_is_asked_for(tmp_path: Path) -> None:
    late = json.dumps(message(1, output=3, at=MONDAY.replace(hour=20), session="s1")) + "\n"
    (tmp_path / "s1.jsonl").write_text(late)
    days = [
        told("claude-code", tmp_path, "--report", "--by", "day", "--timezone", name)["rows"][0]["day"]
        for name in ("UTC", "Asia/Kolkata")
    ]
    assert days == ["2026-03-02", "2026-03-03"]


def test_since_leaves_out_what_is_older(week: Path) -> None:
    report = told("claude-code", week, "--report", "--by", "day", "--since", "2026-03-05")
    assert min(row["day"] for row in report["rows"]) == "2026-03-05"
    assert (report["older"], report["found"]) == (54, 73)


def test_a_dry_run_reads_everything_and_sends_nothing(week: Path) -> None:
    shown = run("claude-code", week, "--org", "acme", "--dry-run").output
    assert re.search(r"127 events, .* USD; nothing was sent", shown)


def test_a_csv_by_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        "id,at,who,model,in,out\n1,2026-03-02,s1,gpt-4o,1000000,0\n2,never,s1,gpt-4o,1,1\n"
    )
    fields = ("event_id='id'", "occurred_at='at'", "session_id='who'", "model='model'")
    counts = ("input_tokens='in'", "output_tokens='out'")
    (tmp_path / "map.toml").write_text("\n".join(("[fields]", *fields, *counts)))
    report = told("csv", tmp_path / "rows.csv", "--mapping", tmp_path / "map.toml", "--report")
    assert (report["total"]["cost_usd"], report["unread"]) == ("2.5", 1)
    assert "rows.csv:3" in report["unread_rows"][0]["where"]


SPENT = '[{"request_id": "1", "endTime": "2026-03-02", "model": "gpt-4o", "prompt_tokens": 1000000}]'
OBSERVED = '{"id": "1", "endTime": "2026-03-02", "model": "gpt-4o", "usageDetails": {"input": 1000000}}'
USED = """start_time,end_time,model,input_tokens,output_tokens
1772409600,1772413200,gpt-4o,1000000,0
1772409600,1772413200,,1,0
"""


@pytest.mark.parametrize(
    ("source", "text", "unread"), [("litellm", SPENT, 0), ("langfuse", OBSERVED, 0), ("openai", USED, 1)]
)
def test_an_export_is_reported_by_its_day_and_price(source: str, text: str, unread: int, tmp_path: Path) -> None:
    (tmp_path / "export").write_text(text)
    report = told(source, tmp_path / "export", "--report", "--by", "day")
    assert [(row["day"], row["cost_usd"]) for row in report["rows"]] == [("2026-03-02", "2.5")]
    assert report["unread"] == unread


def test_tokens_without_a_rate_are_told(tmp_path: Path) -> None:
    line = message(1, output=3, at=MONDAY, session="s1")
    line["message"]["model"] = "claude-of-nobody"
    (tmp_path / "s1.jsonl").write_text(json.dumps(line) + "\n")
    shown = run("claude-code", tmp_path, "--report").output
    assert "0.00 + ?" in shown
    assert "21,007 tokens have no rate" in shown


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("claude-code", "/nowhere", "--report"), "no such file or folder"),
        (("claude-code", "."), "say who pays"),
        (("claude-code", ".", "--report", "--by", "week"), "'week' is none of"),
        (("claude-code", ".", "--report", "--timezone", "Mars/One"), "no IANA time zone"),
        (("claude-code", ".", "--report", "--since", "soon"), "is no time"),
        (("claude-code", ".", "--dry"), "No such option"),
    ],
    ids=["path", "org", "by", "timezone", "since", "option"],
)
def test_mistakes_are_named(arguments: tuple[str, ...], why: str) -> None:
    assert why in " ".join(run(*arguments, code=2).output.replace("│", " ").split())


@pytest.mark.broker
def test_a_report_is_by_the_prices_in_force_where_brokers_are_named(
    week: Path, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = told("claude-code", week, "--report")["total"]
    reach(make_settings(), monkeypatch)
    assert told("claude-code", week, "--report")["total"] == bundled
    rate = ["rates", "set", "*", "*", "--input", "1", "--output", "1", "--effective-from", "always", "--yes"]
    assert CliRunner().invoke(cli, rate).exit_code == 0
    total = told("claude-code", week, "--report")["total"]
    tokens = sum(total[f"{kind}_tokens"] for kind in ("input", "cache_write", "cached_input", "output"))
    assert Decimal(total["cost_usd"]) == Decimal(tokens) / 10**6 != Decimal(bundled["cost_usd"])
