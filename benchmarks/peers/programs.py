"""How each peer is set up and started, and why it cannot be where it cannot."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import MULTIPLIER, baseline_for

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
_HERE = Path(__file__).parent
_JAVA_OPENS = ("java.util", "java.lang", "java.util.concurrent", "java.time")
_TIMEOUT_S = 400.0
_MEASURED = re.compile(r"^(DONE|STEADY) (\d+) in ([\d.]+) s \d+ rate/s ([\d.]+) cpu s", re.MULTILINE)


class PeerUnavailable(RuntimeError):
    """It cannot be set up here; the message says why."""


class PeerFailed(RuntimeError):
    """It ran, and not as it should have; the message says how."""


class Clock(NamedTuple):
    """What a peer measured of itself: records, seconds, CPU seconds of all its threads."""

    records: int
    seconds: float
    cpu_seconds: float

    def figures(self, prefix: str = "") -> dict[str, float]:
        """As they stand in the results."""
        return {
            f"{prefix}events_per_s": round(self.records / self.seconds),
            f"{prefix}cpu_us_per_event": round(self.cpu_seconds / self.records * 1e6, 3),
        }


@dataclass(frozen=True, eq=False)
class Peer:
    """One peer.

    Attributes:
        name: In results.
        folder: Below this one; where its sources or requirements are.
        environment: What it is told beside broker, topic and number of records.
        slow: Reads the thin topic.
        complete: Its results hold every window, the last ones of the topic included.
        results: Whether it writes any.
    """

    name: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False
    complete: bool = True
    results: bool = True

    def prepare(self) -> list[str]:
        """Build it, or make its virtual environment, unless that is done.

        Returns:
            The command that runs it.

        Raises:
            PeerUnavailable: It cannot be had here.
        """
        if self.name == "librdkafka":
            return [sys.executable, "-m", "benchmarks.peers.consume"]
        if (_HERE / self.folder / "pom.xml").is_file():
            return _java(self.folder)
        return [str(_environment(self.folder) / "bin" / "python"), "-m", f"benchmarks.peers.{self.folder}.program"]

    def run(self, command: list[str], bootstrap_servers: str, topic: str, out: str, records: int) -> dict[str, float]:
        """Let it work the topic off.

        Returns:
            Its figures.

        Raises:
            PeerFailed: With what it said.
        """
        state = CACHE / "state" / out
        state.mkdir(parents=True)
        told = {
            "BOOTSTRAP": bootstrap_servers,
            "TOPIC": topic,
            "OUT": out,
            "N": str(records),
            "APPID": out,
            "STATE_DIR": str(state),
            "CKPT_DIR": str(state),
            "BASELINE": str(baseline_for(records)),
            "MULT": str(MULTIPLIER),
            **self.environment,
        }
        try:
            done = subprocess.run(
                command,
                env=os.environ | told,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"not done after {_TIMEOUT_S:g} s") from None
        finally:
            shutil.rmtree(state, ignore_errors=True)
        clocks = {word: Clock(int(n), float(s), float(cpu)) for word, n, s, cpu in _MEASURED.findall(done.stdout)}
        if done.returncode != 0 or "DONE" not in clocks or clocks["DONE"].records != records:
            raise PeerFailed(f"exit code {done.returncode}: {(done.stdout + done.stderr)[-600:].strip()}")
        warm = clocks["STEADY"].figures("warm_") if "STEADY" in clocks else {}
        return {"events": records, "seconds": clocks["DONE"].seconds, **clocks["DONE"].figures(), **warm}


PEERS = (
    Peer("librdkafka", "", results=False),
    Peer("flink", "flink"),
    Peer("kstreams", "kstreams", {"CLEAN": "1"}),
    Peer("pathway", "pathway", slow=True),
    Peer("bytewax", "bytewax", slow=True),
    Peer("quixstreams", "quixstreams", {"EMIT": "current"}, slow=True),
    Peer("quixstreams, final", "quixstreams", {"EMIT": "final"}, slow=True, complete=False),
)
"""In the order in which they take their turns."""


def _java(folder: str) -> list[str]:
    java = shutil.which("java")
    if java is None:
        raise PeerUnavailable("no java")
    built = CACHE / folder
    if not list(built.glob("*-peer-1.jar")):
        _build(folder, built)
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _JAVA_OPENS]
    main = {"flink": "peers.FlinkApp", "kstreams": "peers.KsApp"}[folder]
    options = ["-Xms1g", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    return [java, *options, *opens, "-cp", f"{built}/{folder}-peer-1.jar:{built}/libs/*", main]


def _build(folder: str, built: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise PeerUnavailable("no mvn to build it with")
    command = [maven, "--quiet", "--batch-mode", "--file", str(_HERE / folder / "pom.xml")]
    command += [f"-Dmaven.repo.local={ROOT / '.cache' / 'm2'}", f"-Dpeer.directory={built}", "package"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerUnavailable(f"Maven could not build it: {_last_line(done.stdout)}")


def _environment(folder: str) -> Path:
    """A virtual environment with exactly what the peer's requirements name, by hash."""
    requirements = _HERE / folder / "requirements.txt"
    return make_environment(CACHE / f"venv-{folder}", requirements)


def make_environment(folder: Path, requirements: Path) -> Path:
    """A virtual environment with exactly these requirements; made once, and again when they change.

    Raises:
        PeerUnavailable: pip could not install them.
    """
    stamp = folder / "installed.txt"
    if stamp.is_file() and stamp.read_bytes() == requirements.read_bytes():
        return folder
    # They are all that is needed. Left to look for more, pip 23 takes an extra of a pinned package for one unpinned.
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [*install, "-r", str(requirements)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PeerUnavailable(f"its virtual environment could not be made: {_last_line(done.stderr)}")
    shutil.copyfile(requirements, stamp)
    return folder


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "no word of why"
