"""Each alert has a section in docs/runbooks.md, and each command that one shows is one of Burnline's."""

import re
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

import burnline.cli  # noqa: F401  # registers every command
from burnline.cli.root import cli
from tests.deploy.files import DEPLOY, ROOT, loaded

PAGE = (ROOT / "docs" / "runbooks.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
PARTS = ["What it means.", "What to look at.", "What mends it."]
RULES: list[dict[str, Any]] = [
    rule for group in loaded(DEPLOY / "prometheus" / "alerts.yml")["groups"] for rule in group["rules"]
]
COMMANDS = sorted(set(re.findall(r"^\$ burnline (.+)$", PAGE, re.MULTILINE)))


def test_there_is_a_section_for_each_alert_in_their_order() -> None:
    assert list(SECTIONS) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_alert_links_to_its_section(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("alert", SECTIONS)
def test_a_section_says_what_it_means_what_to_look_at_and_what_mends_it(alert: str) -> None:
    assert re.findall(r"^\*\*(.+?)\*\*", SECTIONS[alert], re.MULTILINE) == PARTS
    assert "$ burnline " in SECTIONS[alert]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed_as_it_stands(command: str) -> None:
    exit_code, said = _read(command)
    assert exit_code == 0, said
    assert "COMMAND [ARGS]" not in said, "which command of the group?"


def test_an_option_that_does_not_exist_would_be_noticed() -> None:
    exit_code, said = _read("worker --faster")
    assert exit_code == 2
    assert "--faster" in said


def _read(command: str) -> tuple[int, str]:
    # With --help last, the command line is parsed whole, and nothing is run.
    done = CliRunner().invoke(cli, [*shlex.split(command), "--help"])
    return done.exit_code, done.output


def test_links_lead_to_pages_that_exist() -> None:
    pages = re.findall(r"\]\(([\w./-]+)\)", PAGE)
    assert pages
    assert all((ROOT / "docs" / page).is_file() for page in pages)
