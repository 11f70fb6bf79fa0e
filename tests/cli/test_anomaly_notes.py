"""`burnline anomalies ack|silence|feedback` against a real broker: what stands on the topic, and what is refused."""

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from burnline.backtest.files import read_feedback
from burnline.cli.reference import EXIT_FAILED
from burnline.cli.root import EXIT_MISTAKE
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest
from tests.cli.reach import objects, run, words
from tests.cli.test_anomalies import RESOLVED, WARNING, reached, send

__all__ = ["reached"]  # a fixture

OPEN, OVER = WARNING[-1].anomaly_id, RESOLVED[-1].anomaly_id


@pytest.fixture
def told(reached: Settings) -> Settings:
    """Two anomalies, one of them resolved."""
    send(reached, [*WARNING, *RESOLVED])
    return reached


def on_topic(settings: Settings) -> dict[str, Any]:
    found = read_newest(client_config(settings), topics_for(settings).anomaly_notes, timeout_s=10)
    return {key.decode(): json.loads(value) for key, value in found.items()}


def test_a_life_with_people(told: Settings, tmp_path: Path) -> None:
    """The id's beginning, as the table shows it, is enough; all that is said is shown, until it is taken back."""
    said = run("anomalies", "ack", OPEN[:8], "--words", "on it")
    assert "acknowledged: no further notices until its severity rises" in words(said.stdout)
    run("anomalies", "silence", OPEN, "--for", "2h", "--by", "ada")
    (written,) = objects("anomalies", "feedback", OVER, "planned")
    assert (written["anomaly_id"], written["note"]["verdict"], written["partition"]) == (OVER, "planned", 0)
    found = on_topic(told)
    assert found[f"{OPEN}/acknowledgement"]["by"] == getpass.getuser()
    silence = found[f"{OPEN}/silence"]
    assert (silence["until"] - silence["at"], silence["by"]) == (7_200_000, "ada")
    shown = {line["anomaly_id"]: line["notes"] for line in objects("anomalies")}
    assert shown[OPEN]["acknowledgement"]["words"] == "on it"
    assert shown[OVER] == {"acknowledgement": None, "silence": None, "feedback": found[f"{OVER}/feedback"]}
    table = words(run("anomalies").stdout)
    assert f"ack by {getpass.getuser()}, silent until" in table
    file = tmp_path / "feedback.jsonl"
    file.write_text(run("anomalies", "verdicts").stdout, encoding="utf-8")
    assert read_feedback(file) == {OVER: "planned"}
    for kind in ("ack", "silence"):
        run("anomalies", kind, OPEN, "--undo")
    assert set(on_topic(told)) == {f"{OVER}/feedback"}


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        pytest.param(["ack", "00000000"], EXIT_FAILED, "There is no anomaly 00000000", id="no such anomaly"),
        pytest.param(["ack", OPEN[:3]], EXIT_MISTAKE, "at least 4 characters", id="too short"),
        pytest.param(["ack", OVER], EXIT_FAILED, "is resolved: it cannot be acknowledged", id="resolved"),
        pytest.param(["silence", OPEN], EXIT_MISTAKE, "Give one of --for, --until and --undo", id="how long?"),
        pytest.param(["silence", OPEN, "--for", "1h", "--undo"], EXIT_MISTAKE, "Give one of", id="both"),
        pytest.param(["silence", OPEN, "--for", "soon"], EXIT_MISTAKE, "30m, 12h, 90d or 4w", id="no time"),
        pytest.param(["silence", OPEN, "--for", "91d"], EXIT_FAILED, "at most 90 days", id="too long"),
        pytest.param(["silence", OPEN, "--until", "now"], EXIT_FAILED, "ends after now", id="over at once"),
        pytest.param(["feedback", OPEN], EXIT_MISTAKE, "Give true, false or planned", id="what was it?"),
        pytest.param(["feedback", OPEN, "maybe"], EXIT_MISTAKE, "maybe", id="no verdict"),
    ],
)
def test_what_cannot_be_said(told: Settings, arguments: list[str], code: int, why: str) -> None:
    assert why in words(run("anomalies", *arguments, code=code).stderr)
    assert on_topic(told) == {}
