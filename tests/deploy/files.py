"""The deployment files, as data."""

import re
import shlex
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"


def loaded(path: Path) -> dict[str, Any]:
    """A YAML file, with its anchors and merges resolved."""
    return cast("dict[str, Any]", yaml.safe_load(path.read_text()))


def compose() -> dict[str, Any]:
    return loaded(ROOT / "docker-compose.yml")


def services() -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", compose()["services"])


def instructions(name: str) -> list[str]:
    """The arguments of every Dockerfile instruction of this name, with continued lines joined."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(name + " ")]


def documented_commands() -> list[list[str]]:
    """The `burnline …` command lines in comments of the compose file and in the descriptions of alerts."""
    text = (ROOT / "docker-compose.yml").read_text() + (DEPLOY / "prometheus" / "alerts.yml").read_text()
    shown = re.findall(r"^#\s+(burnline [^#\n]+)|\"(burnline [^\"]+)\"", text, re.MULTILINE)
    return [shlex.split(bare or quoted)[1:] for bare, quoted in shown]
