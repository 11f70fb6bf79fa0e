"""Figures of a ladder: gathered part by part, kept on disk so that an interrupted run goes on, and summed up."""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.kafka.base import KAFKA_VERSION

Figure = dict[str, Any]
"""One run: `subject`, `at` (what was varied), and numbers by name; or `subject` and `not_run`, the reason."""


class Spread(NamedTuple):
    """What several runs of the same thing came to."""

    median: float
    least: float
    most: float
    runs: int


class Results:
    """The figures of one ladder, as JSON in a file that is written after every part."""

    def __init__(self, file: Path, content: dict[str, Any]) -> None:
        self.file = file
        self.content = content

    @classmethod
    def begin(cls, file: Path, *, scale: str, cpus: int) -> "Results":
        """Nothing yet but the machine."""
        return cls(file, {"scale": scale, "machine": machine(cpus), "began": _now(), "parts": {}})

    @classmethod
    def load(cls, file: Path) -> "Results":
        """What an earlier run left."""
        return cls(file, json.loads(file.read_text()))

    def done(self, part: str) -> bool:
        """Whether the part is there, without an error."""
        return part in self.content["parts"] and "error" not in self.content["parts"][part]

    def forget(self, parts: Iterable[str]) -> None:
        """Let go of parts that are to be measured again."""
        for part in parts:
            self.content["parts"].pop(part, None)

    def keep(self, part: str, figures: list[Figure], seconds: float, error: str | None = None) -> None:
        """Write a part down."""
        entry = {"commit": commit(), "ended": _now(), "seconds": round(seconds), "figures": figures}
        self.content["parts"][part] = entry | ({"error": error} if error else {})
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(self.content, indent=1) + "\n")
        partial.replace(self.file)

    def figures(self, part: str, subject: str | None = None) -> list[Figure]:
        """All of a part (of one subject)."""
        figures: list[Figure] = self.content["parts"].get(part, {}).get("figures", [])
        return [figure for figure in figures if subject in (None, figure["subject"])]

    def spread(self, part: str, subject: str, value: str, at: Mapping[str, Any] | None = None) -> Spread | None:
        """Median, least and most of a number over the runs at one point; None where it was not measured."""
        return spread(
            figure[value] for figure in self.figures(part, subject) if value in figure and at in (None, figure["at"])
        )


def spread(values: Iterable[float]) -> Spread | None:
    """Median, least and most."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found), len(found)) if found else None


def machine(cpus: int) -> dict[str, Any]:
    """What the figures depend on, as far as it can be asked."""
    cpu_model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory_kib = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": cpu_model[1] if cpu_model else platform.processor(),
        "cores": cpus,
        "memory_gib": round(int(memory_kib[1]) / 2**20, 1) if memory_kib else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "java": _java_version(),
        "kafka": KAFKA_VERSION,
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _java_version() -> str | None:
    java = shutil.which("java")
    if java is None:
        return None
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "([^"]+)"', said)
    return found[1] if found else None


def commit() -> str:
    """The commit that is checked out, with a + where files differ from it."""
    root = Path(__file__).parents[1]
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
