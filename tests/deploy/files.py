"""The deployment files, as data."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
RUN = "docker compose run --rm"


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
    """What comments of the compose file and descriptions of alerts tell to run: `burnline` here or in a service."""
    text = (ROOT / "docker-compose.yml").read_text() + (DEPLOY / "prometheus" / "alerts.yml").read_text()
    in_a_service = "|".join(re.escape(f"{RUN} {name}") for name in services())
    shown = re.findall(rf"^#\s+(?:burnline|{in_a_service}) ([^#\n]+)|\"burnline ([^\"]+)\"", text, re.MULTILINE)
    return [shlex.split(bare or quoted) for bare, quoted in shown]


def first_token() -> list[str]:
    """The command that the compose file gives for the API's first token, as arguments of `burnline`."""
    (found,) = [command for command in documented_commands() if command[:1] == ["tokens"]]
    return found


def health_check(name: str) -> list[str]:
    """The arguments with which the image's Python looks after this service: a script, and what it is told."""
    given = services()[name].get("healthcheck", {}).get("test")
    (own,) = instructions("HEALTHCHECK")
    _, python, *arguments = given or ["CMD", *json.loads(own.partition("CMD ")[2])]
    assert python == "python"
    return arguments
