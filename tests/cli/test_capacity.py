"""`burnline capacity`: no broker is asked, and every line says how it comes about."""

import json

import pytest
from typer.testing import CliRunner

from burnline.cli.root import cli


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["capacity", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_table_with_its_sums() -> None:
    said = " ".join(run("--events-per-s", "100000", "--sessions", "1000000").split())
    assert "ledgers written per s 100,000 /s" in said
    assert "100,000 × 1.5 µs + 100,000 × 13.5 µs" in said
    assert "One projector cannot follow 100,000 ledgers/s" in said


def test_settings_count_in_and_programs_get_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    one = json.loads(run("--events-per-s", "1000", "--sessions", "100", "--active", "50", "--json"))
    monkeypatch.setenv("BURNLINE_REPLICATION_FACTOR", "3")
    three = json.loads(run("--events-per-s", "1000", "--sessions", "100", "--active", "50", "--json"))
    assert three["kafka_usage_disk_bytes"] == pytest.approx(3 * one["kafka_usage_disk_bytes"])
    assert three["warnings"] == []
