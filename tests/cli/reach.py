"""Running commands as a user would, on a test's own topics."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from burnline.cli.root import cli
from burnline.settings import Settings


def reach(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands read these settings."""
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers)
    monkeypatch.setenv("BURNLINE_TOPIC_PREFIX", settings.topic_prefix)


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command, and hold its exit code against what is expected."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == code, result.output
    return result


def objects(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The JSON lines that a command prints."""
    return [json.loads(line) for line in run(*arguments, "--json", code=code).stdout.splitlines()]


def words(text: str) -> str:
    """The text with blanks and line breaks as single blanks."""
    return " ".join(text.split())
