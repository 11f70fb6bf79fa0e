"""`burnline worker` as a process that fails: it starts anew, unless it is asked to end meanwhile."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.failing_worker import SECOND_START

WITHIN_S = 60


@pytest.mark.parametrize(
    ("moment", "exit_code"),
    [
        pytest.param("never", SECOND_START, id="nobody asks"),
        pytest.param("closing", 0, id="while the failed parts are closed"),
        pytest.param("pausing", 0, id="in the pause before the new start"),
        pytest.param("starting", 0, id="while the new program is loaded"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_one_that_failed_ends_when_it_is_asked_to(moment: str, number: signal.Signals, exit_code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.failing_worker", moment, str(int(number))],
        env=os.environ | {"BURNLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
