"""A running demo is found by commands beside it; one that has ended is not, however it ended."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from burnline.demo.beacon import find_demo, lit
from burnline.settings import Settings, load_settings
from burnline.topics.ensure import ensure_topics
from tests.cli.reach import run, words

SETTINGS = load_settings(kafka_bootstrap_servers="127.0.0.1:1234", topic_prefix="demo.")
FILE = "burnline-demo.json"


def test_it_is_found_while_it_runs(tmp_path: Path) -> None:
    assert find_demo(tmp_path) is None
    with lit(SETTINGS, tmp_path):
        found = find_demo(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()
        assert load_settings(**found.settings) == SETTINGS
    assert find_demo(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_newest_of_two_is_found_and_the_older_leaves_it_alone(tmp_path: Path) -> None:
    newer = SETTINGS.model_copy(update={"topic_prefix": "newer."})
    with lit(newer, tmp_path):
        with lit(SETTINGS, tmp_path):
            pass
        assert find_demo(tmp_path) is None  # the newest was another, and has ended
    older = lit(SETTINGS, tmp_path)
    with older, lit(newer, tmp_path):
        found = find_demo(tmp_path)
        assert found is not None
        assert found.settings["topic_prefix"] == "newer."


def test_one_that_was_killed_is_not_found(tmp_path: Path) -> None:
    program = f"""
import pathlib, time
from burnline.demo.beacon import lit
from burnline.settings import load_settings
with lit(load_settings(), pathlib.Path({str(tmp_path)!r})):
    print("lit", flush=True)
    time.sleep(99)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "lit\n"
        assert find_demo(tmp_path) is not None
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / FILE).exists()
    assert find_demo(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "settings": {}}'])
def test_a_file_of_somebody_else_says_nothing(tmp_path: Path, content: str) -> None:
    with lit(SETTINGS, tmp_path):
        (tmp_path / FILE).write_text(content)
        assert find_demo(tmp_path) is None


def test_without_a_runtime_folder_it_lies_where_only_this_user_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with lit(SETTINGS):
        (own,) = tmp_path.iterdir()
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        assert find_demo() is not None
        own.chmod(0o777)
        assert find_demo() is None
        own.chmod(0o700)


def test_a_command_beside_it_uses_it_and_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(settings)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with lit(settings):
        result = run("sessions")
    assert "No session has spent anything yet." in result.stdout
    assert words(result.stderr).startswith(f"With the demo of process {os.getpid()}:")


def test_a_broker_that_is_named_goes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with lit(SETTINGS):
        assert json.loads((tmp_path / FILE).read_text())["settings"]["kafka_bootstrap_servers"] == "127.0.0.1:1234"
        assert "No broker answers at 127.0.0.1:1 (" in run("sessions", code=1).stderr
