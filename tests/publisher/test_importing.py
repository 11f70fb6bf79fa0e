"""What an agent pays to have the SDK: asked of a fresh interpreter each time."""

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import burnline

WORKERS_OWN = {
    "aiohttp", "aiokafka", "cramjam", "fastapi", "faust", "genai_prices", "joserfc", "mode", "polars",
    "prometheus_client", "redis", "rich", "starlette", "typer", "uvicorn", "xxhash",
}  # fmt: skip
AT_LEISURE = {"pydantic", "pydantic_settings"}
"""Loaded by the first look at the settings, or the first event that has to be explained."""
MOST_S = 0.150
MOST_BYTES, MOST_OWN_BYTES = 26_000_000, 3_500_000
"""Without bytecode, which comes and goes as an installer likes: of everything, and of Burnline, servers included."""

PUBLISHING = """
from burnline import UsagePublisher
with UsagePublisher({"bootstrap.servers": "127.0.0.1:1"}, "usage", farewell_s=0) as publisher:
    publisher.publish({"event_id": "e1", "occurred_at": 1763000000000, "org_id": "acme", "agent_id": "coder",
                       "session_id": "s1", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1})
"""


def loaded_by(program: str) -> set[str]:
    """Top-level names of what a program has loaded when it is done."""
    told = "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program + told], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_package_alone_loads_nothing() -> None:
    assert loaded_by("import burnline") & (WORKERS_OWN | AT_LEISURE | {"confluent_kafka", "msgspec"}) == set()


@pytest.mark.parametrize("program", ["from burnline import UsagePublisher", PUBLISHING], ids=["imported", "published"])
def test_the_sdk_loads_nothing_of_the_worker(program: str) -> None:
    assert loaded_by(program) & (WORKERS_OWN | AT_LEISURE) == set()


def test_settings_and_explanations_load_nothing_of_the_worker() -> None:
    program = """
from burnline import UsagePublisher
with UsagePublisher.from_settings(farewell_s=0, on_invalid="count") as publisher:
    assert not publisher.publish({})
"""
    assert loaded_by(program) & WORKERS_OWN == set()


def test_importing_it_takes_little_time() -> None:
    program = "import time\nbegan = time.process_time()\nfrom burnline import UsagePublisher\n"
    program += "print(time.process_time() - began)"
    command = [sys.executable, "-c", program]
    # Of the processor, and the least of some: a machine at work takes as long as it likes.
    took_s = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    assert min(took_s) <= MOST_S


def test_installing_it_takes_little_room() -> None:
    """The files of the package and of all that it needs without an extra; `docs/in.md` has the sum with bytecode."""
    package = Path(burnline.__file__).parent
    sources = package / "native" / "src"  # no wheel has them
    own = _bytes(path for path in package.rglob("*") if path.parent != sources)
    assert own <= MOST_OWN_BYTES
    assert own + sum(map(_installed_bytes, _needed("burnline"))) <= MOST_BYTES


def _needed(name: str) -> set[str]:
    """Distributions below one, without their extras."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        for line in distribution(waiting.pop()).requires or ():
            requirement = Requirement(line)
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if needed and requirement.name not in found:
                found.add(requirement.name)
                waiting.add(requirement.name)
    return found


def _installed_bytes(name: str) -> int:
    return _bytes(Path(str(file.locate())) for file in distribution(name).files or ())


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
