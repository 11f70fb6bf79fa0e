"""What `burnline up` says; what it does stands in tests/machine."""

import pytest

from burnline.cli.up import sentence, to_copy
from burnline.machine.supervisor import Change, State
from burnline.settings import load_settings
from tests.cli.reach import run


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("worker", State.STARTED, pid=7), "worker starts, process 7"),
        (Change("worker", State.READY, pid=7), "worker is at work"),
        (Change("worker", State.ENDED, code=1, again_in_s=2), "worker ended with code 1; it starts again in 2 s"),
        (
            Change("kafka", State.ENDED, again_in_s=4, why="no room"),
            "kafka cannot start: no room; it starts again in 4 s",
        ),
        (Change("worker", State.STOPPED), "worker has stopped"),
    ],
    ids=["started", "ready", "ended", "cannot start", "stopped"],
)
def test_a_change_in_words(change: Change, said: str) -> None:
    assert sentence(change) == said


def test_lines_to_copy_name_what_is_not_as_by_default() -> None:
    assert to_copy(load_settings()) == ["burnline publish events.jsonl", "burnline sessions"]
    assert to_copy(load_settings(redis_url="redis://127.0.0.1:7000/0"))[0] == (
        "export BURNLINE_REDIS_URL=redis://127.0.0.1:7000/0"
    )


def test_servers_of_other_machines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    assert "BURNLINE_KAFKA_BOOTSTRAP_SERVERS=kafka:9092" in run("up", code=2).stderr
